//! What the threads of a pool, its handles and its jobs share.
//!
//! Its methods are where their protocols are: `submit.rs` (a closure's way in), `threads.rs` (somebody to run it),
//! `ending.rs` (what is given up, and the end).

use crate::builder::Config;
use crate::gate::Gate;
use crate::growth::Monitor;
use crate::idle::Idle;
use crate::metrics::{Counters, Metrics};
use crate::padded::Padded;
use crate::queue::Queues;
use crate::report::{self, Report};
use crate::roster::Roster;
use crate::shutdown::Survivor;
use crate::sync::atomic::{AtomicBool, AtomicUsize};
use crate::threads::Retry;

pub(crate) struct Shared {
    pub(crate) config: Config,
    /// Counts the jobs that were accepted, until it is shut.
    pub(crate) gate: Padded<Gate>,
    pub(crate) idle: Padded<Idle>,
    pub(crate) queues: Queues,
    pub(crate) counters: Counters,
    pub(crate) roster: Roster,
    pub(crate) monitor: Monitor,
    pub(crate) abandoned: AtomicBool,
    /// Jobs in the queue, counted only if there is a limit.
    pub(crate) queued: Padded<AtomicUsize>,
    pub(crate) retry: Retry,
}

impl Shared {
    pub(crate) fn new(config: Config) -> Self {
        let (queues, seats) = Queues::new(config.core_threads);
        Self {
            gate: Padded(Gate::new()),
            idle: Padded(Idle::new()),
            queues,
            counters: Counters::new(config.core_threads),
            roster: Roster::new(seats),
            monitor: Monitor::new(config.growth),
            abandoned: AtomicBool::new(false),
            queued: Padded(AtomicUsize::new(0)),
            retry: Retry::default(),
            config,
        }
    }

    /// The jobs that are running, of the tenants that `whose` picks.
    pub(crate) fn survivors(&self, whose: impl Fn(u64) -> bool) -> Vec<Survivor> {
        let desks = self.roster.desks();
        let running = desks.iter().filter_map(|desk| {
            let job = desk.read().filter(|job| whose(job.tenant))?;
            Some(Survivor { id: job.id, name: job.name, location: job.location, thread: desk.name.clone() })
        });
        running.collect()
    }

    pub(crate) fn metrics(&self) -> Metrics {
        let census = self.idle.census();
        let totals = self.counters.totals();
        let submitted = self.gate.count();
        Metrics {
            threads: census.threads(),
            idle: census.idle() + census.searching(),
            queued: submitted - totals.started - totals.cancelled,
            running: totals.started - totals.completed - totals.panicked,
            submitted,
            completed: totals.completed,
            panicked: totals.panicked,
            cancelled: totals.cancelled,
            expired: totals.expired,
            rejected: totals.rejected,
        }
    }

    pub(crate) fn report(&self, report: &Report) {
        report::tell(self.config.on_report.as_ref(), report);
    }
}
