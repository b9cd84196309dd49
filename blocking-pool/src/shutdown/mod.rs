//! How to end, and what came of it.
//!
//! | file | what it is |
//! |---|---|
//! | [`ending`] | the end of a pool (that of a tenant is in `pool/account/ending.rs`) |
//! | [`giving_up`] | jobs that will not run |
//! | [`look`] | the report is drawn up: looks until nothing moves |
//! | [`survivor`] | jobs that are still running |

mod ending;
mod giving_up;
pub(crate) mod look;
mod survivor;

use std::fmt;
use std::time::Duration;

pub use survivor::Survivor;

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
