//! What a pool thread does: find a job, run it, be free, deliver.
//!
//! The loop holds one invariant: at its head the thread counts as searching ([`crate::threads::idle`]).
//!
//! | file | what it is |
//! |---|---|
//! | [`resting`], [`gathering`] | what it does when it has found nothing; when it leaves jobs time to become more |
//! | [`current`] | which worker the current thread is |
//! | [`desk`] | what it is doing now, for others to read |
//! | [`hooks`] | what the user wants done when it begins and ends |
//! | [`priority`], [`time_slice`] | what it asks of the kernel's scheduler, so that the loop comes first |
//! | [`fatigue`], [`crowd`] | what the scheduler thinks of it: it has computed for long; others want its processor |

mod crowd;
mod current;
pub(crate) mod desk;
mod fatigue;
mod gathering;
mod hooks;
pub(crate) mod priority;
mod resting;
mod time_slice;

use std::cell::Cell;
use std::sync::Arc;

use crate::growth::thread_state;
use crate::job::{Claimed, Delivery, Entry, Ready};
use crate::metrics::Stamp;
use crate::pool::shared::Shared;
use crate::queue::Seat;
use crate::threads::park::Parker;
use crate::threads::roster::Role;
use crate::threads::spin::Spinner;

use crowd::Crowd;
use current::Present;
pub(crate) use current::{is_inside, is_or_was_of, push_nested, running_tenant};
use desk::{Desk, Seated};
use fatigue::Fatigue;
use gathering::Gap;
use resting::Rest;
use time_slice::TimeSlice;

/// What a worker has to itself. It lies on its thread's stack, where the jobs that it runs find it (`current.rs`).
struct Worker {
    pool: Arc<Shared>,
    desk: Arc<Desk>,
    /// `None`: a worker above the core, which has no deque and leaves when it has been idle for the keep-alive.
    seat: Option<Seat>,
    parker: Arc<Parker>,
    /// How many jobs of its own deque it has run since it last looked at the injector.
    streak: Cell<u32>,
    /// How often it has looked everywhere for a job.
    searches: Cell<u32>,
    /// How the next job will be found.
    found: Cell<Found>,
    fatigue: Fatigue,
    crowd: Crowd,
    slice: TimeSlice,
    gap: Gap,
}

/// How a worker has come to find a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Found {
    /// By having been called: it was asleep, and what it sees has been waiting for at least as long as that took.
    WhenCalled,
    /// While it was awake.
    WhenAwake,
}

/// How many jobs of its own deque a worker runs before it looks at the injector once, so that jobs from outside do
/// not wait for a family of nested ones to die out.
const FAIRNESS: u32 = 61;
/// In one of this many searches a worker looks into the others' deques before it looks into the injector. A job that was taken in
/// a batch, and now lies behind a long one, must not have to wait until nothing comes from outside any more.
const STEAL_FIRST: u32 = 16;

/// For how long one long job says something about the next ones, in nanoseconds.
const LATELY: u64 = 1_000_000_000;

/// The body of a worker thread. It has been counted as a thread, and as searching, before it was started.
pub(crate) fn main(pool: Arc<Shared>, desk: Arc<Desk>, role: Role) {
    // Absent in a closed pool whose core workers have gone: then this one serves without a seat.
    let seat = if role == Role::Core { pool.queues.take_seat() } else { None };
    thread_state::note_tid(&desk);
    priority::lower_current_thread(pool.config.nice);
    let slice = TimeSlice::new(pool.config.nice > 0);
    let worker = Worker {
        pool,
        desk,
        seat,
        parker: Arc::new(Parker::new()),
        streak: Cell::new(0),
        searches: Cell::new(0),
        found: Cell::new(Found::WhenCalled),
        fatigue: Fatigue::new(),
        crowd: Crowd::new(),
        slice,
        gap: Gap::none(),
    };
    let present = (Present::new(&worker), Seated::at(&worker.desk));
    worker.pool.on_thread_start();
    let mut spinner = Spinner::new();
    loop {
        worker.let_some_gather();
        if let Some(entry) = worker.find() {
            worker.pool.found(worker.found.replace(Found::WhenAwake));
            worker.work(entry);
        } else if !worker.spin(&mut spinner) && matches!(worker.rest(&mut spinner), Rest::Leave) {
            break;
        }
    }
    worker.pool.on_thread_stop();
    drop(present);
    worker.pool.roster.leave(&worker.desk, worker.pool.gate.is_closed());
}

impl Worker {
    /// Looks everywhere once.
    fn find(&self) -> Option<Entry> {
        let seat = self.seat.as_ref();
        let queues = &self.pool.queues;
        let searches = self.searches.get().wrapping_add(1);
        self.searches.set(searches);
        if let Some(entry) = seat.and_then(|seat| queues.pop_own(seat)) {
            return Some(entry);
        }
        let stolen = || queues.steal_from(seat.map_or(0, |seat| seat.index() + 1));
        if searches % STEAL_FIRST == 0 {
            if let Some(entry) = stolen() {
                return Some(entry);
            }
        }
        queues.take_injected(seat).or_else(stolen)
    }

    /// The next job, if it can be had without searching: from the worker's own deque, now and then from the injector.
    fn next_own(&self) -> Option<Entry> {
        let seat = self.seat.as_ref()?;
        let queues = &self.pool.queues;
        let streak = self.streak.get() + 1;
        let is_turn_of_others = streak == FAIRNESS;
        self.streak.set(if is_turn_of_others { 0 } else { streak });
        let injected = if is_turn_of_others { queues.take_injected(Some(seat)) } else { None };
        injected.or_else(|| queues.pop_own(seat))
    }

    /// Runs `entry`, and then what is in the worker's own deque. The thread does not count as searching before this, and does
    /// again afterwards.
    fn work(&self, mut entry: Entry) {
        let mut now = Stamp::now();
        while let Some(next) = self.work_one(entry, &mut now) {
            entry = next;
        }
    }

    /// Runs `entry`, if it is still to be run, and returns what follows it in the worker's own deque. If nothing does, the thread
    /// counts as searching again.
    ///
    /// The clock is read once a job: when one ends the next begins, unless the user's waker or drop has run in between.
    fn work_one(&self, entry: Entry, now: &mut Stamp) -> Option<Entry> {
        self.pool.queues.note_taken(self.seat.as_ref());
        let Some(job) = entry.claim() else { return self.next_or_search() };
        if let Some(why) = job.forbid() {
            job.refuse(why);
            *now = Stamp::now();
            return self.next_or_search();
        }
        let (ready, end) = self.run(job, *now);
        *now = end;
        let next = self.next_own();
        if next.is_none() {
            self.deliver_last(ready, end);
        } else if self.deliver(ready, end) == Delivery::UserCode {
            *now = Stamp::now();
        }
        next
    }

    /// Runs a claimed job, and measures it. Returns the moment at which the closure ended, too.
    #[inline]
    fn run(&self, job: Claimed, start: Stamp) -> (Ready, Stamp) {
        let counters = &self.pool.counters;
        let submission = job.times().submission();
        let waited = start.nanos_since(submission.at());
        counters.started(self.seat.as_ref(), submission.cohort(), waited);
        if let Some(limiter) = job.limiter() {
            limiter.times().queue_wait.record_nanos_shared(waited);
        }
        let is_named = job.has_terms() && job.name().map(|name| self.desk.set_name(Some(name))).is_some();
        self.desk.begin(job.id(), job.location(), job.account().id);
        let (ran, ready) = job.run();
        self.desk.end();
        let end = Stamp::now();
        if is_named {
            self.desk.set_name(None);
        }
        let took = end.nanos_since(start);
        counters.ended(self.seat.as_ref(), ran, took);
        if let Some(limiter) = ready.limiter() {
            limiter.times().run_time.record_nanos_shared(took);
        }
        (ready, end)
    }

    fn deliver(&self, ready: Ready, end: Stamp) -> Delivery {
        ready.deliver(end, &|| self.pool.counters.woken(self.seat.as_ref()))
    }

    /// Delivers the outcome of the last job in a row, after which the thread counts as searching: before, as a rule.
    fn deliver_last(&self, ready: Ready, end: Stamp) {
        let idle = &self.pool.idle;
        let is_awaiter_busy = ready.account().is_awaiter_busy();
        // We may be put aside as soon as the awaiter is awake: let it rely on those who are idle.
        let late = self.is_tired(end) && idle.census().idle() > 0;
        if !late {
            // Free before delivered: see `crate::threads::idle`.
            idle.start_searching();
        }
        let delivery = self.deliver(ready, end);
        if late {
            idle.start_searching();
        }
        self.gap.note(is_awaiter_busy, delivery);
    }

    #[cold]
    #[inline(never)]
    fn next_or_search(&self) -> Option<Entry> {
        let next = self.next_own();
        if next.is_none() {
            self.pool.idle.start_searching();
        }
        next
    }

    /// After the last job in a row: has it been computing for long? Then it may well go on like that.
    fn is_tired(&self, now: Stamp) -> bool {
        let is_tired = self.fatigue.is_tired(now);
        if is_tired {
            self.pool.long_jobs_until.set(self.pool.clock_at(now) + LATELY);
            self.slice.lengthen();
        }
        is_tired
    }
}
