//! What the queues hold: a value that is one pointer, so that a slot of a queue is one atomic word.

// The declaration of an unsafe function.
#![allow(unsafe_code)]

use std::ptr::NonNull;

/// A value that can be taken apart into a pointer, and made of it again.
pub(crate) trait Pointer: Send + Sized {
    fn into_raw(self) -> NonNull<()>;

    /// # Safety
    /// `raw` came from [`into_raw`](Self::into_raw), and no other value has been made of it since.
    unsafe fn from_raw(raw: NonNull<()>) -> Self;
}

#[cfg(test)]
impl<T: Send> Pointer for Box<T> {
    fn into_raw(self) -> NonNull<()> {
        NonNull::from(Box::leak(self)).cast()
    }

    unsafe fn from_raw(raw: NonNull<()>) -> Self {
        // SAFETY: passed on to the caller.
        unsafe { Box::from_raw(raw.cast().as_ptr()) }
    }
}
