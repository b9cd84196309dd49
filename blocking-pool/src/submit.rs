//! From a closure to an entry in a queue: admission, the push, and what happens if there is nobody to run it.

use std::io;
use std::panic::Location;
use std::sync::Arc;

use crate::contain;
use crate::error::{Failure, Rejection, SpawnError, SpawnErrorKind};
use crate::job::{self, Fresh, JobId, JobInfo, JoinHandle, Terms, Times, Work};
use crate::metrics::{Cohort, Stamp};
use crate::report::Report;
use crate::shared::Shared;
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
        if self.room.is_bounded() && !self.room.take() {
            self.counters.rejected();
            let kind = match account.is_closed() || self.gate.is_closed() {
                true => SpawnErrorKind::Closed,
                false => SpawnErrorKind::Full { limit: self.config.queue_limit.unwrap_or(usize::MAX) },
            };
            return Err(SpawnError::new(kind, work));
        }
        self.submit_in_room(account, work, location, terms)
    }

    /// The same by one who has taken room in the queue.
    pub(crate) fn submit_in_room<W: Work>(
        self: &Arc<Self>,
        account: &Arc<Account>,
        work: W,
        location: &'static Location<'static>,
        terms: Option<Box<Terms>>,
    ) -> Result<JoinHandle<W::Output>, SpawnError<W>> {
        let now = Stamp::now();
        let cohort = match self.admit(account, now) {
            Ok(cohort) => cohort,
            Err(kind) => {
                self.make_room();
                self.counters.rejected();
                return Err(SpawnError::new(kind, work));
            }
        };
        let times = Times::submitted(now, cohort);
        let (entry, fresh) = job::new(work, location, Arc::clone(account), terms, times);
        let admitted = match entry.limiter().cloned() {
            None => Some(entry),
            Some(limiter) => limiter.admit(entry),
        };
        if let Some(entry) = admitted {
            if let Err(entry) = worker::push_nested(self, entry) {
                self.queues.push(entry);
            }
            if let Err(error) = self.announce_work(now) {
                return self.recall(fresh, error);
            }
        } else {
            fresh.stands_in_line();
        }
        let handle = fresh.into_handle();
        if account.is_abandoned() {
            // Abandoned between admission and push, or standing in line: whoever cancelled those that wait may not have
            // seen this job.
            handle.cancel(Failure::Cancelled);
        }
        Ok(JoinHandle::accepted(handle))
    }

    /// There is no thread: takes the closure back, and gives up all others that wait for one, too.
    fn recall<W: Work>(
        self: &Arc<Self>,
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

    /// Counts a job in, unless the tenant or the pool is closed, or in another process.
    fn admit(&self, account: &Account, now: Stamp) -> Result<Cohort, SpawnErrorKind> {
        if self.is_forked() {
            return Err(SpawnErrorKind::Forked);
        }
        if !account.enter() {
            return Err(SpawnErrorKind::Closed);
        }
        self.counters.before_submission(&self.gate, now);
        let Some(mark) = self.gate.enter() else {
            account.leave_unqueued();
            return Err(SpawnErrorKind::Closed);
        };
        Ok(Cohort::of_mark(mark))
    }
}
