//! The watchdog: a thread that sees that the loop is stuck, while it is.
//!
//! ```text
//!  the loop                                    the watchdog
//!  every poll:  pulse (three stores)  ───────► looks, four times per threshold (judge.rs decides)
//!  every rest:  doze  (store, fence, load) ──► sleeps while the loop rests
//!                                              /proc: what is the thread doing? ──► report hook
//! ```
//!
//! [`pulse`](crate::core::pulse) says what is being polled, [`doze`](mod@doze) whether the loop is at work at all; both are protocols
//! between the two threads, and told there. [`judge`] decides, without side effects. [`linux`] asks the kernel what a
//! stuck thread is doing. The loop never waits for the watchdog, and a watchdog that can read nothing but the pulse
//! says just that.
//!
//! The thread belongs to its runtime: it starts with [`Builder::build`](crate::Builder::build), and the end of the
//! runtime waits for it, as long as a report takes. So nothing of it is left in a program that unloads us.

mod doze;
mod judge;
#[cfg(target_os = "linux")]
mod linux;
mod stall;

pub(crate) use doze::Doze;
pub use stall::{Doing, Stall};
pub(crate) use stall::{Milliseconds, Named};

use crate::Runtime;
use crate::core::pulse::{Polled, Who};
use crate::runtime::report::Report;
use crate::runtime::shared::Shared;
use judge::{Judge, Next, Seen, Verdict};
use std::io;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

#[cfg(not(target_os = "linux"))]
mod linux {
    //! Elsewhere nobody tells what a thread is doing.

    use super::Doing;
    use std::time::Duration;

    #[derive(Debug)]
    pub(super) struct Thread;

    impl Thread {
        pub(super) fn current() -> Self {
            Self
        }

        pub(super) fn starved(&self) -> Duration {
            Duration::ZERO
        }

        pub(super) fn doing(&self) -> Doing {
            Doing::Unknown
        }
    }
}

/// As loop and watchdog share it.
pub(crate) type SharedDoze = Arc<Doze>;

/// What the loop of a runtime with a watchdog keeps.
pub(crate) fn doze(threshold: Option<Duration>) -> Option<SharedDoze> {
    threshold.map(|_| Arc::new(Doze::new()))
}

/// The thread, by its runtime.
#[derive(Debug)]
pub(crate) struct Watchdog {
    doze: SharedDoze,
    thread: Option<JoinHandle<()>>,
}

/// Has a runtime of the current thread watched, if there is a `threshold`: then it was made with a [`doze`](mod@doze).
pub(crate) fn start(mut runtime: Runtime, threshold: Option<Duration>) -> io::Result<Runtime> {
    let shared = runtime.handle().shared();
    if let (Some(threshold), Some(doze)) = (threshold, &shared.doze) {
        runtime.watchdog = Some(Watchdog::start(shared, doze, threshold)?);
    }
    Ok(runtime)
}

impl Watchdog {
    /// Watches the loop of `shared`, which is the current thread's.
    fn start(shared: &Arc<Shared>, doze: &SharedDoze, threshold: Duration) -> io::Result<Self> {
        let the_loop = linux::Thread::current();
        let (shared, watching) = (Arc::clone(shared), Arc::clone(doze));
        let thread = thread::Builder::new().name("sideline-watchdog".to_owned()).spawn(move || {
            Watch { shared: &shared, doze: &watching, the_loop: &the_loop }.run(threshold);
        })?;
        Ok(Self { doze: Arc::clone(doze), thread: Some(thread) })
    }

    /// Leaves the thread alone: in a child of `fork` it is not there, and a process that exits ends it.
    pub(crate) fn forget(self) {
        std::mem::forget(self);
    }
}

impl Drop for Watchdog {
    fn drop(&mut self) {
        self.doze.end();
        if let Some(thread) = self.thread.take() {
            thread.thread().unpark();
            // Nothing in there panics: the hook's panics are contained.
            let _ = thread.join();
        }
    }
}

/// What the watchdog's thread looks at.
struct Watch<'a> {
    shared: &'a Shared,
    doze: &'a Doze,
    /// The thread that runs the loop.
    the_loop: &'a linux::Thread,
}

impl Watch<'_> {
    /// The body of the thread.
    fn run(&self, threshold: Duration) {
        self.doze.introduce_watchdog();
        let mut judge = Judge::new(threshold);
        // The poll that was reported last.
        let mut stalled = None;
        while !self.doze.has_ended() {
            let seen = self.look();
            let (verdict, next) = judge.look(Instant::now(), seen);
            match verdict {
                Verdict::Nothing => {}
                Verdict::Stuck(lasted) => stalled = self.report_stall(seen, lasted),
                Verdict::Over(lasted) => self.report_end(stalled.take(), lasted),
            }
            match next {
                Next::In(pause) => thread::park_timeout(pause),
                Next::AtWork => self.doze.sleep(seen.rests),
            }
        }
        if let Verdict::Over(lasted) = judge.over() {
            self.report_end(stalled, lasted);
        }
    }

    fn look(&self) -> Seen {
        Seen {
            rests: self.doze.rests(),
            polls: self.shared.pulse.beginnings(),
            polling: self.shared.pulse.is_polling(),
            starved: self.the_loop.starved(),
        }
    }

    /// Reports the poll that holds the loop, and returns it. `None`: it has ended by now, and what is polled is somebody else.
    fn report_stall(&self, seen: Seen, lasted: Duration) -> Option<Polled> {
        let still = || (self.doze.rests(), self.shared.pulse.beginnings()) == (seen.rests, seen.polls);
        let stalled = self.shared.pulse.read().filter(|_| still())?;
        let Polled { who, location } = stalled;
        let (task, in_waker) = (who.task(), who == Who::Wakers);
        let doing = Some(self.the_loop.doing()).filter(|_| still()).unwrap_or(Doing::Unknown);
        let stall = Stall { task, in_waker, location, lasted, doing };
        self.shared.reporter.report(Report::Stalled(stall));
        Some(stalled)
    }

    /// Reports that a poll which was reported as stalled has ended.
    fn report_end(&self, stalled: Option<Polled>, lasted: Duration) {
        if let Some(Polled { who, location }) = stalled {
            let (task, in_waker) = (who.task(), who == Who::Wakers);
            self.shared.reporter.report(Report::StallOver { task, in_waker, location, lasted });
        }
    }
}
