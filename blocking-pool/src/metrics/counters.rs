//! The counters behind the metrics, and why they add up while they move.
//!
//! | step of a job | where it is counted |
//! |---|---|
//! | it is let in | in the gate |
//! | it is started | by the worker, in the histogram of queue waits |
//! | it has ended | by the worker, in that of run times; and once more if it panicked |
//! | its awaiter is woken, if somebody waits | by the worker, just before |
//! | its outcome is taken or dropped, after that | by the awaiter |
//!
//! Each step comes after the one before, in the memory model's sense, too: they are Release stores, and the job's own
//! handoffs lie between the threads. A reader goes backwards with Acquire: a job that it finds at a later step, it also finds at
//! the earlier ones. So no difference of two of them is ever negative. And "started" and "ended" are no numbers beside the
//! histograms but their counts, so those are equal in every snapshot. (One exception: an awaiter that
//! polls of its own accord may take an outcome after it is published and before its wake is counted.)
//!
//! Core workers write cells of their own, without read-modify-write; everybody else shares a set. (Workers above the core
//! are there because jobs block; what they share is not what slows them down.) Awaiters may be any threads; their cells
//! are shared, too, but each tenant has its set, or at most a few have the same.
//!
//! std's atomics even under loom: they are read for people, and decide nothing but how many threads to add.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::Metrics;
use super::cohorts::{Cohort, Cohorts};
use super::histogram::Histogram;
use super::recorder::Recorder;
use super::stamp::Stamp;
use crate::job::Ran;
use crate::pool::shared::Shared;
use crate::queue::Seat;
use crate::submit::gate::Gate;
use crate::sys::padded::Padded;

#[derive(Debug)]
pub(crate) struct Counters {
    /// One for each core worker, the last one for everybody else.
    workers: Vec<Padded<Ledger>>,
    /// Tenant `n` has the set `n` modulo their number.
    awaiters: Vec<Padded<Taken>>,
    cohorts: Cohorts,
    cancelled: AtomicU64,
    expired: AtomicU64,
    rejected: AtomicU64,
}

/// What a worker counts.
#[derive(Debug, Default)]
struct Ledger {
    /// The sign of progress, for the monitor: as many as are in `waited`, or are about to be.
    started: AtomicU64,
    panicked: AtomicU64,
    woken: AtomicU64,
    waited: Recorder,
    ran: Recorder,
}

/// What awaiters count.
#[derive(Debug, Default)]
struct Taken {
    handoff: Recorder,
    unread: AtomicU64,
}

/// The counters at one moment; later reads are never smaller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Totals {
    pub(crate) started: u64,
    pub(crate) ended: u64,
    pub(crate) cancelled: u64,
}

impl Counters {
    #[inline(never)]
    pub(crate) fn new(core: usize) -> Self {
        Self {
            workers: Padded::many(core + 1, Ledger::default),
            awaiters: Padded::many(core.next_power_of_two(), Taken::default),
            cohorts: Cohorts::new(core),
            cancelled: AtomicU64::new(0),
            expired: AtomicU64::new(0),
            rejected: AtomicU64::new(0),
        }
    }

    /// For how long the job that has waited longest has waited; `None` if none waits.
    #[inline]
    pub(crate) fn oldest_queued(&self, gate: &Gate) -> Option<Duration> {
        self.cohorts.oldest(gate, Stamp::now()).map(Duration::from_nanos)
    }

    /// A job is about to enter the gate.
    pub(crate) fn before_submission(&self, gate: &Gate, now: Stamp) {
        self.cohorts.before_entry(gate, now);
    }

    /// A worker begins to run a job of `cohort` that has waited for this long.
    pub(crate) fn started(&self, seat: Option<&Seat>, cohort: Cohort, waited_nanos: u64) {
        let ledger = self.ledger(seat);
        match seat {
            Some(_) => {
                ledger.started.store(ledger.started.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
                ledger.waited.record_nanos(waited_nanos);
            }
            None => {
                ledger.started.fetch_add(1, Ordering::Relaxed);
                ledger.waited.record_nanos_shared(waited_nanos);
            }
        }
        self.cohorts.leave(cohort, seat.map(|seat| seat.index()));
    }

    /// Its closure has ended.
    pub(crate) fn ended(&self, seat: Option<&Seat>, ran: Ran, ran_nanos: u64) {
        let ledger = self.ledger(seat);
        match seat {
            Some(_) => ledger.ran.record_nanos(ran_nanos),
            None => ledger.ran.record_nanos_shared(ran_nanos),
        }
        if ran == Ran::Panicked {
            // Release, and after the run time: pairs with read().
            ledger.panicked.fetch_add(1, Ordering::Release);
        }
    }

    /// Somebody waits for what it came to, and is about to be woken.
    pub(crate) fn woken(&self, seat: Option<&Seat>) {
        let woken = &self.ledger(seat).woken;
        // Release: pairs with read().
        match seat {
            Some(_) => woken.store(woken.load(Ordering::Relaxed) + 1, Ordering::Release),
            None => _ = woken.fetch_add(1, Ordering::Release),
        }
    }

    /// An awaiter that was woken has the outcome, this long after the end of the closure.
    pub(crate) fn taken(&self, tenant: u64, handoff_nanos: u64) {
        self.awaiter(tenant).handoff.record_nanos_shared(handoff_nanos);
    }

    /// An awaiter that was woken has dropped the outcome without having read it.
    pub(crate) fn unread(&self, tenant: u64) {
        // Release: pairs with read().
        self.awaiter(tenant).unread.fetch_add(1, Ordering::Release);
    }

    /// A job of `cohort` will never start.
    #[inline(never)]
    pub(crate) fn cancelled(&self, cohort: Cohort) {
        self.cancelled.fetch_add(1, Ordering::Release);
        self.cohorts.leave(cohort, None);
    }

    /// Of a job that was counted as cancelled: its deadline was why.
    pub(crate) fn expired(&self) {
        self.expired.fetch_add(1, Ordering::Release);
    }

    pub(crate) fn rejected(&self) {
        self.rejected.fetch_add(1, Ordering::Relaxed);
    }

    fn total(&self, of: fn(&Ledger) -> u64) -> u64 {
        let mut all = 0;
        for worker in &self.workers {
            all += of(worker);
        }
        all
    }

    fn ledger(&self, seat: Option<&Seat>) -> &Ledger {
        &self.workers[seat.map_or(self.workers.len() - 1, |seat| seat.index())]
    }

    fn awaiter(&self, tenant: u64) -> &Taken {
        // A power of two, so that a mask does for a division.
        &self.awaiters[tenant as usize & (self.awaiters.len() - 1)]
    }

    /// Only what became of how many, in the same order as all of it is [read](Metrics::read).
    #[inline]
    pub(crate) fn totals(&self) -> Totals {
        let cancelled = self.cancellations();
        let ended = self.total(|worker| worker.ran.count());
        let started = self.total(|worker| worker.waited.count());
        Totals { started, ended, cancelled }
    }

    /// Jobs started so far: the sign of progress.
    pub(crate) fn starts(&self) -> u64 {
        self.total(|worker| worker.started.load(Ordering::Relaxed))
    }

    pub(crate) fn cancellations(&self) -> u64 {
        self.cancelled.load(Ordering::Acquire)
    }
}

impl Metrics {
    #[inline]
    pub(crate) fn read(pool: &Shared) -> Self {
        let counters = &pool.counters;
        let census = pool.idle.census();
        let oldest_queued = counters.oldest_queued(&pool.gate);
        // The last steps first.
        let (mut unread, mut handoff) = (0, Histogram::new());
        for awaiter in &counters.awaiters {
            unread += awaiter.unread.load(Ordering::Acquire);
            awaiter.handoff.add_to(&mut handoff);
        }
        let woken = counters.total(|worker| worker.woken.load(Ordering::Acquire));
        let panicked = counters.total(|worker| worker.panicked.load(Ordering::Acquire));
        let (mut run_time, mut queue_wait) = (Histogram::new(), Histogram::new());
        counters.workers.iter().for_each(|worker| worker.ran.add_to(&mut run_time));
        counters.workers.iter().for_each(|worker| worker.waited.add_to(&mut queue_wait));
        // Of each expired job, the cancellation was counted before.
        let expired = counters.expired.load(Ordering::Acquire);
        let cancelled = counters.cancellations();
        let submitted = pool.gate.count();
        let (started, ended) = (queue_wait.count(), run_time.count());
        Stamp::now().refine();
        Self {
            threads: census.threads(),
            dedicated: pool.dedicated.count(),
            idle: census.idle() + census.searching(),
            queued: submitted - started - cancelled,
            oldest_queued,
            running: started - ended,
            undelivered: woken.saturating_sub(handoff.count() + unread),
            submitted,
            completed: ended - panicked,
            panicked,
            cancelled,
            expired,
            rejected: counters.rejected.load(Ordering::Relaxed),
            unread,
            queue_wait,
            run_time,
            handoff,
        }
    }
}
