//! What the pool has done so far, and how long that took, in numbers that add up.
//!
//! `counters.rs` counts, and says why the sums hold; `histogram.rs` and `recorder.rs` are durations, read and written;
//! `stamp.rs` is the clock, `cohorts.rs` the age of the oldest job in the queue, `facade.rs` passes it all on.

mod cohorts;
mod counters;
#[cfg(feature = "metrics")]
mod facade;
mod histogram;
mod recorder;
mod stamp;

use std::time::Duration;

pub(crate) use cohorts::Cohort;
pub(crate) use counters::Counters;
#[cfg(feature = "metrics")]
pub use facade::MetricsPublisher;
pub use histogram::{Bucket, Histogram};
pub use recorder::Recorder;
pub(crate) use stamp::Stamp;

/// A snapshot of a pool's numbers.
///
/// In every snapshot, also while jobs come and go:
///
/// * `submitted == queued + running + completed + panicked + cancelled`,
/// * `queue_wait.count() == running + completed + panicked`: every job that was started has waited,
/// * `run_time.count() == completed + panicked`.
///
/// They hold because `queued` and `running` are what the others leave over: a job that moves on while the snapshot is
/// taken may be counted where it was. A job is counted as completed before its awaiter can see the result. `threads`,
/// `idle`, `oldest_queued` and the sums of the histograms may be a moment older or newer than the counts. When nothing
/// moves, all of it is exact.
///
/// Durations are measured with the processor's counter where the operating system trusts it, otherwise with the
/// monotonic clock; they are right to some tenths of a percent and some tens of nanoseconds. When one job follows another
/// on a worker without anybody being woken in between, the end of the first is the start of the second.
///
/// ```
/// use pollster::block_on;
/// use sideline_blocking_pool::Pool;
/// use std::time::Duration;
///
/// let pool = Pool::new();
/// block_on(pool.spawn(|| std::thread::sleep(Duration::from_millis(2)))).unwrap();
/// let m = pool.metrics();
/// assert_eq!((m.completed, m.run_time.count(), m.oldest_queued), (1, 1, None));
/// assert!(m.run_time.quantile(0.99).unwrap() > Duration::from_millis(1));
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Metrics {
    /// Worker threads, those being started included; the monitor thread is not.
    pub threads: usize,
    /// Threads of dedicated closures, which are not among `threads`; nor are the closures among the jobs below.
    pub dedicated: usize,
    /// Workers without a job: parked, or looking for one.
    pub idle: usize,
    /// Jobs that wait for a thread.
    pub queued: u64,
    /// For how long the job that has waited longest of these has waited. `None` if none waits.
    ///
    /// Jobs that were submitted within the same tenth of a millisecond may be taken for one another, so this can be too
    /// long by that, and in a long backlog by about a sixth of the time for which it has been growing.
    pub oldest_queued: Option<Duration>,
    /// Jobs whose closure is running.
    pub running: u64,
    /// Jobs that have ended, whose awaiters have been woken and have not taken the outcome yet. Above zero for long, the
    /// awaiters' executor is late.
    pub undelivered: u64,
    /// Jobs accepted since the pool was made.
    pub submitted: u64,
    /// Jobs whose closure has returned.
    pub completed: u64,
    /// Jobs whose closure has panicked.
    pub panicked: u64,
    /// Jobs taken out of the queue before they started: by `abort`, by a shutdown, because their
    /// deadline had passed, or given back for want of a thread.
    pub cancelled: u64,
    /// Those among the cancelled that had not started by their deadline.
    pub expired: u64,
    /// Closures that were never accepted: the queue was full, the pool closed or another process's, or a dedicated one
    /// found no thread. Not part of `submitted`.
    pub rejected: u64,
    /// Jobs whose awaiters were woken and dropped the outcome unread: a timeout or a `select` has let go of them.
    pub unread: u64,
    /// From the submission to the start of each job that was started.
    pub queue_wait: Histogram,
    /// From the start to the end of each closure that has ended, by return or panic. What it had captured is dropped
    /// by then.
    pub run_time: Histogram,
    /// How long an outcome has lain ready for somebody who was waiting for it: from the end of the closure to the moment
    /// in which its awaiter took what came of it. Only for those who had asked before, and were woken: an outcome that
    /// was there when it was first asked for has kept nobody waiting, and is not counted; nor is one that nobody read.
    pub handoff: Histogram,
}
