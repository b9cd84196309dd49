//! One handle for both: tasks on the loop and jobs on the pool.

use super::abort_handle::AbortHandle;
use super::join_error::JoinError;
use crate::Id;
use crate::task::TaskHandle;
use sideline_blocking_pool as pool;
use std::fmt;
use std::future::Future;
use std::panic::Location;
use std::pin::Pin;
use std::task::{Context, Poll};

/// A task or a job that has been spawned. Awaiting it gives what the future or the closure returned.
///
/// **Dropping the handle detaches**: the task or job goes on, its result is dropped, and a panic is reported
/// through the runtime's hook. See [`abort_on_drop`](Self::abort_on_drop) for the opposite.
///
/// It is `Send` if its result is, and may then be awaited and dropped on any thread. The awaiter's waker is called on the loop's
/// thread for a task, and on the worker that has run it for a job.
///
/// # Panics
/// Polling it again after it was ready panics.
///
/// ```
/// # sideline::block_on(async {
/// let task = sideline::spawn(async { 1 });
/// let job = sideline::spawn_blocking(|| 2);
/// assert_eq!(task.await.unwrap() + job.await.unwrap(), 3);
/// # });
/// ```
pub struct JoinHandle<T>(Kind<T>);

enum Kind<T> {
    Task(TaskHandle<T>),
    Job(pool::JoinHandle<T>),
}

impl<T> JoinHandle<T> {
    pub(crate) fn task(handle: TaskHandle<T>) -> Self {
        Self(Kind::Task(handle))
    }

    pub(crate) fn job(handle: pool::JoinHandle<T>) -> Self {
        Self(Kind::Job(handle))
    }

    /// Asks for cancellation. Returns at once; the handle still has to be awaited to see what came of it.
    ///
    /// A task's future is dropped by the loop, on its thread, at its next turn; if the future is ready before
    /// that, the result stands. A job that has not started never will: its closure is dropped here, or a little later if this is
    /// called in a destructor that is more than sixteen deep inside of others that [have done so](sideline_blocking_pool::JoinHandle::abort).
    /// A closure that is already running cannot be stopped: it is told if it was lent a token
    /// (`blocking::JobBuilder::cancellable`), whose hooks run here; whatever it returns
    /// stands.
    ///
    /// ```
    /// # sideline::block_on(async {
    /// let forever = sideline::spawn(std::future::pending::<()>());
    /// forever.abort();
    /// assert!(forever.await.unwrap_err().is_cancelled());
    /// # });
    /// ```
    pub fn abort(&self) {
        match &self.0 {
            Kind::Task(handle) => handle.abort(),
            Kind::Job(handle) => {
                let _ = handle.abort();
            }
        }
    }

    /// A handle for others, who may abort the task or job but not await it.
    ///
    /// # Panics
    /// If more than 511 of them are kept at a time that this method has made of one job. Clones do not count.
    ///
    /// ```
    /// # sideline::block_on(async {
    /// let task = sideline::spawn(std::future::pending::<()>());
    /// let abort = task.abort_handle();
    /// sideline::spawn(async move { abort.abort() });
    /// assert!(task.await.unwrap_err().is_cancelled());
    /// # });
    /// ```
    pub fn abort_handle(&self) -> AbortHandle {
        match &self.0 {
            Kind::Task(handle) => AbortHandle::task(handle.aborter()),
            Kind::Job(handle) => AbortHandle::job(handle.abort_handle()),
        }
    }

    /// True once awaiting would not have to wait.
    pub fn is_finished(&self) -> bool {
        match &self.0 {
            Kind::Task(handle) => handle.is_finished(),
            Kind::Job(handle) => handle.is_finished(),
        }
    }

    /// The task's or job's name in logs and errors.
    pub fn id(&self) -> Id {
        match &self.0 {
            Kind::Task(handle) => handle.id(),
            Kind::Job(handle) => Id::job(handle.id()),
        }
    }

    /// The name that a job was given; see [`blocking::job`](crate::blocking::job).
    pub fn name(&self) -> Option<&str> {
        match &self.0 {
            Kind::Task(_) => None,
            Kind::Job(handle) => handle.name(),
        }
    }

    /// Lets the task or job go on by itself. The same as dropping the handle, for readers.
    ///
    /// ```
    /// # sideline::block_on(async {
    /// sideline::spawn_blocking(|| std::fs::read_dir("/").map(|entries| entries.count())).detach();
    /// # });
    /// ```
    pub fn detach(self) {}

    /// Where the task or job was spawned.
    pub fn location(&self) -> &'static Location<'static> {
        match &self.0 {
            Kind::Task(handle) => handle.location(),
            Kind::Job(handle) => handle.location(),
        }
    }

    /// Wraps the handle so that dropping it aborts instead of detaching.
    ///
    /// ```
    /// # sideline::block_on(async {
    /// let guard = sideline::spawn(std::future::pending::<()>()).abort_on_drop();
    /// drop(guard); // the task ends here
    /// # });
    /// ```
    pub fn abort_on_drop(self) -> AbortOnDrop<T> {
        AbortOnDrop(Some(self))
    }
}

impl<T> Future for JoinHandle<T> {
    type Output = Result<T, JoinError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match &mut self.0 {
            Kind::Task(handle) => handle.poll(cx),
            Kind::Job(handle) => Pin::new(handle).poll(cx).map_err(JoinError::from),
        }
    }
}

impl<T> Unpin for JoinHandle<T> {}

impl<T> fmt::Debug for JoinHandle<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JoinHandle")
            .field("id", &format_args!("{}", self.id()))
            .field("spawned_at", &format_args!("{}", self.location()))
            .field("is_finished", &self.is_finished())
            .finish()
    }
}

/// A [`JoinHandle`] that aborts its task or job when it is dropped. From [`JoinHandle::abort_on_drop`].
///
/// Awaiting it gives what the handle would give. **Dropping it** does what [`JoinHandle::abort`] does, and nothing if
/// the task or job has ended. What it aborts may own others, and so on to any depth: when the outermost has been dropped, all
/// of them are. A `timeout` around one therefore cancels what took too long:
///
/// ```
/// use sideline::time::timeout;
/// use std::time::Duration;
///
/// sideline::block_on(async {
///     let task = sideline::spawn(std::future::pending::<()>()).abort_on_drop();
///     let abort = task.handle().abort_handle();
///     assert!(timeout(Duration::from_millis(1), task).await.is_err());
///     sideline::task::yield_now().await; // the loop drops the task's future at its next turn
///     assert!(abort.is_finished());
/// });
/// ```
#[must_use = "dropping this aborts the task or job"]
pub struct AbortOnDrop<T>(Option<JoinHandle<T>>);

const ONLY_DETACH: &str = "only detach takes the handle, and it takes self";

impl<T> AbortOnDrop<T> {
    /// The handle inside.
    pub fn handle(&self) -> &JoinHandle<T> {
        self.0.as_ref().expect(ONLY_DETACH)
    }

    /// The handle back, which aborts nothing when it is dropped.
    ///
    /// ```
    /// # sideline::block_on(async {
    /// let task = sideline::spawn(async { 1 }).abort_on_drop();
    /// let handle = task.detach();
    /// assert_eq!(handle.await.unwrap(), 1);
    /// # });
    /// ```
    #[must_use = "to let the task or job go on, drop what this returns"]
    pub fn detach(mut self) -> JoinHandle<T> {
        self.0.take().expect(ONLY_DETACH)
    }
}

impl<T> Future for AbortOnDrop<T> {
    type Output = Result<T, JoinError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(self.0.as_mut().expect(ONLY_DETACH)).poll(cx)
    }
}

impl<T> Drop for AbortOnDrop<T> {
    fn drop(&mut self) {
        if let Some(handle) = &self.0 {
            handle.abort();
        }
    }
}

impl<T> fmt::Debug for AbortOnDrop<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("AbortOnDrop").field(self.handle()).finish()
    }
}
