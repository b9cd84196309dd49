//! One deadline.

use crate::epoch::{self, Moment};
use crate::handle::Handle;
use crate::reference::Reference;
use crate::sync::left_out;
use crate::timers::{State, Tell};
use std::fmt;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

/// Becomes ready at a deadline, to the nanosecond as far as the loop gets round to it, and never early.
///
/// Making one costs nothing; the first [`poll`](Timer::poll) that has to wait arms it. Dropping it cancels it and
/// gives its memory back at once; or, if the thread of a [`LocalReactor`](crate::LocalReactor) has armed it and another one
/// drops it, in the loop's next turn. Once the reactor is gone it is ready, so that whoever waits goes on and does not hang.
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
    handle: Reference,
    deadline: Moment,
    state: State,
}

impl Timer {
    /// A timer that will be due at `deadline`, which may be in the past or arbitrarily far away. Nothing is armed yet.
    pub fn new(handle: &Handle, deadline: Instant) -> Timer {
        let deadline = handle.0.timers.epoch.moment(deadline);
        Timer { handle: Reference::new(handle), deadline, state: State::Idle }
    }

    /// A timer that will be due `duration` from now. Nothing is armed yet.
    #[inline]
    pub fn after(handle: &Handle, duration: Duration) -> Timer {
        let deadline = epoch::later(handle.now(), duration);
        Timer { handle: Reference::new(handle), deadline, state: State::Idle }
    }

    /// When it is due. More than 548 years after the reactor's beginning counts as 548.
    pub fn deadline(&self) -> Instant {
        self.handle.0.timers.epoch.instant(self.deadline)
    }

    /// Sets another deadline, whether or not the old one has passed. If somebody waits, they are woken at the new
    /// one; if it has already fired, it has to be polled to be armed again. If the thread of a
    /// [`LocalReactor`](crate::LocalReactor) has armed it, and this is another one, who waits is woken for that at once.
    #[inline]
    pub fn reset(&mut self, deadline: Instant) {
        let deadline = self.handle.0.timers.epoch.moment(deadline);
        self.deadline = deadline;
        let tell = self.handle.0.timers.change(&mut self.state, deadline);
        self.tell(tell);
    }

    /// Ready once the clock has reached the deadline, or the reactor is gone; and ready it stays until it is
    /// [`reset`](Timer::reset). Until then the task of the last call is woken when it is due, and only that one.
    #[inline]
    pub fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if let State::Elapsed = self.state {
            return Poll::Ready(());
        }
        let timers = &self.handle.0.timers;
        if timers.is_due(self.deadline, self.handle.clock()) {
            return self.elapse();
        }
        match timers.arm(&mut self.state, self.deadline, cx.waker()) {
            None => self.elapse(),
            Some(tell) => {
                self.tell(tell);
                Poll::Pending
            }
        }
    }

    /// The reactor that it belongs to.
    pub fn handle(&self) -> &Handle {
        &self.handle
    }

    /// Whether a [`poll`](Timer::poll) has said that it is ready, since it was last [`reset`](Timer::reset).
    #[inline]
    pub fn has_fired(&self) -> bool {
        matches!(self.state, State::Elapsed)
    }

    /// Whether it is due, by the clock or by the reactor's end.
    pub fn is_elapsed(&self) -> bool {
        matches!(self.state, State::Elapsed) || self.handle.now() >= self.deadline || self.handle.is_closed()
    }

    #[inline(never)]
    fn elapse(&mut self) -> Poll<()> {
        self.disarm();
        self.state = State::Elapsed;
        Poll::Ready(())
    }

    #[inline]
    fn disarm(&mut self) {
        self.handle.0.timers.disarm(&mut self.state);
    }

    /// A loop that sleeps for a later timer has to be woken.
    #[inline]
    fn tell(&self, tell: Tell) {
        match tell {
            Tell::Nobody => {}
            Tell::Here => self.handle.notify_here(),
            Tell::Loop if left_out("timer-notifies") => {}
            Tell::Loop => self.handle.notify(),
        }
    }
}

impl Drop for Timer {
    #[inline]
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
