//! One deadline.

use crate::contain;
use crate::epoch::{self, Moment};
use crate::handle::Handle;
use crate::heap::Key;
use crate::sync::left_out;
use crate::timers::Arming;
use std::fmt;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

/// Becomes ready at a deadline, to the nanosecond as far as the loop gets round to it, and never early.
///
/// Making one costs nothing; the first [`poll`](Timer::poll) that has to wait arms it. Dropping it cancels it and
/// gives its memory back at once, from any thread. It is ready, too, once the reactor is gone: whoever waits is to
/// go on, not to hang.
///
/// # Example
/// ```
/// use sideline_reactor::{Clock, Reactor, Timer};
/// use std::task::{Context, Waker};
/// use std::time::Duration;
///
/// let clock = Clock::manual();
/// let mut reactor = Reactor::new(clock.clone())?;
/// let mut timer = Timer::new(reactor.handle(), clock.now() + Duration::from_secs(3600));
/// let mut cx = Context::from_waker(Waker::noop());
/// assert!(timer.poll(&mut cx).is_pending());
/// clock.advance(Duration::from_secs(3600));
/// assert_eq!(reactor.fire_timers(), 1);
/// assert!(timer.poll(&mut cx).is_ready());
/// # std::io::Result::Ok(())
/// ```
pub struct Timer {
    handle: Handle,
    deadline: Moment,
    state: State,
}

#[derive(Clone, Copy, Debug)]
enum State {
    Idle,
    /// The key is valid until we remove it.
    Armed(Key),
    Elapsed,
}

impl Timer {
    /// A timer that will be due at `deadline`, which may be in the past or arbitrarily far away. Nothing is armed yet.
    pub fn new(handle: &Handle, deadline: Instant) -> Timer {
        let deadline = handle.0.timers.epoch.moment(deadline);
        Timer { handle: handle.clone(), deadline, state: State::Idle }
    }

    /// A timer that will be due `duration` from now. Nothing is armed yet.
    #[inline]
    pub fn after(handle: &Handle, duration: Duration) -> Timer {
        let deadline = epoch::later(handle.now(), duration);
        Timer { handle: handle.clone(), deadline, state: State::Idle }
    }

    /// When it is due. More than 548 years after the reactor's beginning counts as 548.
    pub fn deadline(&self) -> Instant {
        self.handle.0.timers.epoch.instant(self.deadline)
    }

    /// Sets another deadline, whether or not the old one has passed. If somebody waits, they are woken at the new
    /// one; if it has already fired, it has to be polled to be armed again.
    pub fn reset(&mut self, deadline: Instant) {
        let deadline = self.handle.0.timers.epoch.moment(deadline);
        self.deadline = deadline;
        match self.state {
            State::Idle => {}
            State::Elapsed => self.state = State::Idle,
            State::Armed(key) => match self.handle.0.timers.change(key, deadline) {
                Arming::Armed { earliest } => self.tell_loop(earliest),
                Arming::Due | Arming::NeedsWaker => self.disarm(),
            },
        }
    }

    /// Ready once the clock has reached the deadline, or the reactor is gone; and ready it stays until it is
    /// [`reset`](Timer::reset). Until then the task of the last call is woken when it is due, and only that one.
    pub fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if let State::Elapsed = self.state {
            return Poll::Ready(());
        }
        if self.handle.0.timers.is_due(self.deadline, self.handle.clock()) {
            return self.elapse();
        }
        let mut key = match self.state {
            State::Armed(key) => Some(key),
            _ => None,
        };
        // A timer that is polled again by the same task needs no clone.
        let mut spare = key.is_none().then(|| cx.waker().clone());
        loop {
            let arming = self.handle.0.timers.arm(&mut key, self.deadline, cx.waker(), &mut spare);
            match arming {
                Arming::NeedsWaker => spare = Some(cx.waker().clone()),
                Arming::Due => {
                    contain::discard(spare);
                    return self.elapse();
                }
                Arming::Armed { earliest } => {
                    self.state = key.map_or(State::Idle, State::Armed);
                    if let Some(spare) = spare {
                        contain::discard(spare);
                    }
                    self.tell_loop(earliest);
                    return Poll::Pending;
                }
            }
        }
    }

    /// The reactor that it belongs to.
    pub fn handle(&self) -> &Handle {
        &self.handle
    }

    /// Whether it is due, by the clock or by the reactor's end.
    pub fn is_elapsed(&self) -> bool {
        matches!(self.state, State::Elapsed) || self.handle.now() >= self.deadline || self.handle.is_closed()
    }

    fn elapse(&mut self) -> Poll<()> {
        self.disarm();
        self.state = State::Elapsed;
        Poll::Ready(())
    }

    fn disarm(&mut self) {
        if let State::Armed(key) = self.state {
            // Dropping the waker may run foreign code; it must not find a key that is no longer ours.
            self.state = State::Idle;
            self.handle.0.timers.disarm(key);
        }
    }

    /// A loop that sleeps for a later timer has to be woken.
    fn tell_loop(&self, earliest: bool) {
        if earliest && !left_out("timer-notifies") {
            self.handle.notify();
        }
    }
}

impl Drop for Timer {
    fn drop(&mut self) {
        self.disarm();
    }
}

impl fmt::Debug for Timer {
    #[inline]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Timer").field("deadline", &self.deadline()).field("state", &self.state).finish()
    }
}
