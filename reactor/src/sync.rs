//! What the protocols are made of: the real things, or loom's under `cfg(loom)`. Re-exports alone; what makes the two look
//! alike is in the `sync.rs` of the timers.

#[cfg(not(loom))]
mod chosen {
    pub(crate) use crate::sys;
    pub(crate) use crate::word::{HAS_WORDS, Word};
    pub(crate) use std::sync::Arc;
    #[cfg(test)]
    pub(crate) use std::sync::atomic::AtomicU64;
    pub(crate) use std::sync::atomic::{AtomicBool, Ordering, fence};
    #[cfg(test)]
    pub(crate) use std::thread;
    pub(crate) use std::thread::yield_now;
}

#[cfg(loom)]
mod chosen {
    pub(crate) use crate::model::{self as sys, HAS_WORDS, Word};
    pub(crate) use loom::sync::Arc;
    #[cfg(test)]
    pub(crate) use loom::sync::atomic::AtomicU64;
    pub(crate) use loom::sync::atomic::{AtomicBool, Ordering, fence};
    #[cfg(test)]
    pub(crate) use loom::thread;
    pub(crate) use loom::thread::yield_now;
}

pub(crate) use chosen::*;
pub(crate) use sideline_timers::left_out;
