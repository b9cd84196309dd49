//! The primitives the executor's protocols are built on, from `std` or from loom.
//!
//! Only what a protocol shares between threads comes from here, so that a loom model runs the shipped code.
//! `Arc` stays `std`'s everywhere: its own counting is not what the models are about.

#[cfg(not(loom))]
mod imp {
    #[cfg(all(unix, feature = "signal"))]
    pub(crate) use parking_lot::Mutex;
    use sideline_reactor::Clock;
    pub(crate) use std::sync::atomic;
    pub(crate) use std::{thread, thread_local};

    pub(crate) mod cell {
        /// `std`'s cell with loom's interface: access only through a closure, so that loom can watch it.
        #[derive(Debug)]
        #[repr(transparent)]
        pub(crate) struct UnsafeCell<T>(std::cell::UnsafeCell<T>);

        impl<T> UnsafeCell<T> {
            pub(crate) const fn new(value: T) -> Self {
                Self(std::cell::UnsafeCell::new(value))
            }

            pub(crate) fn with<R>(&self, f: impl FnOnce(*const T) -> R) -> R {
                f(self.0.get())
            }

            pub(crate) fn with_mut<R>(&self, f: impl FnOnce(*mut T) -> R) -> R {
                f(self.0.get())
            }
        }
    }

    /// What time it is for a runtime.
    pub(crate) fn clock() -> Clock {
        Clock::real()
    }

    /// True only in a loom run of the broken twin called `step`: the step it guards is then left out.
    pub(crate) const fn left_out(_step: &str) -> bool {
        false
    }
}

#[cfg(loom)]
mod imp {
    pub(crate) use loom::{cell, sync::atomic, thread};
    use sideline_reactor::Clock;
    use std::sync::OnceLock;

    /// `std`'s macro with a constant to begin with, which loom's does not take.
    macro_rules! const_thread_local {
        ($($(#[$attr:meta])* static $name:ident: $t:ty = const { $init:expr };)*) => {
            loom::thread_local! { $($(#[$attr])* static $name: $t = $init;)* }
        };
    }
    pub(crate) use const_thread_local as thread_local;

    /// loom's mutex with parking_lot's interface.
    #[derive(Debug)]
    pub(crate) struct Mutex<T>(loom::sync::Mutex<T>);

    impl<T> Mutex<T> {
        pub(crate) fn new(value: T) -> Self {
            Self(loom::sync::Mutex::new(value))
        }

        pub(crate) fn lock(&self) -> loom::sync::MutexGuard<'_, T> {
            self.0.lock().expect("no model panics under a lock")
        }
    }

    /// A model has no time: whether a budget or a deadline has passed must not differ between runs.
    pub(crate) fn clock() -> Clock {
        Clock::manual()
    }

    pub(crate) fn left_out(step: &str) -> bool {
        static TWIN: OnceLock<Option<String>> = OnceLock::new();
        TWIN.get_or_init(|| std::env::var("SIDELINE_TWIN").ok()).as_deref() == Some(step)
    }
}

/// A model has no time to pass.
pub(crate) const LINGERS: bool = cfg!(not(loom));

pub(crate) use imp::*;
