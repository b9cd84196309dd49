//! How many processors there are.

use std::num::NonZero;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::thread::available_parallelism;

use super::refusal;

/// How many processors there are for this process. 0: not found out yet. Several threads may do so at the same time.
static PROCESSORS: AtomicU64 = AtomicU64::new(0);

/// How many processors there are for this process. Found out once.
pub(crate) fn processors() -> usize {
    match PROCESSORS.load(Relaxed) {
        0 => count_processors(),
        known => known as usize,
    }
}

/// How many processors there are for the calling thread. This takes several system calls. One, if it cannot be found out.
#[cold]
#[inline(never)]
pub(crate) fn count_processors() -> usize {
    let count = refusal::ok(available_parallelism()).map_or(1, NonZero::get);
    // Who has counted first has counted for all.
    let _ = PROCESSORS.compare_exchange(0, count as u64, Relaxed, Relaxed);
    count
}
