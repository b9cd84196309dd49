//! What went wrong where nobody awaits it, told to a hook (by default: one line on stderr).

use std::fmt;
use std::io;
use std::sync::Arc;

use super::contain::{self, Kept};
use crate::job::JobInfo;
use crate::pool::shared::Shared;

/// Something that went wrong where no awaiter could learn of it.
///
/// Given to the hook of [`Builder::on_report`](crate::Builder::on_report), on whichever thread noticed; without a
/// hook its `Display` goes to stderr as one line. None of these stops a worker.
///
/// ```
/// use sideline_blocking_pool::{Pool, Report, Shutdown};
///
/// let (tell, told) = std::sync::mpsc::channel();
/// let pool = Pool::builder()
///     .on_report(move |report| match report {
///         Report::JobPanicked { job, message } => tell.send(format!("{job}: {message}")).unwrap(),
///         other => eprintln!("{other}"),
///     })
///     .build()?;
/// pool.job().name("cleanup").spawn(|| panic!("no luck")).detach(); // nobody will await it
/// assert!(told.recv()?.ends_with(": no luck"));
/// # pool.shutdown(Shutdown::Drain);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub enum Report {
    /// A closure panicked and its handle had been dropped, or was dropped without being read.
    JobPanicked {
        /// Which job it was.
        job: JobInfo,
        /// The panic's text.
        message: String,
    },
    /// Dropping a closure that was cancelled, or a result that nobody read, panicked.
    DropPanicked {
        /// Which job it was.
        job: JobInfo,
        /// The panic's text.
        message: String,
    },
    /// The awaiter's waker panicked when it was woken or dropped. The job itself is done.
    WakerPanicked {
        /// Which job it was.
        job: JobInfo,
        /// The panic's text.
        message: String,
    },
    /// A hook panicked, or the waker of a spawn that waits for room. Whoever called it goes on.
    HookPanicked {
        /// Which: `on_thread_start`, `on_thread_stop`, `on_cancel`, ...
        hook: &'static str,
        /// The panic's text.
        message: String,
    },
    /// A thread could not be started. Jobs wait for the threads there are; if there are none, they are rejected.
    ThreadFailed {
        /// The name it would have had.
        name: String,
        /// The operating system's reason.
        error: io::Error,
        /// How many threads the pool had at that moment.
        threads: usize,
    },
    /// The thread that cancels tokens at their deadlines could not be started. Until another attempt goes well, at the next deadline or
    /// when somebody is about to wait for one, a deadline is seen only by whoever looks.
    DeadlinesNotWatched {
        /// The operating system's reason.
        error: io::Error,
    },
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (before, what, after, message): (_, &dyn fmt::Display, _, _) = match self {
            Self::JobPanicked { job, message } => ("", job, " panicked and nobody awaits it", message),
            Self::DropPanicked { job, message } => ("dropping what ", job, " left behind panicked", message),
            Self::WakerPanicked { job, message } => ("the waker awaiting ", job, " panicked", message),
            Self::HookPanicked { hook, message } => ("the hook `", hook, "` panicked", message),
            Self::ThreadFailed { name, error, threads } => {
                return write!(
                    f,
                    "thread {name} could not be started ({error}); the pool goes on with {threads}"
                );
            }
            Self::DeadlinesNotWatched { error } => {
                return write!(
                    f,
                    "no thread could be started ({error}) to watch deadlines: nobody is told when they pass"
                );
            }
        };
        write!(f, "{before}{what}{after}: {message}")
    }
}

type Tell = Box<dyn Fn(&Report) + Send + Sync>;

/// Pools and their tokens share one.
#[derive(Clone)]
pub(crate) struct Hook(Arc<Kept<Tell>>);

impl Hook {
    pub(crate) fn new(hook: impl Fn(&Report) + Send + Sync + 'static) -> Self {
        Self(Arc::new(Kept::new(Box::new(hook))))
    }
}

/// Tells `hook`, or stderr. Never panics: a hook that does is ignored, there is nobody left to tell.
#[inline(never)]
pub(crate) fn tell(hook: Option<&Hook>, report: &Report) {
    match hook {
        Some(hook) => {
            let _ = contain::contain(|| hook.0.get()(report)).map_err(contain::message_and_discard);
        }
        None => contain::tell_stderr(&format!("sideline-blocking-pool: {report}\n")),
    }
}

impl Shared {
    /// Tells, and drops it here, once for all who have something to report: it may hold an error.
    #[inline(never)]
    pub(crate) fn report(&self, report: Report) {
        tell(self.config.on_report.as_ref(), &report);
    }
}
