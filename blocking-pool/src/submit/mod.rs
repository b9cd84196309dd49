//! From a closure to an entry in a queue: admission, the push, and what happens if there is nobody to run it.
//!
//! `admit` and `enqueue` do not depend on the closure's type, and are compiled once. What is compiled for each closure is
//! short: it makes the cell between the two. Whatever is passed between them fits into registers, since a value that is written
//! to memory in pieces and read back as a whole makes the processor wait.
//!
//! | file | what it is |
//! |---|---|
//! | [`gate`] | counts who comes in, and can be shut |
//! | [`job_builder`] | a job with more to it than its closure |
//! | [`slow`] | who is about to submit what may take long waits for a permit |
//! | [`spawn_error`] | the closure comes back, and why |

pub(crate) mod gate;
pub(crate) mod job_builder;
pub(crate) mod slow;
pub(crate) mod spawn_error;

use std::panic::Location;
use std::sync::Arc;

use crate::job::error::{Failure, Rejection};
use crate::job::{self, Entry, Hold, JobId, JobInfo, JoinHandle, Submission, Terms, Times, Work};
use crate::metrics::{Cohort, Stamp};
use crate::pool::account::Account;
use crate::pool::shared::Shared;
use crate::sync::left_out;
use crate::sys::refusal::Refusal;
use crate::user_code::contain;
use crate::user_code::report::Report;
use crate::worker;

use spawn_error::{SpawnError, SpawnErrorKind};

impl Account {
    /// Queues a job. If it is not let in, the handle says why.
    #[inline]
    pub(crate) fn spawn<W: Work>(
        self: &Arc<Self>,
        work: W,
        location: &'static Location<'static>,
        terms: Option<Box<Terms>>,
    ) -> JoinHandle<W::Output> {
        let Some(submission) = self.admit() else {
            return self.refuse(work, location, terms);
        };
        let times = Times::submitted(submission);
        let (entry, fresh) = job::new(work, location, Arc::clone(self), terms, times);
        let handle = fresh.into_handle();
        if let Err(why) = self.pool().enqueue(entry, handle.hold(), submission) {
            let why = why.rejection();
            handle.cancel(Failure::rejected(why.clone()));
            self.pool().reject_others(&why);
        }
        JoinHandle::accepted(handle)
    }

    /// Drops a closure that was not let in.
    #[cold]
    fn refuse<W: Work>(
        &self,
        work: W,
        location: &'static Location<'static>,
        terms: Option<Box<Terms>>,
    ) -> JoinHandle<W::Output> {
        let name = terms.and_then(|terms| terms.name);
        let job = JobInfo { id: JobId::next(), name, location };
        let why = self.why_not().rejection();
        if let Err(message) = contain::discard(work) {
            self.pool().report(Report::DropPanicked { job: job.clone(), message });
        }
        JoinHandle::refused(job, Failure::rejected(why))
    }

    /// Queues a job, or gives the closure back.
    pub(crate) fn submit<W: Work>(
        self: &Arc<Self>,
        work: W,
        location: &'static Location<'static>,
        terms: Option<Box<Terms>>,
    ) -> Result<JoinHandle<W::Output>, SpawnError<W>> {
        self.submit_if(self.admit(), work, location, terms)
    }

    /// The rest of [`submit`](Self::submit), for one who knows already whether the job is `admitted`.
    pub(crate) fn submit_if<W: Work>(
        self: &Arc<Self>,
        admitted: Option<Submission>,
        work: W,
        location: &'static Location<'static>,
        terms: Option<Box<Terms>>,
    ) -> Result<JoinHandle<W::Output>, SpawnError<W>> {
        let Some(submission) = admitted else {
            return Err(SpawnError::new(self.why_not(), work));
        };
        let times = Times::submitted(submission);
        let (entry, fresh) = job::new(work, location, Arc::clone(self), terms, times);
        let Err(why) = self.pool().enqueue(entry, fresh.hold(), submission) else {
            return Ok(JoinHandle::accepted(fresh.into_handle()));
        };
        let mine = fresh.take_back();
        self.pool().reject_others(&why.rejection());
        match mine {
            Ok(work) => Err(SpawnError::new(SpawnErrorKind::NoThread(why.error()), work)),
            // A thread came to be after all and has it, or another submitter has rejected it.
            Err(handle) => Ok(JoinHandle::accepted(handle)),
        }
    }

    /// Counts a job in. `None` if there is no room, if the tenant or the pool is closed, or in a forked child.
    fn admit(&self) -> Option<Submission> {
        let pool = self.pool();
        if pool.room.is_bounded() && !pool.room.take() {
            pool.counters.rejected();
            return None;
        }
        self.admit_in_room()
    }

    /// The same by one who has taken room in the queue.
    #[inline]
    pub(crate) fn admit_in_room(&self) -> Option<Submission> {
        let pool = self.pool();
        // Read before the two counts, and not between them: there the reading would wait until the first has been written.
        let now = Stamp::now();
        if pool.is_forked() || !self.enter() {
            return pool.turn_away();
        }
        pool.counters.before_submission(&pool.gate, now);
        let Some(mark) = pool.gate.enter() else {
            self.leave_unqueued();
            return pool.turn_away();
        };
        Some(Submission::new(now, Cohort::of_mark(mark)))
    }

    /// Why a closure was not let in. What has been closed stays closed, so there is one answer.
    #[cold]
    fn why_not(&self) -> SpawnErrorKind {
        let pool = self.pool();
        if pool.is_forked() {
            return SpawnErrorKind::Forked;
        }
        match pool.config.queue_limit {
            Some(limit) if !self.is_closed() && !pool.gate.is_closed() => {
                SpawnErrorKind::Full { limit, oldest: pool.counters.oldest_queued(&pool.gate) }
            }
            _ => SpawnErrorKind::Closed,
        }
    }
}

impl Shared {
    /// Puts a job where it will be found, or in its limiter's line. Err: there is no thread, and the job is still there.
    fn enqueue(self: &Arc<Self>, entry: Entry, job: &Hold, submission: Submission) -> Result<(), Refusal> {
        let admitted = match entry.limiter().cloned() {
            None => Some(entry),
            Some(limiter) => limiter.admit(entry),
        };
        if let Some(entry) = admitted {
            match worker::push_nested(self, entry) {
                Ok(()) => self.announce_work(submission.at())?,
                Err(entry) => {
                    self.queues.push(entry);
                    self.announce_injected(submission.at())?;
                }
            }
        }
        if job.is_abandoned() {
            // Abandoned between admission and push, or standing in line: whoever cancelled those that wait may not have
            // seen this job.
            job.cancel(Failure::Cancelled);
        }
        Ok(())
    }

    /// There is no thread. Others may have relied on the one that could not be started, so everything that waits is given up.
    #[cold]
    fn reject_others(self: &Arc<Self>, why: &Rejection) {
        if !left_out("failed-start-drains") {
            self.reject_queued(why);
        }
    }

    /// The closure was not let in: gives its room back.
    #[cold]
    fn turn_away(&self) -> Option<Submission> {
        self.make_room();
        self.counters.rejected();
        None
    }
}
