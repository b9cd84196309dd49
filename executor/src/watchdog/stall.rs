//! What is said of a poll that keeps the loop.

use crate::Id;
use std::fmt;
use std::panic::Location;
use std::time::Duration;

/// A poll that has held the loop for longer than the threshold of [`Builder::watchdog`](crate::Builder::watchdog).
///
/// ```
/// use sideline::{Doing, Report, Runtime};
/// use std::sync::mpsc;
/// use std::time::Duration;
///
/// let (seen, stalls) = mpsc::channel();
/// let runtime = Runtime::builder()
///     .watchdog(Duration::from_millis(10))
///     .on_report(move |report| {
///         if let Report::Stalled(stall) = report {
///             let _ = seen.send(stall.doing.clone());
///         }
///     })
///     .build()?;
/// // What nobody should do on a loop: it sleeps in the kernel until it was noticed.
/// let doing = runtime.block_on(async { stalls.recv().unwrap() });
/// # #[cfg(target_os = "linux")]
/// assert!(matches!(doing, Doing::SystemCall { .. } | Doing::Unknown), "{doing:?}");
/// # std::io::Result::Ok(())
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Stall {
    /// The task that is being polled. `None`: the main future, that was given to `block_on`; or a waker.
    pub task: Option<Id>,
    /// It is no poll, but a waker that the loop called for a socket or a timer. Those of tasks never take long, but a
    /// future may have made its own.
    pub in_waker: bool,
    /// Where the task was spawned, or where `block_on` or `turn` was called.
    pub location: &'static Location<'static>,
    /// How long the poll has lasted. It may be longer by a quarter of the threshold.
    pub lasted: Duration,
    /// What the loop's thread was seen doing while it was stuck.
    pub doing: Doing,
}

/// What a stuck thread was doing when the watchdog looked at it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Doing {
    /// It sleeps in a system call. Linux only.
    SystemCall {
        /// The call's name, or its number if we do not know it: `read`, `futex`, `syscall 999`.
        name: String,
        /// What it waits for, if that can be told: a path, a peer's address, `pipe:[1234]`.
        on: Option<String>,
    },
    /// It runs: code of its own, or system calls that do not sleep. Linux only.
    Running,
    /// Nobody knows: another operating system, no `/proc`, or the poll ended while we looked.
    Unknown,
}

impl fmt::Display for Stall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let who = Named { task: self.task, in_waker: self.in_waker, location: self.location };
        write!(f, "{who} has been holding the loop for {}", Milliseconds(self.lasted))?;
        match &self.doing {
            Doing::SystemCall { name, on: Some(on) } => write!(f, ", in {name} on {on}")?,
            Doing::SystemCall { name, on: None } => write!(f, ", in {name}")?,
            Doing::Running => f.write_str(", computing")?,
            Doing::Unknown => {}
        }
        f.write_str(": use spawn_blocking for what blocks or computes for long")
    }
}

/// Whose poll it is, and where that comes from.
pub(crate) struct Named {
    pub(crate) task: Option<Id>,
    pub(crate) in_waker: bool,
    pub(crate) location: &'static Location<'static>,
}

impl fmt::Display for Named {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.task {
            Some(task) => write!(f, "{task} (spawned at {})", self.location),
            None if self.in_waker => {
                write!(f, "a waker (called by the loop that is driven from {})", self.location)
            }
            None => write!(f, "the main future (block_on at {})", self.location),
        }
    }
}

/// A duration for people, to three digits or so.
pub(crate) struct Milliseconds(pub(crate) Duration);

impl fmt::Display for Milliseconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0.as_secs_f64();
        match seconds {
            ..0.01 => write!(f, "{:.1} ms", seconds * 1e3),
            ..10.0 => write!(f, "{:.0} ms", seconds * 1e3),
            _ => write!(f, "{seconds:.0} s"),
        }
    }
}
