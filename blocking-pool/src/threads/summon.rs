//! Somebody to run a job: calling those who sleep, having a thread started, and trying again after a refusal.

use std::sync::Arc;
use std::time::Duration;

use super::idle::{Census, Summon};
use super::roster::Role;
use crate::metrics::Stamp;
use crate::pool::shared::Shared;
use crate::sync::atomic::{Ordering, fence};
use crate::sync::{fence_after_rmw, left_out};
use crate::sys::refusal::Refusal;
use crate::worker::Found;

/// After this long a worker asks once more for a thread that was refused.
const MOMENT: Duration = Duration::from_millis(1);

impl Shared {
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

    /// Wakes all sleepers; each finds out for itself what there is to do.
    #[inline(never)]
    pub(crate) fn call_everybody(&self) {
        while let Some(sleeper) = self.idle.take_sleeper() {
            sleeper.unpark();
        }
    }
}
