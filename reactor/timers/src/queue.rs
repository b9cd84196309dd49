//! Timers in the order of their deadlines. Whoever has a queue has it alone: see `timers.rs`, which has two.
//!
//! The closed flag lives in it: a timer is either armed when the reactor closes, and woken, or it comes later and is
//! due at once. Model: `timer_against_close`, twin `timers-see-closed`.
//!
//! No foreign code runs in here: wakers come in cloned, and go out to be woken or dropped.

use crate::contain;
use crate::entry::Key;
use crate::epoch::{Moment, NEVER};
use crate::schedule::Schedule;
use crate::sync::{AtomicU64, Ordering, left_out};
use std::mem;
use std::task::Waker;

pub(crate) struct Queue {
    schedule: Schedule<Waker>,
    closed: bool,
}

/// What became of an attempt to arm a timer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Arming {
    Armed(Key),
    /// It has fired, or the reactor is closed: it is due.
    Due,
    /// Nothing done: a clone of the waker is needed, and none was brought.
    NeedsWaker,
}

impl Queue {
    pub(crate) fn new() -> Queue {
        Queue { schedule: Schedule::new(), closed: false }
    }

    /// Arms a timer that is not armed yet. Not once it is closed.
    #[inline]
    pub(crate) fn insert(&mut self, deadline: Moment, waker: Waker) -> Key {
        self.schedule.insert(deadline, waker)
    }

    /// Arms a timer, or renews the waker of one that is armed. `spare` goes in as the clone of `waker` to keep and
    /// comes out as whatever is now to be dropped.
    pub(crate) fn arm(
        &mut self,
        key: Option<Key>,
        deadline: Moment,
        waker: &Waker,
        spare: &mut Option<Waker>,
    ) -> Arming {
        match key {
            _ if self.closed && !left_out("timers-see-closed") => Arming::Due,
            Some(key) if !self.schedule.is_queued(key) => Arming::Due,
            Some(key) => {
                let kept = self.schedule.value_mut(key);
                if !kept.as_ref().is_some_and(|kept| kept.will_wake(waker)) {
                    if spare.is_none() {
                        return Arming::NeedsWaker;
                    }
                    mem::swap(kept, spare);
                }
                Arming::Armed(key)
            }
            None => match spare.take() {
                Some(waker) => Arming::Armed(self.schedule.insert(deadline, waker)),
                None => Arming::NeedsWaker,
            },
        }
    }

    /// Gives an armed timer another deadline. Its waker stays. False if it has fired.
    #[inline]
    pub(crate) fn change(&mut self, key: Key, deadline: Moment) -> bool {
        let is_queued = self.schedule.is_queued(key);
        if is_queued {
            self.schedule.change(key, deadline);
        }
        is_queued
    }

    /// Forgets a timer, armed or fired. Also returns what its deadline was, or `NEVER` if it has fired.
    #[inline]
    pub(crate) fn remove(&mut self, key: Key) -> (Option<Waker>, Moment) {
        self.schedule.remove(key)
    }

    /// From now on every timer is due; those that are here leave by [`pop_in_order`].
    pub(crate) fn close(&mut self) {
        self.closed = true;
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.closed
    }

    /// The earliest deadline, or `NEVER`.
    #[inline]
    pub(crate) fn first(&self) -> Moment {
        self.schedule.first()
    }

    /// The deadline of the second, or `NEVER`.
    pub(crate) fn second(&self) -> Moment {
        self.schedule.second()
    }

    pub(crate) fn len(&self) -> usize {
        self.schedule.len()
    }
}

/// Arms a timer by `arm`, which has a queue for as long as it runs: see [`Queue::arm`]. The waker is cloned, and what
/// is left over dropped, before, in between and afterwards. `None` if `arm` has no queue.
#[inline]
pub(crate) fn arm_with(
    key: Option<Key>,
    waker: &Waker,
    mut arm: impl FnMut(&mut Option<Waker>) -> Option<(Arming, bool)>,
) -> Option<(Arming, bool)> {
    // A timer that is polled again by the same task needs no clone.
    let mut spare = key.is_none().then(|| waker.clone());
    loop {
        let (arming, earliest) = arm(&mut spare)?;
        if arming == Arming::NeedsWaker {
            spare = Some(waker.clone());
            continue;
        }
        if let Some(spare) = spare {
            contain::discard(spare);
        }
        return Some((arming, earliest));
    }
}

/// Moves the wakers of timers that are due to `woken`, in order, until there are `most` in it. Ties go to the queue that is named
/// first.
pub(crate) fn pop_in_order(
    [mut one, mut other]: [Option<&mut Queue>; 2],
    now: Moment,
    most: usize,
    woken: &mut Vec<Waker>,
) {
    while woken.len() < most {
        let earliest = match (&mut one, &mut other) {
            (Some(one), Some(other)) if one.first() <= other.first() => one,
            (_, Some(queue)) | (Some(queue), None) => queue,
            (None, None) => return,
        };
        let Some(waker) = earliest.schedule.pop_due(now) else { return };
        woken.push(waker);
    }
}

/// A queue's earliest deadline, for those who do not have the queue.
///
/// Everything is Relaxed here: it is a number, from which nobody concludes anything about the queue. Whoever wants that takes its lock,
/// or is its thread. The notifier's fences see to it that the loop does not sleep past it.
pub(crate) struct Published(AtomicU64);

impl Published {
    pub(crate) fn new() -> Published {
        Published(AtomicU64::new(NEVER))
    }

    #[inline]
    pub(crate) fn get(&self) -> Moment {
        self.0.load(Ordering::Relaxed)
    }

    /// By whoever has the queue, to which this deadline has been added. Returns whether it is the earliest now.
    #[inline]
    pub(crate) fn add(&self, deadline: Moment) -> bool {
        let is_earliest = deadline < self.0.load(Ordering::Relaxed);
        if is_earliest {
            self.0.store(deadline, Ordering::Relaxed);
        }
        is_earliest
    }

    /// By whoever has the queue. Returns whether the earliest deadline has come closer.
    #[inline]
    pub(crate) fn set(&self, queue: &Queue) -> bool {
        let first = queue.first();
        let before = self.0.load(Ordering::Relaxed);
        if before != first {
            self.0.store(first, Ordering::Relaxed);
        }
        first < before
    }
}
