//! What the protocols are made of: the real things, or loom's under `cfg(loom)`. Re-exports alone; what makes the two look
//! alike is in the `sync.rs` of the timers.

#[cfg(not(loom))]
mod chosen {
    pub(crate) use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
    pub(crate) use std::sync::{Arc, MutexGuard};
}

#[cfg(loom)]
mod chosen {
    pub(crate) use loom::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
    pub(crate) use loom::sync::{Arc, MutexGuard};
}

pub(crate) use chosen::*;
pub(crate) use sideline_timers::left_out;
