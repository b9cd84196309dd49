//! A loop inside another one: somebody else waits, and calls for a turn when there is something to do.
//!
//! ```text
//!             ┌──────────── the other loop's ─────────────┐            ┌──────── ours: turn ───────┐
//!   stand by ─┤ wait for the descriptor or next_deadline  ├─► resume ──┤ ask the kernel, run tasks ├─► stand by
//!             └───────────────────────────────────────────┘            └───────────────────────────┘
//! ```
//!
//! Between turns nobody parks here, and still a wake from another thread (a job's result) has to end a wait. So the
//! loop stays announced as parked, and whoever wakes it writes the eventfd, which makes the descriptor readable. Why no
//! wake is lost is in the reactor's `notifier.rs`: "Standing by". Model of a whole turn: `wake_between_turns_is_seen`.
//!
//! # What is on the loop's own thread
//! Code of the other loop may wake tasks, abort them and spawn with a `Handle` between turns, on our thread. It is in no
//! `turn`, so it counts as another thread: the inbox and the notifier see to it. [`Runtime::spawn`] alone goes to the
//! run queue, and notifies.
//!
//! # When work is left
//! A turn that has used up its budget leaves tasks in the run queue, and `block_on` leaves those it did not get to.
//! Both stand by with work at hand, so they notify themselves and the descriptor is readable at once. That is one
//! system call in 200 µs of work, and the other loop gets its turn. So does a turn that the kernel has brought as many events as it
//! has room for: there may be more, which make the descriptor readable, but are news to nobody who waits for edges.
//!
//! A runtime that nobody embeds never stands by, and pays for none of this: what `stand_by` does is compiled in the programs that
//! embed one.

use super::waiting::ASK_AGAIN;
use super::{Core, refuse_nesting};
use crate::runtime::context;
use crate::task::spawn_local;
use crate::{JoinHandle, Runtime};
use sideline_reactor::KernelError;
use std::future::Future;
use std::io;
use std::panic::Location;
use std::rc::Rc;
use std::time::{Duration, Instant};

impl Runtime {
    /// One turn of the loop, for programs whose main loop is somebody else's: waits for events if no task is ready,
    /// at most `max_wait` (`None`: no limit; zero: not at all), then runs the tasks that are ready, for about
    /// 200 µs.
    ///
    /// Inside another loop: wait there until the descriptor (`as_fd`, with epoll and kqueue) is readable or
    /// [`next_deadline`](Self::next_deadline) has come, then call `turn(Some(Duration::ZERO))`. If work is left after a
    /// turn, the descriptor is still readable. No thread is needed, and none of this wakes up without a reason. A
    /// [paused](crate::Builder::paused_clock) clock leaps only in turns that may wait.
    ///
    /// Tasks that wait stay and go on in later turns, or in a [`block_on`](Self::block_on) between them.
    ///
    /// # Errors
    /// If the kernel's event queue fails. Tasks that were ready have been run even then.
    ///
    /// # Panics
    /// Inside a `block_on` or `turn` on the same thread; the message names both places.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// # fn main() -> std::io::Result<()> {
    /// let runtime = sideline::Runtime::new()?;
    /// let task = runtime.spawn(async { sideline::to_thread(|| 6 * 7).await });
    /// while !task.is_finished() {
    ///     runtime.turn(None)?;
    /// }
    /// assert_eq!(runtime.block_on(task).unwrap(), 42);
    /// # Ok(()) }
    /// ```
    #[track_caller]
    #[inline]
    pub fn turn(&self, max_wait: Option<Duration>) -> io::Result<()> {
        Ok(self.core().turn_inside(max_wait, Location::caller())?)
    }

    /// When the earliest timer is due: the moment at which [`turn`](Self::turn) is to be called even if the descriptor
    /// is not readable. `None` if no timer is armed. It may lie in the past, and it may come closer in
    /// a turn, or when another thread arms a timer, which makes the descriptor readable. If a job waits because the system has refused
    /// a thread, it is ten milliseconds away at most, so that a turn may ask again.
    ///
    /// Round waits up: a turn that comes too early finds nothing to do.
    #[inline]
    pub fn next_deadline(&self) -> Option<Instant> {
        let next = self.handle().shared().reactor.next_deadline();
        if self.core().ask_for_thread() {
            let soon = self.handle().shared().reactor.clock().now() + ASK_AGAIN;
            return Some(next.map_or(soon, |next| next.min(soon)));
        }
        next
    }

    /// Runs a closure on the pool, as a job of this runtime: see [`Handle::spawn_blocking`](crate::Handle::spawn_blocking).
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> {
    /// let runtime = sideline::Runtime::new()?;
    /// let job = runtime.spawn_blocking(|| 6 * 7); // begun before the loop runs
    /// assert_eq!(runtime.block_on(job).unwrap(), 42);
    /// # Ok(()) }
    /// ```
    #[track_caller]
    #[inline]
    pub fn spawn_blocking<F, T>(&self, closure: F) -> JoinHandle<T>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        self.handle().spawn_blocking(closure)
    }

    /// Spawns a future on this loop, from outside of it. It need not be `Send`, and runs during [`turn`](Self::turn)
    /// and [`block_on`](Self::block_on). Otherwise like the free [`spawn`](fn@crate::spawn).
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> {
    /// let runtime = sideline::Runtime::new()?;
    /// let task = runtime.spawn(async { std::rc::Rc::new(5) });
    /// assert_eq!(*runtime.block_on(task).unwrap(), 5);
    /// # Ok(()) }
    /// ```
    #[track_caller]
    pub fn spawn<F>(&self, future: F) -> JoinHandle<F::Output>
    where
        F: Future + 'static,
        F::Output: 'static,
    {
        let task = spawn_local(self.core(), future, Location::caller());
        // Somebody may be about to wait on the descriptor.
        self.handle().shared().reactor.notify();
        JoinHandle::task(task)
    }
}

impl Core {
    /// A turn that begins with the reactor: its events are why it was called for.
    #[track_caller]
    #[inline]
    fn turn_inside(
        self: &Rc<Self>,
        max_wait: Option<Duration>,
        at: &'static Location<'static>,
    ) -> Result<(), KernelError> {
        refuse_nesting("Runtime::turn", at);
        self.shared().pulse.refuse_poll("Runtime::turn", at);
        self.shared().refuse_fork("Runtime::turn", at);
        self.stands_by.set(Some(Core::stand_by));
        self.shared().pulse.driven_from(at);
        let _awake = self.awake();
        let _entered = context::enter(self.shared(), Some(self), Some(at));
        // There is no main future. What is left of one must not look like work for ever.
        self.shared().take_main_woken();
        let max_wait = self.longest_wait(max_wait);
        let waited = self.wait(max_wait);
        if max_wait != Some(Duration::ZERO) {
            self.budget.waited(&self.shared().counters);
        }
        self.run_ready();
        waited
    }

    /// Until the guard is dropped the loop looks after itself.
    pub(crate) fn awake(&self) -> Awake<'_> {
        if self.stands_by.get().is_some() {
            self.with_reactor(|reactor| reactor.resume());
        }
        self.shared().rise();
        self.budget.enter();
        self.driven.set(true);
        Awake(self)
    }

    #[inline]
    pub(crate) fn stand_by(&self) {
        self.with_reactor(|reactor| reactor.stand_by(|| self.tasks.ready() > 0 || self.shared().has_work()));
    }
}

/// The loop runs. Dropped after the context has been left: a wake on this thread goes to the run queue before that
/// and to the inbox after it, and `stand_by` looks at both.
pub(crate) struct Awake<'a>(&'a Core);

impl Drop for Awake<'_> {
    #[inline(never)]
    fn drop(&mut self) {
        self.0.driven.set(false);
        // If the main future has panicked, its poll is not over yet.
        self.0.shared().pulse.end();
        self.0.budget.look(&self.0.shared().counters);
        self.0.demand.rests(|is_busy| self.0.tell_pool(is_busy));
        self.0.shared().rest();
        if let Some(stand_by) = self.0.stands_by.get() {
            stand_by(self.0);
        }
    }
}
