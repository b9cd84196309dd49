//! The choices one has, and what is chosen when one has not.

use std::error::Error;
use std::fmt;
use std::io;
use std::time::Duration;

use super::Pool;
use crate::sys::processors;
use crate::sys::refusal::Refusal;
use crate::user_code::contain::Kept;
use crate::user_code::report::{Hook, Report};
use crate::worker::priority::{self, MOST_NICE};

pub(crate) type ThreadHook = Kept<Box<dyn Fn() + Send + Sync>>;
/// Decides whether the next thread start fails; for models and tests.
type Fault = Box<dyn Fn() -> io::Result<()> + Send + Sync>;

pub(crate) struct Config {
    pub(crate) core_threads: usize,
    pub(crate) max_threads: usize,
    pub(crate) keep_alive: Duration,
    pub(crate) thread_name: String,
    pub(crate) stack_size: Option<usize>,
    pub(crate) nice: u8,
    pub(crate) queue_limit: Option<usize>,
    pub(crate) on_start: Option<ThreadHook>,
    pub(crate) on_stop: Option<ThreadHook>,
    pub(crate) on_report: Option<Hook>,
    /// Off in models, which grow by hand.
    pub(crate) growth: bool,
    pub(crate) start_fault: Option<Fault>,
}

impl Config {
    #[inline(never)]
    pub(crate) fn start_fault(&self) -> Result<(), Refusal> {
        match &self.start_fault {
            Some(fault) => fault().map_err(Refusal::of),
            None => Ok(()),
        }
    }
}

impl Default for Config {
    #[inline(never)]
    fn default() -> Self {
        // Counted anew: a thread may have been confined to some of them meanwhile. On Linux a cgroup's quota counts, too.
        let core_threads = processors::count_processors();
        Self {
            core_threads,
            max_threads: MAX_THREADS.max(core_threads),
            keep_alive: Duration::from_secs(10),
            thread_name: "sideline-pool".to_owned(),
            stack_size: None,
            nice: priority::DEFAULT_NICE,
            queue_limit: None,
            on_start: None,
            on_stop: None,
            on_report: None,
            growth: true,
            start_fault: None,
        }
    }
}

const MAX_THREADS: usize = 512;
/// What fits the idle protocol's word with room to spare.
const MOST_THREADS: usize = 1 << 16;

/// Chooses what a [`Pool`] is like. Every method but [`build`](Self::build) replaces a default.
///
/// ```
/// use sideline_blocking_pool::Pool;
/// use std::time::Duration;
///
/// let pool = Pool::builder()
///     .core_threads(2)
///     .max_threads(64)
///     .keep_alive(Duration::from_secs(1))
///     .thread_name("db")
///     .queue_limit(10_000)
///     .on_report(|report| eprintln!("db pool: {report}"))
///     .build()?;
/// # drop(pool);
/// # Ok::<(), sideline_blocking_pool::BuildError>(())
/// ```
#[must_use = "a builder builds nothing until `build`"]
pub struct Builder {
    config: Config,
    core_threads: Option<usize>,
    max_threads: Option<usize>,
}

impl Builder {
    #[inline]
    pub(crate) fn new() -> Self {
        Self { config: Config::default(), core_threads: None, max_threads: None }
    }

    /// How many threads to start for jobs that compute rather than block; they stay until the pool closes. Default:
    /// the processors the process may use, or `max_threads` if that is less.
    #[inline]
    pub fn core_threads(mut self, threads: usize) -> Self {
        self.core_threads = Some(threads);
        self
    }

    /// How many threads there may be at most, when jobs block. Default: 512, or `core_threads` if that is more.
    #[inline]
    pub fn max_threads(mut self, threads: usize) -> Self {
        self.max_threads = Some(threads);
        self
    }

    /// How long a thread above the core waits for a job before it ends. Default: 10 s.
    #[inline]
    pub fn keep_alive(mut self, idle: Duration) -> Self {
        self.config.keep_alive = idle;
        self
    }

    /// What the threads are called: this, a hyphen and a number. Linux shows the first 15 bytes. Default:
    /// `sideline-pool`.
    pub fn thread_name(mut self, prefix: impl Into<String>) -> Self {
        self.config.thread_name = prefix.into();
        self
    }

    /// The size of each thread's stack, in bytes. Default: the standard library's (2 MiB, or `RUST_MIN_STACK`).
    #[inline]
    pub fn stack_size(mut self, bytes: usize) -> Self {
        self.config.stack_size = Some(bytes);
        self
    }

    /// How far the workers stand back when processors are short: how many steps nicer their threads are than the program's
    /// first thread, 0 to 19. (The kernel's scale ends at 19.) Default: 5, so that a loop that wakes up runs at once
    /// although the pool keeps every processor busy.
    ///
    /// Workers that compute for long also ask for longer time slices, before which whoever wakes up may go.
    ///
    /// Linux only; elsewhere it has no effect. **A child process that a job starts inherits both**; 0 leaves the
    /// threads as those are that start them.
    #[inline]
    pub fn nice(mut self, nice: u8) -> Self {
        self.config.nice = nice;
        self
    }

    /// How many jobs may wait for a thread; running ones do not count. Default: no limit.
    #[inline]
    pub fn queue_limit(mut self, jobs: usize) -> Self {
        self.config.queue_limit = Some(jobs);
        self
    }

    /// Runs on each worker thread before its first job. Jobs wait for it. A panic in it is reported.
    pub fn on_thread_start(mut self, hook: impl Fn() + Send + Sync + 'static) -> Self {
        self.config.on_start = Some(Kept::new(Box::new(hook)));
        self
    }

    /// Runs on each worker thread after its last job. A panic in it is reported.
    pub fn on_thread_stop(mut self, hook: impl Fn() + Send + Sync + 'static) -> Self {
        self.config.on_stop = Some(Kept::new(Box::new(hook)));
        self
    }

    /// A hook that is told what went wrong where nobody awaits it. It is called on the thread that has noticed; a panic in it is
    /// ignored. Default: a line on stderr for each report.
    pub fn on_report(mut self, hook: impl Fn(&Report) + Send + Sync + 'static) -> Self {
        self.config.on_report = Some(Hook::new(hook));
        self
    }

    /// The pool. No thread is started yet.
    ///
    /// # Errors
    /// No core thread, no thread at all, more core threads than threads, a queue of length 0, a nice value above 19, or
    /// a name with a NUL byte; the message says what to change.
    ///
    /// ```
    /// let error = sideline_blocking_pool::Pool::builder().core_threads(8).max_threads(4).build().unwrap_err();
    /// assert!(error.to_string().contains("raise `max_threads` to at least 8"));
    /// ```
    #[inline]
    pub fn build(self) -> Result<Pool, BuildError> {
        let mut config = self.config;
        let fail = |message: String| Err(BuildError(message));
        if self.max_threads == Some(0) {
            return fail("`max_threads(0)` leaves nobody to run a job: pass at least 1".to_owned());
        }
        if self.core_threads == Some(0) {
            return fail(
                "`core_threads(0)` is not supported: pass at least 1; no thread starts before the first job"
                    .to_owned(),
            );
        }
        if let (Some(core), Some(max)) = (self.core_threads, self.max_threads) {
            if core > max {
                return fail(format!(
                    "`core_threads({core})` is more than `max_threads({max})`: raise `max_threads` to at least {core}, or lower `core_threads`"
                ));
            }
        }
        if config.queue_limit == Some(0) {
            return fail("`queue_limit(0)` would reject every job: pass at least 1".to_owned());
        }
        if config.nice > MOST_NICE {
            return fail(format!("`nice({})` is beyond the scale: pass 0 to {MOST_NICE}", config.nice));
        }
        if config.thread_name.as_bytes().contains(&0) {
            return fail(
                "`thread_name` has a NUL byte, which no operating system accepts: remove it".to_owned(),
            );
        }
        for (name, threads) in [("max_threads", self.max_threads), ("core_threads", self.core_threads)] {
            if threads.is_some_and(|threads| threads > MOST_THREADS) {
                return fail(format!("more than {MOST_THREADS} threads are not supported: lower `{name}`"));
            }
        }
        let core = self.core_threads.unwrap_or(config.core_threads);
        config.max_threads = self.max_threads.unwrap_or(MAX_THREADS.max(core));
        config.core_threads = core.min(config.max_threads);
        Ok(Pool::with(config))
    }
}

impl fmt::Debug for Builder {
    #[inline]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder")
            .field("core_threads", &self.core_threads)
            .field("max_threads", &self.max_threads)
            .field("keep_alive", &self.config.keep_alive)
            .field("thread_name", &self.config.thread_name)
            .field("stack_size", &self.config.stack_size)
            .field("nice", &self.config.nice)
            .field("queue_limit", &self.config.queue_limit)
            .finish_non_exhaustive()
    }
}

/// A combination of choices that makes no pool. Its message says what to change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BuildError(String);

impl fmt::Display for BuildError {
    #[inline]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Error for BuildError {}

/// For `?` in functions of I/O: `InvalidInput`.
impl From<BuildError> for io::Error {
    #[inline]
    fn from(error: BuildError) -> Self {
        Self::new(io::ErrorKind::InvalidInput, error)
    }
}
