//! The user's end of a job: a future of its outcome.

use std::fmt;
use std::panic::Location;
use std::pin::Pin;
use std::task::{Context, Poll};

use super::abort_handle::AbortHandle;
use super::abort_on_drop::AbortOnDrop;
use super::job_handle::JobHandle;
use super::{JobId, JobInfo};
use crate::job::error::{Failure, JoinError};

/// The outcome of a job, as a future that any executor can poll.
///
/// It resolves to what the closure returned, or to a [`JoinError`] if the closure panicked, was cancelled before it
/// started, or was never taken. The last waker it was polled with is woken, from the thread that ran the job, after
/// the outcome is in its place and the worker is free for the next job.
///
/// In a child of `fork` one of the parent's resolves to a [rejection](JoinError::rejection) unless it was done before: the worker
/// is not there.
///
/// **Dropping** it detaches: the job still runs, its result is dropped by the worker, its panic goes to
/// [`Builder::on_report`](crate::Builder::on_report). A result that was ready but never read is dropped by whoever
/// drops the handle; if that drop panics, it is reported and goes no further.
///
/// # Panics
/// Polling it again after it has resolved panics.
///
/// ```
/// use pollster::block_on;
/// use sideline_blocking_pool::Pool;
///
/// let answer = block_on(async {
///     let job = Pool::global().spawn(|| 6 * 7);
///     job.await.expect("it neither panics nor is cancelled")
/// });
/// assert_eq!(answer, 42);
/// ```
#[must_use = "a handle is a future: await it, or drop it to detach the job"]
pub struct JoinHandle<T>(Inner<T>);

enum Inner<T> {
    Accepted(JobHandle<T>),
    /// Never queued.
    Refused(Box<Refused>),
}

struct Refused {
    job: JobInfo,
    /// `None` once it has been handed out.
    error: Option<JoinError>,
}

impl<T> JoinHandle<T> {
    pub(crate) fn accepted(job: JobHandle<T>) -> Self {
        Self(Inner::Accepted(job))
    }

    pub(crate) fn refused(job: JobInfo, why: Failure) -> Self {
        Self(Inner::Refused(Box::new(Refused { job: job.clone(), error: Some(JoinError::new(job, why)) })))
    }

    /// Takes the job out of the queue if it has not started.
    ///
    /// True: it will never run; its closure has been dropped, here, and the handle resolves to a
    /// [cancelled](JoinError::is_cancelled) error. False: it is running, has run, or was cancelled before. A running
    /// closure that was given a `CancelToken` learns of it, and its hooks run here; any other
    /// goes on, as a thread cannot be interrupted from outside. Whatever a running closure returns stands.
    ///
    /// A job taken out keeps its place in the queue until a worker comes by, and a hundred bytes and what its closure took (some 400 with a token): of a
    /// million that are aborted behind a long one, 100 MB until that ends.
    ///
    /// Destructors may abort jobs whose closures have such destructors, and so on: the stack does not grow with their number. Of
    /// those that are more than sixteen deep a closure is dropped when the ones around it have been, or when somebody on this
    /// thread asks whether it is done.
    pub fn abort(&self) -> bool {
        match &self.0 {
            Inner::Accepted(job) => job.abort(),
            Inner::Refused(_) => false,
        }
    }

    /// A handle for others, who may abort the job but not await it.
    ///
    /// # Panics
    /// If more than 511 of them are kept at a time. Clones of one do not count.
    pub fn abort_handle(&self) -> AbortHandle {
        match &self.0 {
            Inner::Accepted(job) => {
                AbortHandle::new(job.aborter().expect("511 abort handles of one job: clone one instead"))
            }
            Inner::Refused(refused) => AbortHandle::of_refused(refused.job.id),
        }
    }

    /// Wraps the handle so that dropping it aborts instead of detaching.
    pub fn abort_on_drop(self) -> AbortOnDrop<T> {
        AbortOnDrop::new(self)
    }

    /// Lets the job go on by itself. The same as dropping the handle, for readers.
    ///
    /// ```
    /// use sideline_blocking_pool::{Pool, Shutdown};
    ///
    /// let pool = Pool::new();
    /// pool.spawn(|| std::fs::metadata("Cargo.toml")).detach();
    /// assert!(pool.shutdown(Shutdown::Drain).left_running.is_empty());
    /// ```
    pub fn detach(self) {}

    /// True once the outcome is there, so that the next poll is ready.
    pub fn is_finished(&self) -> bool {
        match &self.0 {
            Inner::Accepted(job) => job.is_done(),
            Inner::Refused(_) => true,
        }
    }

    /// The job's number.
    pub fn id(&self) -> JobId {
        match &self.0 {
            Inner::Accepted(job) => job.id(),
            Inner::Refused(refused) => refused.job.id,
        }
    }

    /// The name it was given, if any.
    pub fn name(&self) -> Option<&str> {
        match &self.0 {
            Inner::Accepted(job) => job.name(),
            Inner::Refused(refused) => refused.job.name.as_deref(),
        }
    }

    /// Where it was spawned.
    pub fn location(&self) -> &'static Location<'static> {
        match &self.0 {
            Inner::Accepted(job) => job.location(),
            Inner::Refused(refused) => refused.job.location,
        }
    }
}

impl<T> Future for JoinHandle<T> {
    type Output = Result<T, JoinError>;

    #[track_caller]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let outcome = match &mut self.get_mut().0 {
            Inner::Refused(refused) => refused.error.take().map(Err),
            Inner::Accepted(job) => {
                let Poll::Ready(outcome) = job.poll(cx) else { return Poll::Pending };
                outcome.map(|ended| ended.map_err(|why| JoinError::new(job.info(), why)))
            }
        };
        Poll::Ready(outcome.expect("a `JoinHandle` was polled after it had resolved"))
    }
}

impl<T> Unpin for JoinHandle<T> {}

impl<T> fmt::Debug for JoinHandle<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Inner::Accepted(job) => job.fmt(f),
            Inner::Refused(refused) => f
                .debug_struct("JoinHandle")
                .field("id", &refused.job.id)
                .field("location", &format_args!("{}", refused.job.location))
                .field("state", &"REJECTED")
                .finish(),
        }
    }
}
