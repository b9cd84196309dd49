//! Numbers for jobs: unique in the process, cheap to take.

use std::cell::Cell;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

/// The number of a job: unique within the process, never reused.
///
/// Numbers are handed out to each submitting thread in blocks, so they tell jobs apart but do not tell which of two
/// jobs from different threads came first.
///
/// ```
/// let pool = sideline_blocking_pool::Pool::new();
/// let (a, b) = (pool.spawn(|| ()), pool.spawn(|| ()));
/// assert_ne!(a.id(), b.id());
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct JobId(u64);

const BLOCK: u64 = 1024;

impl JobId {
    #[inline]
    pub(crate) fn next() -> Self {
        // std's atomic even under loom: nothing is decided by it, and a static outlives a model's run.
        static NEXT_BLOCK: AtomicU64 = AtomicU64::new(1);
        thread_local!(static MINE: Cell<(u64, u64)> = const { Cell::new((0, 0)) });

        // Relaxed: only uniqueness matters.
        let block = || NEXT_BLOCK.fetch_add(BLOCK, Ordering::Relaxed);
        // A thread whose locals are gone already takes a block for its one job.
        let id = MINE.try_with(|mine| {
            let (mut next, mut end) = mine.get();
            if next == end {
                next = block();
                end = next + BLOCK;
            }
            mine.set((next + 1, end));
            next
        });
        Self(id.unwrap_or_else(|_| block()))
    }

    /// The number itself; never 0.
    pub fn get(self) -> u64 {
        self.0
    }

    pub(crate) fn from_raw(id: u64) -> Self {
        Self(id)
    }
}

impl fmt::Display for JobId {
    #[inline]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for JobId {
    #[inline]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "JobId({})", self.0)
    }
}
