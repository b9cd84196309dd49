//! All timers of one reactor, and the moment at which the loop has to look at them again.
//!
//! The earliest deadline is published in an atomic beside the lock, so that the loop asks for it for nothing. A timer
//! that becomes the earliest while the loop sleeps, armed on another thread, notifies; the loop reads the atomic
//! after it has announced that it will sleep. These are the two sides of the argument in `notifier.rs`, with the
//! deadline as the published work. Model: `timer_against_park`, twin `timer-notifies`.
//!
//! The closed flag lives under the lock: a timer is either armed when the reactor closes, and woken, or it comes later
//! and is due at once. Model: `timer_against_close`, twin `timers-see-closed`.
//!
//! Wakers are cloned, woken and dropped with the lock released.
//!
//! # Reading the clock
//! A reading costs more than all the rest of arming a timer that is cancelled again, as most timeouts are. Whoever reads
//! the clock leaves the reading here: the loop at the end of each turn in which timers are armed, and whoever makes a
//! timer by its duration. A timer that is due well after it need not read again when it is polled, nor one that was due
//! before it: see [`Timers::is_due`]. The loop forgets the reading when it has waited. Should the loop have been stuck for
//! so long that the deadline has passed all the same, then the timer is armed in the past, and fires as the loop comes to
//! look, which another thread tells it to.

use crate::clock::Clock;
use crate::contain;
use crate::epoch::{Epoch, Moment, NEVER};
use crate::heap::{Heap, Key};
use crate::lock::Mutex;
use crate::sync::{AtomicU64, Ordering, left_out};
use std::mem;
// What the loop has read is a hint and no part of any protocol, so it stays a plain atomic in the models too.
use std::sync::atomic::AtomicU64 as Hint;
use std::task::Waker;
use std::time::Instant;

pub(crate) struct Timers {
    pub(crate) epoch: Epoch,
    /// The earliest deadline, or `NEVER`. Written with the lock held.
    next: AtomicU64,
    /// What the clock said when it was last asked, or `NEVER` if that was before the loop last waited.
    seen: Hint,
    queue: Mutex<Queue>,
}

struct Queue {
    /// The waker of a timer, `None` once it has fired.
    heap: Heap<Option<Waker>>,
    closed: bool,
}

/// A deadline that is so many nanoseconds after the last reading has not passed: no turn should take as long.
const FAR: u64 = 100_000_000;

/// How many wakers are collected while the lock is held.
const BATCH: usize = 64;

/// How many timers fire in one call.
const FLOOD: usize = 4096;

/// What became of an attempt to arm a timer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Arming {
    /// Armed; if it is now the `earliest`, the loop may have to be told.
    Armed { earliest: bool },
    /// It has fired, or the reactor is closed: it is due.
    Due,
    /// Nothing done: a clone of the waker is needed, and none was brought.
    NeedsWaker,
}

impl Timers {
    pub(crate) fn new(beginning: Instant) -> Timers {
        let queue = Queue { heap: Heap::new(), closed: false };
        Timers {
            epoch: Epoch::new(beginning),
            next: AtomicU64::new(NEVER),
            seen: Hint::new(NEVER),
            queue: Mutex::new(queue),
        }
    }

    /// Reads the clock, and leaves the reading for others.
    pub(crate) fn now(&self, clock: &Clock) -> Moment {
        let now = self.epoch.moment(clock.now());
        // A manual clock may be far ahead a moment later.
        if !clock.is_manual() {
            self.seen.store(now, Ordering::Relaxed);
        }
        now
    }

    /// Whether `deadline` has passed. The clock is read only if the last reading does not tell.
    pub(crate) fn is_due(&self, deadline: Moment, clock: &Clock) -> bool {
        match self.seen.load(Ordering::Relaxed) {
            seen if seen >= deadline && seen != NEVER => true,
            seen if deadline.saturating_sub(seen) >= FAR => false,
            _ => self.now(clock) >= deadline,
        }
    }

    /// The loop has waited, and what was read before is out of date.
    pub(crate) fn forget_reading(&self) {
        self.seen.store(NEVER, Ordering::Relaxed);
    }

    /// Arms a timer, or renews the waker of one that is armed. `spare` goes in as the clone of `waker` to keep and
    /// comes out as whatever is now to be dropped.
    pub(crate) fn arm(
        &self,
        key: &mut Option<Key>,
        deadline: Moment,
        waker: &Waker,
        spare: &mut Option<Waker>,
    ) -> Arming {
        let mut queue = self.queue.lock();
        match *key {
            _ if queue.closed && !left_out("timers-see-closed") => Arming::Due,
            Some(key) if !queue.heap.is_queued(key) => Arming::Due,
            Some(key) => {
                let kept = queue.heap.value_mut(key);
                if !kept.as_ref().is_some_and(|kept| kept.will_wake(waker)) {
                    if spare.is_none() {
                        return Arming::NeedsWaker;
                    }
                    mem::swap(kept, spare);
                }
                Arming::Armed { earliest: false }
            }
            None if spare.is_none() => Arming::NeedsWaker,
            None => {
                *key = Some(queue.heap.insert(deadline, spare.take()));
                Arming::Armed { earliest: self.publish(&queue) }
            }
        }
    }

    /// Gives an armed timer another deadline. Its waker stays.
    pub(crate) fn change(&self, key: Key, deadline: Moment) -> Arming {
        let mut queue = self.queue.lock();
        if !queue.heap.is_queued(key) {
            return Arming::Due;
        }
        queue.heap.change(key, deadline);
        Arming::Armed { earliest: self.publish(&queue) }
    }

    /// Forgets a timer, armed or fired.
    pub(crate) fn disarm(&self, key: Key) {
        let waker = {
            let mut queue = self.queue.lock();
            let waker = queue.heap.remove(key);
            self.publish(&queue);
            waker
        };
        contain::discard(waker);
    }

    /// Wakes whoever is due, in order, `woken` being scratch space.
    pub(crate) fn fire(&self, clock: &Clock, woken: &mut Vec<Waker>) -> usize {
        let next = self.next.load(Ordering::Acquire);
        if next == NEVER {
            return 0;
        }
        let now = self.now(clock);
        if next > now {
            return 0;
        }
        // Not those that a waker arms while we are at it: they could go on for ever.
        let limit = self.len().min(FLOOD);
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
        let mut queue = self.queue.lock();
        while woken.len() < most {
            let Some(key) = queue.heap.pop_due(now) else { break };
            woken.extend(queue.heap.value_mut(key).take());
        }
        self.publish(&queue);
    }

    /// From now on every timer is due. Those that are armed are moved to `woken`, in order.
    pub(crate) fn close(&self, woken: &mut Vec<Waker>) {
        self.queue.lock().closed = true;
        self.collect(NEVER, usize::MAX, woken);
    }

    pub(crate) fn next_deadline(&self) -> Option<Instant> {
        // Acquire: pairs with the Release in `publish`. That it is read late enough is the fence's doing.
        match self.next.load(Ordering::Acquire) {
            NEVER => None,
            moment => Some(self.epoch.instant(moment)),
        }
    }

    /// How many timers are armed.
    pub(crate) fn len(&self) -> usize {
        self.queue.lock().heap.len()
    }

    /// Returns whether the earliest deadline has come closer.
    fn publish(&self, queue: &Queue) -> bool {
        let next = queue.heap.first().unwrap_or(NEVER);
        // Relaxed load: only written under the lock, which we hold. Release: pairs with the Acquire loads above.
        let before = self.next.load(Ordering::Relaxed);
        if before != next {
            self.next.store(next, Ordering::Release);
        }
        next < before
    }
}
