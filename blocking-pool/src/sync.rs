//! Everything that two threads share comes through here, so that the loom models run the real code.
//!
//! Re-exports, and what little differs between the two. Under `cfg(loom)` the names mean loom's types, or what
//! `model.rs` has for models only. Counters and records that are read for diagnosis only use `std`'s atomics
//! directly: they decide nothing, and every modelled access multiplies the interleavings.

#[cfg(loom)]
pub(crate) use crate::model::{Memory, left_out, no_pointers, thread};
#[cfg(loom)]
pub(crate) use loom::cell::UnsafeCell;
#[cfg(not(loom))]
pub(crate) use std::{thread, thread_local};

/// `std`'s macro with a constant to begin with, which costs no look at whether the value is there yet. Loom's does not take
/// the `const`.
#[cfg(loom)]
macro_rules! const_thread_local {
    ($($(#[$attr:meta])* static $name:ident: $t:ty = const { $init:expr };)*) => {
        loom::thread_local! { $($(#[$attr])* static $name: $t = $init;)* }
    };
}
#[cfg(loom)]
pub(crate) use const_thread_local as thread_local;

/// What [`crate::sys::lock`] is made of.
pub(crate) mod locks {
    #[cfg(loom)]
    pub(crate) use loom::sync::{Condvar, Mutex, MutexGuard};
    #[cfg(not(loom))]
    pub(crate) use std::sync::{Condvar, Mutex, MutexGuard};
}

pub(crate) mod atomic {
    // Models count with the other.
    #[cfg(all(test, loom))]
    pub(crate) use loom::sync::atomic::AtomicUsize;
    #[cfg(loom)]
    pub(crate) use loom::sync::atomic::{AtomicBool, AtomicPtr, AtomicU64, Ordering, fence};
    #[cfg(all(test, not(loom)))]
    pub(crate) use std::sync::atomic::AtomicUsize;
    #[cfg(not(loom))]
    pub(crate) use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicU64, Ordering, fence};
}

/// As many slots, all empty.
#[cfg(not(loom))]
pub(crate) const fn no_pointers<const SLOTS: usize>() -> [atomic::AtomicPtr<()>; SLOTS] {
    [const { atomic::AtomicPtr::new(std::ptr::null_mut()) }; SLOTS]
}

/// A SeqCst fence between a read-modify-write before it and loads after it. On x86-64 the first is a fence itself: loads and
/// stores are not reordered with locked instructions, and these have one order for all (Intel's Software Developer's Manual,
/// volume 3, "Memory Ordering"). So only the compiler has to be told there; another fence would wait for what has been stored
/// since, too. Models keep it: loom knows of no such order.
#[inline]
pub(crate) fn fence_after_rmw() {
    if cfg!(all(target_arch = "x86_64", not(loom), not(miri))) {
        std::sync::atomic::compiler_fence(atomic::Ordering::SeqCst);
    } else {
        atomic::fence(atomic::Ordering::SeqCst);
    }
}

/// `std`'s cell with the access-in-a-closure interface that loom needs to see each access.
#[cfg(not(loom))]
#[derive(Debug)]
pub(crate) struct UnsafeCell<T>(std::cell::UnsafeCell<T>);

#[cfg(not(loom))]
impl<T> UnsafeCell<T> {
    pub(crate) const fn new(value: T) -> Self {
        Self(std::cell::UnsafeCell::new(value))
    }

    pub(crate) fn with_mut<R>(&self, access: impl FnOnce(*mut T) -> R) -> R {
        access(self.0.get())
    }
}

/// True if the named step of a protocol is left out, to show that its model notices. Never outside loom.
#[cfg(not(loom))]
pub(crate) const fn left_out(_step: &str) -> bool {
    false
}

/// Whether the clock may decide what is done to modelled atomics. Not in a model: its runs have to repeat themselves.
pub(crate) const MEASURES: bool = cfg!(not(loom));

/// Whether threads spin before they park. A model explores that by itself.
pub(crate) const SPINS: bool = cfg!(not(loom));
/// Whether clocks are read for decisions of speed. In a model time does not pass.
pub(crate) const CLOCKS: bool = cfg!(not(loom));

/// Places in a block of the injector, a power of two; 2 KiB of slots. In a model few, so that it comes to the end of one.
pub(crate) const LAP: usize = if cfg!(loom) { 4 } else { 256 };
/// Slots of a deque, a power of two.
pub(crate) const RING: usize = if cfg!(loom) { 2 } else { 256 };

/// What is reached through pointers and freed by whoever is the last: a model sees whether that is so, and that
/// somebody does. Otherwise it is nothing.
#[cfg(not(loom))]
pub(crate) struct Memory;

#[cfg(not(loom))]
impl Memory {
    pub(crate) const fn new() -> Self {
        Self
    }

    pub(crate) const fn is_used(&self) {}

    pub(crate) const fn is_freed(&self) {}
}
