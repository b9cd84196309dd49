//! The means to abort a task or a job, apart from the right to what comes of it.

use crate::Id;
use crate::task::TaskAborter;
use sideline_blocking_pool as pool;
use std::fmt;

/// Aborts a task or job that somebody else awaits, or nobody. See [`JoinHandle::abort_handle`](crate::JoinHandle::abort_handle).
///
/// It can be kept, cloned and sent to other threads, whatever the task or job returns. Dropping it changes nothing. While it
/// exists, the memory of the task or job stays allocated; but the future or closure and the result are dropped as early as
/// they would be without it.
///
/// ```
/// sideline::block_on(async {
///     let task = sideline::spawn(std::future::pending::<()>());
///     // Whoever has this can end the task; whoever has `task` sees how it ended.
///     let abort_handle = task.abort_handle();
///     std::thread::spawn(move || abort_handle.abort());
///     assert!(task.await.unwrap_err().is_cancelled());
/// });
/// ```
#[derive(Clone)]
pub struct AbortHandle(Kind);

#[derive(Clone)]
enum Kind {
    Task(TaskAborter),
    Job(pool::AbortHandle),
}

impl AbortHandle {
    pub(crate) fn task(aborter: TaskAborter) -> Self {
        Self(Kind::Task(aborter))
    }

    pub(crate) fn job(handle: pool::AbortHandle) -> Self {
        Self(Kind::Job(handle))
    }

    /// Asks for cancellation, as [`JoinHandle::abort`](crate::JoinHandle::abort) does: the loop drops a task's future, on its own
    /// thread; the closure of a job that has not started is dropped here. Returns at once, and may be called again.
    #[inline]
    pub fn abort(&self) {
        match &self.0 {
            Kind::Task(aborter) => aborter.abort(),
            Kind::Job(handle) => _ = handle.abort(),
        }
    }

    /// True once the task or job has ended or been cancelled.
    #[inline]
    pub fn is_finished(&self) -> bool {
        match &self.0 {
            Kind::Task(aborter) => aborter.is_finished(),
            Kind::Job(handle) => handle.is_finished(),
        }
    }

    /// The task's or job's name in logs and errors.
    pub fn id(&self) -> Id {
        match &self.0 {
            Kind::Task(aborter) => aborter.id(),
            Kind::Job(handle) => Id::job(handle.id()),
        }
    }
}

impl fmt::Debug for AbortHandle {
    #[inline]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AbortHandle")
            .field("id", &format_args!("{}", self.id()))
            .field("is_finished", &self.is_finished())
            .finish()
    }
}
