//! Whether this process is the one in which something was made.
//!
//! A child of `fork` has the memory of its parent and one of its threads: the workers are not there, and whoever waits for
//! them waits for ever. So what depends on threads notes the *generation* it was made in, and says so when it is used in
//! another one. The C library calls `count` in each child, which is one addition; asking is a load, and no system call.
//!
//! A `vfork`, or a `clone` past the C library, is not seen; neither is meant to go on as a program of its own.

// One call to the C library.
#![cfg_attr(unix, allow(unsafe_code))]

use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

/// How many forks lie between the first process that asked and this one.
static GENERATION: AtomicU32 = AtomicU32::new(0);

/// The generation of this process, for something that is made now.
pub fn note() -> u32 {
    #[cfg(unix)]
    {
        static REGISTERED: std::sync::Once = std::sync::Once::new();
        REGISTERED.call_once(|| {
            // SAFETY: count() touches an atomic and nothing else, which is allowed in a child of fork. If there is no
            // memory for one more handler, forks stay unseen.
            let _ = unsafe { crate::sys::pthread_atfork(None, None, Some(count)) };
        });
    }
    GENERATION.load(Relaxed)
}

/// Whether this is a child, or a grandchild, of the process in which `noted` was.
pub fn is_child_of(noted: u32) -> bool {
    GENERATION.load(Relaxed) != noted
}

#[cfg(unix)]
unsafe extern "C" fn count() {
    GENERATION.fetch_add(1, Relaxed);
}
