//! All timers of one reactor, and the moment at which the loop has to look at them again.
//!
//! There are two queues: one for timers that the loop's own thread arms (`local_timers.rs`), and this one, behind a lock,
//! for those of other threads. Each publishes its earliest deadline, so that the loop asks for it for nothing. Both fire
//! in one order.
//!
//! A timer that becomes the earliest while the loop sleeps, armed on another thread, notifies; the loop reads what is
//! published after it has announced that it will sleep. These are the two sides of the argument in `notifier.rs`, with the
//! deadline as the published work. Model: `timer_against_park`, twin `timer-notifies`.
//!
//! Wakers are cloned, woken and dropped with the lock released.
//!
//! # Reading the clock
//! A reading costs more than all the rest of arming a timer that is cancelled again, as most timeouts are. So whoever reads
//! the clock leaves the reading here: the loop at the end of each turn in which timers are armed, and whoever makes a
//! timer by its duration. The loop forgets the reading when it has waited.
//!
//! When a timer is polled, the clock need not be read again if the timer is due well after that reading, nor if it was
//! due before it: see [`Timers::is_due`]. Should the loop have been stuck for so long that the deadline has passed all
//! the same, the timer is armed in the past. It fires as soon as the loop looks, and another thread that arms it tells
//! the loop to look.
//!
//! A task that polls a timer over and over without ever waiting keeps the loop from that: one that does whatever is ready
//! "until the time is up", say. So a reading serves so many times only, fewer if the deadline is not far away.

use crate::clock::Clock;
use crate::contain;
use crate::epoch::{Epoch, Moment, NEVER};
use crate::heap::Key;
use crate::home::Home;
use crate::known::KnownWakers;
use crate::local_timers::{LocalTimers, Then};
use crate::lock::Mutex;
use crate::queue::{self, Arming, Published, Queue};
use crate::sync::left_out;
use std::mem;
// What the loop has read is a hint and no part of any protocol, so it stays a plain atomic in the models too.
use std::sync::atomic::{AtomicU64 as Hint, Ordering};
use std::task::Waker;
use std::time::Instant;

/// All timers of one reactor. Poll functions arm and disarm them, the loop fires them.
pub struct Timers {
    /// Turns instants into moments and back.
    pub epoch: Epoch,
    /// What the clock said when it was last asked, or `NEVER` if that was before the loop last waited.
    seen: Hint,
    /// How often that has served, about.
    served: Hint,
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
    /// It has not.
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

/// A deadline that is so many nanoseconds after the last reading has not passed: as a rule a turn takes less than half of it.
const AHEAD: u64 = 500_000;

/// And no turn should take as long as this.
const FAR: u64 = 100_000_000;

/// How often a reading serves. Many more timers than this are seldom armed in one turn, and it costs them nothing that counts.
const SERVES: u64 = 128;

/// As how often it counts that it serves a deadline that is less than [`FAR`] ahead.
const NEARER: u64 = 8;

/// How many wakers are collected while the lock is held.
const BATCH: usize = 64;

/// How many timers fire in one call.
const FLOOD: usize = 4096;

impl Timers {
    /// None yet, of a loop that stays at `home`, if anywhere.
    pub fn new(clock: &Clock, home: Home, known: KnownWakers) -> Timers {
        Timers {
            epoch: Epoch::new(clock),
            seen: Hint::new(NEVER),
            served: Hint::new(0),
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
            self.seen.store(now, Ordering::Relaxed);
            self.served.store(0, Ordering::Relaxed);
        }
        now
    }

    /// Whether `deadline` has passed. The clock is read only if the last reading does not tell.
    #[inline]
    pub fn is_due(&self, deadline: Moment, clock: &Clock) -> bool {
        match self.seen.load(Ordering::Relaxed) {
            seen if seen >= deadline && seen != NEVER => true,
            seen if self.serves(deadline.saturating_sub(seen)) => false,
            _ => self.is_past(deadline, clock),
        }
    }

    /// Whether the reading tells that a deadline which is so far ahead of it has not passed.
    ///
    /// No read-modify-write: what another thread adds at the same time may get lost.
    #[inline]
    fn serves(&self, ahead: u64) -> bool {
        if ahead < AHEAD {
            return false;
        }
        let served = self.served.load(Ordering::Relaxed);
        self.served.store(served + if ahead < FAR { NEARER } else { 1 }, Ordering::Relaxed);
        served < SERVES
    }

    #[inline(never)]
    fn is_past(&self, deadline: Moment, clock: &Clock) -> bool {
        self.now(clock) >= deadline
    }

    /// The loop has waited, and what was read before is out of date.
    #[inline]
    pub fn forget_reading(&self) {
        self.seen.store(NEVER, Ordering::Relaxed);
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
        // A timer that is polled again by the same task needs no clone.
        let spare = key.is_none().then(|| waker.clone());
        let arm = |spare: &mut _| {
            let mut queue = self.locked.lock();
            let arming = queue.arm(key, deadline, waker, spare);
            Some((arming, self.next.set(&queue)))
        };
        let (Arming::Armed(key), earliest) = queue::arm_with(waker, spare, arm)? else { return None };
        *state = State::Locked(key);
        Some(Tell::Loop.only_if(earliest))
    }

    /// Gives a timer another deadline. If it is armed, its waker stays, unless it has fired, or its waker is out of reach: then
    /// it has to be armed anew, and in the second case the loop wakes who waits.
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

    /// The second deadline of those that the loop's own thread has armed, or `NEVER`; and elsewhere.
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

    /// How many timers are armed.
    pub fn count(&self) -> usize {
        self.local.len() + self.locked.lock().len()
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn a_reading_serves_deadlines_ahead_of_it_so_many_times() {
        let clock = Clock::real();
        let timers = Timers::new(&clock, Home::NOWHERE, KnownWakers::default());
        for (ahead, times) in [(AHEAD - 1, 0), (AHEAD, SERVES / NEARER), (FAR, SERVES)] {
            let read = timers.now(&clock);
            let served = (0..2 * SERVES).take_while(|_| {
                let _ = timers.is_due(read + ahead, &clock);
                timers.seen.load(Ordering::Relaxed) == read
            });
            assert_eq!(served.count() as u64, times, "{ahead} ns ahead");
        }
    }
}
