//! What a pool thread does: find a job, run it, be free, deliver; lie down when there is none.
//!
//! The loop holds one invariant: at its head the thread counts as searching ([`crate::idle`]).

mod current;
mod gathering;

use std::cell::Cell;
use std::sync::Arc;
use std::time::Duration;

use crate::contain;
use crate::crowd::Crowd;
use crate::desk::Desk;
use crate::fatigue::{Condition, Fatigue};
use crate::growth::sample;
use crate::job::{Claimed, Delivery, Entry, Ready};
use crate::metrics::Stamp;
use crate::park::Parker;
use crate::priority;
use crate::queue::Seat;
use crate::roster::Role;
use crate::shared::Shared;
use crate::spin::Spinner;
use crate::sync::left_out;
use crate::time_slice::TimeSlice;

use current::Present;
pub(crate) use current::{is_inside, is_or_was_of, push_nested, running_tenant};
use gathering::Gap;

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

enum Rest {
    /// There may be something to do.
    Search,
    /// Off the count: end the thread.
    Leave,
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
    let seat = if role == Role::Core { pool.roster.take_seat() } else { None };
    sample::note_tid(&desk);
    priority::lower_current_thread(pool.config.nice);
    let slice = TimeSlice::new(pool.config.nice > 0);
    let local = Local {
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
        gap: Gap::none(),
    };
    let present = Present::new(&local);
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
    drop(present);
    local.pool.roster.leave(&local.desk, local.pool.gate.is_closed());
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

    #[inline]
    fn deliver(&self, ready: Ready, end: Stamp) -> Delivery {
        ready.deliver(end, || self.pool.counters.woken(self.seat.as_ref()))
    }

    /// Delivers the outcome of the last job in a row, and counts the thread as searching: before, as a rule.
    #[inline]
    fn deliver_last(&self, ready: Ready, end: Stamp) {
        let idle = &self.pool.idle;
        let is_awaiter_busy = ready.account().is_awaiter_busy();
        let delivery = if self.is_tired(end) && idle.census().idle() > 0 {
            // We may be put aside as soon as the awaiter is awake: let it rely on those who are idle.
            let delivery = self.deliver(ready, end);
            idle.start_searching();
            delivery
        } else {
            // Free before delivered: see `crate::idle`.
            idle.start_searching();
            self.deliver(ready, end)
        };
        self.gap.note(is_awaiter_busy, delivery);
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

    /// Nothing found: waits a little for the next job without parking, if that has been paying off, nobody else does, and
    /// nobody else wants the processor. Submitters see a searcher meanwhile, and have nothing to do but push.
    ///
    /// It does not look at the gate, whose line every submission writes, too: a pool that is closed is noticed after this.
    fn spin(&self, spinner: &mut Spinner) -> bool {
        self.pool.idle.census().searching() == 1
            && spinner.is_an_occasion()
            && Spinner::can_pay()
            && !self.crowd.is_there()
            && spinner.look(Spinner::LIMIT, self.gap.pauses(), || self.pool.queues.has_injected())
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

    #[inline(never)]
    fn run_hook(&self, name: &'static str, hook: Option<&(dyn Fn() + Send + Sync)>) {
        let Some(hook) = hook else { return };
        if let Err(payload) = contain::contain(hook) {
            let message = contain::message_and_discard(payload);
            self.report(crate::Report::HookPanicked { hook: name, message });
        }
    }
}
