//! What only a model has: steps that can be left out, and memory that is watched.

use loom::alloc::Track;
use loom::cell::UnsafeCell;

pub(crate) use loom::thread;

/// See [`crate::sync::left_out`]: here the step comes from `SIDELINE_TWIN`.
pub(crate) fn left_out(step: &str) -> bool {
    static TWIN: std::sync::OnceLock<Option<String>> = std::sync::OnceLock::new();
    TWIN.get_or_init(|| std::env::var("SIDELINE_TWIN").ok()).as_deref() == Some(step)
}

/// See [`crate::sync::no_pointers`]. Loom's cannot be made in a constant.
pub(crate) fn no_pointers<const SLOTS: usize>() -> [loom::sync::atomic::AtomicPtr<()>; SLOTS] {
    std::array::from_fn(|_| loom::sync::atomic::AtomicPtr::new(std::ptr::null_mut()))
}

/// See [`crate::sync::Memory`] outside of loom. One that is never dropped is reported as a leak, one that is freed while
/// somebody uses it, or may be about to, as a race.
pub(crate) struct Memory(UnsafeCell<Track<()>>);

impl Memory {
    pub(crate) fn new() -> Self {
        Self(UnsafeCell::new(Track::new(())))
    }

    pub(crate) fn is_used(&self) {
        self.0.with(|_| ());
    }

    pub(crate) fn is_freed(&self) {
        self.0.with_mut(|_| ());
    }
}
