//! Job control: tokens and deadlines, limiters, waiting for room, threads of their own. With the feature `job-control`.

use super::{JobBuilder, job};
use crate::{Handle, JoinHandle};
use sideline_blocking_pool::{self as pool, SpawnError};
use std::fmt;
use std::future::Future;
use std::time::Instant;

pub use sideline_blocking_pool::{CancelToken, Cancelled, Limiter, LimiterMetrics, OnCancel, WhenCancelled};

/// Runs a closure on a thread of its own: see [`JobBuilder::spawn_dedicated`].
///
/// # Errors
/// As there.
///
/// # Panics
/// Outside a runtime; use [`Handle::job`](crate::Handle::job) there.
///
/// # Example
/// ```
/// use sideline::blocking;
/// use std::sync::mpsc;
///
/// sideline::block_on(async {
///     // It waits for as long as the program runs: no thread of the pool's for that.
///     let (lines, journal) = mpsc::channel::<String>();
///     let count = move || journal.iter().map(|line| line.len()).sum::<usize>();
///     let written = blocking::spawn_dedicated(count).unwrap();
///     lines.send("begun".to_owned()).unwrap();
///     drop(lines);
///     assert_eq!(written.await.unwrap(), 5);
/// });
/// ```
#[track_caller]
pub fn spawn_dedicated<F, T>(closure: F) -> Result<JoinHandle<T>, SpawnError<F>>
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    job().spawn_dedicated(closure)
}

impl JobBuilder {
    /// When the job's time is up. It is real time, of a runtime with a paused clock, too.
    ///
    /// If the job is still waiting then it never runs, and its awaiter gets an
    /// [expired](crate::JoinError::is_expired) error, even while every thread is busy. If it is running then, its token
    /// is cancelled, should it be [`cancellable`](Self::cancellable); whatever the closure returns stands.
    pub fn deadline(self, deadline: Instant) -> Self {
        Self { job: self.job.deadline(deadline), ..self }
    }

    /// Runs the job when `limiter` lets it.
    pub fn limiter(self, limiter: &Limiter) -> Self {
        Self { job: self.job.limiter(limiter), ..self }
    }

    /// Cancels the job when `token` is cancelled: one that waits at once, a running one is told if it is
    /// [`cancellable`](Self::cancellable).
    pub fn cancel_with(self, token: &CancelToken) -> Self {
        Self { job: self.job.cancel_with(token), ..self }
    }

    /// Lends the closure a [`CancelToken`] of the job's own. It comes last before the spawn, since the closure is of
    /// another type then: name, limiter and deadline come before it.
    ///
    /// [`JoinHandle::abort`] cancels the token, and so do the drop of an
    /// [`AbortOnDrop`](crate::AbortOnDrop), hence a [`timeout`](crate::time::timeout) around one; the deadline; and the
    /// token given to [`cancel_with`](Self::cancel_with).
    ///
    /// ```
    /// use sideline::{blocking, time::timeout};
    /// use std::time::Duration;
    ///
    /// # sideline::block_on(async {
    /// let (stopped, has_stopped) = std::sync::mpsc::channel();
    /// let job = blocking::job().cancellable().spawn(move |token| {
    ///     while !token.is_cancelled() {
    ///         std::thread::yield_now(); // a piece of work
    ///     }
    ///     let _ = stopped.send(());
    /// });
    /// let late = timeout(Duration::from_millis(5), job.abort_on_drop()).await;
    /// assert!(late.is_err());
    /// # let _ = has_stopped;
    /// # });
    /// ```
    pub fn cancellable(self) -> WithToken {
        WithToken(self)
    }

    /// Queues the job as soon as there is room in the pool's queue, if it has a
    /// [limit](sideline_blocking_pool::Builder::queue_limit). First come, first served; **dropping** the future gives
    /// up its place and the closure.
    ///
    /// # Errors
    /// As of [`try_spawn`](Self::try_spawn), but that a full queue is waited for.
    ///
    /// ```
    /// # sideline::block_on(async {
    /// let job = sideline::blocking::job().spawn_when_room(|| 7).await.unwrap();
    /// assert_eq!(job.await.unwrap(), 7);
    /// # });
    /// ```
    #[track_caller]
    pub fn spawn_when_room<F, T>(
        self,
        closure: F,
    ) -> impl Future<Output = Result<JoinHandle<T>, SpawnError<F>>> + Send + use<F, T>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        let runtime = self.handle.clone();
        when_room(runtime, self.carrying().spawn_when_room(closure))
    }

    /// Runs the closure on a thread of its own, for those that run as long as the program does.
    ///
    /// The thread has the job's name. **Neither the runtime nor the pool waits for it at the end**, whatever the
    /// shutdown; reports list it. When the runtime ends, its token is cancelled, if it is
    /// [`cancellable`](Self::cancellable).
    ///
    /// # Errors
    /// The runtime or its pool is closed, or the thread cannot be started; the error holds the closure.
    ///
    /// ```
    /// # sideline::block_on(async {
    /// let (line, lines) = std::sync::mpsc::channel::<String>();
    /// let log = sideline::blocking::job().name("log").spawn_dedicated(move || lines.iter().count()).unwrap();
    /// line.send("hello".to_owned()).unwrap();
    /// drop(line);
    /// assert_eq!(log.await.unwrap(), 1);
    /// # });
    /// ```
    #[track_caller]
    pub fn spawn_dedicated<F, T>(self, closure: F) -> Result<JoinHandle<T>, SpawnError<F>>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        self.carrying().spawn_dedicated(closure).map(JoinHandle::job)
    }
}

/// A [`JobBuilder`] whose closure is lent a [`CancelToken`]: see [`JobBuilder::cancellable`].
#[must_use = "a job builder does nothing until `spawn`"]
#[derive(Clone)]
pub struct WithToken(JobBuilder);

impl WithToken {
    /// Queues the job; see [`JobBuilder::spawn`].
    #[track_caller]
    pub fn spawn<F, T>(self, closure: F) -> JoinHandle<T>
    where
        F: FnOnce(&CancelToken) -> T + Send + 'static,
        T: Send + 'static,
    {
        JoinHandle::job(self.0.carrying().cancellable().spawn(closure))
    }

    /// Queues the job, or gives the closure back; see [`JobBuilder::try_spawn`].
    ///
    /// # Errors
    /// As there.
    #[track_caller]
    pub fn try_spawn<F, T>(self, closure: F) -> Result<JoinHandle<T>, SpawnError<F>>
    where
        F: FnOnce(&CancelToken) -> T + Send + 'static,
        T: Send + 'static,
    {
        self.0.carrying().cancellable().try_spawn(closure).map(JoinHandle::job)
    }

    /// Queues the job as soon as there is room; see [`JobBuilder::spawn_when_room`].
    ///
    /// # Errors
    /// As there.
    #[track_caller]
    pub fn spawn_when_room<F, T>(
        self,
        closure: F,
    ) -> impl Future<Output = Result<JoinHandle<T>, SpawnError<F>>> + Send + use<F, T>
    where
        F: FnOnce(&CancelToken) -> T + Send + 'static,
        T: Send + 'static,
    {
        let runtime = self.0.handle.clone();
        when_room(runtime, self.0.carrying().cancellable().spawn_when_room(closure))
    }

    /// Runs the closure on a thread of its own; see [`JobBuilder::spawn_dedicated`].
    ///
    /// # Errors
    /// As there.
    #[track_caller]
    pub fn spawn_dedicated<F, T>(self, closure: F) -> Result<JoinHandle<T>, SpawnError<F>>
    where
        F: FnOnce(&CancelToken) -> T + Send + 'static,
        T: Send + 'static,
    {
        self.0.carrying().cancellable().spawn_dedicated(closure).map(JoinHandle::job)
    }
}

/// Counts as a job meanwhile: virtual time waits for it.
async fn when_room<F, T>(
    runtime: Handle,
    waiting: impl Future<Output = Result<pool::JoinHandle<T>, SpawnError<F>>>,
) -> Result<JoinHandle<T>, SpawnError<F>> {
    let _in_line = runtime.shared().stand_in_line();
    waiting.await.map(JoinHandle::job)
}

impl fmt::Debug for WithToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("WithToken").field(&self.0.job).finish()
    }
}
