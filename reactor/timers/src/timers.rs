//! All timers of one reactor, and the moment at which the loop has to look at them again.
//!
//! There are two queues: one for timers that the loop's own thread arms (`local_timers.rs`), and one behind a lock, for those
//! of other threads. Each publishes its earliest deadline, so that the loop reads it without the lock. Both fire in one order.
//!
//! A timer that becomes the earliest while the loop sleeps, armed on another thread, notifies; the loop reads what is
//! published after it has announced that it will sleep. These are the two sides of the argument in `notifier.rs`, with the
//! deadline as the published work. Model: `timer_against_park`, twin `timer-notifies`.
//!
//! Wakers are cloned, woken and dropped with the lock released. In a child of `fork` no lock is taken, and timers of other threads
//! than the loop's stay as they are: see `process.rs`.

use crate::clock::Clock;
use crate::contain;
use crate::entry::Key;
use crate::epoch::{Epoch, Moment, NEVER};
use crate::home::Home;
use crate::known::KnownWakers;
use crate::local_timers::{LocalTimers, Then};
use crate::lock::Mutex;
use crate::queue::{self, Arming, Published, Queue};
use crate::reading::Reading;
use crate::sync::left_out;
use std::mem;
use std::task::Waker;
use std::time::Instant;

/// All timers of one reactor. Poll functions arm and disarm them, the loop fires them.
pub struct Timers {
    /// Turns instants into moments and back.
    pub epoch: Epoch,
    reading: Reading,
    /// Those that the loop's own thread has armed.
    pub local: LocalTimers,
    /// The earliest in the locked queue.
    next: Published,
    locked: Mutex<Queue>,
}

/// Where a timer is.
#[derive(Clone, Copy, Debug)]
pub enum State {
    /// Nowhere yet.
    Idle,
    /// Armed, in the queue of the loop's thread. The key is valid until it is disarmed.
    Local(Key),
    /// Armed, in the queue behind the lock.
    Locked(Key),
    /// It has fired, or its reactor is closed.
    Elapsed,
}

/// Who has to learn that the earliest deadline has come closer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Tell {
    /// Nobody: it has not come closer.
    Nobody,
    /// The loop whose thread this is.
    Here,
    /// The loop, which may be asleep.
    Loop,
}

impl Tell {
    #[inline]
    fn only_if(self, earliest: bool) -> Tell {
        if earliest { self } else { Tell::Nobody }
    }
}

/// How many wakers are collected while the lock is held.
const BATCH: usize = 64;

/// How many timers fire in one call at most.
const FLOOD: usize = 4096;

impl Timers {
    /// No timers yet, for a loop that stays at `home`, if anywhere.
    pub fn new(clock: &Clock, home: Home, known: KnownWakers) -> Timers {
        Timers {
            epoch: Epoch::new(clock),
            reading: Reading::none(),
            local: LocalTimers::new(home, known),
            next: Published::new(),
            locked: Mutex::new(Queue::new()),
        }
    }

    /// Reads the clock, and leaves the reading for others.
    #[inline]
    pub fn now(&self, clock: &Clock) -> Moment {
        let now = self.epoch.now(clock);
        // A manual clock may be far ahead a moment later.
        if !clock.is_manual() {
            self.reading.note(now);
        }
        now
    }

    /// Whether `deadline` has passed. The clock is read only if the last reading does not tell: see `reading.rs`.
    #[inline]
    pub fn is_due(&self, deadline: Moment, clock: &Clock) -> bool {
        self.reading.tells_due(deadline).unwrap_or_else(|| self.is_past(deadline, clock))
    }

    #[inline(never)]
    fn is_past(&self, deadline: Moment, clock: &Clock) -> bool {
        self.now(clock) >= deadline
    }

    /// The loop has waited, and what was read before is out of date.
    #[inline]
    pub fn forget_reading(&self) {
        self.reading.forget();
    }

    /// Arms a timer, or renews the waker of one that is armed. `None` if it is due: it has fired, or the reactor is closed.
    #[inline]
    pub fn arm(&self, state: &mut State, deadline: Moment, waker: &Waker) -> Option<Tell> {
        if let State::Idle = *state {
            if let Some((key, earliest)) = self.local.arm_kept(deadline, waker) {
                *state = State::Local(key);
                return Some(Tell::Here.only_if(earliest));
            }
        }
        self.arm_otherwise(state, deadline, waker)
    }

    #[inline(never)]
    fn arm_otherwise(&self, state: &mut State, deadline: Moment, waker: &Waker) -> Option<Tell> {
        let key = match *state {
            State::Locked(key) => return self.arm_locked(state, Some(key), deadline, waker),
            State::Local(key) => Some(key),
            State::Idle | State::Elapsed => None,
        };
        let Some((arming, earliest)) = self.local.arm(key, deadline, waker) else {
            if let Some(key) = key {
                *state = State::Idle;
                self.local.leave(key, Then::Forget);
            }
            return self.arm_locked(state, None, deadline, waker);
        };
        let Arming::Armed(key) = arming else { return None };
        *state = State::Local(key);
        Some(Tell::Here.only_if(earliest))
    }

    fn arm_locked(
        &self,
        state: &mut State,
        key: Option<Key>,
        deadline: Moment,
        waker: &Waker,
    ) -> Option<Tell> {
        if self.local.process.is_forked() {
            return Some(Tell::Nobody);
        }
        let arm = |spare: &mut _| {
            let mut queue = self.locked.lock();
            let arming = queue.arm(key, deadline, waker, spare);
            Some((arming, self.next.set(&queue)))
        };
        let (Arming::Armed(key), earliest) = queue::arm_with(key, waker, arm)? else { return None };
        *state = State::Locked(key);
        Some(Tell::Loop.only_if(earliest))
    }

    /// Gives a timer another deadline. An armed timer keeps its waker. There are two exceptions, after which it has to be armed
    /// anew: it has fired; or it was armed at home and this is another thread, so that its waker is out of reach. In the second
    /// case the loop wakes who waits.
    #[inline]
    pub fn change(&self, state: &mut State, deadline: Moment) -> Tell {
        let (is_queued, tell) = match *state {
            State::Idle => return Tell::Nobody,
            State::Elapsed => (false, Tell::Nobody),
            State::Local(key) => match self.local.with(|local| local.queue.change(key, deadline)) {
                Some((is_queued, earliest)) => (is_queued, Tell::Here.only_if(earliest)),
                None => {
                    *state = State::Idle;
                    self.local.leave(key, Then::Wake);
                    return if left_out("reset-elsewhere-notifies") { Tell::Nobody } else { Tell::Loop };
                }
            },
            State::Locked(_) if self.local.process.is_forked() => return Tell::Nobody,
            State::Locked(key) => {
                let mut queue = self.locked.lock();
                let is_queued = queue.change(key, deadline);
                (is_queued, Tell::Loop.only_if(self.next.set(&queue)))
            }
        };
        if !is_queued {
            self.disarm(state);
        }
        tell
    }

    /// Forgets a timer, armed or fired.
    #[inline]
    pub fn disarm(&self, state: &mut State) {
        // Written first: dropping the waker may run foreign code, which must not find a key that is no longer its own.
        let before = mem::replace(state, State::Idle);
        if let State::Local(key) = before {
            self.local.disarm(key);
        } else if let State::Locked(key) = before {
            self.disarm_locked(key);
        }
    }

    #[inline(never)]
    fn disarm_locked(&self, key: Key) {
        if self.local.process.is_forked() {
            return;
        }
        let waker = {
            let mut queue = self.locked.lock();
            let (waker, _) = queue.remove(key);
            self.next.set(&queue);
            waker
        };
        if let Some(waker) = waker {
            contain::discard(waker);
        }
    }

    /// Wakes whoever is due, in order, `woken` being scratch space.
    pub fn fire(&self, clock: &Clock, woken: &mut Vec<Waker>) -> usize {
        self.local.let_leave();
        let next = self.next();
        if next == NEVER {
            return 0;
        }
        let now = self.now(clock);
        if next > now {
            return 0;
        }
        // Not those that a waker arms while we are at it: they could go on for ever.
        let limit = self.count().min(FLOOD);
        let mut fired = 0;
        while fired < limit {
            self.collect(now, BATCH.min(limit - fired), woken);
            if woken.is_empty() {
                break;
            }
            fired += woken.len();
            contain::wake_all(woken);
        }
        fired
    }

    fn collect(&self, now: Moment, most: usize, woken: &mut Vec<Waker>) {
        // Without the lock if nobody in there is due, as most often.
        let mut locked = (self.next.get() <= now).then(|| self.locked.lock());
        let at_home = self.local.with(|local| {
            queue::pop_in_order([Some(&mut local.queue), locked.as_deref_mut()], now, most, woken);
        });
        if at_home.is_none() {
            queue::pop_in_order([None, locked.as_deref_mut()], now, most, woken);
        }
        if let Some(locked) = locked {
            self.next.set(&locked);
        }
    }

    /// From now on every timer is due. Those that are armed are moved to `woken`, in order.
    pub fn close(&self, woken: &mut Vec<Waker>) {
        self.local.let_leave();
        self.local.close();
        self.locked.lock().close();
        self.collect(NEVER, usize::MAX, woken);
    }

    /// The earliest deadline, or `NEVER`.
    #[inline]
    pub fn next(&self) -> Moment {
        self.next.get().min(self.local.next())
    }

    /// The second deadline of those that the loop's own thread has armed. `NEVER` if there is none, and on other threads.
    pub fn second(&self) -> Moment {
        self.local.second()
    }

    /// The same as [`next`](Self::next) as an instant, if there is any.
    pub fn next_deadline(&self) -> Option<Instant> {
        match self.next() {
            NEVER => None,
            moment => Some(self.epoch.instant(moment)),
        }
    }

    /// How many timers are armed. In a child of `fork`, at home.
    pub fn count(&self) -> usize {
        let locked = if self.local.process.is_forked() { 0 } else { self.locked.lock().len() };
        self.local.len() + locked
    }
}
