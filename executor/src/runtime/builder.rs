//! Settings of a runtime.

use super::report::{Report, Reporter};
use crate::Runtime;
use crate::core::paused::Time;
use sideline_blocking_pool::Pool;
use std::fmt;
use std::io;
use std::time::Duration;

/// Builds a [`Runtime`] with other settings than the usual ones. From [`Runtime::builder`].
///
/// ```
/// use std::time::Duration;
///
/// # fn main() -> std::io::Result<()> {
/// let pool = sideline::Pool::builder().max_threads(8).build().unwrap();
/// let runtime = sideline::Runtime::builder().pool(pool).drop_deadline(Duration::from_secs(1)).build()?;
/// assert_eq!(runtime.block_on(async { sideline::to_thread(|| 3).await }), 3);
/// # Ok(()) }
/// ```
#[must_use = "a builder does nothing until build()"]
pub struct Builder {
    pub(crate) pool: Option<Pool>,
    pub(crate) drop_deadline: Duration,
    pub(crate) reporter: Reporter,
    pub(crate) time: Time,
    /// `None` in builds that have no watchdog.
    pub(crate) watchdog: Option<Duration>,
    pub(crate) busy_poll: Duration,
    pub(crate) timer_slack: Duration,
}

impl Builder {
    #[inline]
    pub(crate) fn new() -> Self {
        Self {
            pool: None,
            drop_deadline: Duration::from_secs(10),
            reporter: Reporter::stderr(),
            time: Time::Flows,
            watchdog: None,
            busy_poll: Duration::ZERO,
            timer_slack: Duration::ZERO,
        }
    }

    /// The pool for this runtime's blocking jobs. Default: [`Pool::global`], which all runtimes share.
    #[inline]
    pub fn pool(mut self, pool: Pool) -> Self {
        self.pool = Some(pool);
        self
    }

    /// How long dropping the runtime waits for its own jobs, queued and running. Default: 10 s. Zero means not
    /// at all. What is then still there is left to finish, and reported.
    #[inline]
    pub fn drop_deadline(mut self, deadline: Duration) -> Self {
        self.drop_deadline = deadline;
        self
    }

    /// How long a loop with nothing to do goes on asking for events, timers and wakes before it sleeps. Default: zero;
    /// it then stays awake only for moments, and only where that has been paying off.
    ///
    /// A thread that sleeps needs tens of microseconds to wake up, and its processor may have to come back from an idle
    /// state. With busy polling a socket is answered without that, as long as no pause between its events is longer. The
    /// price is a whole processor while there is traffic, and for this long after it. Not while another loop waits for
    /// this one ([`Runtime::turn`]), nor with a [paused clock](Self::paused_clock).
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// # fn main() -> std::io::Result<()> {
    /// let runtime = sideline::Runtime::builder().busy_poll(Duration::from_millis(1)).build()?;
    /// assert_eq!(runtime.block_on(async { sideline::to_thread(|| 3).await }), 3);
    /// # Ok(()) }
    /// ```
    #[inline]
    pub fn busy_poll(mut self, duration: Duration) -> Self {
        self.busy_poll = duration;
        self
    }

    /// How late sleeps, timeouts and ticks may be, so that those which are due within this time share a wait of the loop's.
    /// Default: zero.
    ///
    /// A sleep of the loop's thread costs some microseconds of the processor, in a virtual machine twenty: more than most ticks
    /// do. So a loop with thousands of timers that are due at different moments takes less of the processor with a slack of a
    /// millisecond, which is how exact other runtimes are; and a battery lasts longer. Nothing is early, and a loop that is
    /// awake for another reason serves what is due. A [paused clock](Self::paused_clock) has no slack, nor has a loop inside another one
    /// ([`Runtime::next_deadline`]), which waits as it likes.
    ///
    /// ```
    /// use sideline::time::{Duration, sleep};
    /// use std::time::Instant;
    ///
    /// # fn main() -> std::io::Result<()> {
    /// let runtime = sideline::Runtime::builder().timer_slack(Duration::from_millis(1)).build()?;
    /// let start = Instant::now();
    /// runtime.block_on(async { sleep(Duration::from_millis(5)).await });
    /// assert!(start.elapsed() >= Duration::from_millis(5)); // 6 or so
    /// # Ok(()) }
    /// ```
    #[inline]
    pub fn timer_slack(mut self, slack: Duration) -> Self {
        self.timer_slack = slack;
        self
    }

    /// Where to report what nobody awaits: panics of detached tasks, panics in destructors and wakers, polls
    /// that hold the loop (feature `watchdog`), jobs that outlive the runtime. Default: a line on stderr each. The hook may
    /// be called on any thread, and must not block. Jobs report through their pool's hook.
    ///
    /// ```
    /// use sideline::{Report, Runtime};
    ///
    /// # fn main() -> std::io::Result<()> {
    /// let (tell, told) = std::sync::mpsc::channel();
    /// let hook = move |report: &Report| tell.send(report.to_string()).unwrap();
    /// let runtime = Runtime::builder().on_report(hook).build()?;
    /// runtime.block_on(async {
    ///     sideline::spawn(async { panic!("no luck") }).detach(); // nobody will await it
    ///     sideline::task::yield_now().await;
    /// });
    /// assert!(told.recv().unwrap().ends_with("panicked and nobody awaited it: no luck"));
    /// # Ok(()) }
    /// ```
    pub fn on_report(mut self, hook: impl Fn(&Report) + Send + Sync + 'static) -> Self {
        self.reporter = Reporter::new(hook);
        self
    }

    /// Reports polls that hold the loop for longer than `threshold`, while they do: which task, where it was spawned, for
    /// how long and, on Linux, in which system call and on which file or peer; see [`Report::Stalled`]. A second report
    /// tells when it is over. Default: nobody watches. Behind the
    /// feature `watchdog`. 100 ms is a threshold that finds what users notice, 10 ms one
    /// that finds what other tasks notice.
    ///
    /// A thread of its own looks at the loop four times per threshold (but at most every millisecond and at least four
    /// times a second), so a poll that lasts a quarter longer than the threshold is always found. It sleeps while
    /// the loop is parked. Polls that are short are never reported; on Linux neither is time in which the loop's thread
    /// was ready but got no processor. It costs the loop a few nanoseconds each time it parks.
    ///
    /// The report hook is called on that thread, and the end of the runtime waits for it.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// # fn main() -> std::io::Result<()> {
    /// let (send, reports) = std::sync::mpsc::channel();
    /// let runtime = sideline::Runtime::builder()
    ///     .watchdog(Duration::from_millis(5))
    ///     .on_report(move |report| send.send(report.to_string()).unwrap())
    ///     .build()?;
    /// // What should have been offloaded: it blocks until it has been noticed.
    /// let noticed = runtime.block_on(async { reports.recv().unwrap() });
    /// assert!(noticed.contains("has been holding the loop for"));
    /// # Ok(()) }
    /// ```
    #[cfg(feature = "watchdog")]
    #[inline]
    pub fn watchdog(mut self, threshold: Duration) -> Self {
        self.watchdog = Some(threshold);
        self
    }

    /// Virtual time, for tests: the clock of sleeps, timeouts and intervals stands still while there is anything to do,
    /// and leaps to the earliest deadline when nothing is left. A test of an hour takes milliseconds and comes out the
    /// same each time.
    ///
    /// The clock leaps only if no task is ready, the kernel has no event for a socket, and **no blocking job of this
    /// runtime is queued or running**: a timeout around a job does not elapse while the job works. So a job must
    /// not itself wait for this clock, in [`Handle::block_on`](crate::Handle::block_on) for example, unless somebody
    /// calls [`time::advance`](crate::time::advance). Sockets that wait for another process, child processes
    /// that have not ended, and threads that are not jobs do not hold it up: what comes of them may come "later" than a timeout.
    /// On a busy machine that goes for TCP and UDP within this process, too: what was sent is on its way for a moment. Over a Unix
    /// socket it is there at once.
    ///
    /// If nothing is left to do, and no timer is armed to which the clock could leap, `block_on` waits for sockets and other threads: for ever, if
    /// nothing comes from there. That is what a test does whose tasks wait for each other. A `timeout` around it costs no time, and makes
    /// of that an error at once.
    ///
    /// [`time::now`](crate::time::now) reads the clock; [`Instant::now`](std::time::Instant::now) goes on in real
    /// time, and so do [`drop_deadline`](Self::drop_deadline) and the pool.
    ///
    /// ```
    /// use sideline::time::{now, sleep, timeout};
    /// use std::time::Duration;
    ///
    /// # fn main() -> std::io::Result<()> {
    /// let runtime = sideline::Runtime::builder().paused_clock().build()?;
    /// runtime.block_on(async {
    ///     let start = now();
    ///     let job = sideline::spawn_blocking(|| std::fs::read("Cargo.toml"));
    ///     assert!(timeout(Duration::from_nanos(1), job).await.is_ok());
    ///     sleep(Duration::from_secs(24 * 3600)).await;
    ///     assert_eq!(now() - start, Duration::from_secs(24 * 3600));
    ///
    ///     // Nobody will ever finish this. The test fails now, and not in an hour.
    ///     let test = timeout(Duration::from_secs(3600), std::future::pending::<()>());
    ///     assert!(test.await.is_err());
    /// });
    /// # Ok(()) }
    /// ```
    #[inline]
    pub fn paused_clock(mut self) -> Self {
        self.time = Time::PAUSED;
        self
    }

    /// Makes the runtime. Its loop belongs to the calling thread.
    ///
    /// # Errors
    /// If the operating system gives no event queue or no descriptor for it; the message says which limit to
    /// raise. With a watchdog, also if it gives no thread.
    #[inline]
    pub fn build(self) -> io::Result<Runtime> {
        Runtime::from_builder(self)
    }
}

impl fmt::Debug for Builder {
    #[inline]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder")
            .field("pool", &self.pool)
            .field("drop_deadline", &self.drop_deadline)
            .field("time", &self.time)
            .field("busy_poll", &self.busy_poll)
            .field("timer_slack", &self.timer_slack)
            .field("watchdog", &self.watchdog)
            .finish_non_exhaustive()
    }
}
