//! A job that is more than a closure: named, with a deadline, cancellable, ...

use std::borrow::Cow;
use std::fmt;
use std::panic::Location;
use std::sync::Arc;
use std::time::Instant;

use crate::cancel::CancelToken;
use crate::error::SpawnError;
use crate::job::{Around, Cancellable, Inside, JoinHandle, Plain, Terms, Work};
use crate::limiter::Limiter;
use crate::shared::Shared;
use crate::tenant::Account;
use crate::waiting::spawn_when_room;

/// Says how a job is to be run, then spawns it: [`Pool::job`](crate::Pool::job), [`Tenant::job`](crate::Tenant::job).
///
/// What is not asked for costs nothing. A builder can be kept and cloned, to spawn several jobs alike; it does not
/// keep the pool open.
///
/// ```
/// # use sideline_blocking_pool::Pool;
/// # mod bare { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/common/block_on.rs")); }
/// # use bare::block_on;
/// use std::time::{Duration, Instant};
///
/// let job = Pool::global()
///     .job()
///     .name("answer")
///     .deadline(Instant::now() + Duration::from_secs(5))
///     .spawn(|| 6 * 7);
/// assert_eq!(block_on(job).unwrap(), 42);
/// ```
#[must_use = "a job builder does nothing until `spawn`"]
#[derive(Clone)]
pub struct JobBuilder<A = ()> {
    shared: Arc<Shared>,
    account: Arc<Account>,
    around: A,
    wish: Wish,
}

/// What was asked for so far; it becomes the [`Terms`] of one job, or of several.
#[derive(Clone, Debug, Default)]
struct Wish {
    name: Option<Cow<'static, str>>,
    deadline: Option<Instant>,
    parent: Option<CancelToken>,
    limiter: Option<Limiter>,
}

impl JobBuilder {
    pub(crate) fn new(shared: &Arc<Shared>, account: &Arc<Account>) -> Self {
        let (shared, account) = (Arc::clone(shared), Arc::clone(account));
        Self { shared, account, around: (), wish: Wish::default() }
    }
}

impl<A: Around> JobBuilder<A> {
    /// What to call the job in errors, reports and lists of what is running.
    pub fn name(mut self, name: impl Into<Cow<'static, str>>) -> Self {
        self.wish.name = Some(name.into());
        self
    }

    /// When the job's time is up.
    ///
    /// If it is still waiting then it never runs: its closure is dropped, its awaiter is woken and gets an
    /// [expired](crate::JoinError::is_expired) error, and [`Metrics::expired`](crate::Metrics::expired) counts it,
    /// even while every thread is busy. If it is running then, its token is cancelled, should it be
    /// [`cancellable`](Self::cancellable); whatever the closure returns stands.
    pub fn deadline(mut self, deadline: Instant) -> Self {
        self.wish.deadline = Some(deadline);
        self
    }

    /// Cancels the job when `token` is cancelled, with whatever else that cancels: a job that still waits is taken out
    /// of its queue at once, a running one is told if it is [`cancellable`](Self::cancellable).
    pub fn cancel_with(mut self, token: &CancelToken) -> Self {
        self.wish.parent = Some(token.clone());
        self
    }

    /// Runs the job when `limiter` lets it: see [`Limiter`].
    pub fn limiter(mut self, limiter: &Limiter) -> Self {
        self.wish.limiter = Some(limiter.clone());
        self
    }

    /// Lends the closure a [`CancelToken`] of the job's own. It is cancelled by the handle's
    /// [`abort`](crate::JoinHandle::abort), by the [`deadline`](Self::deadline), and with the token given to
    /// [`cancel_with`](Self::cancel_with).
    ///
    /// ```
    /// # use sideline_blocking_pool::Pool;
    /// # mod bare { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/common/block_on.rs")); }
    /// # use bare::block_on;
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

    /// What the closure runs inside of. For runtimes and libraries that carry context along.
    pub fn around<B: Around>(self, around: B) -> JobBuilder<B> {
        let Self { shared, account, wish, .. } = self;
        JobBuilder { shared, account, around, wish }
    }

    /// Queues the job; see [`Pool::spawn`](crate::Pool::spawn).
    #[track_caller]
    pub fn spawn<F, T>(self, f: F) -> JoinHandle<T>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        self.start(Plain(f), false, Location::caller())
    }

    /// Queues the job, or gives the closure back; see [`Pool::try_spawn`](crate::Pool::try_spawn).
    ///
    /// # Errors
    /// As there.
    #[track_caller]
    pub fn try_spawn<F, T>(self, f: F) -> Result<JoinHandle<T>, SpawnError<F>>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        self.try_start(Plain(f), false, Location::caller()).map_err(|error| error.map(|Plain(f)| f))
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
    /// # use sideline_blocking_pool::Pool;
    /// # mod bare { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/common/block_on.rs")); }
    /// # use bare::block_on;
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
        let waiting = self.wait(Plain(f), false, Location::caller());
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
    /// # use sideline_blocking_pool::{Pool, Shutdown};
    /// # mod bare { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/common/block_on.rs")); }
    /// # use bare::block_on;
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
        let started = self.start_thread(Plain(f), false, Location::caller());
        started.map_err(|error| error.map(|Plain(f)| f))
    }

    fn start<W: Work>(
        self,
        work: W,
        with_token: bool,
        location: &'static Location<'static>,
    ) -> JoinHandle<W::Output> {
        let Ready { shared, account, work, terms } = self.prepare(work, with_token);
        shared.spawn(&account, work, location, terms)
    }

    fn try_start<W: Work>(
        self,
        work: W,
        with_token: bool,
        location: &'static Location<'static>,
    ) -> Result<JoinHandle<W::Output>, SpawnError<W>> {
        let Ready { shared, account, work, terms } = self.prepare(work, with_token);
        let tried = shared.submit(&account, work, location, terms);
        tried.map_err(|error| error.map(|inside| inside.work))
    }

    fn wait<W: Work>(
        self,
        work: W,
        with_token: bool,
        location: &'static Location<'static>,
    ) -> impl Future<Output = Result<JoinHandle<W::Output>, SpawnError<W>>> + Send + use<W, A> {
        let Ready { shared, account, work, terms } = self.prepare(work, with_token);
        async move {
            let waited = spawn_when_room(shared, account, work, location, terms).await;
            waited.map_err(|error| error.map(|inside| inside.work))
        }
    }

    fn start_thread<W: Work>(
        self,
        work: W,
        with_token: bool,
        location: &'static Location<'static>,
    ) -> Result<JoinHandle<W::Output>, SpawnError<W>> {
        let Ready { shared, account, work, terms } = self.prepare(work, with_token);
        let started = shared.spawn_dedicated(&account, work, location, terms);
        started.map_err(|error| error.map(|inside| inside.work))
    }

    fn prepare<W>(self, work: W, with_token: bool) -> Ready<Inside<A, W>> {
        let Self { shared, account, wish, around } = self;
        let terms = wish.into_terms(with_token, &shared);
        Ready { shared, account, work: Inside { around, work }, terms }
    }
}

/// What all four ways to start a job begin with.
struct Ready<W> {
    shared: Arc<Shared>,
    account: Arc<Account>,
    work: W,
    terms: Option<Box<Terms>>,
}

impl Wish {
    /// `None` if there is nothing in it.
    fn into_terms(self, with_token: bool, pool: &Shared) -> Option<Box<Terms>> {
        let Self { name, deadline, parent, limiter } = self;
        let with_token = with_token || deadline.is_some() || parent.is_some();
        if name.is_none() && limiter.is_none() && !with_token {
            return None;
        }
        let token =
            with_token.then(|| CancelToken::make(parent.as_ref(), deadline, pool.config.on_report.clone()));
        Some(Box::new(Terms::new(name, token, limiter)))
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
        self.0.start(Cancellable(f), true, Location::caller())
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
        let tried = self.0.try_start(Cancellable(f), true, Location::caller());
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
        let waiting = self.0.wait(Cancellable(f), true, Location::caller());
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
        let started = self.0.start_thread(Cancellable(f), true, Location::caller());
        started.map_err(|error| error.map(|Cancellable(f)| f))
    }
}

impl<A> fmt::Debug for JobBuilder<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("JobBuilder").field(&self.wish).finish()
    }
}

impl<A> fmt::Debug for WithToken<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("WithToken").field(&self.0.wish).finish()
    }
}
