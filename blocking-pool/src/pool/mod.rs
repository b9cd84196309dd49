//! The pool as its users hold it.
//!
//! Users hold [`Pool`]s, and tenants, which hold a `Pool` each. When the last of them is dropped, the pool closes. Threads and
//! jobs hold [`Shared`], so that what is queued at that moment is still run.
//!
//! | file | what it is |
//! |---|---|
//! | [`builder`] | what a pool is asked to be |
//! | [`tenant`], [`account`] | a user of the pool that counts its own jobs; the books for that, which a pool has, too |
//! | [`shared`] | what all threads, handles and jobs of a pool see |

pub(crate) mod account;
pub(crate) mod builder;
pub(crate) mod shared;
pub(crate) mod tenant;

use std::fmt;
use std::panic::Location;
use std::sync::Arc;

use crate::job::{JoinHandle, Plain};
use crate::metrics::Metrics;
use crate::shutdown::{Shutdown, ShutdownReport};
use crate::submit::job_builder::JobBuilder;
use crate::submit::spawn_error::SpawnError;
use crate::sys::fork::PerProcess;

use account::Account;
use builder::{Builder, Config};
use shared::Shared;
use tenant::Tenant;

/// A pool of threads for closures that block or compute; their results are futures.
///
/// Threads start on demand: up to the core count as jobs come, beyond that only while jobs wait and the workers are
/// blocked rather than busy, up to `max_threads`. A pool without jobs runs nothing at all.
///
/// Cloning gives another handle to the same pool. **Dropping** the last handle (tenants hold one, too) closes it
/// without waiting: jobs that are queued still run, then its threads end. To wait, or to cancel what has not
/// started, call [`shutdown`](Self::shutdown).
///
/// ```
/// use pollster::block_on;
/// use sideline_blocking_pool::Pool;
///
/// let pool = Pool::builder().max_threads(8).thread_name("files").build()?;
/// let length = pool.spawn(|| std::fs::metadata("Cargo.toml").map(|file| file.len()));
/// assert!(block_on(length)?? > 0); // any executor will do
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Pool(Arc<Owner>);

/// What all handles of a pool share; its drop is the pool's closing.
struct Owner {
    /// The account of the jobs that are spawned on the pool itself, not on a tenant.
    account: Arc<Account>,
}

impl Drop for Owner {
    fn drop(&mut self) {
        // In a forked child there is nobody to be told, and locks may be held by threads that exist in the parent only.
        let shared = self.account.pool();
        if !shared.is_forked() {
            shared.close();
        }
    }
}

impl Pool {
    /// A pool with the defaults: as many core threads as the process may use processors, at most 512 threads, no
    /// limit on the queue. No thread is started yet.
    #[allow(clippy::new_without_default)] // Not a value, but threads: one should see where they come from.
    pub fn new() -> Self {
        Self::with(Config::default())
    }

    /// To choose something else than the defaults.
    #[inline]
    pub fn builder() -> Builder {
        Builder::new()
    }

    /// The pool that everybody in the process may share. It has the defaults, and no thread until its first job.
    ///
    /// Shutting it down is for the end of a program: it stays closed.
    ///
    /// After a `fork`, the child has a global pool of its own. Pools made by its parent refuse closures there
    /// ([`Forked`](crate::SpawnErrorKind::Forked)), since their threads are in the parent.
    pub fn global() -> &'static Pool {
        static GLOBAL: PerProcess<Pool> = PerProcess::new();
        GLOBAL.get_or_init(|_| Self::new())
    }

    #[inline(never)]
    pub(crate) fn with(config: Config) -> Self {
        Self(Arc::new(Owner { account: Account::new(Shared::new(config)) }))
    }

    pub(crate) fn shared(&self) -> &Arc<Shared> {
        self.0.account.pool()
    }

    /// Queues `f` to run on a thread of the pool. Never blocks, and may be called from anywhere, jobs included.
    ///
    /// There is always a handle. If the pool is closed or its queue full, or if it has no thread and none can be
    /// started, `f` is dropped here and the handle resolves to a [rejected](crate::JoinError::is_rejected) error;
    /// [`try_spawn`](Self::try_spawn) gives `f` back instead.
    ///
    /// Dropping the handle detaches the job: it runs all the same.
    ///
    /// ```
    /// use pollster::block_on;
    /// let sum = sideline_blocking_pool::Pool::global().spawn(|| (1..=1_000u64).sum::<u64>());
    /// assert_eq!(block_on(sum).unwrap(), 500_500);
    /// ```
    #[track_caller]
    pub fn spawn<F, T>(&self, f: F) -> JoinHandle<T>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        self.0.account.spawn(Plain(f), Location::caller(), None)
    }

    /// Like [`spawn`](Self::spawn), but a closure that cannot be taken comes back.
    ///
    /// # Errors
    /// The pool is closed, its queue is full ([`Builder::queue_limit`]), or it has no thread and the operating
    /// system refuses to start one. The [`SpawnError`] holds `f`, of which nothing has run.
    ///
    /// ```
    /// use sideline_blocking_pool::{Pool, SpawnErrorKind};
    /// use std::sync::mpsc;
    ///
    /// let pool = Pool::builder().core_threads(1).max_threads(1).queue_limit(1).build()?;
    /// let (started, has_started) = mpsc::channel();
    /// let (release, released) = mpsc::channel::<()>();
    /// let busy = pool.spawn(move || { started.send(()).unwrap(); released.recv().unwrap() });
    /// has_started.recv()?;
    /// let waiting = pool.spawn(|| 1);
    /// let error = pool.try_spawn(|| 2).unwrap_err();
    /// assert!(matches!(error.kind(), SpawnErrorKind::Full { limit: 1, .. }));
    /// assert_eq!(error.into_closure()(), 2);
    /// # release.send(())?; drop((busy, waiting));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[track_caller]
    pub fn try_spawn<F, T>(&self, f: F) -> Result<JoinHandle<T>, SpawnError<F>>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        let tried = self.0.account.submit(Plain(f), Location::caller(), None);
        tried.map_err(|error| error.map(|Plain(f)| f))
    }

    /// A job with a name, a deadline, ...: says how it is to be run, then spawns it.
    ///
    /// ```
    /// use pollster::block_on;
    /// let job = sideline_blocking_pool::Pool::global().job().name("sum").spawn(|| 1 + 1);
    /// assert_eq!(job.name(), Some("sum"));
    /// assert_eq!(block_on(job).unwrap(), 2);
    /// ```
    #[inline]
    pub fn job(&self) -> JobBuilder {
        JobBuilder::new(&self.0.account)
    }

    /// A user of this pool that counts its own jobs, and can wait for them or cancel them without touching others'. Each call
    /// makes another one.
    ///
    /// ```
    /// use sideline_blocking_pool::Pool;
    ///
    /// let mine = Pool::global().tenant();
    /// mine.spawn(|| 1 + 1).detach();
    /// assert!(mine.wait(None)); // for this job, and not for what others run there
    /// ```
    #[inline]
    pub fn tenant(&self) -> Tenant {
        Tenant::new(self.clone())
    }

    /// The same for an executor that looks for its results itself, for as long as that pays, when it has nothing else to
    /// do and jobs are [outstanding](Tenant::outstanding). Its handles leave that to it, and are woken.
    ///
    /// ```
    /// let pool = sideline_blocking_pool::Pool::new();
    /// let mut spinner = sideline_blocking_pool::Spinner::new();
    /// let tenant = pool.tenant_of_loop();
    /// let job = tenant.spawn(|| 7);
    /// if tenant.outstanding() > 0 {
    ///     spinner.spin(|| job.is_finished()); // or: until a waker was called
    /// }
    /// ```
    pub fn tenant_of_loop(&self) -> Tenant {
        Tenant::of_loop(self.clone())
    }

    /// Whether as many of its workers are awake, running a job or searching for one, as there are processors.
    ///
    /// Then whoever spins for a result may be taking the processor from the worker that is to produce it: an executor
    /// that asks here does so for [`Spinner::SHORT_LIMIT`](crate::Spinner::SHORT_LIMIT) at most. A hint, and as cheap
    /// as one load.
    ///
    /// ```
    /// let pool = sideline_blocking_pool::Pool::new();
    /// assert!(!pool.is_saturated()); // its workers are started when there are jobs
    /// ```
    pub fn is_saturated(&self) -> bool {
        self.shared().is_saturated()
    }

    /// For a loop, now and then: if jobs wait because a thread was refused, asks for it again. True if so: the loop is to come
    /// back, since nobody else may.
    #[doc(hidden)]
    #[inline]
    pub fn seek_thread(&self) -> bool {
        self.shared().seek_thread_if_short()
    }

    /// The pool's numbers, now. They add up: see [`Metrics`].
    ///
    /// ```
    /// let m = sideline_blocking_pool::Pool::global().metrics();
    /// assert_eq!(m.submitted, m.queued + m.running + m.completed + m.panicked + m.cancelled);
    /// ```
    #[inline]
    pub fn metrics(&self) -> Metrics {
        Metrics::read(self.shared())
    }

    /// Closes the pool, for all its tenants, and ends its jobs as `how` says. The calling thread blocks for as long
    /// as that says.
    ///
    /// `Drain` and a met `Deadline` return when all threads of the pool have ended. Called from a job of this very
    /// pool it does not wait for that job's thread; the job is reported as left running. A second call is fine: it
    /// reports on what was then outstanding.
    ///
    /// `Drain` waits for ever for a job that waits for the calling thread. That goes for the destructor of a thread-local, too, which is called
    /// where the process exits: in the middle of a loop, say, that a job waits for. There, a `Deadline` ends it.
    ///
    /// ```
    /// use sideline_blocking_pool::{Pool, Shutdown};
    ///
    /// let pool = Pool::new();
    /// pool.spawn(|| 1 + 1).detach();
    /// let report = pool.shutdown(Shutdown::Drain);
    /// assert!(report.left_running.is_empty() && report.left_queued == 0, "{report}");
    /// assert!(pool.try_spawn(|| 2).unwrap_err().is_closed());
    /// ```
    #[inline]
    pub fn shutdown(&self, how: Shutdown) -> ShutdownReport {
        self.shared().shutdown(how)
    }
}

impl fmt::Debug for Pool {
    #[inline]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pool")
            .field("closed", &self.shared().gate.is_closed())
            .field("metrics", &self.metrics())
            .finish_non_exhaustive()
    }
}
