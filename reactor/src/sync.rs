//! What the protocols are made of: the real things, or loom's under `cfg(loom)`. Re-exports only.

#[cfg(not(loom))]
mod chosen {
    pub(crate) use crate::sys;
    pub(crate) use std::sync as locks;
    pub(crate) use std::sync::Arc;
    pub(crate) use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering, fence};
    #[cfg(test)]
    pub(crate) use std::thread;
    pub(crate) use std::thread::yield_now;

    /// Whether a model run leaves out this step to prove that the model would notice. Never, outside models.
    pub(crate) const fn left_out(_step: &str) -> bool {
        false
    }
}

#[cfg(loom)]
mod chosen {
    pub(crate) use crate::model::{self as sys, left_out};
    pub(crate) use loom::sync as locks;
    pub(crate) use loom::sync::Arc;
    pub(crate) use loom::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering, fence};
    #[cfg(test)]
    pub(crate) use loom::thread;
    pub(crate) use loom::thread::yield_now;
}

pub(crate) use chosen::*;
