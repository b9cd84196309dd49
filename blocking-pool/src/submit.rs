//! From a closure to an entry in a queue: admission, the push, and what happens if there is nobody to run it.

use std::io;
use std::panic::Location;
use std::sync::Arc;

use crate::contain;
use crate::error::{Failure, Rejection, SpawnError, SpawnErrorKind};
use crate::job::{self, Fresh, JobId, JobInfo, JoinHandle, Terms, Work};
use crate::report::Report;
use crate::shared::Shared;
use crate::sync::atomic::Ordering;
use crate::sync::left_out;
use crate::tenant::Account;
use crate::worker;

impl Shared {
    pub(crate) fn spawn<W: Work>(
        self: &Arc<Self>,
        account: &Arc<Account>,
        work: W,
        location: &'static Location<'static>,
        terms: Option<Box<Terms>>,
    ) -> JoinHandle<W::Output> {
        let name = terms.as_ref().and_then(|terms| terms.name.clone());
        self.submit(account, work, location, terms).unwrap_or_else(|refused| {
            let job = JobInfo { id: JobId::next(), name, location };
            let (kind, work) = refused.into_parts();
            if let Err(message) = contain::discard(work) {
                self.report(&Report::DropPanicked { job: job.clone(), message });
            }
            JoinHandle::refused(job, Failure::Rejected(kind.rejection()))
        })
    }

    pub(crate) fn submit<W: Work>(
        self: &Arc<Self>,
        account: &Arc<Account>,
        work: W,
        location: &'static Location<'static>,
        terms: Option<Box<Terms>>,
    ) -> Result<JoinHandle<W::Output>, SpawnError<W>> {
        if let Err(kind) = self.admit(account) {
            self.counters.rejected();
            return Err(SpawnError::new(kind, work));
        }
        let (entry, fresh) = job::new(work, location, Arc::clone(account), terms);
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
    fn recall<W: Work>(
        &self,
        fresh: Fresh<W>,
        error: io::Error,
    ) -> Result<JoinHandle<W::Output>, SpawnError<W>> {
        let why = Rejection::NoThread(error.to_string());
        let mine = fresh.take_back();
        if !left_out("failed-start-drains") {
            // Other submitters may have relied on the thread that never came to be.
            self.reject_queued(&why);
        }
        match mine {
            Ok(work) => Err(SpawnError::new(SpawnErrorKind::NoThread(error), work)),
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
