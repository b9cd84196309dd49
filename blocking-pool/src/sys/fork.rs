//! Whether this process is the one in which something was made.
//!
//! A child of `fork` has the memory of its parent and one of its threads: the workers are not there, and whoever waits for
//! them waits for ever. So what depends on threads notes the *generation* it was made in, and says so when it is used in
//! another one. The C library calls `count` in each child, which is one addition; asking is a load, and no system call.
//!
//! What a process has one of, and what is locked by threads, its child needs another of: [`PerProcess`], [`Inherited`].
//!
//! A `vfork`, or a `clone` past the C library, is not seen; neither is meant to go on as a program of its own.

// One call to the C library.
#![cfg_attr(unix, allow(unsafe_code))]

mod per_process;

use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

pub use per_process::{Inherited, PerProcess};

/// How many forks lie between the first process that asked and this one, or more.
static GENERATION: AtomicU32 = AtomicU32::new(0);

/// The generation of this process, for something that is made now.
///
/// `extern "C"`, so that it is known not to unwind: who has something in hand that has to be dropped needs no code for that.
#[inline(never)]
pub extern "C" fn note() -> u32 {
    #[cfg(unix)]
    register();
    GENERATION.load(Relaxed)
}

/// The number behind [`note`], for whoever is to ask without knowing this crate.
pub fn generation() -> &'static AtomicU32 {
    note();
    &GENERATION
}

/// Sees to it that forks are counted from here on.
///
/// Several threads that come first at once may each register, and then a fork counts for as many, which is as good. None waits for
/// another: that one may be in the parent, for ever.
#[cfg(unix)]
fn register() {
    use std::sync::atomic::{AtomicBool, Ordering::Acquire, Ordering::Release};

    static REGISTERED: AtomicBool = AtomicBool::new(false);
    // Acquire and Release: whoever finds it registered forks after that.
    if !REGISTERED.load(Acquire) {
        // SAFETY: count() touches an atomic and nothing else, which is allowed in a child of fork. If there is no
        // memory for one more handler, forks stay unseen.
        let _ = unsafe { crate::sys::c_library::pthread_atfork(None, None, Some(count)) };
        REGISTERED.store(true, Release);
    }
}

/// Whether this is a child, or a grandchild, of the process in which `noted` was.
pub fn is_child_of(noted: u32) -> bool {
    GENERATION.load(Relaxed) != noted
}

#[cfg(unix)]
unsafe extern "C" fn count() {
    GENERATION.fetch_add(1, Relaxed);
}
