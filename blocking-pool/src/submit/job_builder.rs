//! A job that is more than a closure: named, with a deadline, cancellable, ...

use std::borrow::Cow;
use std::fmt;
use std::panic::Location;
use std::sync::Arc;

use super::spawn_error::SpawnError;
use crate::job::{Around, Inside, JoinHandle, Plain, Terms, Work};
use crate::pool::account::Account;
use crate::pool::shared::Shared;

#[cfg(feature = "job-control")]
pub(crate) mod control;
#[cfg(feature = "job-control")]
use control::Control;
#[cfg(feature = "job-control")]
pub use control::WithToken;

#[cfg(not(feature = "job-control"))]
use crate::control::wish::Control;

/// Says how a job is to be run, then spawns it: [`Pool::job`](crate::Pool::job), [`Tenant::job`](crate::Tenant::job).
///
/// What is not asked for costs nothing. A builder can be kept and cloned, to spawn several jobs alike; it does not
/// keep the pool open.
///
/// ```
/// use pollster::block_on;
/// use sideline_blocking_pool::Pool;
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
    account: Arc<Account>,
    around: A,
    wish: Wish,
}

/// What was asked for so far; it becomes the [`Terms`] of one job, or of several.
#[derive(Clone, Debug, Default)]
struct Wish {
    name: Option<Cow<'static, str>>,
    control: Control,
}

impl JobBuilder {
    #[inline]
    pub(crate) fn new(account: &Arc<Account>) -> Self {
        Self { account: Arc::clone(account), around: (), wish: Wish::default() }
    }
}

impl<A: Around> JobBuilder<A> {
    /// What to call the job in errors, reports and lists of what is running.
    pub fn name(mut self, name: impl Into<Cow<'static, str>>) -> Self {
        self.wish.name = Some(name.into());
        self
    }

    /// What the closure runs inside of. For runtimes and libraries that carry context along.
    pub fn around<B: Around>(self, around: B) -> JobBuilder<B> {
        let Self { account, wish, .. } = self;
        JobBuilder { account, around, wish }
    }

    /// Queues the job; see [`Pool::spawn`](crate::Pool::spawn).
    #[track_caller]
    pub fn spawn<F, T>(self, f: F) -> JoinHandle<T>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        self.start(Plain(f), Location::caller())
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
        self.try_start(Plain(f), Location::caller()).map_err(|error| error.map(|Plain(f)| f))
    }

    fn start<W: Work>(self, work: W, location: &'static Location<'static>) -> JoinHandle<W::Output> {
        let Ready { account, work, terms } = self.prepare(work);
        account.spawn(work, location, terms)
    }

    fn try_start<W: Work>(
        self,
        work: W,
        location: &'static Location<'static>,
    ) -> Result<JoinHandle<W::Output>, SpawnError<W>> {
        let Ready { account, work, terms } = self.prepare(work);
        let tried = account.submit(work, location, terms);
        tried.map_err(|error| error.map(|inside| inside.work))
    }

    fn prepare<W: Work>(self, work: W) -> Ready<Inside<A, W>> {
        let Self { account, wish, around } = self;
        let terms = wish.into_terms(W::WANTS_TOKEN, account.pool());
        Ready { account, work: Inside { around, work }, terms }
    }
}

/// What all four ways to start a job begin with.
struct Ready<W> {
    account: Arc<Account>,
    work: W,
    terms: Option<Box<Terms>>,
}

impl Wish {
    /// `None` if there is nothing in it.
    #[inline]
    fn into_terms(self, wants_token: bool, pool: &Shared) -> Option<Box<Terms>> {
        let Self { name, control } = self;
        let token = control.token(wants_token, pool);
        let limiter = control.into_limiter();
        if name.is_none() && token.is_none() && limiter.is_none() {
            return None;
        }
        Some(Box::new(Terms::new(name, token, limiter)))
    }
}

impl<A> fmt::Debug for JobBuilder<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("JobBuilder").field(&self.wish).finish()
    }
}
