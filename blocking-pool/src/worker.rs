//! What a pool thread does: find a job, run it, be free, deliver; lie down when there is none.
//!
//! The loop holds one invariant: at its head the thread counts as searching ([`crate::idle`]).

use std::cell::{Cell, RefCell};
use std::mem::ManuallyDrop;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use crate::contain;
use crate::crowd::Crowd;
use crate::desk::Desk;
use crate::fatigue::{Condition, Fatigue};
use crate::growth::sample;
use crate::job::{Delivery, Entry};
use crate::metrics::Stamp;
use crate::park::Parker;
use crate::priority;
use crate::queue::Seat;
use crate::roster::Role;
use crate::shared::Shared;
use crate::spin::{self, Spinner};
use crate::sync::{left_out, thread_local};
use crate::time_slice::TimeSlice;

thread_local! {
    /// Emptied by the worker itself, at its end, and so without a destructor. For a thread-local with one, std's code to run it
    /// is compiled along, and each access asks first whether it has been dropped.
    static LOCAL: ManuallyDrop<RefCell<Option<Rc<Local>>>> = const { ManuallyDrop::new(RefCell::new(None)) };

    /// The pool that this thread was started by: an address, to be compared. Without a destructor, so that it exists to the very
    /// end of the thread.
    static STARTED_BY: Cell<usize> = const { Cell::new(0) };
}

/// A worker's own belongings, also reachable from the jobs it runs.
struct Local {
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
    /// What it was in after its last jobs.
    condition: Cell<Condition>,
    slice: TimeSlice,
    /// Pauses before each look at the injector: see `let_some_gather`.
    gap: Cell<u32>,
}

/// How a worker has come to find a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Found {
    /// By having been called: it was asleep, and what it sees has been waiting for at least as long as that took.
    WhenCalled,
    /// While it was awake.
    WhenAwake,
}

enum Rest {
    /// There may be something to do.
    Search,
    /// Off the count: end the thread.
    Leave,
}

/// How many jobs of its own deque a worker runs before it looks at the injector once, so that jobs from outside do
/// not wait for a family of nested ones to die out.
const FAIRNESS: u32 = 61;
/// In one of so many searches a worker looks into the others' deques before it looks into the injector. A job that was taken in
/// a batch, and now lies behind a long one, must not have to wait until nothing comes from outside any more.
const STEAL_FIRST: u32 = 16;

/// For how long one long job says something about the next ones, in nanoseconds.
const LATELY: u64 = 1_000_000_000;

/// The most pauses before a look: 5 to 10 us.
const LONGEST_GAP: u32 = 255;

/// The body of a worker thread. It has been counted as a thread, and as searching, before it was started.
pub(crate) fn main(pool: Arc<Shared>, desk: Arc<Desk>, role: Role) {
    // Absent in a closed pool whose core workers have gone: then this one serves without a seat.
    let seat = if role == Role::Core { pool.roster.take_seat() } else { None };
    sample::note_tid(&desk);
    priority::lower_current_thread(pool.config.nice);
    let slice = TimeSlice::new(pool.config.nice > 0);
    STARTED_BY.with(|by| by.set(Arc::as_ptr(&pool) as usize));
    let local = Rc::new(Local {
        pool,
        desk,
        seat,
        parker: Arc::new(Parker::new()),
        streak: Cell::new(0),
        searches: Cell::new(0),
        found: Cell::new(Found::WhenCalled),
        fatigue: Fatigue::new(),
        crowd: Crowd::new(),
        condition: Cell::new(Condition::Rested),
        slice,
        gap: Cell::new(0),
    });
    LOCAL.with(|slot| *slot.borrow_mut() = Some(Rc::clone(&local)));
    local.pool.on_thread_start();
    let mut spinner = Spinner::new();
    loop {
        local.let_some_gather();
        if let Some(entry) = local.find() {
            local.pool.found(local.found.replace(Found::WhenAwake));
            local.work(entry);
        } else if !local.spin(&mut spinner) && matches!(local.rest(&mut spinner), Rest::Leave) {
            break;
        }
    }
    local.pool.on_thread_stop();
    let _ = LOCAL.with(|slot| slot.borrow_mut().take());
    local.pool.roster.leave(&local.desk, local.pool.gate.is_closed());
}

/// Pushes to the current worker's own deque, if it is a core worker of `pool` and there is room; the entry back otherwise.
#[inline]
pub(crate) fn push_nested(pool: &Arc<Shared>, entry: Entry) -> Result<(), Entry> {
    let mut entry = Some(entry);
    on_worker_of(pool, |local| {
        if let Some(seat) = &local.seat {
            // If it is full, the injector is not.
            entry = entry.take().and_then(|entry| seat.deque.push(entry).err());
        }
    });
    entry.map_or(Ok(()), Err)
}

/// The tenant whose job the current thread is running, if it is a worker of `pool`.
pub(crate) fn running_tenant(pool: &Arc<Shared>) -> Option<u64> {
    place(pool).flatten()
}

/// Whether the current thread is a worker of `pool`.
pub(crate) fn is_inside(pool: &Arc<Shared>) -> bool {
    place(pool).is_some()
}

/// `None`: not on a worker of `pool`. `Some(None)`: in none of its jobs.
fn place(pool: &Arc<Shared>) -> Option<Option<u64>> {
    on_worker_of(pool, |local| local.desk.own_tenant())
}

/// Whether the current thread is a worker of `pool`, or was one and is ending: its thread-locals are being dropped.
pub(crate) fn is_or_was_of(pool: &Arc<Shared>) -> bool {
    STARTED_BY.try_with(|by| by.get() == Arc::as_ptr(pool) as usize).unwrap_or(false)
}

fn on_worker_of<R>(pool: &Arc<Shared>, then: impl FnOnce(&Local) -> R) -> Option<R> {
    // None: not a worker, or no longer. Err: only in a loom model, at the end of a thread.
    let found = LOCAL.try_with(|slot| {
        slot.borrow().as_ref().filter(|local| Arc::ptr_eq(&local.pool, pool)).map(|l| then(l))
    });
    found.ok().flatten()
}

impl Local {
    /// Looks everywhere once.
    fn find(&self) -> Option<Entry> {
        let seat = self.seat.as_ref();
        let queues = &self.pool.queues;
        let searches = self.searches.get().wrapping_add(1);
        self.searches.set(searches);
        let own = || seat.and_then(|seat| seat.deque.pop());
        let injected = || queues.take_injected(seat);
        let stolen = || queues.steal_from(seat.map_or(0, |seat| seat.index + 1));
        if searches % STEAL_FIRST == 0 {
            own().or_else(stolen).or_else(injected)
        } else {
            own().or_else(injected).or_else(stolen)
        }
    }

    /// The next job, if it can be had without searching: from the worker's own deque, now and then from the injector.
    fn next_own(&self) -> Option<Entry> {
        let seat = self.seat.as_ref()?;
        let streak = self.streak.get() + 1;
        if streak < FAIRNESS {
            self.streak.set(streak);
            return seat.deque.pop();
        }
        self.streak.set(0);
        self.pool.queues.take_injected(Some(seat)).or_else(|| seat.deque.pop())
    }

    /// Runs `entry`, and then what is in the worker's own deque. The thread does not count as searching before this, and does
    /// again afterwards.
    fn work(&self, mut entry: Entry) {
        let mut now = Stamp::now();
        while let Some(next) = self.work_one(entry, &mut now) {
            entry = next;
        }
    }

    /// The clock is read once a job: when one ends the next begins, unless the user's waker or drop has run in between.
    fn work_one(&self, entry: Entry, now: &mut Stamp) -> Option<Entry> {
        let (pool, seat) = (&self.pool, self.seat.as_ref());
        pool.queues.note_taken(seat);
        let Some(job) = entry.claim() else { return self.next_or_search() };
        if let Some(why) = job.forbid() {
            job.refuse(why);
            *now = Stamp::now();
            return self.next_or_search();
        }
        let start = *now;
        let submission = job.times().submission();
        let waited = start.nanos_since(submission.at());
        pool.counters.started(seat, submission.cohort(), waited);
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
        pool.counters.ended(seat, ran, took);
        if let Some(limiter) = ready.limiter() {
            limiter.times().run_time.record_nanos_shared(took);
        }
        let on_wake = || pool.counters.woken(seat);
        let next = self.next_own();
        if next.is_some() {
            let delivery = ready.deliver(end, on_wake);
            *now = if delivery == Delivery::UserCode { Stamp::now() } else { end };
            return next;
        }
        *now = end;
        let is_awaiter_busy = ready.account().is_awaiter_busy();
        if self.is_tired(end) && pool.idle.census().idle() > 0 {
            // We may be put aside as soon as the awaiter is awake: let it rely on those who are idle.
            self.note_hurry(is_awaiter_busy, ready.deliver(end, on_wake));
            pool.idle.start_searching();
        } else {
            // Free before delivered: see `crate::idle`.
            pool.idle.start_searching();
            self.note_hurry(is_awaiter_busy, ready.deliver(end, on_wake));
        }
        None
    }

    fn next_or_search(&self) -> Option<Entry> {
        let next = self.next_own();
        if next.is_none() {
            self.pool.idle.start_searching();
        }
        next
    }

    /// After the last job in a row: has it been computing for long? Then it may well go on like that.
    fn is_tired(&self, now: Stamp) -> bool {
        let condition = self.fatigue.condition(now);
        self.condition.set(condition);
        if condition == Condition::Tired {
            self.pool.long_jobs_until.set(self.pool.clock_at(now) + LATELY);
            self.slice.lengthen();
        }
        condition == Condition::Tired
    }

    /// Before looking for more: each look, and each batch that is found, takes from the submitter the cache lines that its next
    /// push has to write, some 0.5 us of its time. If somebody waits for each outcome, that is what it costs to be quick.
    /// If one outcome after the other is published before anybody has asked for it, somebody is submitting faster than
    /// awaiting, and nobody is in a hurry; nor if the awaiter says that it has other things to do
    /// ([`Tenant::set_awaiter_busy`](crate::Tenant::set_awaiter_busy)). Then the worker looks less and less often, finds a
    /// dozen jobs at a time instead of one or two, and leaves the submitter alone meanwhile. The first outcome that was
    /// waited for ends that. If a batch waits already there is nothing to gather; and if others want the processor, they
    /// would gather more jobs with it.
    fn let_some_gather(&self) {
        let gap = self.gap.get();
        if gap > 0
            && Spinner::can_pay()
            && !self.pool.queues.is_known_to_hold_a_batch()
            && !self.crowd.was_there()
        {
            spin::pause(gap);
        }
    }

    /// Nothing found: waits a little for the next job without parking, if that has been paying off, nobody else does, and
    /// nobody else wants the processor. Submitters see a searcher meanwhile, and have nothing to do but push.
    ///
    /// It does not look at the gate, whose line every submission writes, too: a pool that is closed is noticed after this.
    fn spin(&self, spinner: &mut Spinner) -> bool {
        self.pool.idle.census().searching() == 1
            && spinner.is_an_occasion()
            && Spinner::can_pay()
            && !self.crowd.is_there()
            && spinner.look(Spinner::LIMIT, self.gap.get(), || self.pool.queues.has_injected())
    }

    /// After the last job in a row: whether somebody was in a hurry for its outcome. See `let_some_gather`.
    fn note_hurry(&self, is_awaiter_busy: bool, last: Delivery) {
        let is_nobody_in_a_hurry = is_awaiter_busy || last == Delivery::Quiet;
        self.gap.set(if is_nobody_in_a_hurry { (2 * self.gap.get() + 1).min(LONGEST_GAP) } else { 0 });
    }

    /// Nothing found: lies down, looks a last time, sleeps. Searching before; searching again after, or gone.
    fn rest(&self, spinner: &mut Spinner) -> Rest {
        let (idle, pool) = (&self.pool.idle, &self.pool);
        let now = Stamp::now();
        now.refine();
        idle.lie_down(&self.parker, self.condition.replace(Condition::Rested));
        // The last look: a submitter that saw us searching has called nobody.
        if !left_out("idle-last-look") && (pool.queues.has_work() || pool.is_drained()) {
            if !idle.get_up(&self.parker) {
                self.parker.park();
            }
            if pool.is_drained() {
                idle.leave();
                if !left_out("last-leaver-calls") {
                    // A worker that lay down before the last entry was taken hears of it from nobody else.
                    pool.call_everybody();
                }
                return Rest::Leave;
            }
            return Rest::Search;
        }
        self.slice.restore();
        self.fatigue.goes_to_sleep(now);
        if self.seat.is_some() {
            self.parker.park();
        } else if !self.parker.park_for(pool.config.keep_alive) {
            if idle.retire(&self.parker) {
                return Rest::Leave;
            }
            // Called in the last moment: the token is there or about to be.
            self.parker.park();
        }
        let woken = Stamp::now();
        spinner.slept(Duration::from_nanos(woken.nanos_since(now)));
        self.woke_up(woken);
        Rest::Search
    }

    fn woke_up(&self, now: Stamp) {
        self.found.set(Found::WhenCalled);
        self.fatigue.woke_up(now);
        if self.pool.long_jobs_until.is_to_come(|| self.pool.clock()) {
            self.slice.lengthen();
        }
    }
}

impl Shared {
    fn on_thread_start(&self) {
        self.run_hook("on_thread_start", self.config.on_start.as_deref());
    }

    fn on_thread_stop(&self) {
        self.run_hook("on_thread_stop", self.config.on_stop.as_deref());
    }

    fn run_hook(&self, name: &'static str, hook: Option<&(dyn Fn() + Send + Sync)>) {
        let Some(hook) = hook else { return };
        if let Err(payload) = contain::contain(hook) {
            let message = contain::message_and_discard(payload);
            self.report(crate::Report::HookPanicked { hook: name, message });
        }
    }
}
