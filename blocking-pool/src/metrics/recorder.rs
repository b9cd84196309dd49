//! The side of a histogram that threads write to.
//!
//! A recorder is read while it is written. Its count is no number of its own but the sum of the buckets, so it can
//! never disagree with them. A writer adds to the sum of the durations first and to the bucket last (Release), a
//! reader goes the other way (Acquire): what it finds counted is in the sum, and whatever the writer did before it
//! recorded is seen by whoever sees it recorded.
//!
//! std's atomics even under loom: this is read for people, and decides nothing.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

use super::histogram::{Histogram, bucket_of};

/// Where durations are recorded while others look on.
///
/// There are two ways to write, and a recorder should be given to one of them: [`record_nanos`](Self::record_nanos)
/// by a single thread, which takes two loads and two stores, or [`record_nanos_shared`](Self::record_nanos_shared) by
/// any number of threads. [`snapshot`](Self::snapshot) may be called by anybody at any time.
///
/// ```
/// use sideline_blocking_pool::Recorder;
/// use std::time::{Duration, Instant};
///
/// let took = Recorder::new();
/// let start = Instant::now();
/// took.record_nanos(start.elapsed().as_nanos() as u64);
/// assert_eq!(took.snapshot().count(), 1);
/// ```
pub struct Recorder {
    counts: [AtomicU64; Histogram::BUCKETS],
    nanos: AtomicU64,
}

impl Recorder {
    /// A recorder in which nothing has been recorded.
    pub const fn new() -> Self {
        Self { counts: [const { AtomicU64::new(0) }; Histogram::BUCKETS], nanos: AtomicU64::new(0) }
    }

    /// Records one duration, in nanoseconds. For one thread only: if others record at the same moment, by whichever
    /// of the two ways, some of it is lost.
    #[inline]
    pub fn record_nanos(&self, nanos: u64) {
        self.record_nanos_times(nanos, 1);
    }

    /// Records a number of durations that were equal, or were measured together and get their average. Otherwise like
    /// [`record_nanos`](Self::record_nanos).
    #[inline]
    pub fn record_nanos_times(&self, nanos: u64, times: u64) {
        let bucket = &self.counts[bucket_of(nanos)];
        // Relaxed: nobody else writes, and the Release below publishes it.
        let sum = self.nanos.load(Ordering::Relaxed).wrapping_add(nanos.wrapping_mul(times));
        self.nanos.store(sum, Ordering::Relaxed);
        // Release: pairs with the Acquire in add_to().
        bucket.store(bucket.load(Ordering::Relaxed) + times, Ordering::Release);
    }

    /// Records one duration, in nanoseconds, whoever else does so at the same moment. Two read-modify-writes.
    #[inline]
    pub fn record_nanos_shared(&self, nanos: u64) {
        if nanos > 0 {
            self.nanos.fetch_add(nanos, Ordering::Relaxed);
        }
        // Release: pairs with the Acquire in add_to().
        self.counts[bucket_of(nanos)].fetch_add(1, Ordering::Release);
    }

    /// What has been recorded. While somebody records, every duration that is counted is in the sum, which may also
    /// hold one that is just about to be counted.
    #[inline]
    pub fn snapshot(&self) -> Histogram {
        let mut histogram = Histogram::new();
        self.add_to(&mut histogram);
        histogram
    }

    /// How many durations were recorded.
    #[inline]
    pub(crate) fn count(&self) -> u64 {
        self.counts.iter().map(|count| count.load(Ordering::Acquire)).sum()
    }

    #[inline]
    pub(crate) fn add_to(&self, histogram: &mut Histogram) {
        for (index, count) in self.counts.iter().enumerate() {
            // Acquire: pairs with the Release of whoever counted.
            histogram.add(index, count.load(Ordering::Acquire));
        }
        histogram.add_nanos(self.nanos.load(Ordering::Relaxed));
    }
}

impl Default for Recorder {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Recorder {
    #[inline]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.snapshot().fmt(f)
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::AtomicBool;
    use std::time::Duration;

    use super::*;

    #[test]
    fn both_ways_of_recording_come_to_the_same() {
        let (alone, shared) = (Recorder::new(), Recorder::new());
        let mut expected = Histogram::new();
        for nanos in [0, 0, 1, 2, 3, 1000, 1 << 62, u64::MAX] {
            alone.record_nanos(nanos);
            shared.record_nanos_shared(nanos);
            expected.record(Duration::from_nanos(nanos));
        }
        assert_eq!((alone.snapshot(), shared.snapshot()), (expected.clone(), expected));
    }

    #[test]
    fn threads_that_share_it_lose_nothing() {
        let recorder = Recorder::new();
        std::thread::scope(|scope| {
            for thread in 0..4 {
                let recorder = &recorder;
                scope.spawn(move || (0..10_000).for_each(|n| recorder.record_nanos_shared(n * (thread + 1))));
            }
        });
        let all = recorder.snapshot();
        assert_eq!((all.count(), all.sum().as_nanos()), (40_000, (1 + 2 + 3 + 4) * 9_999 * 10_000 / 2));
    }

    #[test]
    fn what_a_reader_finds_counted_is_in_the_sum() {
        let (recorder, done) = (Arc::new(Recorder::new()), Arc::new(AtomicBool::new(false)));
        let writer = std::thread::spawn({
            let (recorder, done) = (Arc::clone(&recorder), Arc::clone(&done));
            move || {
                (0..200_000).for_each(|_| recorder.record_nanos(10));
                done.store(true, Ordering::Release);
            }
        });
        while !done.load(Ordering::Acquire) {
            let now = recorder.snapshot();
            assert!(now.sum().as_nanos() >= u128::from(now.count()) * 10, "{now:?}");
        }
        writer.join().unwrap();
        assert_eq!(recorder.snapshot().sum(), Duration::from_millis(2));
    }
}
