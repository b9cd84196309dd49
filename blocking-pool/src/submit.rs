//! From a closure to an entry in a queue: admission, the push, and what happens if there is nobody to run it.

use std::io;
use std::panic::Location;
use std::sync::Arc;

use crate::contain;
use crate::error::{Failure, Rejection, SpawnError, SpawnErrorKind};
use crate::job::{self, Fresh, JobId, JoinHandle};
use crate::report::Report;
use crate::shared::Shared;
use crate::sync::atomic::Ordering;
use crate::sync::left_out;
use crate::tenant::Account;
use crate::worker;

impl Shared {
    pub(crate) fn spawn<F, T>(
        self: &Arc<Self>,
        account: &Arc<Account>,
        closure: F,
        location: &'static Location<'static>,
    ) -> JoinHandle<T>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        self.submit(account, closure, location).unwrap_or_else(|refused| {
            let id = JobId::next();
            let (kind, closure) = refused.into_parts();
            if let Err(message) = contain::discard(closure) {
                self.report(&Report::DropPanicked { id, location, message });
            }
            JoinHandle::refused(id, location, Failure::Rejected(kind.rejection()))
        })
    }

    pub(crate) fn submit<F, T>(
        self: &Arc<Self>,
        account: &Arc<Account>,
        closure: F,
        location: &'static Location<'static>,
    ) -> Result<JoinHandle<T>, SpawnError<F>>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        if let Err(kind) = self.admit(account) {
            self.counters.rejected();
            return Err(SpawnError::new(kind, closure));
        }
        let (entry, fresh) = job::new(closure, location, Arc::clone(account));
        if let Err(entry) = worker::push_nested(self, entry) {
            self.queues.push(entry);
        }
        if let Err(error) = self.announce_work() {
            return self.recall(fresh, error);
        }
        let handle = fresh.into_handle();
        if account.is_abandoned() {
            // Abandoned between admission and push: whoever cancelled the queue has not seen this job.
            handle.cancel(Failure::Cancelled);
        }
        Ok(JoinHandle::accepted(handle))
    }

    /// There is no thread: takes the closure back, and gives up all others that wait for one, too.
    fn recall<F, T>(&self, fresh: Fresh<F, T>, error: io::Error) -> Result<JoinHandle<T>, SpawnError<F>>
    where
        F: FnOnce() -> T + Send + 'static,
    {
        let why = Rejection::NoThread(error.to_string());
        let mine = fresh.take_back();
        if !left_out("failed-start-drains") {
            // Other submitters may have relied on the thread that never came to be.
            self.reject_queued(&why);
        }
        match mine {
            Ok(closure) => Err(SpawnError::new(SpawnErrorKind::NoThread(error), closure)),
            // A thread came to be after all and has it, or another submitter has rejected it.
            Err(handle) => Ok(JoinHandle::accepted(handle)),
        }
    }

    /// Lets a job in, or says why not.
    fn admit(&self, account: &Account) -> Result<(), SpawnErrorKind> {
        if !account.enter() {
            return Err(SpawnErrorKind::Closed);
        }
        if !self.take_room() {
            account.leave_unqueued();
            let limit = self.config.queue_limit.unwrap_or(usize::MAX);
            return Err(SpawnErrorKind::Full { limit });
        }
        if !self.gate.enter() {
            self.make_room();
            account.leave_unqueued();
            return Err(SpawnErrorKind::Closed);
        }
        Ok(())
    }

    fn take_room(&self) -> bool {
        let Some(limit) = self.config.queue_limit else { return true };
        // Relaxed: a count and nothing else.
        let room = |queued| (queued < limit).then_some(queued + 1);
        self.queued.fetch_update(Ordering::Relaxed, Ordering::Relaxed, room).is_ok()
    }

    pub(crate) fn make_room(&self) {
        if self.config.queue_limit.is_some() {
            self.queued.fetch_sub(1, Ordering::Relaxed);
        }
    }
}
