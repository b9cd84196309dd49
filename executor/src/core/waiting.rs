//! What the loop does when nothing is left to run: it stays awake for as long as that pays, and then parks.
//!
//! ```text
//!   jobs of ours are running:  spin, look for their results     (the pool's `spin.rs`)
//!   answers have come soon:    linger, look for everything      (`linger.rs`)
//!   else:                      park in the reactor, until an event, a timer or a wake
//! ```
//!
//! # Threads that were refused
//! If every worker is stuck, jobs wait for a thread. If the system has refused that, somebody has to ask again, and the pool has
//! nobody left who could (`growth/refused.rs` there). A loop asks, whatever it is doing: before each wait, which is then short if jobs of its
//! own are outstanding; while it lingers, which then ends; at the end of a turn whose budget is used up, as a loop that is never idle
//! never waits; in each turn inside another loop, and when that wants to know how long it may wait. As long as nothing was refused, this is one
//! look at a word that nobody writes to.

use super::Core;
use super::paused::Time;
use sideline_blocking_pool::Spinner;
use sideline_reactor::KernelError;
use std::time::Duration;

/// How long the loop waits before it asks for a thread again.
pub(crate) const ASK_AGAIN: Duration = Duration::from_millis(10);

/// How the loop has waited for work.
pub(super) enum Waited {
    /// It stayed awake, and found some: the turn goes on.
    Awake,
    /// It parked: the turn is over.
    Parked,
}

impl Core {
    /// Nothing is left to run: waits, awake for as long as that pays, and then parked.
    #[inline]
    pub(super) fn wait_for_work(&self) -> Waited {
        self.demand.rests(|is_busy| self.tell_pool(is_busy));
        self.budget.look(&self.shared().counters);
        let awaits_jobs = self.shared().tenant.outstanding() > 0;
        if awaits_jobs && self.spin() || self.linger() {
            self.linger.stayed_awake(self.budget.waited(&self.shared().counters));
            return Waited::Awake;
        }
        self.park(self.longest_wait(None));
        let waited = self.budget.waited(&self.shared().counters);
        self.linger.parked(waited, self.was_notified(), self.had_events());
        if awaits_jobs {
            self.spinner.borrow_mut().slept(Duration::from_nanos(waited));
        }
        Waited::Parked
    }

    /// If jobs wait for a thread that the system has refused, asks for it again. True if ours may be among them: the loop is to come back
    /// [soon](ASK_AGAIN).
    ///
    /// If there is no thread at all, what waits is given up here, and whoever awaits it is woken. So whoever is about to wait asks first, and
    /// looks for tasks that are ready afterwards.
    #[inline]
    pub(crate) fn ask_for_thread(&self) -> bool {
        self.shared().tenant.pool().seek_thread() && self.shared().jobs_outstanding() > 0
    }

    /// For how long to wait: not at all if tasks are ready, and otherwise as long as one may, as a rule.
    #[inline]
    pub(crate) fn longest_wait(&self, max_wait: Option<Duration>) -> Option<Duration> {
        let asks = self.ask_for_thread();
        if self.tasks.ready() > 0 {
            Some(Duration::ZERO)
        } else if asks {
            Some(max_wait.map_or(ASK_AGAIN, |most| most.min(ASK_AGAIN)))
        } else {
            max_wait
        }
    }

    /// Waits a little for the results of jobs without parking, if that has been paying off. It waits for a moment only if
    /// the pool wants all processors: the worker whose result the loop waits for may have been put aside for this very
    /// loop, and would go on if that parked. A result that comes does not end the turn, so the budget goes on counting.
    fn spin(&self) -> bool {
        let tenant = &self.shared().tenant;
        let limit = || if tenant.pool().is_saturated() { Spinner::SHORT_LIMIT } else { Spinner::LIMIT };
        self.spinner.borrow_mut().spin_for(limit, || self.shared().has_work())
    }

    /// Waits for events at most this long, and not at all if there is work.
    pub(crate) fn park(&self, max_wait: Option<Duration>) {
        if let Err(error) = self.wait(max_wait) {
            // The descriptor is ours and open, and the arguments are valid, so the kernel has no reason to refuse. If it
            // does so all the same, to go on would be to spin without a word.
            panic!("the kernel's event queue failed: {error}");
        }
    }

    pub(crate) fn wait(&self, max_wait: Option<Duration>) -> Result<(), KernelError> {
        match self.time {
            Time::Paused(wait) if max_wait != Some(Duration::ZERO) => wait(self, max_wait),
            _ => self.ask_reactor(max_wait),
        }
    }

    pub(crate) fn ask_reactor(&self, max_wait: Option<Duration>) -> Result<(), KernelError> {
        let (shared, sleeps) = (self.shared(), max_wait != Some(Duration::ZERO));
        if sleeps {
            shared.rest();
        }
        let has_work = || sleeps && shared.has_work();
        let waited = self.reactor.borrow_mut().turn_telling(max_wait, has_work, || {
            if sleeps {
                shared.rise();
            }
            shared.pulse.begin_wakers();
        });
        shared.pulse.end_wakers();
        waited
    }

    /// Whether a wake from another thread has ended the last park, or would have.
    fn was_notified(&self) -> bool {
        self.reactor.borrow().was_notified()
    }

    /// Whether the reactor's last turn brought events of sources.
    pub(crate) fn had_events(&self) -> bool {
        self.reactor.borrow().had_events()
    }

    /// Whether timers have fired in it.
    pub(crate) fn had_timers(&self) -> bool {
        self.reactor.borrow().had_timers()
    }
}
