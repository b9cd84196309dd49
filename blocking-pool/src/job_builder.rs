//! A job that is more than a closure: named, with a deadline, ...

use std::borrow::Cow;
use std::fmt;
use std::panic::Location;
use std::sync::Arc;
use std::time::Instant;

use crate::error::SpawnError;
use crate::job::{Around, Inside, JoinHandle, Plain, Terms, Work};
use crate::shared::Shared;
use crate::tenant::Account;

/// Says how a job is to be run, then spawns it: [`Pool::job`](crate::Pool::job), [`Tenant::job`](crate::Tenant::job).
///
/// What is not asked for costs nothing. A builder can be cloned, to spawn several jobs alike.
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
pub struct JobBuilder<'p, A = ()> {
    shared: &'p Arc<Shared>,
    account: &'p Arc<Account>,
    around: A,
    terms: Terms,
}

impl<'p> JobBuilder<'p> {
    pub(crate) fn new(shared: &'p Arc<Shared>, account: &'p Arc<Account>) -> Self {
        Self { shared, account, around: (), terms: Terms::default() }
    }
}

impl<'p, A: Around> JobBuilder<'p, A> {
    /// What to call the job in errors, reports and lists of what is running.
    pub fn name(mut self, name: impl Into<Cow<'static, str>>) -> Self {
        self.terms.name = Some(name.into());
        self
    }

    /// Until when the job may start. If it is still waiting then it never runs: its closure is dropped, its awaiter
    /// gets an [expired](crate::JoinError::is_expired) error, and [`Metrics::expired`](crate::Metrics::expired)
    /// counts it.
    ///
    /// A job that has started in time is not stopped by it.
    pub fn deadline(mut self, deadline: Instant) -> Self {
        self.terms.deadline = Some(deadline);
        self
    }

    /// What the closure runs inside of. For runtimes and libraries that carry context along.
    pub fn around<B: Around>(self, around: B) -> JobBuilder<'p, B> {
        let Self { shared, account, terms, .. } = self;
        JobBuilder { shared, account, around, terms }
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
        let work = Inside { around: self.around, work };
        self.shared.spawn(self.account, work, location, self.terms.if_any())
    }

    fn try_start<W: Work>(
        self,
        work: W,
        location: &'static Location<'static>,
    ) -> Result<JoinHandle<W::Output>, SpawnError<W>> {
        let work = Inside { around: self.around, work };
        let tried = self.shared.submit(self.account, work, location, self.terms.if_any());
        tried.map_err(|error| error.map(|inside| inside.work))
    }
}

impl<A> fmt::Debug for JobBuilder<'_, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("JobBuilder").field(&self.terms).finish()
    }
}
