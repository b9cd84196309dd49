//! A tenant: somebody who shares a pool and wants to know about its own jobs only. Its books are an [`Account`].

use std::fmt;
use std::panic::Location;
use std::sync::Arc;
use std::time::Instant;

use super::Pool;
use super::account::Account;
use crate::job::{JoinHandle, Plain};
use crate::shutdown::{Shutdown, ShutdownReport, Survivor};
use crate::submit::job_builder::JobBuilder;
use crate::submit::spawn_error::SpawnError;

/// A user of a pool that counts its own jobs: an async runtime, a library, a subsystem with a life of its own.
///
/// Tenants of one pool share its threads and its queue and know nothing of each other: waiting for one, closing it
/// or abandoning its jobs leaves the others alone. Cloning gives another handle to the same tenant. Dropping the
/// last handle changes nothing for its jobs: they run, unawaited ones included; [`close`](Self::close),
/// [`wait`](Self::wait) and [`shutdown`](Self::shutdown) are explicit. A tenant keeps its pool open.
///
/// ```
/// use sideline_blocking_pool::{Pool, Shutdown};
///
/// let mine = Pool::global().tenant();
/// mine.spawn(|| std::fs::read_dir("/").map(|entries| entries.count())).detach();
/// assert!(mine.wait(None)); // until all of my jobs are done, whatever others do on the same pool
/// assert_eq!(mine.outstanding(), 0);
/// mine.shutdown(Shutdown::Drain);
/// assert!(mine.try_spawn(|| ()).is_err());
/// ```
#[derive(Clone)]
pub struct Tenant {
    account: Arc<Account>,
    pool: Pool,
}

impl Tenant {
    #[inline(never)]
    pub(crate) fn new(pool: Pool) -> Self {
        Self { account: Account::new(Arc::clone(pool.shared())), pool }
    }

    #[inline(never)]
    pub(crate) fn of_loop(pool: Pool) -> Self {
        Self { account: Account::of_loop(Arc::clone(pool.shared())), pool }
    }

    /// Like [`Pool::spawn`], on this tenant's account.
    #[track_caller]
    pub fn spawn<F, T>(&self, f: F) -> JoinHandle<T>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        self.account.spawn(Plain(f), Location::caller(), None)
    }

    /// Like [`Pool::try_spawn`], on this tenant's account.
    ///
    /// # Errors
    /// As there; a closed tenant is [`Closed`](crate::SpawnErrorKind::Closed), too.
    #[track_caller]
    pub fn try_spawn<F, T>(&self, f: F) -> Result<JoinHandle<T>, SpawnError<F>>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        let tried = self.account.submit(Plain(f), Location::caller(), None);
        tried.map_err(|error| error.map(|Plain(f)| f))
    }

    /// Like [`Pool::job`], on this tenant's account.
    #[inline]
    pub fn job(&self) -> JobBuilder {
        JobBuilder::new(&self.account)
    }

    /// The pool it is a tenant of.
    pub fn pool(&self) -> &Pool {
        &self.pool
    }

    /// By an executor, now and then: whether it is so busy that no result is waited for. While it is, workers that have
    /// nothing to do let some jobs gather, for 10 µs at most, before they look for more; that leaves the submitter alone
    /// meanwhile. A hint, and at first nobody is busy.
    ///
    /// ```
    /// let tenant = sideline_blocking_pool::Pool::new().tenant_of_loop();
    /// tenant.set_awaiter_busy(true); // polling tasks all the time
    /// tenant.set_awaiter_busy(false); // about to wait
    /// ```
    pub fn set_awaiter_busy(&self, busy: bool) {
        self.account.set_awaiter_busy(busy);
    }

    /// How many of its jobs are queued, running, or being delivered. A job is outstanding until its awaiter has been
    /// woken, so it may still be counted at the moment in which its awaiter first sees the result.
    #[inline]
    pub fn outstanding(&self) -> usize {
        usize::try_from(self.account.outstanding()).unwrap_or(usize::MAX)
    }

    /// Accepts no more jobs; those there are go on. What is spawned later is [rejected](crate::JoinError::is_rejected).
    pub fn close(&self) {
        self.account.close();
    }

    /// Blocks until none of its jobs is outstanding. False if `deadline` came first; `None` waits for ever.
    ///
    /// Called from one of its own jobs, it does not wait for that job, nor for others of them that are in here. What a
    /// job leaves behind counts as the job: its waker, and the drop of its closure or of a result that nobody reads.
    ///
    /// Other tenants' jobs are nothing it knows of. If a job of one waits for another tenant, and a job of that one for
    /// the first, both wait for ever, like two threads that take two locks in a different order; and so does a job that
    /// waits for a result of a job which waits for this tenant. Where that may be, a `deadline` ends it. (A runtime that
    /// is dropped has one.)
    pub fn wait(&self, deadline: Option<Instant>) -> bool {
        self.account.wait(deadline)
    }

    /// Closes it and ends its jobs as `how` says. Blocks at most as long as that says, and never for the job it is
    /// called from. The pool and its other tenants go on.
    #[inline]
    pub fn shutdown(&self, how: Shutdown) -> ShutdownReport {
        self.account.shutdown(how)
    }

    /// Its jobs that are running at this moment.
    pub fn survivors(&self) -> Vec<Survivor> {
        self.account.survivors()
    }
}

impl fmt::Debug for Tenant {
    #[inline]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tenant")
            .field("outstanding", &self.outstanding())
            .field("closed", &self.account.is_closed())
            .finish_non_exhaustive()
    }
}
