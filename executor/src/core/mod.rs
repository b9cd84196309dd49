//! The loop: what only its own thread may touch, and one turn of it.
//!
//! ```text
//! turn:  inbox -> run queue -> main future and tasks, in rounds, within the time budget
//!                               |
//!        nothing left to run: linger if that pays, then park in the reactor until an event, a timer or a wake
//!        budget used up:      look at the reactor without waiting
//! ```
//!
//! # No queue can starve another
//! Tasks run in rounds. A round is what was in the run queue when it began, so the main future and the inbox have their turn
//! between rounds, however often tasks wake each other.
//!
//! In a round, tasks from the inbox come first. Most often they await the results of jobs, and so end what has been begun, while
//! events of sockets begin something. The other order was tried, with a server that has four connections to its database:
//! requests that had just come took a connection before those that had been waiting for one.
//!
//! The budget is in time, not in polls, so that a thousand quick polls cost one look at the reactor, and one slow poll costs
//! one, too.
//!
//! | file | what it is |
//! |---|---|
//! | [`budget`], [`fairness`] | how long a turn may run tasks; a task that gives way by itself |
//! | [`waiting`] | nothing is left to run |
//! | [`linger`], [`demand`] | whether to park at once; whether results of jobs are waited for |
//! | [`paused`], [`embed`] | a clock that stands still; a loop inside another one |
//! | [`pulse`] | what the loop says of each poll |

pub(crate) mod budget;
mod demand;
mod embed;
pub(crate) mod fairness;
mod linger;
pub(crate) mod paused;
pub(crate) mod pulse;
mod waiting;

sideline_reactor::where_queues_report_edges! {
    #[cfg(not(loom))]
    mod descriptor;
}

use crate::runtime::context;
use crate::runtime::handle::{Handle, References};
use crate::runtime::shared::Shared;
use crate::task::Tasks;
use sideline_blocking_pool::Spinner;
use sideline_reactor::{LocalReactor, Reactor};
use std::cell::{Cell, RefCell};
use std::fmt;
use std::future::Future;
use std::panic::Location;
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use budget::Budget;
use demand::Demand;
use embed::Awake;
use linger::Linger;
use paused::Time;
use waiting::Waited;

/// Polls the main future. True once that is ready.
type Main<'a> = dyn FnMut(&mut Context<'_>) -> bool + 'a;

/// A loop. Never leaves its thread.
pub(crate) struct Core {
    /// What all threads see of the runtime; and references to it for the jobs that this thread spawns and the handles that it asks for.
    references: References,
    pub(crate) tasks: Tasks,
    time: Time,
    pub(crate) budget: Budget,
    /// How many tasks of the round are still to be run. A round that the budget has ended goes on in the next turn.
    round: Cell<usize>,
    pub(crate) demand: Demand,
    spinner: RefCell<Spinner>,
    pub(crate) linger: Linger,
    /// How it stands by between its turns, if another loop waits for it then: see `embed.rs`.
    pub(crate) stands_by: Cell<Option<fn(&Core)>>,
    /// From the beginning of a `block_on` or a turn to its end.
    pub(crate) driven: Cell<bool>,
    /// Borrowed during a turn of the reactor only, which calls wakers and nothing else of the user's.
    reactor: RefCell<LocalReactor>,
}

impl Core {
    #[inline]
    pub(crate) fn new(reactor: LocalReactor, time: Time, shared: Arc<Shared>) -> Self {
        let budget = Budget::new(reactor.handle().clock().clone());
        Self {
            references: References::new(shared),
            tasks: Tasks::default(),
            time,
            budget,
            round: Cell::new(0),
            demand: Demand::default(),
            spinner: RefCell::default(),
            linger: Linger::default(),
            stands_by: Cell::new(None),
            driven: Cell::new(false),
            reactor: RefCell::new(reactor),
        }
    }

    /// The runtime, for a job to take along or for code on this thread.
    #[inline]
    pub(crate) fn take_handle(&self) -> Handle {
        self.references.take()
    }

    /// Takes what a handle refers to, for the next one, if that is this runtime and it has not many of them.
    #[inline]
    pub(crate) fn keep_handle(&self, reference: &mut Option<Arc<Shared>>) {
        self.references.keep(reference);
    }

    #[inline]
    pub(crate) fn shared(&self) -> &Arc<Shared> {
        self.references.shared()
    }

    pub(crate) fn time(&self) -> Time {
        self.time
    }

    /// Drives the loop until `future` is ready.
    #[track_caller]
    pub(crate) fn block_on<F: Future>(
        self: &Rc<Self>,
        future: F,
        at: &'static Location<'static>,
    ) -> F::Output {
        let _driven = self.begin_to_drive(at);
        let mut future = pin!(future);
        let mut output = None;
        self.drive(&mut |cx| {
            if let Poll::Ready(ready) = future.as_mut().poll(cx) {
                output = Some(ready);
            }
            output.is_some()
        });
        output.expect("the loop is driven until the future is ready")
    }

    #[track_caller]
    #[inline(never)]
    fn begin_to_drive(self: &Rc<Self>, at: &'static Location<'static>) -> (context::Entered<'_>, Awake<'_>) {
        refuse_nesting("block_on", at);
        self.shared().pulse.refuse_poll("block_on", at);
        self.shared().refuse_fork("block_on", at);
        let awake = self.awake();
        let entered = context::enter(self.shared(), Some(self), Some(at));
        self.shared().pulse.driven_from(at);
        (entered, awake)
    }

    /// Does not depend on the future's type, so that it is compiled once, and lies in one place.
    #[inline(never)]
    fn drive(&self, main: &mut Main<'_>) {
        let waker = Waker::from(Arc::clone(self.shared()));
        waker.wake_by_ref();
        while !self.turn(main, &waker) {}
    }

    /// One turn: run what is ready, then go to the reactor. True once the main future is ready.
    #[inline]
    fn turn(&self, main: &mut Main<'_>, waker: &Waker) -> bool {
        self.shared().counters.turn();
        self.budget.begin_turn();
        loop {
            if self.round.get() == 0 {
                self.tasks.take_inbox(&self.shared().inbox);
                let main_woken = self.shared().take_main_woken();
                if main_woken && self.poll_main(main, waker) {
                    return true;
                }
                self.round.set(self.tasks.ready());
                self.demand.polls(self.round.get(), |is_busy| self.tell_pool(is_busy));
                if self.round.get() == 0 && !main_woken {
                    match self.wait_for_work() {
                        Waited::Awake => continue,
                        Waited::Parked => return false,
                    }
                }
                if main_woken && self.budget.spend(&self.shared().counters) {
                    break;
                }
            }
            if !self.run_round() {
                break;
            }
        }
        // The budget is used up, and there is more to run: the kernel is only asked.
        self.ask_for_thread();
        self.park(Some(Duration::ZERO));
        false
    }

    /// True once the main future is ready.
    #[inline]
    fn poll_main(&self, main: &mut Main<'_>, waker: &Waker) -> bool {
        self.shared().pulse.begin_main();
        fairness::begin_poll();
        let is_ready = main(&mut Context::from_waker(waker));
        self.shared().pulse.end();
        is_ready
    }

    /// Tells the pool whether this loop is so busy that it waits for no result: see `demand.rs`.
    pub(crate) fn tell_pool(&self, is_busy: bool) {
        self.shared().tenant.set_awaiter_busy(is_busy);
    }

    /// Runs what is ready, within the budget, without a main future.
    #[inline]
    pub(crate) fn run_ready(&self) {
        self.shared().counters.turn();
        self.budget.begin_turn();
        loop {
            if self.round.get() == 0 {
                self.tasks.take_inbox(&self.shared().inbox);
                self.round.set(self.tasks.ready());
            }
            if self.round.get() == 0 || !self.run_round() {
                return;
            }
        }
    }

    /// Runs the rest of the round. False if the budget was used up first.
    fn run_round(&self) -> bool {
        while self.round.get() > 0 {
            self.round.set(self.round.get() - 1);
            self.tasks.run_next(&self.shared().pulse);
            if self.budget.spend(&self.shared().counters) {
                return false;
            }
        }
        true
    }

    #[inline]
    pub(crate) fn set_timer_slack(&self, slack: Duration) {
        self.reactor.borrow_mut().set_timer_slack(slack);
    }

    /// Calls `f` with the reactor, unless this is inside one of the reactor's turns.
    pub(crate) fn with_reactor(&self, f: impl FnOnce(&Reactor)) {
        if let Ok(reactor) = self.reactor.try_borrow() {
            f(&reactor);
        }
    }

    /// Fires the timers that are due by now. Does nothing inside one of the reactor's turns, which will fire them itself.
    #[inline]
    pub(crate) fn fire_timers(&self) {
        if let Ok(mut reactor) = self.reactor.try_borrow_mut() {
            reactor.fire_timers();
        }
    }

    /// Drops every task. Returns how many there were.
    #[inline(never)]
    pub(crate) fn close(self: &Rc<Self>) -> usize {
        // We may be inside a poll of another loop of this thread, which destructors must not drive.
        let at = context::blocked_on();
        let _entered = context::enter(self.shared(), Some(self), at);
        self.tasks.close(&self.shared().inbox, &self.shared().pulse)
    }
}

/// `block_on` on a thread whose loop is running would stop that loop for as long as it waits.
#[track_caller]
pub(crate) fn refuse_nesting(what: &str, at: &'static Location<'static>) {
    if let Some(outer) = context::blocked_on() {
        panic!(
            "{what} at {at} was called inside the block_on at {outer}, on the thread that drives its loop: \
             that loop would stop until the inner call returns. Await the future instead, or call it \
             from a job of spawn_blocking"
        );
    }
}

impl fmt::Debug for Core {
    #[inline]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Core").field("tasks", &self.tasks.len()).finish_non_exhaustive()
    }
}
