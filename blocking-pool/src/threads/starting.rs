//! Starting threads, and what is done when the operating system refuses one.

use std::sync::Arc;

use super::roster::Role;
use crate::growth::monitor;
use crate::pool::shared::Shared;
use crate::sync::atomic::{Ordering, fence};
use crate::sync::{left_out, thread};
use crate::sys::refusal::Refusal;
use crate::user_code::report::Report;
use crate::worker;

/// For how long no thread is started after the operating system has refused one, in nanoseconds: not at every job, and not
/// never.
const PAUSE: u64 = 10_000_000;

impl Shared {
    /// The operating system has just refused a thread.
    #[inline]
    pub(super) fn was_refused_lately(&self) -> bool {
        self.no_start_until.is_to_come(|| self.clock())
    }

    /// Starts the worker that has just been counted. False: that failed, and there are others. Err: there is no thread
    /// at all.
    pub(super) fn start(self: &Arc<Self>, role: Role) -> Result<bool, Refusal> {
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
}
