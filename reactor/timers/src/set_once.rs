//! A pointer that is set once.
//!
//! | state | the value is | left by |
//! |---|---|---|
//! | null | nowhere | [`set`](SetOnce::set), by whose compare-exchange comes first |
//! | from a box | anybody's to look at, and nobody's to change | never; the box goes with the pointer |
//!
//! Nobody waits here for anybody else. So it is not a `OnceLock`: a thread that was setting that when the process was forked would be waited
//! for in the child, for ever.
//!
//! # The bad interleavings
//! * Two set it at once, and one goes on with a value that nobody else will ever see. So who comes second drops its own value, and takes
//!   the first one's.
//! * Somebody finds the pointer before what it points to is written. So it is set with Release and read with Acquire, by who
//!   comes second, too.
//!
//! Model: `set_against_set_and_get`, twin `first-one-stays`.
#![allow(unsafe_code)] // What the pointer points to.

use crate::sync::{AtomicPtr, Ordering, left_out};
use std::marker::PhantomData;
use std::ptr;
use std::sync::OnceLock;

/// Null, or from a box, and then the same for as long as this is there.
pub struct SetOnce<T> {
    at: AtomicPtr<T>,
    /// To be shared between threads, and sent, if that can be.
    owns: PhantomData<OnceLock<T>>,
}

impl<T> SetOnce<T> {
    /// Not set yet.
    #[cfg(not(loom))]
    #[allow(clippy::new_without_default)] // For statics.
    pub const fn new() -> SetOnce<T> {
        SetOnce { at: AtomicPtr::new(ptr::null_mut()), owns: PhantomData }
    }

    /// Not set yet. loom's cannot be made before a model begins.
    #[cfg(loom)]
    #[allow(clippy::new_without_default)]
    pub fn new() -> SetOnce<T> {
        SetOnce { at: AtomicPtr::new(ptr::null_mut()), owns: PhantomData }
    }

    /// The value, if it is set.
    #[inline]
    pub fn get(&self) -> Option<&T> {
        // SAFETY: null, or from a box that is freed with `self`. Acquire: pairs with the Release of who has set it.
        unsafe { self.at.load(Ordering::Acquire).as_ref() }
    }

    /// Sets it, if nobody has. What is set from now on.
    #[inline]
    pub fn set(&self, value: T) -> &T {
        let ours = Box::into_raw(Box::new(value));
        // Release: whoever finds it finds what is in it. Acquire: the same for us, if somebody was quicker.
        match self.at.compare_exchange(ptr::null_mut(), ours, Ordering::Release, Ordering::Acquire) {
            Err(first) if !left_out("first-one-stays") => {
                // SAFETY: from the box above, and nobody else has seen it.
                drop(unsafe { Box::from_raw(ours) });
                // SAFETY: not null, so from a box that is freed with `self`.
                unsafe { &*first }
            }
            // SAFETY: from the box above, and freed with `self`.
            _ => unsafe { &*ours },
        }
    }
}

impl<T> Drop for SetOnce<T> {
    fn drop(&mut self) {
        let value = self.at.load(Ordering::Relaxed);
        if !value.is_null() {
            // SAFETY: from a box, and nobody has a reference any more.
            drop(unsafe { Box::from_raw(value) });
        }
    }
}
