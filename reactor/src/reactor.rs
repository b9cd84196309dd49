//! The loop's side: one turn at a time, and what closing does.

use crate::clock::Clock;
use crate::contain;
use crate::epoch::NEVER;
use crate::errors::KernelError;
use crate::gathering::Gathering;
use crate::handle::{Handle, Shared};
use crate::home::Home;
use crate::known::KnownWakers;
use crate::notifier::{Notifier, Sleep};
use crate::process::Process;
use crate::queue::{LoopEnd, Queue};
use crate::reference;
use crate::sync::{Arc, AtomicBool, HAS_WORDS, Ordering, left_out};
use crate::table::Table;
use crate::timers::Timers;
use crate::wait::{MOST_EVENTS, Wait};
use std::sync::atomic::AtomicU32;
use std::task::{RawWakerVTable, Waker};
use std::time::Duration;
use std::{fmt, io};

/// Waits in the kernel for readiness, timers and notifications, and wakes whoever waits for them.
///
/// It belongs to the thread that runs the loop: `Send`, but not shared; everybody else has a [`Handle`].
///
/// Dropping it closes it. Everybody who waits on a [`Registration`](crate::Registration) is woken and gets the
/// error "the runtime was shut down", every [`Timer`](crate::Timer) is woken and completes; later registrations are
/// errors and later notifications do nothing.
///
/// # Example
/// ```
/// use sideline_reactor::{Clock, Reactor, Timer};
/// use std::task::{Context, Poll, Waker};
/// use std::time::{Duration, Instant};
///
/// let mut reactor = Reactor::new(Clock::real())?;
/// let mut timer = Timer::new(reactor.handle(), Instant::now() + Duration::from_millis(5));
/// let mut cx = Context::from_waker(Waker::noop());
/// while timer.poll(&mut cx).is_pending() {
///     reactor.turn(None, || false)?;
/// }
/// # std::io::Result::Ok(())
/// ```
pub struct Reactor {
    pub(crate) end: LoopEnd,
    handle: Handle,
    /// Wakers that are collected while a lock is held, and woken afterwards. Empty between turns, and kept for its capacity.
    woken: Vec<Waker>,
    /// Whether a notify has ended the last sleep, or would have.
    notified: bool,
    /// How many events of sources the last turn has brought, and whether timers have fired in it.
    events: usize,
    had_timers: bool,
    gathering: Gathering,
}

impl Reactor {
    /// A reactor whose timers go by `clock`. Opens three file descriptors on Linux, and a
    /// fourth for the first timer that is not due in whole milliseconds.
    ///
    /// # Errors
    /// What the kernel says. A lack of file descriptors, or of entries for them, names the limit to raise.
    pub fn new(clock: Clock) -> io::Result<Reactor> {
        Reactor::with(clock, KnownWakers::default(), Home::NOWHERE)
    }

    /// As [`new`](Self::new), for a loop that vouches for its own wakers, which have this `vtable`: to wake one neither panics
    /// nor calls a method of the reactor or of its handles, but [`notify`](Handle::notify); and no future lives on because
    /// a waker is kept.
    ///
    /// Such wakers cost less: one that waits for a source is woken without being taken out, and waits again without being cloned.
    /// It is dropped when another one takes its place, or the source is deregistered.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn with_known_wakers(clock: Clock, vtable: &'static RawWakerVTable) -> io::Result<Reactor> {
        Reactor::with(clock, KnownWakers::new(vtable), Home::NOWHERE)
    }

    pub(crate) fn with(clock: Clock, known: KnownWakers, home: Home) -> io::Result<Reactor> {
        Reactor::make(clock, known, home, true)
    }

    /// One that opens no descriptor before it needs one; which is at once, where there are no words to sleep on.
    pub(crate) fn lazy(clock: Clock, known: KnownWakers, home: Home) -> io::Result<Reactor> {
        Reactor::make(clock, known, home, !HAS_WORDS)
    }

    #[inline(never)]
    fn make(clock: Clock, known: KnownWakers, home: Home, opens: bool) -> io::Result<Reactor> {
        let (queue, end) = Queue::new();
        let shared = Shared {
            notifier: Notifier::new(),
            table: Table::new(known),
            timers: Timers::new(&clock, home, known),
            closed: AtomicBool::new(false),
            needs_selector: AtomicBool::new(!HAS_WORDS),
            clock,
            queue,
        };
        if opens {
            shared.queue.open()?;
        }
        let handle = Handle(Arc::new(shared));
        let gathering = Gathering::default();
        let woken = Vec::new();
        Ok(Reactor { end, handle, woken, notified: false, events: 0, had_timers: false, gathering })
    }

    /// Has it notice that it is a copy, in a child of `fork`: `forks` is raised in each child. There no lock is taken, as a thread that
    /// has stayed behind may have had it: sources and timers stay as they are, and to wait for a source is an error.
    ///
    /// # Panics
    /// If a handle has been cloned before.
    pub fn count_forks(&mut self, forks: &'static AtomicU32) {
        let shared = Arc::get_mut(&mut self.handle.0).expect("told before there are handles");
        let process = Process::counted_by(forks);
        (shared.table.process, shared.timers.local.process) = (process, process);
    }

    /// How late a timer may be beyond what [`turn`](Self::turn) says, so that timers which are due within this time share a wait.
    /// Default: zero. It changes waits only: whenever a turn ends, all timers that are due fire. No effect on a [manual](Clock::manual) clock.
    #[inline]
    pub fn set_timer_slack(&mut self, slack: Duration) {
        self.gathering.set_slack(slack);
    }

    /// The handle to this reactor.
    pub fn handle(&self) -> &Handle {
        &self.handle
    }

    /// One turn: sleep until there is something to do, then wake those who wait for it.
    ///
    /// The sleep ends with the first of: a registered source that becomes ready, the earliest timer, `max_wait`
    /// (`None`: no limit), a [`notify`](Handle::notify), a signal (before the first source has been registered that
    /// need not be). A timer is never early. It is late by some microseconds on Linux, or, as a thread's sleep is, by
    /// the kernel's slack, a tenth of a millisecond at most (a quarter at a raised nice value); by up to a millisecond
    /// elsewhere. Of many timers that are due in close succession some share a wait, and are late by as much. A wait for
    /// a timer that is far away may end before it with nothing to do: just call again. `has_work` is called once this
    /// reactor has announced that it will sleep: work that is published, and then notified, before or after that
    /// moment is not slept on. If it says true, or `max_wait` is zero, or a timer is due and has no [slack](Self::set_timer_slack)
    /// left, the kernel is only asked, without sleeping. `has_work` is not called if `max_wait` is zero.
    ///
    /// On a [manual](Clock::manual) clock time stands still during the sleep, so a timer that is not due yet does
    /// not end it.
    ///
    /// # Errors
    /// If the kernel's wait fails, other than by a signal. Due timers have been fired even then.
    pub fn turn(&mut self, max_wait: Option<Duration>, has_work: impl FnOnce() -> bool) -> io::Result<()> {
        Ok(self.turn_telling(max_wait, has_work, || ())?)
    }

    /// As [`turn`](Self::turn), and `awake` is called once the sleep is over, before any waker is.
    ///
    /// # Errors
    /// As there.
    pub fn turn_telling(
        &mut self,
        max_wait: Option<Duration>,
        has_work: impl FnOnce() -> bool,
        awake: impl FnOnce(),
    ) -> Result<(), KernelError> {
        let waited = self.wait(max_wait, has_work);
        awake();
        self.wake(matches!(waited, Ok(Sleep::InSelector)));
        waited.map(|_| ())
    }

    /// The other half of a turn, whose wait may have brought events.
    fn wake(&mut self, has_events: bool) {
        // The reading is from before the wait, or was left during it by another thread.
        self.handle.0.timers.forget_reading();
        self.events = 0;
        if has_events {
            if let Some(selector) = self.handle.0.queue.selector(&mut self.end) {
                self.events = self.handle.0.table.dispatch(selector.events(), &mut self.woken);
                contain::wake_all(&mut self.woken);
            }
        }
        self.had_timers = self.fire_timers() > 0;
    }

    /// Sleeps, unless there is something to do already. Returns how.
    fn wait(
        &mut self,
        max_wait: Option<Duration>,
        has_work: impl FnOnce() -> bool,
    ) -> Result<Sleep, KernelError> {
        if max_wait == Some(Duration::ZERO) {
            return self.ask();
        }
        let shared = &*self.handle.0;
        shared.timers.local.rest();
        let in_selector = shared.needs_selector() && shared.queue.is_open();
        let sleep = if in_selector { Sleep::InSelector } else { Sleep::OnWord };
        let parked = shared.notifier.announce(sleep);
        // Only now: a timer that another thread arms, or work that it publishes, after the announcement notifies.
        let work = (!left_out("loop-looks-after-announcing") && has_work()) || self.has_timers_to_let_go();
        let mut wait =
            if work { Wait::ZERO } else { until_next_timer(&self.handle, &mut self.gathering, max_wait) };
        if sleep == Sleep::OnWord && !wait.is_zero() {
            // Only now: a source that another thread registers after the announcement notifies.
            let on_word = match wait.roughly() {
                Some(time) if !shared.needs_selector() || left_out("loop-looks-for-sources") => Some(time),
                // No descriptor is to be had. The word ends the sleep hardly later.
                _ if !shared.queue.opens() => Some(wait.at_most()),
                _ => None,
            };
            if let Some(time) = on_word {
                parked.sleep(time);
                self.notified = parked.end();
                return Ok(Sleep::OnWord);
            }
            if !parked.turn_to_selector() {
                // Notified.
                wait = Wait::ZERO;
            }
        }
        if wait.is_zero() {
            self.notified = parked.end();
            return self.ask();
        }
        let waited = shared.queue.selector(&mut self.end).map(|selector| selector.wait(wait));
        self.notified = parked.end();
        waited.expect("the loop parks only with an open queue").map(|()| Sleep::InSelector)
    }

    /// Asks the selector for events, if there is one, without waiting for any.
    fn ask(&mut self) -> Result<Sleep, KernelError> {
        match self.handle.0.queue.selector(&mut self.end) {
            Some(selector) => selector.wait(Wait::ZERO).map(|()| Sleep::InSelector),
            None => Ok(Sleep::OnWord),
        }
    }

    /// Whether the last turn that might sleep was, or would have been, woken by a [`notify`](Handle::notify).
    pub fn was_notified(&self) -> bool {
        self.notified
    }

    /// Whether the last turn brought events of sources.
    pub fn had_events(&self) -> bool {
        self.events > 0
    }

    /// Whether timers have fired in the last turn.
    pub fn had_timers(&self) -> bool {
        self.had_timers
    }

    /// For a loop inside another one: from now until [`resume`](Self::resume) somebody else waits, on the
    /// descriptor of the event queue, and a [`notify`](Handle::notify) makes that readable.
    ///
    /// `has_work` is called after the announcement; if it says true, this notifies at once. Timers do not make the
    /// descriptor readable: whoever waits limits the wait to [`next_deadline`](Handle::next_deadline).
    #[inline(never)]
    pub fn stand_by(&self, has_work: impl FnOnce() -> bool) {
        self.handle.0.timers.local.rest();
        // Here, and not in whoever notifies, a loop is to learn that it has none.
        self.handle.0.queue.ends();
        self.handle.0.need_selector();
        self.handle.0.notifier.announce(Sleep::InSelector).stay();
        // Only now: as in a turn's wait.
        if (!left_out("stand-by-looks-again") && has_work())
            || self.has_timers_to_let_go()
            || self.may_have_left_events()
        {
            self.handle.notify();
        }
    }

    /// Whether there were more events than fit one wait. They leave the descriptor readable, but that is nothing new: who is told
    /// of edges only, as mio is, would not hear of them.
    fn may_have_left_events(&self) -> bool {
        const OF_SELECTOR: usize = 2; // the wakeup's and the timerfd's, which are not counted
        self.events + OF_SELECTOR >= MOST_EVENTS
    }

    #[inline]
    fn has_timers_to_let_go(&self) -> bool {
        !left_out("loop-looks-at-the-list") && self.handle.0.timers.local.any_leave()
    }

    /// Ends what [`stand_by`](Self::stand_by) began. Harmless without it.
    pub fn resume(&self) {
        // Whoever runs it inside another loop may rely on signals. But without a queue whoever opens it has to tell us.
        if self.handle.0.queue.is_open() {
            self.handle.0.need_selector();
        }
        let _ = self.handle.0.notifier.resume();
    }

    /// Wakes the timers that are due, in the order of their deadlines, and returns how many.
    ///
    /// No system call but the clock's, and not even that if none is armed. At most a few thousand fire in one call,
    /// so that a flood of them cannot keep the rest of the loop waiting; then the next deadline lies in the past.
    #[inline]
    pub fn fire_timers(&mut self) -> usize {
        self.handle.0.timers.fire(&self.handle.0.clock, &mut self.woken)
    }
}

/// `max_wait`, cut at the earliest timer, or where several share a wait.
fn until_next_timer(handle: &Handle, gathering: &mut Gathering, max_wait: Option<Duration>) -> Wait {
    let no_longer = max_wait.map_or(Wait::Forever, Wait::For);
    let timers = &handle.0.timers;
    let deadline = timers.next();
    if deadline == NEVER {
        return no_longer;
    }
    let now = timers.epoch.now(handle.clock());
    if handle.clock().is_manual() {
        return if deadline <= now { Wait::ZERO } else { no_longer };
    }
    let deadline = gathering.until(deadline, now, timers);
    if deadline <= now {
        return Wait::ZERO;
    }
    let left = Duration::from_nanos(deadline - now);
    if max_wait.is_some_and(|max| max <= left) {
        return no_longer;
    }
    Wait::Until(deadline, left)
}

impl Drop for Reactor {
    fn drop(&mut self) {
        let shared = &self.handle.0;
        // Release: pairs with the Acquire in `is_closed`.
        shared.closed.store(true, Ordering::Release);
        shared.table.close(&mut self.woken);
        shared.timers.close(&mut self.woken);
        contain::wake_all(&mut self.woken);
        // Handles would keep it.
        shared.queue.close(&mut self.end);
        reference::give_up(shared);
    }
}

impl fmt::Debug for Reactor {
    #[inline]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reactor").field("handle", &self.handle).finish()
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use crate::timer::Timer;
    use std::task::Context;

    #[test]
    fn the_slack_that_was_set_is_added_to_the_wait_for_a_timer() {
        const HOUR: Duration = Duration::from_secs(3600);
        let mut reactor = Reactor::new(Clock::real()).unwrap();
        let mut timer = Timer::after(reactor.handle(), HOUR);
        assert!(timer.poll(&mut Context::from_waker(Waker::noop())).is_pending());
        let wait = |reactor: &mut Reactor| {
            until_next_timer(&reactor.handle, &mut reactor.gathering, None).at_most().unwrap()
        };
        assert!(wait(&mut reactor) <= HOUR);
        reactor.set_timer_slack(HOUR);
        let put_off = wait(&mut reactor);
        assert!(put_off > HOUR && put_off <= 2 * HOUR, "{put_off:?}");
    }
}
