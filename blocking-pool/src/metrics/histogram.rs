//! How long things took, by powers of two of a nanosecond: what has been recorded up to one moment.

use std::fmt;
use std::time::Duration;

/// How often something took about how long: a count for each power of two of a nanosecond, and the sum of all.
///
/// Counts are exact. Where a duration lies within its bucket is not known, so a [`quantile`](Self::quantile) is off
/// by less than a factor of two; the [`mean`](Self::mean) is exact. Two of them can be [merged](Self::merge), and
/// [subtracted](Self::since), which gives what happened between two moments.
///
/// A histogram is a value: it does not change while it is looked at. [`Recorder`](crate::Recorder) is what threads
/// write to.
///
/// ```
/// use sideline_blocking_pool::Histogram;
/// use std::time::Duration;
///
/// let mut took = Histogram::new();
/// for millis in [1, 2, 2, 50] {
///     took.record(Duration::from_millis(millis));
/// }
/// assert_eq!(took.count(), 4);
/// assert_eq!(took.sum(), Duration::from_millis(55));
/// let median = took.quantile(0.5).unwrap();
/// assert!(median > Duration::from_millis(1) && median < Duration::from_millis(4));
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Histogram {
    counts: [u64; Histogram::BUCKETS],
    /// Wraps, so that differences stay right.
    nanos: u64,
}

/// One bucket of a [`Histogram`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Bucket {
    /// The longest duration that is counted here; the shortest is a nanosecond more than that of the bucket before.
    pub at_most: Duration,
    /// How many durations were counted here, and in no other bucket.
    pub count: u64,
}

impl Histogram {
    /// How many buckets there are: bucket `i` counts what took more than 2^(i-1) and at most 2^i nanoseconds, and the
    /// first one what took one nanosecond or none.
    pub const BUCKETS: usize = 65;

    /// A histogram in which nothing has been recorded.
    pub const fn new() -> Self {
        Self { counts: [0; Self::BUCKETS], nanos: 0 }
    }

    /// Adds one duration. What exceeds 2^64 nanoseconds (584 years) counts as that.
    #[inline]
    pub fn record(&mut self, took: Duration) {
        let nanos = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
        self.counts[bucket_of(nanos)] += 1;
        self.nanos = self.nanos.wrapping_add(nanos);
    }

    /// How many durations were recorded.
    #[inline]
    pub fn count(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// All durations together. It wraps at 2^64 nanoseconds, 584 years.
    #[inline]
    pub fn sum(&self) -> Duration {
        Duration::from_nanos(self.nanos)
    }

    /// The average. `None` if nothing was recorded.
    #[inline]
    pub fn mean(&self) -> Option<Duration> {
        self.nanos.checked_div(self.count()).map(Duration::from_nanos)
    }

    /// The duration that the share `q` of all did not exceed, off by less than a factor of two: `quantile(0.5)` is the
    /// median, `quantile(0.99)` what one in a hundred exceeded. A `q` outside of 0 to 1 means the nearer of the two.
    /// `None` if nothing was recorded.
    ///
    /// ```
    /// use sideline_blocking_pool::Histogram;
    /// use std::time::Duration;
    ///
    /// let mut took = Histogram::new();
    /// assert_eq!(took.quantile(0.99), None);
    /// (0..99).for_each(|_| took.record(Duration::from_micros(3)));
    /// took.record(Duration::from_secs(3));
    /// assert!(took.quantile(0.9).unwrap() < Duration::from_micros(5));
    /// assert!(took.quantile(1.0).unwrap() > Duration::from_secs(2));
    /// ```
    #[inline]
    pub fn quantile(&self, q: f64) -> Option<Duration> {
        let count = self.count();
        // The cast saturates, and makes 0 of what is not a number.
        let rank = ((q * count as f64).ceil() as u64).clamp(1, count.max(1));
        let mut below = 0;
        for (index, &here) in self.counts.iter().enumerate() {
            if below + here >= rank {
                // As if those in one bucket lay evenly between its ends.
                let (low, high) = (lower_bound(index), upper_bound(index));
                let place = ((rank - below) as f64 - 0.5) / here as f64;
                return Some(Duration::from_nanos(low + ((high - low) as f64 * place) as u64));
            }
            below += here;
        }
        None
    }

    /// All buckets, the shortest durations first; the last has no upper end but the type's.
    ///
    /// ```
    /// use sideline_blocking_pool::Histogram;
    /// use std::time::Duration;
    ///
    /// let mut took = Histogram::new();
    /// took.record(Duration::from_nanos(1000));
    /// let bucket = took.buckets().find(|bucket| bucket.count > 0).unwrap();
    /// assert_eq!(bucket.at_most, Duration::from_nanos(1024));
    /// ```
    pub fn buckets(&self) -> impl DoubleEndedIterator<Item = Bucket> + ExactSizeIterator + '_ {
        let bucket = |(index, &count)| Bucket { at_most: Duration::from_nanos(upper_bound(index)), count };
        self.counts.iter().enumerate().map(bucket)
    }

    /// Adds all that was recorded in `other`.
    #[inline]
    pub fn merge(&mut self, other: &Self) {
        for (mine, theirs) in self.counts.iter_mut().zip(&other.counts) {
            *mine += theirs;
        }
        self.nanos = self.nanos.wrapping_add(other.nanos);
    }

    /// What was recorded after `earlier`, a snapshot of the same thing: the last minute's quantiles, say, where the
    /// histogram itself has all since the start.
    ///
    /// ```
    /// use sideline_blocking_pool::Histogram;
    /// use std::time::Duration;
    ///
    /// let mut took = Histogram::new();
    /// took.record(Duration::from_secs(1));
    /// let earlier = took.clone();
    /// took.record(Duration::from_millis(1));
    /// assert_eq!(took.since(&earlier).sum(), Duration::from_millis(1));
    /// ```
    #[must_use]
    #[inline]
    pub fn since(&self, earlier: &Self) -> Self {
        let mut rest = self.clone();
        for (mine, theirs) in rest.counts.iter_mut().zip(&earlier.counts) {
            *mine = mine.saturating_sub(*theirs);
        }
        rest.nanos = rest.nanos.wrapping_sub(earlier.nanos);
        rest
    }

    /// Adds what a recorder has in bucket `index`.
    #[inline]
    pub(super) fn add(&mut self, index: usize, count: u64) {
        self.counts[index] += count;
    }

    #[inline]
    pub(super) fn add_nanos(&mut self, nanos: u64) {
        self.nanos = self.nanos.wrapping_add(nanos);
    }
}

impl Default for Histogram {
    #[inline]
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Histogram {
    #[inline]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = f.debug_struct("Histogram");
        out.field("count", &self.count()).field("sum", &self.sum());
        for (name, q) in [("p50", 0.5), ("p99", 0.99), ("max", 1.0)] {
            if let Some(quantile) = self.quantile(q) {
                out.field(name, &quantile);
            }
        }
        out.finish_non_exhaustive()
    }
}

#[inline]
pub(super) fn bucket_of(nanos: u64) -> usize {
    // One less, so that a power of two is the last of its bucket: the ends are inclusive, as monitoring has them.
    (u64::BITS - nanos.saturating_sub(1).leading_zeros()) as usize
}

#[inline]
fn upper_bound(index: usize) -> u64 {
    1u64.checked_shl(index as u32).unwrap_or(u64::MAX)
}

#[inline]
fn lower_bound(index: usize) -> u64 {
    if index == 0 { 0 } else { upper_bound(index - 1) }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    fn of(nanos: &[u64]) -> Histogram {
        let mut histogram = Histogram::new();
        nanos.iter().for_each(|&nanos| histogram.record(Duration::from_nanos(nanos)));
        histogram
    }

    #[test]
    fn a_power_of_two_is_the_last_of_its_bucket() {
        assert_eq!((bucket_of(0), bucket_of(1), bucket_of(2), bucket_of(3)), (0, 0, 1, 2));
        for power in 1..64 {
            let border = 1u64 << power;
            assert_eq!((bucket_of(border), bucket_of(border + 1)), (power, power + 1));
        }
        assert_eq!(bucket_of(u64::MAX), Histogram::BUCKETS - 1);
    }

    #[test]
    fn every_duration_lies_within_the_ends_of_its_bucket() {
        for nanos in [0, 1, 2, 3, 4, 5, 1023, 1024, 1025, 1 << 40, (1 << 63) + 1, u64::MAX - 1, u64::MAX] {
            let index = bucket_of(nanos);
            assert!(nanos <= upper_bound(index) && (nanos > lower_bound(index) || nanos == 0), "{nanos}");
        }
    }

    #[test]
    fn the_longest_durations_are_counted_and_the_sum_wraps() {
        let mut longest = of(&[u64::MAX]);
        assert_eq!(longest.sum(), Duration::from_nanos(u64::MAX));
        longest.record(Duration::MAX);
        assert_eq!((longest.count(), longest.sum()), (2, Duration::from_nanos(u64::MAX - 1)));
        let last = longest.buckets().next_back().unwrap();
        assert_eq!((last.at_most, last.count), (Duration::from_nanos(u64::MAX), 2));
    }

    #[test]
    fn buckets_ascend_and_hold_everything() {
        let histogram = of(&[0, 1, 2, 3, 900, 1_000_000, u64::MAX]);
        let ends: Vec<_> = histogram.buckets().map(|bucket| bucket.at_most).collect();
        assert_eq!(ends.len(), Histogram::BUCKETS);
        assert!(ends.is_sorted_by(|a, b| a < b));
        assert_eq!(histogram.buckets().map(|bucket| bucket.count).sum::<u64>(), 7);
    }

    #[test]
    fn quantiles_are_off_by_less_than_a_factor_of_two() {
        let durations: Vec<u64> = (1..=10_000).map(|n| n * 137).collect();
        let histogram = of(&durations);
        for q in [0.001, 0.1, 0.25, 0.5, 0.9, 0.99, 0.999, 1.0] {
            let exact = durations[(q * 10_000.0) as usize - 1] as f64;
            let ratio = histogram.quantile(q).unwrap().as_nanos() as f64 / exact;
            assert!(ratio > 0.5 && ratio < 2.0, "{q}: {ratio}");
        }
    }

    #[test]
    fn quantiles_of_nothing_and_of_nonsense() {
        assert_eq!(Histogram::new().quantile(0.5), None);
        assert_eq!(Histogram::new().mean(), None);
        let histogram = of(&[100, 1_000_000]);
        assert_eq!(histogram.quantile(-1.0), histogram.quantile(0.0));
        assert_eq!(histogram.quantile(7.0), histogram.quantile(1.0));
        assert_eq!(histogram.quantile(f64::NAN), histogram.quantile(0.0));
        assert!(of(&[u64::MAX]).quantile(1.0).is_some());
    }

    #[test]
    fn merged_and_taken_apart_again() {
        let (a, b) = (of(&[0, 5, u64::MAX]), of(&[5, 1 << 30]));
        let mut both = a.clone();
        both.merge(&b);
        assert_eq!(both, of(&[0, 5, u64::MAX, 5, 1 << 30]));
        assert_eq!(both.since(&a), b, "across a sum that has wrapped");
        assert_eq!(a.since(&a), Histogram::new());
    }
}
