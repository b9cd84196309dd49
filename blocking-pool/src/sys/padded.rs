//! A value on cache lines of its own: 128 bytes, as neighbouring lines are fetched in pairs.

use std::ops::Deref;

#[derive(Debug, Default)]
#[repr(align(128))]
pub(crate) struct Padded<T>(pub(crate) T);

impl<T> Padded<T> {
    #[inline(never)]
    pub(crate) fn many(count: usize, make: fn() -> T) -> Vec<Self> {
        let mut all = Vec::with_capacity(count);
        while all.len() < count {
            all.push(Self(make()));
        }
        all
    }
}

impl<T> Deref for Padded<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}
