//! What a runtime counts, always.
//!
//! Times come from the [budget](crate::core::budget)'s readings of the clock, which lie a *stride* of polls apart, not one
//! poll. So polls that are quick are timed together. A stride that turns out slow had one slow poll in it, or several:
//! it counts as one, and the strides after it are shorter, down to a single poll. What is slow for longer than that is
//! therefore timed exactly.

use super::handle::Handle;
use super::shared::Shared;
use crate::core::budget::SLOW;
use sideline_blocking_pool::{Histogram, Recorder};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

/// Written by the loop's thread alone, read by anybody: a load and a store each, no read-modify-write. Polls are
/// counted by the [pulse](crate::core::pulse).
#[derive(Default, Debug)]
pub(crate) struct Counters {
    turns: AtomicU64,
    longest_poll: AtomicU64,
    /// What a poll took in the last quick stride, on average.
    usual_poll: AtomicU64,
    poll_time: Recorder,
    park_time: Recorder,
}

impl Counters {
    pub(crate) fn turn(&self) {
        self.turns.store(self.turns.load(Relaxed) + 1, Relaxed);
    }

    /// `polls` polls have taken `nanos` nanoseconds together.
    pub(crate) fn polled(&self, polls: u32, nanos: u64) {
        let polls = u64::from(polls);
        if polls == 0 {
            return;
        }
        let each = nanos / polls;
        if polls == 1 || nanos <= SLOW {
            if nanos <= SLOW {
                self.usual_poll.store(each, Relaxed);
            }
            self.poll_time.record_nanos_times(each, polls);
            self.note_longest(each);
        } else {
            let usual = self.usual_poll.load(Relaxed).min(each);
            self.poll_time.record_nanos_times(usual, polls - 1);
            let slow = nanos - (polls - 1) * usual;
            self.poll_time.record_nanos(slow);
            self.note_longest(slow);
        }
    }

    pub(crate) fn parked(&self, nanos: u64) {
        self.park_time.record_nanos(nanos);
    }

    fn note_longest(&self, nanos: u64) {
        if nanos > self.longest_poll.load(Relaxed) {
            self.longest_poll.store(nanos, Relaxed);
        }
    }
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
    /// The longest poll so far. While it lasts it does not count: that is what the
    /// watchdog is for. Exact for a poll above 40 µs that follows slow ones; one that
    /// comes after quick ones counts together with up to 31 of them.
    pub longest_poll: Duration,
    /// How long polls took. Quick ones are timed together, up to 32 at a time, and count with their average; those above
    /// 40 µs as in [`longest_poll`](Self::longest_poll). What the loop does between them is included.
    pub poll_time: Histogram,
    /// How long the loop waited when it had nothing to do: in the kernel, or spinning for the results of jobs.
    pub park_time: Histogram,
    /// Blocking jobs of this runtime that are queued, running or being delivered: a job may still be counted when
    /// its awaiter first sees the result.
    pub jobs_outstanding: usize,
    /// The pool this runtime uses. Other runtimes may be using it too.
    pub pool: sideline_blocking_pool::Metrics,
}

impl Metrics {
    #[inline]
    pub(crate) fn read(shared: &Shared) -> Self {
        let counters = &shared.counters;
        Self {
            turns: counters.turns.load(Relaxed),
            polls: shared.pulse.polls(),
            longest_poll: Duration::from_nanos(counters.longest_poll.load(Relaxed)),
            poll_time: counters.poll_time.snapshot(),
            park_time: counters.park_time.snapshot(),
            jobs_outstanding: shared.jobs_outstanding(),
            pool: shared.tenant.pool().metrics(),
        }
    }
}

impl Handle {
    /// The runtime's counters as they are now, from any thread. The counters are read one after another, not all
    /// at one instant. Times are up to a wait or 32 polls behind. On a
    /// [paused clock](crate::Builder::paused_clock) nothing is timed.
    #[inline]
    pub fn metrics(&self) -> Metrics {
        Metrics::read(self.shared())
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    const MICRO: u64 = 1_000;

    fn micros(micros: u64) -> Duration {
        Duration::from_micros(micros)
    }

    #[test]
    fn quick_polls_count_with_their_average() {
        let counters = Counters::default();
        counters.polled(32, 8 * MICRO);
        let polls = counters.poll_time.snapshot();
        assert_eq!((polls.count(), polls.sum()), (32, micros(8)));
        assert_eq!(counters.longest_poll.load(Relaxed), 250);
    }

    #[test]
    fn a_slow_poll_among_quick_ones_stands_out_and_no_time_is_lost() {
        let counters = Counters::default();
        counters.polled(32, 32 * MICRO);
        counters.polled(32, 5031 * MICRO);
        assert_eq!(counters.longest_poll.load(Relaxed), 5_000_000);
        let polls = counters.poll_time.snapshot();
        assert_eq!((polls.count(), polls.sum()), (64, micros(5063)));
        let slow: u64 = polls.buckets().filter(|it| it.at_most > micros(1000)).map(|it| it.count).sum();
        assert_eq!(slow, 1);
    }

    #[test]
    fn slow_polls_that_are_timed_alone_are_exact() {
        let counters = Counters::default();
        counters.polled(1, 700 * MICRO);
        counters.polled(1, 300 * MICRO);
        assert_eq!(counters.longest_poll.load(Relaxed), 700_000);
        counters.polled(0, 9000 * MICRO);
        assert_eq!(counters.poll_time.snapshot().count(), 2);
    }
}
