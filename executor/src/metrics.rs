//! What a runtime counts, always.

use crate::handle::Handle;
use crate::shared::Shared;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Written by the loop's thread alone, read by anybody: a load and a store each, no read-modify-write.
#[derive(Default, Debug)]
pub(crate) struct Counters {
    turns: AtomicU64,
    polls: AtomicU64,
}

impl Counters {
    pub(crate) fn turn(&self) {
        bump(&self.turns);
    }

    pub(crate) fn poll(&self) {
        bump(&self.polls);
    }
}

fn bump(counter: &AtomicU64) {
    counter.store(counter.load(Relaxed) + 1, Relaxed);
}

/// A snapshot of a runtime's counters, from [`Handle::metrics`].
///
/// ```
/// # sideline::block_on(async {
/// sideline::spawn_blocking(|| ()).await.unwrap();
/// let metrics = sideline::Handle::current().metrics();
/// assert!(metrics.turns >= 1 && metrics.polls >= 1 && metrics.pool.completed >= 1);
/// # });
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Metrics {
    /// Turns of the loop so far.
    pub turns: u64,
    /// Polls of tasks and of the main future so far.
    pub polls: u64,
    /// Blocking jobs of this runtime that are queued, running or being delivered: a job may still be counted when
    /// its awaiter first sees the result.
    pub jobs_outstanding: usize,
    /// The pool this runtime uses. Other runtimes may be using it too.
    pub pool: sideline_blocking_pool::Metrics,
}

impl Metrics {
    pub(crate) fn read(shared: &Shared) -> Self {
        Self {
            turns: shared.counters.turns.load(Relaxed),
            polls: shared.counters.polls.load(Relaxed),
            jobs_outstanding: shared.tenant.outstanding(),
            pool: shared.tenant.pool().metrics(),
        }
    }
}

impl Handle {
    /// The runtime's counters as they are now, from any thread. The counters are read one after another, not all
    /// at one instant.
    pub fn metrics(&self) -> Metrics {
        Metrics::read(self.shared())
    }
}
