//! The means to abort a job, apart from the right to its outcome.

use std::fmt;
use std::sync::Arc;

use super::JobId;
use super::aborter::Aborter;

/// Aborts a job that somebody else awaits, or nobody. See [`JoinHandle::abort_handle`](crate::JoinHandle::abort_handle).
///
/// Dropping it changes nothing. It keeps the job's memory, without closure and outcome, once these are gone.
///
/// ```
/// use pollster::block_on;
/// use sideline_blocking_pool::Pool;
///
/// let job = Pool::global().spawn(|| 7);
/// let other = job.abort_handle();
/// let aborted = std::thread::spawn(move || other.abort()).join().unwrap();
/// assert_eq!(block_on(job).is_err(), aborted);
/// ```
#[derive(Clone)]
pub struct AbortHandle {
    id: JobId,
    /// `None`: it was refused, and never queued.
    aborter: Option<Arc<Aborter>>,
}

impl AbortHandle {
    #[inline]
    pub(super) fn new(aborter: Aborter) -> Self {
        Self { id: aborter.id(), aborter: Some(Arc::new(aborter)) }
    }

    pub(super) fn of_refused(id: JobId) -> Self {
        Self { id, aborter: None }
    }

    /// Takes the job out of the queue if it has not started, as [`JoinHandle::abort`](crate::JoinHandle::abort) does. True if that
    /// was so: it will never run, and its closure has been dropped, here.
    #[inline]
    pub fn abort(&self) -> bool {
        self.aborter.as_ref().is_some_and(|aborter| aborter.abort())
    }

    /// True once the job has ended or been cancelled.
    #[inline]
    pub fn is_finished(&self) -> bool {
        self.aborter.as_ref().is_none_or(|aborter| aborter.is_done())
    }

    /// The job's number.
    pub fn id(&self) -> JobId {
        self.id
    }
}

impl fmt::Debug for AbortHandle {
    #[inline]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AbortHandle").field("id", &self.id).field("is_finished", &self.is_finished()).finish()
    }
}
