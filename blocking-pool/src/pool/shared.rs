//! What the threads of a pool, its handles and its jobs share.
//!
//! Its methods are where their protocols are: `submit/` (a closure's way in), `threads/summon.rs` (somebody to run it),
//! `shutdown/` (what is given up, and the end).

use std::sync::Arc;
use std::task::Waker;

use super::builder::Config;
use crate::control::dedicated::Dedicated;
use crate::control::limiter::Lines;
use crate::control::room::Room;
use crate::growth::Monitor;
use crate::metrics::{Counters, Stamp};
use crate::queue::Queues;
use crate::submit::gate::Gate;
use crate::submit::slow::SlowLine;
use crate::sync::atomic::AtomicBool;
use crate::sys::fork;
use crate::sys::lock::Mutex;
use crate::sys::padded::Padded;
use crate::sys::processors;
use crate::sys::until::Until;
use crate::threads::idle::Idle;
use crate::threads::roster::Roster;
use crate::user_code::contain;
use crate::user_code::report::Report;

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
    /// Held by whoever takes everything out of the queues and puts back what it was not looking for.
    pub(crate) sweep: Mutex<()>,
    pub(crate) room: Padded<Room>,
    pub(crate) slow: SlowLine,
    pub(crate) lines: Lines,
    pub(crate) dedicated: Dedicated,
    /// No thread is to be started, as the operating system has refused one.
    pub(crate) no_start_until: Until,
    /// A worker was tired, after a long job.
    pub(crate) long_jobs_until: Until,
    /// Handles were seen to move between threads.
    pub(crate) movers_until: Until,
    made: Stamp,
    /// See [`fork`].
    born: u32,
}

impl Shared {
    /// What may have to be dropped again, should a later part fail, comes last.
    pub(crate) fn new(config: Config) -> Arc<Self> {
        let (made, born) = (Stamp::now(), fork::note());
        let core_threads = config.core_threads;
        Arc::new(Self {
            gate: Padded(Gate::new()),
            idle: Padded(Idle::new()),
            monitor: Monitor::new(config.growth),
            abandoned: AtomicBool::new(false),
            sweep: Mutex::new(()),
            room: Padded(Room::new(config.queue_limit)),
            slow: SlowLine::new(config.max_threads.div_ceil(2)),
            lines: Lines::new(),
            dedicated: Dedicated::new(),
            no_start_until: Until::never(),
            long_jobs_until: Until::never(),
            movers_until: Until::never(),
            made,
            born,
            config,
            queues: Queues::new(core_threads),
            roster: Roster::new(),
            counters: Counters::new(core_threads),
        })
    }

    /// As many workers are awake as there are processors.
    pub(crate) fn is_saturated(&self) -> bool {
        let census = self.idle.census();
        census.threads().saturating_sub(census.idle()) >= processors::processors()
    }

    /// The pool's clock, in nanoseconds.
    pub(crate) fn clock(&self) -> u64 {
        self.clock_at(Stamp::now())
    }

    /// What it showed at a moment.
    pub(crate) fn clock_at(&self, moment: Stamp) -> u64 {
        moment.nanos_since(self.made)
    }

    /// Its threads are in another process.
    pub(crate) fn is_forked(&self) -> bool {
        fork::is_child_of(self.born)
    }

    /// Calls one of those who wait in a line. Not under its lock.
    #[inline]
    pub(crate) fn wake(&self, waker: Option<Waker>) {
        if let Some(waker) = waker {
            self.contain_waker(|| waker.wake());
        }
    }

    #[inline]
    pub(crate) fn discard_waker(&self, waker: Option<Waker>) {
        if let Some(waker) = waker {
            self.contain_waker(|| drop(waker));
        }
    }

    #[inline]
    fn contain_waker(&self, user: impl FnOnce()) {
        if let Err(payload) = contain::contain(user) {
            let message = contain::message_and_discard(payload);
            self.report(Report::HookPanicked { hook: "the waker of one who waits in line", message });
        }
    }
}
