//! Whether this process is the one in which something was made.
//!
//! A child of `fork` has the memory of its parent and one of its threads: the workers are not there, and whoever waits for
//! them waits for ever. So what depends on threads notes the *generation* it was made in, and says so when it is used in
//! another one. The C library calls `count` in each child, which is one addition; asking is a load, and no system call.
//!
//! What a process has one of, its child needs another of: [`PerProcess`].
//!
//! A `vfork`, or a `clone` past the C library, is not seen; neither is meant to go on as a program of its own.

// One call to the C library.
#![cfg_attr(unix, allow(unsafe_code))]

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

/// How many forks lie between the first process that asked and this one.
static GENERATION: AtomicU32 = AtomicU32::new(0);

/// The generation of this process, for something that is made now.
#[inline(never)]
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

/// What each process has one of, made when it is first asked for. That of a fork's parent stays as it is, and nobody's.
#[derive(Debug)]
pub struct PerProcess<T>(OnceLock<Box<Made<T>>>);

#[derive(Debug)]
struct Made<T> {
    value: T,
    born: u32,
    /// That of a child.
    in_fork: PerProcess<T>,
}

impl<T> PerProcess<T> {
    /// None is made yet.
    #[allow(clippy::new_without_default)] // For statics.
    pub const fn new() -> Self {
        Self(OnceLock::new())
    }

    /// That of this process, if it is made. A few loads: a signal handler may ask.
    pub fn get(&self) -> Option<&T> {
        self.place().0.get().map(|made| &made.value)
    }

    /// That of this process. Of several threads that find none, one calls `make`, and the others wait for it.
    pub fn get_or_init(&self, make: impl FnOnce() -> T) -> &T {
        let made = self.place().0.get_or_init(|| {
            let born = note();
            Box::new(Made { value: make(), born, in_fork: Self::new() })
        });
        &made.value
    }

    /// Where that of this process is, or is to be.
    fn place(&self) -> &Self {
        let mut place = self;
        while let Some(made) = place.0.get() {
            if !is_child_of(made.born) {
                break;
            }
            place = &made.in_fork;
        }
        place
    }
}

#[cfg(unix)]
unsafe extern "C" fn count() {
    GENERATION.fetch_add(1, Relaxed);
}
