//! A runtime as its owner sees it: make, block on, shut down.
//!
//! # The end
//! However a runtime ends (dropped, shut down, or the free `block_on` returning), the order is the same:
//!
//! 1. The inbox closes and every future is dropped, here on the loop's thread. Handles of tasks resolve as
//!    cancelled; `to_thread` futures among them un-queue their jobs.
//! 2. The reactor closes: sockets that other threads wait on return errors, sleeps end.
//! 3. The runtime waits for its jobs, as long as it was told. A job that completes now wakes nobody here: its
//!    wake finds the inbox closed and its result is dropped.
//!
//! Steps 1 and 2 come first so that a job which waits for the loop (in `Handle::block_on`) gets an answer
//! instead of holding up step 3.
//!
//! | file | what it is |
//! |---|---|
//! | [`builder`] | what a runtime is asked to be |
//! | [`shared`], [`context`] | what all threads see of it; which one a thread is in |
//! | [`spawn`], [`local_handle`], [`handle`], [`foreign`] | its use from its own thread, from any other, and how that blocks |
//! | [`report`], [`metrics`] | what nobody awaits; what it counts |

pub(crate) mod builder;
pub(crate) mod context;
pub(crate) mod foreign;
pub(crate) mod handle;
pub(crate) mod local_handle;
pub(crate) mod metrics;
pub(crate) mod report;
pub(crate) mod shared;
pub(crate) mod spawn;

use crate::core::Core;
use crate::core::paused::Time;
use crate::sync;
use crate::task;
use crate::watchdog::{self, SharedDoze, Watchdog};
use sideline_blocking_pool::{Pool, Shutdown, ShutdownReport as JobsReport, fork};
use sideline_reactor::{Clock, LocalReactor};
use std::fmt;
use std::future::Future;
use std::io;
use std::panic::Location;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use builder::Builder;
use handle::Handle;
use report::{Report, Reporter};
use shared::Shared;

/// A loop, and its share of a pool. It stays on the thread it was made on.
///
/// **Dropping** a runtime drops its tasks, then waits for its blocking jobs up to
/// [`drop_deadline`](Builder::drop_deadline), so that a fire-and-forget write is not lost. What still runs then is
/// left to finish and reported. Inside async code a drop does not wait; it reports.
/// [`shutdown`](Self::shutdown) says all that explicitly. If the process exits inside of a runtime's loop, nothing of it is dropped,
/// even if it is in a thread-local.
///
/// Tasks that are left when [`block_on`](Self::block_on) returns stay, and go on in the next `block_on`.
///
/// After a **fork**, the child cannot use its parent's runtime: the pool's threads exist in the parent only, and both
/// processes would wait at one event queue. In the child:
///
/// * `block_on`, [`turn`](Self::turn) and `Handle::block_on` panic, with a message that says so;
/// * jobs are rejected;
/// * tasks count as cancelled when they are awaited, even those that were spawned before the fork;
/// * dropping the runtime does nothing, so that the parent's sockets stay registered;
/// * a new runtime works, on a global pool of the child's own.
///
/// To fork inside `block_on`, and to go on in there, is not supported.
///
/// ```
/// # fn main() -> std::io::Result<()> {
/// let runtime = sideline::Runtime::new()?;
/// let hello = runtime.block_on(async { sideline::to_thread(|| "hello").await });
/// assert_eq!(hello, "hello");
/// # Ok(()) }
/// ```
pub struct Runtime {
    /// `None` only while the runtime is being dropped.
    core: Option<Rc<Core>>,
    handle: Handle,
    drop_deadline: Duration,
    pub(crate) watchdog: Option<Watchdog>,
}

impl Runtime {
    /// A runtime with the usual settings, on the shared [`Pool::global`]. It starts no thread.
    ///
    /// # Errors
    /// If the operating system gives no event queue or no descriptor for it; the message says which limit to
    /// raise.
    #[inline]
    pub fn new() -> io::Result<Self> {
        Self::builder().build()
    }

    /// A runtime with settings of your own.
    pub fn builder() -> Builder {
        Builder::new()
    }

    #[inline]
    pub(crate) fn from_builder(builder: Builder) -> io::Result<Self> {
        let clock = match builder.time {
            Time::Flows => sync::clock(),
            Time::Paused(_) => Clock::manual(),
        };
        Self::around(LocalReactor::with_known_wakers(clock, &task::WAKERS)?, builder)
    }

    fn around(mut reactor: LocalReactor, builder: Builder) -> io::Result<Self> {
        reactor.count_forks(fork::generation());
        let pool = builder.pool.unwrap_or_else(|| Pool::global().clone());
        let doze = watchdog::doze(builder.watchdog);
        let runtime =
            Self::assemble(reactor, builder.time, &pool, builder.reporter, builder.drop_deadline, doze);
        runtime.core().linger.busy_poll(builder.busy_poll);
        runtime.core().set_timer_slack(builder.timer_slack);
        watchdog::start(runtime, builder.watchdog)
    }

    pub(crate) fn assemble(
        reactor: LocalReactor,
        time: Time,
        pool: &Pool,
        reporter: Reporter,
        drop_deadline: Duration,
        doze: Option<SharedDoze>,
    ) -> Self {
        let shared = Shared::new(reactor.handle().clone(), pool.tenant_of_loop(), reporter, doze);
        let shared = Arc::new(shared);
        let handle = Handle::new(Arc::clone(&shared));
        let core = Some(Rc::new(Core::new(reactor, time, shared)));
        Self { core, handle, drop_deadline, watchdog: None }
    }

    /// Drives the loop on this thread until `future` is ready, and returns its output.
    ///
    /// # Panics
    /// Inside another `block_on` on the same thread; the message names both places. A panic of the future's
    /// goes through to the caller, and the runtime can be used again.
    #[track_caller]
    pub fn block_on<F: Future>(&self, future: F) -> F::Output {
        let at = Location::caller();
        self.core().block_on(future, at)
    }

    pub(crate) fn core(&self) -> &Rc<Core> {
        self.core.as_ref().expect("the core is there until the drop")
    }

    /// A handle for other threads. Cloning it gives a handle that outlives this borrow, but it does not keep the runtime running.
    pub fn handle(&self) -> &Handle {
        &self.handle
    }

    /// Ends the runtime: drops its tasks, then deals with its blocking jobs as `mode` says. Jobs of other
    /// runtimes on the same pool, and the pool itself, are not touched.
    ///
    /// `Drain` waits for all of its jobs; `Deadline(d)` for at most `d`; `Abandon` not at all, and what has not
    /// started never will. The calling thread blocks for that long, even inside async code of another runtime: to end this
    /// runtime there, drop it instead.
    ///
    /// When the process exits inside of this runtime's loop, the destructor of a thread-local may call it. Then it waits for nothing, whatever
    /// `mode` says, and drops no task: there are jobs that wait for the loop, which does not go on.
    ///
    /// ```
    /// use sideline::{Runtime, Shutdown};
    ///
    /// # fn main() -> std::io::Result<()> {
    /// let runtime = Runtime::new()?;
    /// runtime.spawn_blocking(|| "written").detach();
    /// let report = runtime.shutdown(Shutdown::Drain);
    /// assert!(report.jobs.left_running.is_empty());
    /// # Ok(()) }
    /// ```
    #[inline]
    pub fn shutdown(mut self, mode: Shutdown) -> ShutdownReport {
        let mode = match mode {
            // A job may wait for its loop, which does not go on.
            Shutdown::Drain | Shutdown::Deadline(_) if self.is_left_alone() => {
                Shutdown::Deadline(Duration::ZERO)
            }
            mode => mode,
        };
        let tasks_dropped = self.close_loop();
        ShutdownReport { tasks_dropped, jobs: self.handle.shared().tenant.shutdown(mode) }
    }

    /// Whether all is left as it is, in place of an end:
    /// * In a forked child, closing our sockets would take the parent's out of the event queue, and nobody is there to be waited for.
    /// * If its loop runs, further down on this thread's stack, the process exits in there, and the runtime is in a thread-local. The task
    ///   that is being polled must not be dropped then: it would drop once more what its poll has dropped. And the thread's context
    ///   refers to the loop, for the destructors that follow. Nor is a job waited for, as it may wait for the loop.
    fn is_left_alone(&self) -> bool {
        self.handle.shared().is_forked() || self.core.as_ref().is_some_and(|core| core.driven.get())
    }

    /// Steps 1 and 2 of the end. Returns how many tasks were dropped. Does nothing the second time.
    fn close_loop(&mut self) -> usize {
        if self.is_left_alone() {
            std::mem::forget(self.core.take());
            if let Some(watchdog) = self.watchdog.take() {
                watchdog.forget();
            }
            return 0;
        }
        // The loop will not run again, so there is nothing to watch.
        self.watchdog = None;
        // The last reference to the core, and with it the reactor, goes here.
        match self.core.take() {
            Some(core) => core.close(),
            None => 0,
        }
    }
}

impl Drop for Runtime {
    fn drop(&mut self) {
        if self.core.is_none() {
            return;
        }
        let is_left_alone = self.is_left_alone();
        self.close_loop();
        if is_left_alone {
            return;
        }
        let tenant = &self.handle.shared().tenant;
        tenant.close();
        // Waiting here would stop a loop that runs on this thread.
        let in_async_code = context::blocked_on().is_some();
        let deadline = if in_async_code { Duration::ZERO } else { self.drop_deadline };
        if !tenant.wait(Instant::now().checked_add(deadline)) {
            let running = tenant.survivors();
            let queued = tenant.outstanding().saturating_sub(running.len()) as u64;
            self.handle.shared().reporter.report(Report::JobsLeft { running, queued });
        }
    }
}

impl fmt::Debug for Runtime {
    #[inline]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Runtime")
            .field("core", &self.core)
            .field("drop_deadline", &self.drop_deadline)
            .finish()
    }
}

/// What became of a runtime's tasks and jobs, from [`Runtime::shutdown`].
#[derive(Debug)]
#[non_exhaustive]
pub struct ShutdownReport {
    /// Tasks that had not completed. Their futures were dropped.
    pub tasks_dropped: usize,
    /// The blocking jobs that were outstanding, each in exactly one class.
    pub jobs: JobsReport,
}

impl fmt::Display for ShutdownReport {
    #[inline]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} tasks dropped; jobs: {}", self.tasks_dropped, self.jobs)
    }
}

/// Runs a future on a fresh runtime on this thread, and returns its output.
///
/// Tasks that are left over are dropped when it returns; blocking jobs are waited for as when a [`Runtime`] is
/// dropped.
///
/// The event queue is opened when the first socket or the like is made, or for a sleep that has to end to the microsecond. So a
/// future that needs none costs a microsecond or two more than its polls, and no descriptor.
///
/// # Panics
/// Inside another `block_on` on the same thread; the message names both places. On other systems than 64-bit Linux, where
/// the event queue is opened at once, if there is no descriptor for it; use [`Runtime::new`] to get that as an error. A panic of
/// the future's goes through to the caller.
///
/// ```
/// let sum = sideline::block_on(async {
///     let far = sideline::spawn_blocking(|| 40);
///     let near = sideline::spawn(async { 2 });
///     far.await.unwrap() + near.await.unwrap()
/// });
/// assert_eq!(sum, 42);
/// ```
#[track_caller]
pub fn block_on<F: Future>(future: F) -> F::Output {
    let at = Location::caller();
    crate::core::refuse_nesting("block_on", at);
    match runtime_of_its_own() {
        Ok(runtime) => runtime.core().block_on(future, at),
        Err(error) => panic!("sideline::block_on: {error}"),
    }
}

#[inline(never)]
fn runtime_of_its_own() -> io::Result<Runtime> {
    Runtime::around(LocalReactor::lazy(sync::clock(), &task::WAKERS)?, Builder::new())
}
