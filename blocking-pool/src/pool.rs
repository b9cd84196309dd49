//! The pool: what users hold, what threads share, and the way of a closure into a queue.
//!
//! Users hold [`Pool`]s (and tenants, which hold one); when the last is dropped the pool closes. Threads and jobs
//! hold [`Shared`], so that whatever is still queued then is run.

use std::fmt;
use std::io;
use std::panic::Location;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use crate::builder::{Builder, Config};
use crate::contain;
use crate::error::{Failure, Rejection, SpawnError, SpawnErrorKind};
use crate::gate::Gate;
use crate::growth::Monitor;
use crate::idle::{Idle, Summon};
use crate::job::cell::Fresh;
use crate::job::{self, JobId, JoinHandle};
use crate::metrics::{Counters, Metrics};
use crate::padded::Padded;
use crate::queue::Queues;
use crate::report::{self, Report};
use crate::roster::Roster;
use crate::shutdown::{Looks, Shutdown, ShutdownReport, Survivor};
use crate::sync::atomic::{AtomicBool, AtomicUsize, Ordering, fence};
use crate::sync::{left_out, thread};
use crate::tenant::{Account, Tenant};
use crate::worker::{self, Kind};

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
/// # mod bare { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/common/block_on.rs")); }
/// # use bare::block_on;
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
    shared: Arc<Shared>,
    /// The account of jobs that are spawned on the pool itself.
    account: Arc<Account>,
}

impl Drop for Owner {
    fn drop(&mut self) {
        self.shared.close();
    }
}

/// What the threads of a pool, its handles and its jobs share.
pub(crate) struct Shared {
    pub(crate) config: Config,
    /// Counts the jobs that were accepted, until it is shut.
    pub(crate) gate: Padded<Gate>,
    pub(crate) idle: Padded<Idle>,
    pub(crate) queues: Queues,
    pub(crate) counters: Counters,
    pub(crate) roster: Roster,
    pub(crate) monitor: Monitor,
    abandoned: AtomicBool,
    /// Jobs in the queue, counted only if there is a limit.
    queued: Padded<AtomicUsize>,
    retry: Retry,
}

impl Pool {
    /// A pool with the defaults: as many core threads as the process may use processors, at most 512 threads, no
    /// limit on the queue. No thread is started yet.
    #[allow(clippy::new_without_default)] // Not a value, but threads: one should see where they come from.
    pub fn new() -> Self {
        Self::with(Config::default())
    }

    /// To choose something else than the defaults.
    pub fn builder() -> Builder {
        Builder::new()
    }

    /// The pool that everybody in the process may share. It has the defaults, and no thread until its first job.
    ///
    /// Shutting it down is for the end of a program: it stays closed.
    pub fn global() -> &'static Pool {
        static GLOBAL: OnceLock<Pool> = OnceLock::new();
        GLOBAL.get_or_init(Pool::new)
    }

    pub(crate) fn with(config: Config) -> Self {
        let (queues, seats) = Queues::new(config.core_threads);
        let shared = Arc::new(Shared {
            gate: Padded(Gate::new()),
            idle: Padded(Idle::new()),
            queues,
            counters: Counters::new(config.core_threads),
            roster: Roster::new(seats),
            monitor: Monitor::new(config.growth),
            abandoned: AtomicBool::new(false),
            queued: Padded(AtomicUsize::new(0)),
            retry: Retry::default(),
            config,
        });
        let account = Account::new(Arc::clone(&shared));
        Self(Arc::new(Owner { shared, account }))
    }

    pub(crate) fn shared(&self) -> &Arc<Shared> {
        &self.0.shared
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
    /// # mod bare { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/common/block_on.rs")); }
    /// # use bare::block_on;
    /// let sum = sideline_blocking_pool::Pool::global().spawn(|| (1..=1_000u64).sum::<u64>());
    /// assert_eq!(block_on(sum).unwrap(), 500_500);
    /// ```
    #[track_caller]
    pub fn spawn<F, T>(&self, f: F) -> JoinHandle<T>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        self.shared().spawn(&self.0.account, f, Location::caller())
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
    /// assert!(matches!(error.kind(), SpawnErrorKind::Full { limit: 1 }));
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
        self.shared().submit(&self.0.account, f, Location::caller())
    }

    /// A user of this pool that counts its own jobs, and can wait for them or cancel them without touching others'.
    pub fn tenant(&self) -> Tenant {
        Tenant::new(self.clone())
    }

    /// The pool's numbers, now. They add up: see [`Metrics`].
    ///
    /// ```
    /// let m = sideline_blocking_pool::Pool::global().metrics();
    /// assert_eq!(m.submitted, m.queued + m.running + m.completed + m.panicked + m.cancelled);
    /// ```
    pub fn metrics(&self) -> Metrics {
        self.shared().metrics()
    }

    /// Closes the pool, for all its tenants, and ends its jobs as `how` says. The calling thread blocks for as long
    /// as that says.
    ///
    /// `Drain` and a met `Deadline` return when all threads of the pool have ended. Called from a job of this very
    /// pool it does not wait for that job's thread; the job is reported as left running. A second call is fine: it
    /// reports on what was then outstanding.
    pub fn shutdown(&self, how: Shutdown) -> ShutdownReport {
        self.shared().shutdown(how)
    }
}

impl fmt::Debug for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pool")
            .field("closed", &self.shared().gate.is_closed())
            .field("metrics", &self.metrics())
            .finish_non_exhaustive()
    }
}

impl Shared {
    pub(crate) fn spawn<F, T>(
        self: &Arc<Self>,
        account: &Arc<Account>,
        closure: F,
        location: &'static Location<'static>,
    ) -> JoinHandle<T>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        self.submit(account, closure, location).unwrap_or_else(|refused| {
            let id = JobId::next();
            let (kind, closure) = refused.into_parts();
            if let Err(message) = contain::discard(closure) {
                self.report(&Report::DropPanicked { id, location, message });
            }
            JoinHandle::refused(id, location, Failure::Rejected(kind.rejection()))
        })
    }

    pub(crate) fn submit<F, T>(
        self: &Arc<Self>,
        account: &Arc<Account>,
        closure: F,
        location: &'static Location<'static>,
    ) -> Result<JoinHandle<T>, SpawnError<F>>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        if let Err(kind) = self.admit(account) {
            self.counters.rejected();
            return Err(SpawnError::new(kind, closure));
        }
        let (entry, fresh) = job::cell::new(closure, location, Arc::clone(account));
        if let Err(entry) = worker::push_nested(self, entry) {
            self.queues.push(entry);
        }
        if let Err(error) = self.announce_work() {
            return self.recall(fresh, error);
        }
        let handle = fresh.into_handle();
        if account.is_abandoned() {
            // Abandoned between admission and push: whoever cancelled the queue has not seen this job.
            handle.cancel(Failure::Cancelled);
        }
        Ok(JoinHandle::accepted(handle))
    }

    /// There is no thread: takes the closure back, and gives up all others that wait for one, too.
    fn recall<F, T>(&self, fresh: Fresh<F, T>, error: io::Error) -> Result<JoinHandle<T>, SpawnError<F>>
    where
        F: FnOnce() -> T + Send + 'static,
    {
        let why = Rejection::NoThread(error.to_string());
        let mine = fresh.take_back();
        if !left_out("failed-start-drains") {
            // Other submitters may have relied on the thread that never came to be.
            self.reject_queued(&why);
        }
        match mine {
            Ok(closure) => Err(SpawnError::new(SpawnErrorKind::NoThread(error), closure)),
            // A thread came to be after all and has it, or another submitter has rejected it.
            Err(handle) => Ok(JoinHandle::accepted(handle)),
        }
    }

    /// Lets a job in, or says why not.
    fn admit(&self, account: &Account) -> Result<(), SpawnErrorKind> {
        if !account.enter() {
            return Err(SpawnErrorKind::Closed);
        }
        if !self.take_room() {
            account.leave_unqueued();
            let limit = self.config.queue_limit.unwrap_or(usize::MAX);
            return Err(SpawnErrorKind::Full { limit });
        }
        if !self.gate.enter() {
            self.make_room();
            account.leave_unqueued();
            return Err(SpawnErrorKind::Closed);
        }
        Ok(())
    }

    fn take_room(&self) -> bool {
        let Some(limit) = self.config.queue_limit else { return true };
        // Relaxed: a count and nothing else.
        let room = |queued| (queued < limit).then_some(queued + 1);
        self.queued.fetch_update(Ordering::Relaxed, Ordering::Relaxed, room).is_ok()
    }

    pub(crate) fn make_room(&self) {
        if self.config.queue_limit.is_some() {
            self.queued.fetch_sub(1, Ordering::Relaxed);
        }
    }

    /// After a push: makes sure that somebody will look. Err: there is no thread, and none can be started.
    fn announce_work(self: &Arc<Self>) -> io::Result<()> {
        // Pairs with the fences of those who stop looking: see `crate::idle`.
        fence(Ordering::SeqCst);
        self.summon()
    }

    fn summon(self: &Arc<Self>) -> io::Result<()> {
        // A refused start is not tried again at once, unless there is nobody else.
        let core = if self.retry.is_due() { self.config.core_threads } else { 1 };
        match self.idle.summon(core, || self.queues.has_work()) {
            Summon::Enough => {}
            Summon::Call(parker) => parker.unpark(),
            Summon::Start => self.start(Kind::Core)?,
            Summon::Busy(census) if census.threads() < self.config.max_threads => self.monitor.poke(self),
            Summon::Busy(_) => {}
        }
        Ok(())
    }

    /// A searcher found a job. If it was the last searcher, somebody may have relied on it for another one.
    pub(crate) fn found(self: &Arc<Self>) {
        if self.idle.stop_searching() && self.queues.has_work() {
            // Err: cannot be, the caller is a thread.
            let _ = self.summon();
        }
    }

    /// Starts the worker that has just been counted. Err: that failed, and there is no thread at all.
    fn start(self: &Arc<Self>, kind: Kind) -> io::Result<()> {
        let name = |number| format!("{}-{number}", self.config.thread_name);
        let hired = self.roster.hire(name, true, |desk| {
            self.config.start_fault()?;
            let pool = Arc::clone(self);
            let thread = self.thread_builder(&desk.name);
            thread.spawn(move || worker::main(pool, desk, kind))
        });
        let Err((name, error)) = hired else {
            self.retry.succeeded();
            return Ok(());
        };
        self.retry.failed();
        let left = self.idle.leave();
        // Pairs with a submitter's fence: it may have relied on the searcher that never came to be.
        fence(Ordering::SeqCst);
        let nobody = left.threads() == 0;
        let copy = io::Error::new(error.kind(), error.to_string());
        self.report(&Report::ThreadFailed { name, error, threads: left.threads() });
        if nobody {
            return Err(copy);
        }
        if self.queues.has_work() && self.idle.census().searching() == 0 {
            // Nobody to start; but somebody may be asleep, or the monitor has to try again.
            match self.idle.take_sleeper() {
                Some(sleeper) => sleeper.unpark(),
                None => self.monitor.poke(self),
            }
        }
        Ok(())
    }

    pub(crate) fn thread_builder(&self, name: &str) -> thread::Builder {
        let builder = thread::Builder::new().name(name.to_owned());
        match self.config.stack_size {
            Some(bytes) => builder.stack_size(bytes),
            None => builder,
        }
    }

    /// Starts up to `count` workers; how many it became. By the monitor.
    pub(crate) fn grow(self: &Arc<Self>, count: usize) -> usize {
        for started in 0..count {
            let kind = if self.idle.census().threads() < self.config.core_threads {
                Kind::Core
            } else {
                Kind::Extra
            };
            if !self.retry.is_due() || !self.idle.reserve(self.config.max_threads) {
                return started;
            }
            let before = self.retry.failures();
            if let Err(error) = self.start(kind) {
                self.reject_queued(&Rejection::NoThread(error.to_string()));
            }
            if self.retry.failures() != before {
                return started;
            }
        }
        count
    }

    /// Gives up everything in the queues; there is no thread to run it.
    fn reject_queued(&self, why: &Rejection) {
        while let Some(entry) = self.queues.pop() {
            self.queues.note_taken(None);
            if let Some(job) = entry.claim() {
                job.refuse(Failure::Rejected(why.clone()));
            }
        }
        self.call_if_drained();
    }

    /// Cancels what waits on the accounts that `whose` picks. Others' jobs go back in their order.
    pub(crate) fn cancel_queued(self: &Arc<Self>, whose: impl Fn(&Account) -> bool) {
        // Pairs with a submitter's fence: either it sees that its account is abandoned, or we see its job.
        fence(Ordering::SeqCst);
        let mut others = Vec::new();
        while let Some(entry) = self.queues.pop() {
            if !whose(entry.account()) {
                others.push(entry);
                continue;
            }
            self.queues.note_taken(None);
            if let Some(job) = entry.claim() {
                job.refuse(Failure::Cancelled);
            }
        }
        if !others.is_empty() {
            others.into_iter().for_each(|entry| self.queues.push(entry));
            if let Err(error) = self.announce_work() {
                self.reject_queued(&Rejection::NoThread(error.to_string()));
            }
        }
        self.call_if_drained();
    }

    /// Closed, and every entry that was let in has been taken out.
    pub(crate) fn is_drained(&self) -> bool {
        if left_out("drained-counts-entries") {
            return self.gate.is_closed() && !self.queues.has_work();
        }
        self.gate.is_closed() && self.queues.taken() == self.gate.count()
    }

    fn call_if_drained(&self) {
        // Pairs with the fence of those who lie down.
        fence(Ordering::SeqCst);
        if self.is_drained() {
            self.call_everybody();
        }
    }

    /// Wakes all sleepers; each finds out for itself what there is to do.
    pub(crate) fn call_everybody(&self) {
        while let Some(sleeper) = self.idle.take_sleeper() {
            sleeper.unpark();
        }
    }

    pub(crate) fn is_abandoned(&self) -> bool {
        // Acquire: pairs with the Release in shutdown().
        self.abandoned.load(Ordering::Acquire)
    }

    fn close(&self) {
        self.gate.close();
        // Pairs with the fence of those who lie down: either they see the gate shut, or we see them on the list.
        fence(Ordering::SeqCst);
        self.call_everybody();
        self.monitor.call();
    }

    fn shutdown(self: &Arc<Self>, how: Shutdown) -> ShutdownReport {
        self.close();
        let before = self.metrics();
        let inside = worker::is_inside(self);
        match how {
            Shutdown::Drain => _ = self.roster.wait_gone(inside, None),
            Shutdown::Deadline(limit) => _ = self.roster.wait_gone(inside, Instant::now().checked_add(limit)),
            Shutdown::Abandon => {
                self.abandoned.store(true, Ordering::Release);
                self.cancel_queued(|_| true);
            }
        }
        if !inside {
            self.roster.join_gone();
        }
        let mut looks = Looks::default();
        loop {
            let totals = self.counters.totals();
            let survivors = self.survivors(|_| true);
            let queued = self.gate.count().saturating_sub(totals.started + totals.cancelled);
            let running = totals.started - totals.completed - totals.panicked;
            let settled = self.counters.totals() == totals && survivors.len() as u64 == running;
            if settled && (how != Shutdown::Abandon || queued == 0) || looks.are_over() {
                let outstanding = before.queued + before.running;
                return ShutdownReport::balance(
                    outstanding,
                    totals.cancelled - before.cancelled,
                    survivors,
                    queued,
                );
            }
        }
    }

    /// The jobs that are running, of the tenants that `whose` picks.
    pub(crate) fn survivors(&self, whose: impl Fn(u64) -> bool) -> Vec<Survivor> {
        let desks = self.roster.desks();
        let running = desks.iter().filter_map(|desk| {
            let job = desk.read().filter(|job| whose(job.tenant))?;
            Some(Survivor { id: job.id, location: job.location, thread: desk.name.clone() })
        });
        running.collect()
    }

    fn metrics(&self) -> Metrics {
        let census = self.idle.census();
        let totals = self.counters.totals();
        let submitted = self.gate.count();
        Metrics {
            threads: census.threads(),
            idle: census.idle() + census.searching(),
            queued: submitted - totals.started - totals.cancelled,
            running: totals.started - totals.completed - totals.panicked,
            submitted,
            completed: totals.completed,
            panicked: totals.panicked,
            cancelled: totals.cancelled,
            rejected: totals.rejected,
        }
    }

    pub(crate) fn report(&self, report: &Report) {
        report::tell(self.config.on_report.as_ref(), report);
    }
}

/// When to try again after the operating system has refused a thread: not at every job, and not never.
#[derive(Debug, Default)]
struct Retry(std::sync::Mutex<Refusals>, std::sync::atomic::AtomicBool);

#[derive(Debug, Default)]
struct Refusals {
    count: u64,
    not_before: Option<Instant>,
}

impl Retry {
    const PAUSE: Duration = Duration::from_millis(10);

    fn lock(&self) -> std::sync::MutexGuard<'_, Refusals> {
        self.0.lock().unwrap_or_else(|poison| poison.into_inner())
    }

    fn is_due(&self) -> bool {
        // Relaxed: a hint, so that a pool that was never refused takes no lock and reads no clock.
        !self.1.load(Ordering::Relaxed) || self.lock().not_before.is_none_or(|then| Instant::now() >= then)
    }

    fn failed(&self) {
        let mut refusals = self.lock();
        refusals.count += 1;
        refusals.not_before = Some(Instant::now() + Self::PAUSE);
        self.1.store(true, Ordering::Relaxed);
    }

    fn succeeded(&self) {
        if self.1.swap(false, Ordering::Relaxed) {
            self.lock().not_before = None;
        }
    }

    fn failures(&self) -> u64 {
        self.lock().count
    }
}
