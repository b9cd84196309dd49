//! Job control: tokens and deadlines, limiters, waiting for room, threads of their own. With the feature `job-control`.

use std::fmt;
use std::panic::Location;
use std::time::Instant;

use super::{JobBuilder, Ready};
use crate::control::cancel::CancelToken;
use crate::control::limiter::Limiter;
use crate::control::waiting::spawn_when_room;
use crate::job::{Around, JoinHandle, Plain, Terms, Work};
use crate::pool::shared::Shared;
use crate::submit::spawn_error::SpawnError;

/// What was asked for of it so far.
#[derive(Clone, Debug, Default)]
pub(super) struct Control {
    deadline: Option<Instant>,
    parent: Option<CancelToken>,
    limiter: Option<Limiter>,
}

impl Control {
    /// The job's own token, if it needs one: to be lent, or to be cancelled by.
    pub(super) fn token(&self, is_lent: bool, pool: &Shared) -> Option<CancelToken> {
        let needs_one = is_lent || self.deadline.is_some() || self.parent.is_some();
        needs_one
            .then(|| CancelToken::make(self.parent.as_ref(), self.deadline, pool.config.on_report.clone()))
    }

    pub(super) fn into_limiter(self) -> Option<Limiter> {
        self.limiter
    }
}

impl<A: Around> JobBuilder<A> {
    /// When the job's time is up.
    ///
    /// If it is still waiting then it never runs: its closure is dropped, its awaiter is woken and gets an
    /// [expired](crate::JoinError::is_expired) error, and [`Metrics::expired`](crate::Metrics::expired) counts it,
    /// even while every thread is busy. If it is running then, its token is cancelled, should it be
    /// [`cancellable`](Self::cancellable); whatever the closure returns stands.
    pub fn deadline(mut self, deadline: Instant) -> Self {
        self.wish.control.deadline = Some(deadline);
        self
    }

    /// Cancels the job when `token` is cancelled, with whatever else that cancels: a job that still waits is taken out
    /// of its queue at once, a running one is told if it is [`cancellable`](Self::cancellable).
    ///
    /// A job that leaves the next one behind, and that again the next, and so on, had better pass on the token that it was
    /// itself given here than the one that it was lent: a token is kept, some hundred bytes, as long as there is one below it.
    pub fn cancel_with(mut self, token: &CancelToken) -> Self {
        self.wish.control.parent = Some(token.clone());
        self
    }

    /// Runs the job when `limiter` lets it: see [`Limiter`].
    pub fn limiter(mut self, limiter: &Limiter) -> Self {
        self.wish.control.limiter = Some(limiter.clone());
        self
    }

    /// Lends the closure a [`CancelToken`] of the job's own. It is cancelled by the handle's
    /// [`abort`](crate::JoinHandle::abort), by the [`deadline`](Self::deadline), and with the token given to
    /// [`cancel_with`](Self::cancel_with). Comes last: what is left to do then is to spawn it.
    ///
    /// ```
    /// use pollster::block_on;
    /// use sideline_blocking_pool::Pool;
    ///
    /// let job = Pool::global().job().cancellable().spawn(|token| {
    ///     while !token.is_cancelled() {
    ///         std::hint::spin_loop(); // a piece of work
    ///     }
    ///     "stopped"
    /// });
    /// if !job.abort() { // it was running
    ///     assert_eq!(block_on(job).unwrap(), "stopped");
    /// }
    /// ```
    pub fn cancellable(self) -> WithToken<A> {
        WithToken(self)
    }

    /// Queues the job as soon as there is room in the queue: `spawn` for async code and pools with a
    /// [`queue_limit`](crate::Builder::queue_limit).
    ///
    /// The future waits without a thread, is served in the order in which those that wait were first polled, and nobody
    /// who comes later passes it by. It resolves to the job's handle. **Dropping** it gives up its place in line, and
    /// the closure. Without a limit it is ready at once. The job's deadline and its tokens are looked at when it gets
    /// there; put a timeout around the future to give up sooner.
    ///
    /// # Errors
    /// As of [`try_spawn`](Self::try_spawn), but never [`Full`](crate::SpawnErrorKind::Full): if the pool or the tenant
    /// is closed meanwhile, the error has the closure.
    ///
    /// ```
    /// use pollster::block_on;
    /// use sideline_blocking_pool::Pool;
    ///
    /// let pool = Pool::builder().queue_limit(100).build()?;
    /// let sum = block_on(async {
    ///     let mut sum = 0;
    ///     for i in 0..1000 {
    ///         // Never more than a hundred in the queue; a slow pool slows this loop down, and nothing else.
    ///         let job = pool.job().spawn_when_room(move || i).await?;
    ///         sum += job.await.unwrap();
    ///     }
    ///     Ok::<_, Box<dyn std::error::Error>>(sum)
    /// })?;
    /// assert_eq!(sum, 499_500);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[track_caller]
    pub fn spawn_when_room<F, T>(
        self,
        f: F,
    ) -> impl Future<Output = Result<JoinHandle<T>, SpawnError<F>>> + Send + use<F, T, A>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        let waiting = self.wait(Plain(f), Location::caller());
        async { waiting.await.map_err(|error| error.map(|Plain(f)| f)) }
    }

    /// Runs the closure on a thread of its own, for those that run as long as the program does: it would take a worker
    /// away for good.
    ///
    /// The thread has the job's [`name`](Self::name), and is none of the pool's: not counted against `max_threads`, not
    /// in the queue, not limited. **No shutdown waits for it**; the report lists it under
    /// [`dedicated`](crate::ShutdownReport::dedicated). When the pool or the tenant closes, its token is cancelled, if
    /// it is [`cancellable`](Self::cancellable), so that it can end.
    ///
    /// # Errors
    /// The pool or the tenant is closed, or the thread cannot be started; the error has the closure.
    ///
    /// ```
    /// use pollster::block_on;
    /// use sideline_blocking_pool::{Pool, Shutdown};
    ///
    /// let pool = Pool::new();
    /// let (line, lines) = std::sync::mpsc::channel::<String>();
    /// let log = pool.job().name("log").spawn_dedicated(move || lines.iter().count())?;
    /// line.send("hello".to_owned())?;
    /// drop(line); // its end
    /// assert_eq!(block_on(log)?, 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[track_caller]
    pub fn spawn_dedicated<F, T>(self, f: F) -> Result<JoinHandle<T>, SpawnError<F>>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        let started = self.start_thread(Plain(f), Location::caller());
        started.map_err(|error| error.map(|Plain(f)| f))
    }

    fn wait<W: Work>(
        self,
        work: W,
        location: &'static Location<'static>,
    ) -> impl Future<Output = Result<JoinHandle<W::Output>, SpawnError<W>>> + Send + use<W, A> {
        let Ready { account, work, terms } = self.prepare(work);
        async move {
            let waited = spawn_when_room(account, work, location, terms).await;
            waited.map_err(|error| error.map(|inside| inside.work))
        }
    }

    fn start_thread<W: Work>(
        self,
        work: W,
        location: &'static Location<'static>,
    ) -> Result<JoinHandle<W::Output>, SpawnError<W>> {
        let Ready { account, work, terms } = self.prepare(work);
        let started = account.spawn_dedicated(work, location, terms);
        started.map_err(|error| error.map(|inside| inside.work))
    }
}

/// A [`JobBuilder`] whose closure is lent a [`CancelToken`]: see [`JobBuilder::cancellable`].
#[must_use = "a job builder does nothing until `spawn`"]
#[derive(Clone)]
pub struct WithToken<A = ()>(JobBuilder<A>);

impl<A: Around> WithToken<A> {
    /// Queues the job; see [`Pool::spawn`](crate::Pool::spawn).
    #[track_caller]
    pub fn spawn<F, T>(self, f: F) -> JoinHandle<T>
    where
        F: FnOnce(&CancelToken) -> T + Send + 'static,
        T: Send + 'static,
    {
        self.0.start(Cancellable(f), Location::caller())
    }

    /// Queues the job, or gives the closure back; see [`Pool::try_spawn`](crate::Pool::try_spawn).
    ///
    /// # Errors
    /// As there.
    #[track_caller]
    pub fn try_spawn<F, T>(self, f: F) -> Result<JoinHandle<T>, SpawnError<F>>
    where
        F: FnOnce(&CancelToken) -> T + Send + 'static,
        T: Send + 'static,
    {
        let tried = self.0.try_start(Cancellable(f), Location::caller());
        tried.map_err(|error| error.map(|Cancellable(f)| f))
    }

    /// Queues the job as soon as there is room; see [`JobBuilder::spawn_when_room`].
    ///
    /// # Errors
    /// As there.
    #[track_caller]
    pub fn spawn_when_room<F, T>(
        self,
        f: F,
    ) -> impl Future<Output = Result<JoinHandle<T>, SpawnError<F>>> + Send + use<F, T, A>
    where
        F: FnOnce(&CancelToken) -> T + Send + 'static,
        T: Send + 'static,
    {
        let waiting = self.0.wait(Cancellable(f), Location::caller());
        async { waiting.await.map_err(|error| error.map(|Cancellable(f)| f)) }
    }

    /// Runs the closure on a thread of its own; see [`JobBuilder::spawn_dedicated`].
    ///
    /// # Errors
    /// As there.
    #[track_caller]
    pub fn spawn_dedicated<F, T>(self, f: F) -> Result<JoinHandle<T>, SpawnError<F>>
    where
        F: FnOnce(&CancelToken) -> T + Send + 'static,
        T: Send + 'static,
    {
        let started = self.0.start_thread(Cancellable(f), Location::caller());
        started.map_err(|error| error.map(|Cancellable(f)| f))
    }
}

impl<A> fmt::Debug for WithToken<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("WithToken").field(&self.0.wish).finish()
    }
}

/// A closure that is lent its job's token.
pub(crate) struct Cancellable<F>(pub(crate) F);

impl<F, T> Work for Cancellable<F>
where
    F: FnOnce(&CancelToken) -> T + Send + 'static,
    T: Send + 'static,
{
    type Output = T;

    const WANTS_TOKEN: bool = true;

    fn run(self, terms: Option<&Terms>) -> T {
        let token = terms.and_then(|terms| terms.token.as_ref());
        (self.0)(token.expect("a cancellable job has a token"))
    }
}
