//! The timers that a loop's own thread arms, by plain access.
//!
//! Nearly every timer is armed on the thread that runs the loop, and cancelled there again. A lock that is taken for both,
//! and a waker that is counted for both, cost as much as reading the clock. So a loop that stays on its thread, its *home*,
//! has a queue that no other thread touches:
//!
//! | what | who | how |
//! |---|---|---|
//! | the queue, the kept waker, references | its thread | plainly, in `look`: nothing foreign runs in there, so nobody comes in twice |
//! | the earliest deadline, how many there are | anybody | reads what its thread has published |
//! | the list of timers to be taken out | other threads | under its lock |
//!
//! # A timer that leaves home
//! It may be dropped, polled or reset on any thread. Elsewhere than at home its key goes to the list, and it is the locked
//! queue's from then on. The loop takes it out of this one in its next turn, before it looks at deadlines:
//!
//! ```text
//! loop                                   elsewhere
//! L1 state := PARKED                     N1 lists the key
//! L2 fence                               N2 fence
//! L3 looks at the list                   N3 looks at the state
//! ```
//!
//! which is the argument of `notifier.rs`, with the list as the published work. N2 and N3 are left out where nobody waits for the
//! loop to look. A timer that was dropped elsewhere, or is armed in the locked queue by now, may stay here until the loop has
//! its next turn; its waker may be woken once for nothing. After a reset the loop does have to look: the waker of whoever waits
//! is in here, out of the other thread's reach. So the loop wakes it; whoever waits polls again, and is then armed for the
//! new deadline. Models:
//! `timer_dropped_elsewhere`, `timer_polled_elsewhere_against_close`, `timer_reset_elsewhere_against_park`, twins
//! `local-queue-is-its-thread-s`, `leaving-is-listed`, `loop-looks-at-the-list`, `reset-elsewhere-notifies`.
//!
//! A key is listed once: whoever lists it has forgotten it. Until it is taken out, its place is nobody else's.
//!
//! # A waker is kept
//! A timeout that was not needed is followed by the next one, of the same task. So the waker of the last timer that was
//! cancelled is kept for the next one that is armed, as long as the loop is busy: it is neither dropped nor cloned. This is
//! done only with known wakers, by which no future lives on (see `known.rs`). The loop drops the kept waker before it sleeps, and
//! when it ends.
#![allow(unsafe_code)] // One cell, which its thread alone opens.

use crate::contain;
use crate::entry::Key;
use crate::epoch::{Moment, NEVER};
use crate::home::Home;
use crate::known::KnownWakers;
use crate::lock::Mutex;
use crate::process::Process;
use crate::queue::{self, Arming, Published, Queue};
use crate::sync::{AtomicBool, Ordering, UnsafeCell, left_out};
use std::mem;
// How many there are is no part of any protocol, so it stays a plain atomic in the models too.
use std::sync::atomic::AtomicUsize as Hint;
use std::task::Waker;

/// The timers that the loop's own thread has armed, and references to the reactor that are kept for the next of them.
pub struct LocalTimers {
    home: Home,
    local: UnsafeCell<Local>,
    next: Published,
    /// How many timers there were when the loop had its last turn.
    len: Hint,
    /// For both queues.
    pub process: Process,
    leaving: Mutex<Vec<Leaving>>,
    /// Whether any are leaving. Written with the lock held.
    any_leave: AtomicBool,
}

pub(crate) struct Local {
    pub(crate) queue: Queue,
    /// Which wakers may be kept; none once it is closed.
    known: KnownWakers,
    kept: Option<Waker>,
    /// How many references to the reactor are counted, but belong to nobody: see `reference.rs`.
    references: usize,
}

/// How many such references are kept at most: enough for a flood of timers, and few enough to be given up in no time.
pub const REFERENCES: usize = 1 << 16;

/// A timer to be taken out.
#[derive(Clone, Copy)]
struct Leaving {
    key: Key,
    then: Then,
}

/// What is to be done with its waker.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Then {
    Forget,
    Wake,
}

// SAFETY: `local` is for one thread, `look` sees to it. What is in there may be dropped on any.
unsafe impl Sync for LocalTimers {}

impl LocalTimers {
    pub(crate) fn new(home: Home, known: KnownWakers) -> LocalTimers {
        LocalTimers {
            home,
            local: UnsafeCell::new(Local { queue: Queue::new(), known, kept: None, references: 0 }),
            next: Published::new(),
            len: Hint::new(0),
            process: Process::of_nobody(),
            leaving: Mutex::new(Vec::new()),
            any_leave: AtomicBool::new(false),
        }
    }

    /// Calls `f`, which must not run foreign code, with what is its thread's own. `None` on every other thread.
    #[inline]
    fn look<R>(&self, f: impl FnOnce(&mut Local) -> R) -> Option<R> {
        if !self.home.is_here() {
            return None;
        }
        // SAFETY: one thread gets here, and `f` does not get here again.
        Some(self.local.with_mut(|local| f(unsafe { &mut *local })))
    }

    /// As [`look`](Self::look), and publishes the earliest deadline afterwards. Also returns whether that has come closer.
    #[inline]
    pub(crate) fn with<R>(&self, f: impl FnOnce(&mut Local) -> R) -> Option<(R, bool)> {
        self.look(|local| {
            let result = f(local);
            (result, self.next.set(&local.queue))
        })
    }

    /// Arms a timer that is not armed yet, if the waker that is kept wakes the same task. `None` if not; also on other threads,
    /// and once it is closed.
    #[inline]
    pub(crate) fn arm_kept(&self, deadline: Moment, waker: &Waker) -> Option<(Key, bool)> {
        let arm = |local: &mut Local| {
            // Nothing is kept once it is closed.
            let kept = local.kept.take_if(|kept| kept.will_wake(waker))?;
            let key = local.queue.insert(deadline, kept);
            Some((key, self.next.add(deadline)))
        };
        self.look(arm).flatten()
    }

    /// As [`Queue::arm`]; clones the waker if need be. `None` on other threads.
    pub(crate) fn arm(&self, key: Option<Key>, deadline: Moment, waker: &Waker) -> Option<(Arming, bool)> {
        if !self.home.is_here() {
            return None;
        }
        let arm = |spare: &mut _| self.with(|local| local.queue.arm(key, deadline, waker, spare));
        queue::arm_with(key, waker, arm)
    }

    /// Forgets a timer, armed or fired, which is queued here.
    #[inline]
    pub(crate) fn disarm(&self, key: Key) {
        let disarm = |local: &mut Local| {
            let (waker, deadline) = local.queue.remove(key);
            if deadline <= self.next.get() {
                self.next.set(&local.queue);
            }
            match waker {
                Some(waker) if local.known.include(&waker) => local.kept.replace(waker),
                waker => waker,
            }
        };
        match self.look(disarm) {
            Some(None) => {}
            Some(Some(waker)) => contain::discard(waker),
            None => self.leave(key, Then::Forget),
        }
    }

    /// Elsewhere: has the loop take a timer out.
    #[cold]
    pub(crate) fn leave(&self, key: Key, then: Then) {
        if left_out("leaving-is-listed") || self.process.is_forked() {
            return;
        }
        let mut leaving = self.leaving.lock();
        leaving.push(Leaving { key, then });
        // Relaxed: the lock says what there is, and the notifier's fence that the loop looks.
        self.any_leave.store(true, Ordering::Relaxed);
    }

    /// Whether there is any to be taken out: part of the last look before parking.
    #[inline]
    pub fn any_leave(&self) -> bool {
        // Relaxed: the notifier's fence orders this after its announcement.
        self.any_leave.load(Ordering::Relaxed)
    }

    /// Takes out the timers that have left, and publishes how many there are.
    #[inline]
    pub(crate) fn let_leave(&self) {
        self.len.store(self.len(), Ordering::Relaxed);
        if self.any_leave() {
            self.take_out();
        }
    }

    #[cold]
    fn take_out(&self) {
        let leaving = {
            let mut leaving = self.leaving.lock();
            self.any_leave.store(false, Ordering::Relaxed);
            mem::take(&mut *leaving)
        };
        for &Leaving { key, then } in &leaving {
            let removed = self.with(|local| local.queue.remove(key));
            let waker = removed.and_then(|((waker, _), _)| waker);
            match (waker, then) {
                (Some(waker), Then::Wake) => contain::wake(waker),
                (Some(waker), Then::Forget) => contain::discard(waker),
                (None, _) => {}
            }
        }
    }

    /// From now on every timer is due, and nothing is kept.
    pub(crate) fn close(&self) {
        self.look(|local| {
            local.queue.close();
            local.known = KnownWakers::default();
        });
        self.len.store(0, Ordering::Relaxed);
        self.rest();
    }

    /// Drops the waker that is kept. On its thread.
    #[inline]
    pub fn rest(&self) {
        if let Some(Some(waker)) = self.look(|local| local.kept.take()) {
            contain::discard(waker);
        }
    }

    /// Takes a reference that belongs to nobody, if there is one here: true, and it is the caller's.
    #[inline]
    pub fn take_reference(&self) -> bool {
        let take = |local: &mut Local| {
            let left = local.references.checked_sub(1);
            local.references = left.unwrap_or(0);
            left.is_some()
        };
        self.look(take).unwrap_or(false)
    }

    /// Keeps a reference for others. False, and it is still the caller's, if there are enough of them, on other threads, and after
    /// the end of the reactor.
    #[inline]
    pub fn give_reference(&self) -> bool {
        let give = |local: &mut Local| {
            let is_kept = local.references < REFERENCES && !local.queue.is_closed();
            local.references += usize::from(is_kept);
            is_kept
        };
        self.look(give).unwrap_or(false)
    }

    /// Takes all references that belong to nobody. They are the caller's then.
    pub fn take_all_references(&self) -> usize {
        self.look(|local| mem::take(&mut local.references)).unwrap_or(0)
    }

    /// The earliest deadline, or `NEVER`.
    #[inline]
    pub(crate) fn next(&self) -> Moment {
        self.next.get()
    }

    /// The deadline of the second timer. `NEVER` if there is none, and on other threads.
    pub(crate) fn second(&self) -> Moment {
        self.look(|local| local.queue.second()).unwrap_or(NEVER)
    }

    /// How many are armed; elsewhere, as of the loop's last turn.
    pub(crate) fn len(&self) -> usize {
        self.look(|local| local.queue.len()).unwrap_or_else(|| self.len.load(Ordering::Relaxed))
    }
}
