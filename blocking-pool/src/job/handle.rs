//! The user's end of a job: a future of its outcome.

use std::fmt;
use std::panic::Location;
use std::pin::Pin;
use std::task::{Context, Poll};

use super::JobId;
use super::job_handle::JobHandle;
use crate::error::{Failure, JoinError};

/// The outcome of a job, as a future that any executor can poll.
///
/// It resolves to what the closure returned, or to a [`JoinError`] if the closure panicked, was cancelled before it
/// started, or was never taken. The last waker it was polled with is woken, from the thread that ran the job, after
/// the outcome is in its place and the worker is free for the next job.
///
/// **Dropping** it detaches: the job still runs, its result is dropped by the worker, its panic goes to
/// [`Builder::on_report`](crate::Builder::on_report). A result that was ready but never read is dropped by whoever
/// drops the handle; if that drop panics, it is reported and goes no further.
///
/// # Panics
/// Polling it again after it has resolved panics.
///
/// ```
/// # use sideline_blocking_pool::Pool;
/// # mod bare { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/common/block_on.rs")); }
/// # use bare::block_on;
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
    /// Never queued. `None` once the error has been handed out.
    Refused {
        id: JobId,
        location: &'static Location<'static>,
        error: Option<JoinError>,
    },
}

impl<T> JoinHandle<T> {
    pub(crate) fn accepted(job: JobHandle<T>) -> Self {
        Self(Inner::Accepted(job))
    }

    pub(crate) fn refused(id: JobId, location: &'static Location<'static>, why: Failure) -> Self {
        Self(Inner::Refused { id, location, error: Some(JoinError::new(id, location, why)) })
    }

    /// Takes the job out of the queue if it has not started.
    ///
    /// True: it will never run; its closure has been dropped, here, and the handle resolves to a
    /// [cancelled](JoinError::is_cancelled) error. False: it is running, has run, or was cancelled before; nothing
    /// changes, as a thread cannot be interrupted from outside.
    pub fn abort(&self) -> bool {
        match &self.0 {
            Inner::Accepted(job) => job.cancel(Failure::Cancelled),
            Inner::Refused { .. } => false,
        }
    }

    /// True once the outcome is there, so that the next poll is ready.
    pub fn is_finished(&self) -> bool {
        match &self.0 {
            Inner::Accepted(job) => job.is_done(),
            Inner::Refused { .. } => true,
        }
    }

    /// The job's number.
    pub fn id(&self) -> JobId {
        match &self.0 {
            Inner::Accepted(job) => job.id(),
            Inner::Refused { id, .. } => *id,
        }
    }

    /// Where it was spawned.
    pub fn location(&self) -> &'static Location<'static> {
        match &self.0 {
            Inner::Accepted(job) => job.location(),
            Inner::Refused { location, .. } => location,
        }
    }
}

impl<T> Future for JoinHandle<T> {
    type Output = Result<T, JoinError>;

    #[track_caller]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let outcome = match &mut self.get_mut().0 {
            Inner::Refused { error, .. } => error.take().map(Err),
            Inner::Accepted(job) => {
                let Poll::Ready(outcome) = job.poll(cx) else { return Poll::Pending };
                outcome.map(|ended| ended.map_err(|why| JoinError::new(job.id(), job.location(), why)))
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
            Inner::Refused { id, location, .. } => f
                .debug_struct("JoinHandle")
                .field("id", id)
                .field("location", &format_args!("{location}"))
                .field("state", &"REJECTED")
                .finish(),
        }
    }
}
