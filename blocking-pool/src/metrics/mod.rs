//! What the pool has done so far, in numbers that add up.

mod histogram;
mod recorder;

use std::sync::atomic::{AtomicU64, Ordering};

use crate::job::Ran;
use crate::padded::Padded;
use crate::queue::Seat;

pub use histogram::{Bucket, Histogram};
pub use recorder::Recorder;

/// A snapshot of a pool's numbers.
///
/// `submitted == queued + running + completed + panicked + cancelled`, in every snapshot: the first two are what the
/// others leave over. A job is counted as completed before its awaiter can see the result.
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
    /// Jobs whose closure is running.
    pub running: u64,
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
    /// Closures that were never accepted: the queue was full or the pool closed. Not part of `submitted`.
    pub rejected: u64,
}

/// The counters behind it: core workers write their own cells, everybody else shares one.
///
/// std's atomics even under loom: they are read for people, and decide nothing.
#[derive(Debug)]
pub(crate) struct Counters {
    workers: Box<[Padded<WorkerCounters>]>,
    cancelled: AtomicU64,
    expired: AtomicU64,
    rejected: AtomicU64,
}

#[derive(Debug, Default)]
struct WorkerCounters {
    started: AtomicU64,
    completed: AtomicU64,
    panicked: AtomicU64,
}

/// The counters at one moment; later reads are never smaller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Totals {
    pub(crate) started: u64,
    pub(crate) completed: u64,
    pub(crate) panicked: u64,
    pub(crate) cancelled: u64,
    pub(crate) expired: u64,
    pub(crate) rejected: u64,
}

impl Counters {
    pub(crate) fn new(core: usize) -> Self {
        Self {
            workers: (0..=core).map(|_| Padded::default()).collect(),
            cancelled: AtomicU64::new(0),
            expired: AtomicU64::new(0),
            rejected: AtomicU64::new(0),
        }
    }

    pub(crate) fn started(&self, seat: Option<&Seat>) {
        self.bump(seat, |worker| &worker.started);
    }

    pub(crate) fn ended(&self, seat: Option<&Seat>, ran: Ran) {
        match ran {
            Ran::Completed => self.bump(seat, |worker| &worker.completed),
            Ran::Panicked => self.bump(seat, |worker| &worker.panicked),
        }
    }

    pub(crate) fn cancelled(&self) {
        self.cancelled.fetch_add(1, Ordering::Release);
    }

    pub(crate) fn expired(&self) {
        self.expired.fetch_add(1, Ordering::Release);
    }

    pub(crate) fn rejected(&self) {
        self.rejected.fetch_add(1, Ordering::Relaxed);
    }

    fn bump(&self, seat: Option<&Seat>, which: fn(&WorkerCounters) -> &AtomicU64) {
        // Release: pairs with totals(), which reads ends before starts and so never sees an end without its start.
        match seat {
            Some(seat) => {
                let mine = which(&self.workers[seat.index]);
                mine.store(mine.load(Ordering::Relaxed) + 1, Ordering::Release);
            }
            None => _ = which(&self.workers[self.workers.len() - 1]).fetch_add(1, Ordering::Release),
        }
    }

    pub(crate) fn totals(&self) -> Totals {
        let sum = |which: fn(&WorkerCounters) -> &AtomicU64| -> u64 {
            self.workers.iter().map(|worker| which(worker).load(Ordering::Acquire)).sum()
        };
        // Ends first, then starts; the gate, which counted each of them before, is read by the caller after this.
        let (completed, panicked) = (sum(|w| &w.completed), sum(|w| &w.panicked));
        // Of each expired job, the cancellation was counted before.
        let expired = self.expired.load(Ordering::Acquire);
        let cancelled = self.cancelled.load(Ordering::Acquire);
        let rejected = self.rejected.load(Ordering::Relaxed);
        Totals { started: sum(|w| &w.started), completed, panicked, cancelled, expired, rejected }
    }

    /// Jobs started so far: the sign of progress.
    pub(crate) fn starts(&self) -> u64 {
        self.workers.iter().map(|worker| worker.started.load(Ordering::Relaxed)).sum()
    }
}
