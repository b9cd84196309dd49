//! A limiter's numbers.

use super::Limiter;
use crate::metrics::{Histogram, Recorder};

/// How long the limiter's jobs took, wherever they ran: written by workers and awaiters, outside the lock.
#[derive(Default)]
pub(crate) struct Times {
    pub(crate) queue_wait: Recorder,
    pub(crate) run_time: Recorder,
    pub(crate) handoff: Recorder,
}

/// A limiter's numbers at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LimiterMetrics {
    /// How many jobs may run at once.
    pub limit: usize,
    /// Jobs that have a slot: they run, or wait for nothing but a thread.
    pub running: usize,
    /// Jobs that wait for a slot.
    pub waiting: usize,
    /// Jobs that have been given a slot so far, those running included.
    pub admitted: u64,
    /// From the submission to the start of each job of this kind that was started, the wait for a slot included.
    pub queue_wait: Histogram,
    /// From the start to the end of each closure of this kind that has ended.
    pub run_time: Histogram,
    /// As [`Metrics::handoff`](crate::Metrics::handoff), for jobs of this kind.
    pub handoff: Histogram,
}

impl Limiter {
    /// Its numbers, now. The first four belong to the same moment; the times are read before, the later step of a job first,
    /// so that `run_time.count()` never exceeds `queue_wait.count()`, nor that `admitted`.
    pub fn metrics(&self) -> LimiterMetrics {
        let times = self.times();
        let (handoff, run_time) = (times.handoff.snapshot(), times.run_time.snapshot());
        let queue_wait = times.queue_wait.snapshot();
        let list = self.slots().list.lock();
        LimiterMetrics {
            limit: list.limit,
            running: list.taken,
            waiting: list.line.len(),
            admitted: list.admitted,
            queue_wait,
            run_time,
            handoff,
        }
    }

    pub(crate) fn times(&self) -> &Times {
        &self.slots().times
    }
}
