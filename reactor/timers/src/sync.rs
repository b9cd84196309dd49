//! What the protocols are made of: the real things, or loom's under `cfg(loom)`. Re-exports, and what makes the two look alike.

#[cfg(not(loom))]
mod chosen {
    pub(crate) use std::sync as locks;
    pub(crate) use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicU64, Ordering};
    pub(crate) use std::thread_local;

    /// `std`'s cell with loom's interface: access only through a closure, so that loom can watch it.
    pub(crate) struct UnsafeCell<T>(std::cell::UnsafeCell<T>);

    impl<T> UnsafeCell<T> {
        pub(crate) fn new(value: T) -> UnsafeCell<T> {
            UnsafeCell(std::cell::UnsafeCell::new(value))
        }

        #[inline]
        pub(crate) fn with_mut<R>(&self, f: impl FnOnce(*mut T) -> R) -> R {
            f(self.0.get())
        }
    }

    /// Whether a model run leaves out this step to prove that the model would notice. Never, outside models.
    pub const fn left_out(_step: &str) -> bool {
        false
    }
}

#[cfg(loom)]
mod chosen {
    pub(crate) use loom::cell::UnsafeCell;
    pub(crate) use loom::sync as locks;
    pub(crate) use loom::sync::atomic::{AtomicBool, AtomicPtr, AtomicU64, Ordering};

    /// `std`'s macro with a constant to begin with, which loom's does not take.
    macro_rules! const_thread_local {
        ($($(#[$attr:meta])* static $name:ident: $t:ty = const { $init:expr };)*) => {
            loom::thread_local! { $($(#[$attr])* static $name: $t = $init;)* }
        };
    }
    pub(crate) use const_thread_local as thread_local;

    /// Whether this process runs the twin that lacks `step`, named by `SIDELINE_TWIN`.
    pub fn left_out(step: &str) -> bool {
        static TWIN: std::sync::OnceLock<Option<String>> = std::sync::OnceLock::new();
        TWIN.get_or_init(|| std::env::var("SIDELINE_TWIN").ok()).as_deref() == Some(step)
    }
}

pub use chosen::left_out;
pub(crate) use chosen::*;
