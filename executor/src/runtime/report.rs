//! What nobody is waiting to hear: panics without an awaiter, polls that hold the loop, and jobs that outlive their
//! runtime.
//!
//! A panic of the user's never ends the loop. Where a handle is awaited, the panic arrives there; everywhere
//! else it is contained and becomes a [`Report`]. Reports go to the hook of
//! [`Builder::on_report`](crate::Builder::on_report), or to stderr, one line each.

use crate::Id;
use crate::join::join_error::JoinError;
#[cfg(feature = "watchdog")]
use crate::watchdog::{Milliseconds, Named, Stall};
use sideline_blocking_pool::Survivor;
use sideline_blocking_pool::contain::{self, Kept};
use std::fmt;
use std::panic::Location;

/// Something that went wrong where no caller could be told.
///
/// Given to the hook of [`Builder::on_report`](crate::Builder::on_report), where there is an example, on whichever
/// thread noticed; without a hook its `Display` goes to stderr as one line. What goes wrong in jobs on the pool goes to
/// the pool's own hook.
#[derive(Debug)]
#[non_exhaustive]
pub enum Report {
    /// A task panicked and its handle was dropped without being awaited.
    DetachedPanic {
        /// The task.
        id: Id,
        /// Where it was spawned.
        location: &'static Location<'static>,
        /// The panic's message, or a note that it had none.
        message: String,
    },
    /// A destructor or a waker that belongs to a task panicked. The panic went no further.
    ContainedPanic {
        /// The task.
        id: Id,
        /// Where it was spawned.
        location: &'static Location<'static>,
        /// What was being done: "dropping its future", "waking its awaiter", ...
        during: &'static str,
        /// The panic's message, or a note that it had none.
        message: String,
    },
    /// A poll has been holding the loop for longer than the threshold of
    /// [`Builder::watchdog`](crate::Builder::watchdog), and still does. From the watchdog's thread.
    #[cfg(feature = "watchdog")]
    Stalled(Stall),
    /// The poll that was reported as stalled is over. From the watchdog's thread.
    #[cfg(feature = "watchdog")]
    StallOver {
        /// The task that was polled. `None`: the main future, or a waker.
        task: Option<Id>,
        /// It was a waker that the loop called for a socket or a timer.
        in_waker: bool,
        /// Where it was spawned, or where `block_on` or `turn` was called.
        location: &'static Location<'static>,
        /// How long the poll has lasted, to a sixteenth or a quarter of the threshold.
        lasted: std::time::Duration,
    },
    /// A runtime went away while blocking jobs of its own were still there.
    JobsLeft {
        /// The jobs that were running, which go on to their end.
        running: Vec<Survivor>,
        /// How many had not started.
        queued: u64,
    },
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Report::DetachedPanic { id, location, message } => {
                panicked(f, id, location, " and nobody awaited it", "", message)
            }
            Report::ContainedPanic { id, location, during, message } => {
                panicked(f, id, location, " while ", during, message)
            }
            #[cfg(feature = "watchdog")]
            Report::Stalled(stall) => fmt::Display::fmt(stall, f),
            #[cfg(feature = "watchdog")]
            Report::StallOver { task, in_waker, location, lasted } => {
                let who = Named { task: *task, in_waker: *in_waker, location };
                write!(f, "{who} has let go of the loop after {}", Milliseconds(*lasted))
            }
            Report::JobsLeft { running, queued } => {
                let verb = if running.len() == 1 { "runs" } else { "run" };
                write!(f, "the runtime is gone while {} of its jobs {verb} on", running.len())?;
                if *queued > 0 {
                    let verb = if *queued == 1 { "is" } else { "are" };
                    write!(f, " and {queued} {verb} still queued")?;
                }
                for survivor in running {
                    write!(f, "; {survivor}")?;
                }
                Ok(())
            }
        }
    }
}

fn panicked(
    f: &mut fmt::Formatter<'_>,
    id: &Id,
    location: &Location<'_>,
    how: &str,
    during: &str,
    message: &str,
) -> fmt::Result {
    write!(f, "{id} (spawned at {location}) panicked{how}{during}: {message}")
}

/// Which task a panic is to be blamed on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Culprit {
    pub(crate) id: Id,
    pub(crate) location: &'static Location<'static>,
}

type Hook = dyn Fn(&Report) + Send + Sync;

/// Where a runtime's reports go. It goes with the last who knows the runtime, which may be a waker anywhere.
pub(crate) struct Reporter(Kept<Box<Hook>>);

impl Reporter {
    pub(crate) fn new(hook: impl Fn(&Report) + Send + Sync + 'static) -> Self {
        Self(Kept::new(Box::new(hook)))
    }

    pub(crate) fn stderr() -> Self {
        Self::new(|report| contain::tell_stderr(&format!("sideline: {report}\n")))
    }

    /// Calls the hook. A hook that panics is not called about that.
    #[inline(never)]
    pub(crate) fn report(&self, report: Report) {
        let _ = contain::contain(|| self.0.get()(&report)).map_err(contain::message_and_discard);
    }

    /// Reports an error that was dropped unread, if it is a panic.
    pub(crate) fn detached(&self, error: &JoinError) {
        if let Some((Culprit { id, location }, message)) = error.task_panic() {
            self.report(Report::DetachedPanic { id, location, message });
        }
    }
}

impl fmt::Debug for Reporter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Reporter")
    }
}

/// Runs a piece of the user's code that has nobody to panic to.
pub(crate) fn contain(reporter: &Reporter, culprit: Culprit, during: &'static str, f: impl FnOnce()) {
    if let Err(message) = contain::contain(f).map_err(contain::message_and_discard) {
        let Culprit { id, location } = culprit;
        reporter.report(Report::ContainedPanic { id, location, during, message });
    }
}
