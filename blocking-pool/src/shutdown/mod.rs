//! How to end, and what came of it.

mod ending;

use std::borrow::Cow;
use std::fmt;
use std::panic::Location;
use std::time::Duration;

use crate::job::{JobId, JobInfo, name_job};
use crate::sync::{CLOCKS, left_out, thread};
use crate::user_code::nested;
use crate::worker::desk::Desk;

/// How to shut down a [`Pool`](crate::Pool) or a [`Tenant`](crate::Tenant). In all modes, nothing new is accepted.
///
/// ```
/// use sideline_blocking_pool::{Pool, Shutdown};
/// use std::time::Duration;
///
/// let pool = Pool::new();
/// let (start, started) = std::sync::mpsc::channel();
/// let (release, released) = std::sync::mpsc::channel::<()>();
/// pool.job().name("slow").spawn(move || {
///     start.send(()).unwrap();
///     _ = released.recv(); // blocks for longer than anybody wants to wait
/// }).detach();
/// started.recv()?;
/// let report = pool.shutdown(Shutdown::Deadline(Duration::from_millis(5)));
/// assert_eq!(report.left_running[0].name.as_deref(), Some("slow"));
/// # drop(release);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shutdown {
    /// Wait until every job, queued or running, has ended, however long that takes.
    Drain,
    /// The same, but return after this long at the latest. What is then left goes on, and is in the report.
    Deadline(Duration),
    /// Cancel all jobs that have not started, and do not wait for those that have.
    Abandon,
}

/// What became of the jobs that were outstanding when a shutdown was called: each is in exactly one class.
///
/// ```
/// use sideline_blocking_pool::{Pool, Shutdown};
///
/// let pool = Pool::new();
/// pool.spawn(|| ()).detach();
/// let report = pool.shutdown(Shutdown::Drain);
/// assert!(report.left_running.is_empty() && report.left_queued == 0, "{report}");
/// ```
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct ShutdownReport {
    /// Jobs that ended (returned or panicked) between the call and its return.
    pub finished: u64,
    /// Jobs that were cancelled before they started.
    pub cancelled: u64,
    /// Jobs that were still running on return. They go on; their threads end with them.
    pub left_running: Vec<Survivor>,
    /// Jobs that were still waiting on return. They will still be run.
    pub left_queued: u64,
    /// Dedicated closures that were still running on return; nobody waits for those. They are not among the jobs above.
    pub dedicated: Vec<Survivor>,
}

/// One look at what has become of the jobs.
pub(crate) struct Look {
    pub(crate) cancelled: u64,
    pub(crate) queued: u64,
    /// They are on a desk.
    pub(crate) running: Vec<Survivor>,
    /// How many have been taken out of a queue and are not over.
    pub(crate) taken: u64,
    /// The counts were others when it was over than when it began.
    pub(crate) has_moved: bool,
}

impl Look {
    /// Whoever was taken and is not seen to run is about to: its worker has just taken it. Or it is being delivered.
    fn is_still(&self) -> bool {
        !self.has_moved && self.running.len() as u64 >= self.taken
    }
}

impl ShutdownReport {
    /// Looks until nothing moves. What neither was cancelled nor is left has finished.
    ///
    /// Between being taken out of a queue and being started or cancelled, a job is in neither class. That takes a moment
    /// only, so after an abandon we wait for it: first by giving way, and if the kernel has put that worker aside, by the
    /// millisecond. There is a limit: a pool that is never still is reported as it was last seen.
    ///
    /// There is one more place where jobs are in nobody's sight: between the injector and the deque of a worker that takes
    /// a batch. Whoever empties the queues at that moment misses them. If that worker then blocks in the first of them,
    /// which may be another tenant's, the others wait until some worker is free and finds out that they are cancelled. So
    /// an abandon *sweeps* again, at the first look, the second, the fourth, ..., while it sees that something is queued:
    /// others' jobs are taken out and put back each time. (Model: `abandon_against_a_batch`, twin `abandon-sweeps-again`.)
    #[inline]
    pub(crate) fn draw_up(
        how: Shutdown,
        outstanding: u64,
        look: impl Fn() -> Look,
        sweep: impl Fn(),
        dedicated: impl FnOnce() -> Vec<Survivor>,
    ) -> Self {
        // What this thread is to cancel and has put off is in no class yet.
        nested::catch_up();
        let mut looks = 0_u32;
        loop {
            let look = look();
            let is_still = look.is_still();
            let Look { cancelled, queued, running, .. } = look;
            looks += 1;
            let is_too_early = how == Shutdown::Abandon && queued > 0;
            if is_too_early && looks.is_power_of_two() && !left_out("abandon-sweeps-again") {
                sweep();
            }
            if is_still && !is_too_early || looks > MOST_LOOKS + MOST_SLEEPS {
                let rest = cancelled + running.len() as u64 + queued;
                let finished = outstanding.saturating_sub(rest);
                return Self {
                    finished,
                    cancelled,
                    left_running: running,
                    left_queued: queued,
                    dedicated: dedicated(),
                };
            }
            if looks <= MOST_LOOKS || !CLOCKS {
                thread::yield_now();
            } else {
                std::thread::sleep(Duration::from_millis(1));
            }
        }
    }
}

const MOST_LOOKS: u32 = 1000;
/// As many as the kernel may take to give a worker a processor again that others want, too.
const MOST_SLEEPS: u32 = 20;

impl fmt::Display for ShutdownReport {
    #[inline]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} finished, {} cancelled", self.finished, self.cancelled)?;
        if self.left_queued > 0 {
            write!(f, ", {} still queued", self.left_queued)?;
        }
        if !self.left_running.is_empty() {
            write!(f, ", {} still running:", self.left_running.len())?;
            for survivor in &self.left_running {
                write!(f, "\n  {survivor}")?;
            }
        }
        if !self.dedicated.is_empty() {
            write!(f, ", {} dedicated still running:", self.dedicated.len())?;
            for survivor in &self.dedicated {
                write!(f, "\n  {survivor}")?;
            }
        }
        Ok(())
    }
}

/// A job that is running now.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Survivor {
    /// The job.
    pub id: JobId,
    /// Its name, if it was given one.
    pub name: Option<Cow<'static, str>>,
    /// Where it was spawned.
    pub location: &'static Location<'static>,
    /// The name of the thread it runs on.
    pub thread: String,
}

impl Survivor {
    /// What is on `desk` now, if it is of a tenant that `whose` picks.
    pub(crate) fn of(desk: &Desk, whose: &dyn Fn(u64) -> bool) -> Option<Self> {
        let (_, job) = desk.read().filter(|(tenant, _)| whose(*tenant))?;
        let JobInfo { id, name, location } = job;
        Some(Self { id, name, location, thread: desk.name.clone() })
    }
}

impl fmt::Display for Survivor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        name_job(f, self.id, self.name.as_ref(), self.location)?;
        write!(f, " on {}", self.thread)
    }
}
