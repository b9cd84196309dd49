//! Wakers whose loop vouches for them.

use std::ptr;
use std::task::{RawWakerVTable, Waker};

/// Wakers that may be woken under a lock and kept afterwards, by their vtable; see `Reactor::with_known_wakers`.
#[derive(Clone, Copy, Default)]
pub struct KnownWakers(Option<&'static RawWakerVTable>);

impl KnownWakers {
    /// Those of that vtable. By default there are none.
    pub fn new(vtable: &'static RawWakerVTable) -> KnownWakers {
        KnownWakers(Some(vtable))
    }

    /// Whether it is one of them.
    #[inline]
    pub fn include(self, waker: &Waker) -> bool {
        self.0.is_some_and(|known| ptr::eq(known, waker.vtable()))
    }
}
