//! Somebody to run a job: calling those who sleep, starting threads, and trying again after a refusal.

use std::sync::Arc;
use std::time::Duration;

use super::idle::{Census, Summon};
use super::roster::Role;
use crate::growth::monitor;
use crate::metrics::Stamp;
use crate::pool::shared::Shared;
use crate::sync::atomic::{Ordering, fence};
use crate::sync::{fence_after_rmw, left_out, thread};
use crate::sys::refusal::Refusal;
use crate::user_code::report::Report;
use crate::worker::{self, Found};

/// For how long no thread is started after the operating system has refused one, in nanoseconds: not at every job, and not
/// never.
const PAUSE: u64 = 10_000_000;

/// After this long a worker asks once more for a thread that was refused.
const MOMENT: Duration = Duration::from_millis(1);

impl Shared {
    /// The operating system has just refused a thread.
    fn was_refused_lately(&self) -> bool {
        self.no_start_until.is_to_come(|| self.clock())
    }

    /// After a push: makes sure that somebody will look. Err: there is no thread, and none can be started.
    pub(crate) fn announce_work(self: &Arc<Self>, submitted: Stamp) -> Result<(), Refusal> {
        // Pairs with the fences of those who stop looking: see `crate::threads::idle`.
        fence(Ordering::SeqCst);
        self.summon(Some(submitted))
    }

    /// The same after a push to the injector.
    pub(crate) fn announce_injected(self: &Arc<Self>, submitted: Stamp) -> Result<(), Refusal> {
        // As above. The read-modify-write is the claim of the place.
        fence_after_rmw();
        self.summon(Some(submitted))
    }

    /// At the moment of a submission, or now.
    fn summon(self: &Arc<Self>, submitted: Option<Stamp>) -> Result<(), Refusal> {
        // A refused start is not tried again at once, unless there is nobody else.
        let core = if self.was_refused_lately() { 1 } else { self.config.core_threads };
        let is_watched = |now: Census| now.threads() >= self.config.max_threads || self.monitor.is_awake();
        let more_wait_than = |count| self.queues.more_wait_than(count);
        match self.idle.summon(
            core,
            more_wait_than,
            || self.clock_at(submitted.unwrap_or_else(Stamp::now)),
            is_watched,
        ) {
            Summon::Enough => {}
            Summon::Call(parker) => parker.unpark(),
            Summon::Start => _ = self.start(Role::Core)?,
            Summon::Busy(census) if census.threads() < self.config.max_threads => self.monitor.poke(self),
            Summon::Busy(_) => {}
        }
        Ok(())
    }

    /// A searcher found a job, and stops searching. Somebody may have relied on it for another one.
    #[inline(never)]
    pub(crate) fn found(self: &Arc<Self>, after: Found) {
        self.idle.stop_searching();
        if left_out("searcher-hands-over") || !self.queues.has_work() {
            return;
        }
        if after == Found::WhenCalled && !left_out("called-one-calls") {
            // Whoever else counts as searching has had the time to take it: see `crate::threads::idle`.
            if let Some(sleeper) = self.idle.take_sleeper() {
                return sleeper.unpark();
            }
        }
        let was_refused = self.monitor.is_refused();
        // Err: cannot be, the caller is a thread.
        let _ = self.summon(None);
        if self.monitor.is_refused() && !was_refused {
            self.seek_thread_again();
        }
    }

    /// The first thread of a row has just been refused, to a worker that is about to run its job. Whoever waits may be asleep by now, and
    /// the job may never end: so it tries once more, after a moment for the system. Only once: what the job waits for is its time.
    #[cold]
    fn seek_thread_again(self: &Arc<Self>) {
        std::thread::sleep(MOMENT);
        self.seek_thread_if_short();
    }

    /// By somebody who waits for a job: if one is queued, and a thread has been refused that would have seen to it, does what a submit
    /// does, once more. False if not.
    #[inline]
    pub(crate) fn seek_thread_if_short(self: &Arc<Self>) -> bool {
        self.monitor.is_refused() && self.seek_thread()
    }

    #[cold]
    #[inline(never)]
    fn seek_thread(self: &Arc<Self>) -> bool {
        if !self.queues.has_work() || self.is_forked() {
            return false;
        }
        // No fence: nothing has been written. Whoever has submitted the job has looked after one.
        if let Err(why) = self.summon(None) {
            self.reject_queued(&why.rejection());
        }
        true
    }

    /// Starts the worker that has just been counted. False: that failed, and there are others. Err: there is no thread
    /// at all.
    fn start(self: &Arc<Self>, role: Role) -> Result<bool, Refusal> {
        let Err((name, why)) = self.hire(role) else {
            self.no_start_until.clear();
            return Ok(true);
        };
        self.no_start_until.set(self.clock() + PAUSE);
        let left = self.idle.leave();
        // Pairs with a submitter's fence: it may have relied on the searcher that never came to be. (Model:
        // `start_that_fails_against_who_relies_on_it`.)
        if !left_out("failed-start-fence") {
            fence(Ordering::SeqCst);
        }
        let nobody = left.threads() == 0;
        self.report_refusal(name, why, left.threads());
        if nobody {
            return Err(why);
        }
        if self.queues.has_work() && self.idle.census().searching() == 0 {
            // Nobody to start; but somebody may be asleep, or the monitor has to try again.
            match self.idle.take_sleeper() {
                Some(sleeper) => sleeper.unpark(),
                None => self.monitor.poke(self),
            }
        }
        Ok(false)
    }

    /// Starts a thread that is on the roster. Err: the name it would have had, and why there is none.
    pub(crate) fn hire(self: &Arc<Self>, role: Role) -> Result<(), (String, Refusal)> {
        self.roster.hire(&self.config.thread_name, role, |desk| {
            let (pool, name) = (Arc::clone(self), desk.name.clone());
            let body = move || match role {
                Role::Core | Role::Extra => worker::main(pool, desk, role),
                Role::Monitor => monitor::main(pool, desk),
            };
            self.start_thread(name, Box::new(body))
        })
    }

    /// `body` is boxed because what std does to start a thread is compiled once for each type of it.
    #[inline(never)]
    pub(crate) fn start_thread(
        &self,
        name: String,
        body: Box<dyn FnOnce() + Send>,
    ) -> Result<thread::JoinHandle<()>, Refusal> {
        self.config.start_fault()?;
        let builder = thread::Builder::new().name(name);
        let builder = match self.config.stack_size {
            Some(bytes) => builder.stack_size(bytes),
            None => builder,
        };
        builder.spawn(body).map_err(Refusal::of)
    }

    /// The pool goes on with the `threads` it has.
    #[cold]
    #[inline(never)]
    pub(crate) fn report_refusal(&self, name: String, why: Refusal, threads: usize) {
        self.report(Report::ThreadFailed { name, error: why.error(), threads });
    }

    /// Starts up to `count` workers; how many it became. By the monitor.
    #[inline(never)]
    pub(crate) fn grow(self: &Arc<Self>, count: usize) -> usize {
        for started in 0..count {
            let is_core = self.idle.census().threads() < self.config.core_threads;
            let role = if is_core { Role::Core } else { Role::Extra };
            if self.was_refused_lately() || !self.idle.reserve(self.config.max_threads) {
                return started;
            }
            match self.start(role) {
                Ok(true) => {}
                Ok(false) => return started,
                Err(why) => {
                    self.reject_queued(&why.rejection());
                    return started;
                }
            }
        }
        count
    }

    /// Wakes all sleepers; each finds out for itself what there is to do.
    #[inline(never)]
    pub(crate) fn call_everybody(&self) {
        while let Some(sleeper) = self.idle.take_sleeper() {
            sleeper.unpark();
        }
    }
}
