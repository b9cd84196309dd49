//! Wakers whose loop vouches for them.
//!
//! They are told from others by the address of their vtable, which is all that a waker shows. That errs on one side only. A constant
//! vtable, such as that of an `Arc<impl Wake>`, may be compiled in several places and have an address in each: then a waker of the loop's
//! counts as foreign, and costs what foreign ones cost. The other way round there is no doubt: the same vtable is the same four functions, and
//! what the loop has promised of them holds. A loop that wants all of its wakers to be known keeps the vtable in a `static`.

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
