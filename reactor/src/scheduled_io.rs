//! One registered source as the loop sees it: its readiness word and who waits for it.
//!
//! The loop sets readiness, then takes the lock and collects the waiters. A waiter takes the lock, looks at the
//! readiness once more, and only then adds itself:
//!
//! ```text
//! task                                   loop
//! sees nothing ready
//!                                        sets READABLE
//!                                        lock: nobody waits; unlock
//! lock: READABLE after all -> no wait    (without the second look: asleep for ever)
//! ```
//!
//! If the waiter has the lock first, the loop finds it. Either order of the two critical sections wakes it. Model:
//! `event_against_operation`, twin `waiter-looks-again`.
//!
//! A waiter that was woken is off the list, and finds that out without the lock: `nobody_waits` is written with the lock held,
//! and whoever has added itself has also said that somebody waits, so what it reads can only be that or newer. If
//! nobody waits now, it does not either.
//!
//! Wakers are cloned, woken and dropped outside the lock: all three are foreign code that may call back in here.

use crate::contain;
use crate::lock::Mutex;
use crate::readiness::{Disproof, ReadinessWord, Ready, Snapshot};
use crate::registration::Direction;
use crate::sync::{AtomicBool, Ordering, left_out};
use crate::waiters::{WaiterId, Waiters};
use std::fmt;
use std::mem;
use std::task::{Context, Poll, Waker};

/// An idle connection costs one of these and a table slot; so it is kept slim.
pub(crate) struct ScheduledIo {
    word: ReadinessWord,
    /// Whether the list is empty. Written with the lock held.
    nobody_waits: AtomicBool,
    waiters: Mutex<Waiters>,
}

impl ScheduledIo {
    pub(crate) fn new() -> ScheduledIo {
        ScheduledIo {
            word: ReadinessWord::new(),
            nobody_waits: AtomicBool::new(true),
            waiters: Mutex::new(Waiters::default()),
        }
    }

    pub(crate) fn snapshot(&self) -> Snapshot {
        self.word.snapshot()
    }

    pub(crate) fn clear(&self, direction: Direction, seen: Snapshot, disproof: Disproof) {
        self.word.clear(direction, seen, disproof);
    }

    /// Notes an event. The waiters it concerns are moved to `woken`, for the caller to wake with no lock held.
    pub(crate) fn set_ready(&self, ready: Ready, woken: &mut Vec<Waker>) {
        self.word.set(ready);
        let now = self.word.snapshot();
        let mut waiters = self.waiters.lock();
        waiters.take_ready(|direction| now.reported(direction), woken);
        self.note_length(&waiters);
    }

    /// Adds or renews a waiter, unless there is something of what ends its wait by now: then nothing is added. `id` is
    /// none, and becomes its own, if it was not there before.
    pub(crate) fn wait(&self, id: &mut WaiterId, cx: &mut Context<'_>, ends: Ready) -> Poll<()> {
        // A waiter that is only renewed needs no clone, so the first attempt brings none.
        let mut spare = id.is_none().then(|| cx.waker().clone());
        loop {
            let outcome = self.list(id, cx.waker(), &mut spare, ends);
            match outcome {
                Listing::NeedsWaker => spare = Some(cx.waker().clone()),
                Listing::Listed | Listing::Ready => {
                    if let Some(spare) = spare {
                        contain::discard(spare);
                    }
                    return if outcome == Listing::Ready { Poll::Ready(()) } else { Poll::Pending };
                }
            }
        }
    }

    /// `spare` goes in as the waker to add, and comes out as whatever is now to be dropped.
    fn list(&self, id: &mut WaiterId, waker: &Waker, spare: &mut Option<Waker>, ends: Ready) -> Listing {
        let mut waiters = self.waiters.lock();
        // The second look: an event since the first one did not find us listed.
        if !left_out("waiter-looks-again") && self.word.snapshot().has_any(ends) {
            return Listing::Ready;
        }
        match (waiters.find(*id), spare) {
            (Some(waiter), _) if waiter.waker.will_wake(waker) => {}
            (_, None) => return Listing::NeedsWaker,
            (Some(waiter), Some(spare)) => mem::swap(&mut waiter.waker, spare),
            (None, spare) => waiters.add(id, spare.take().expect("it was some")),
        }
        self.note_length(&waiters);
        Listing::Listed
    }

    /// Takes a waiter off the list, if it is there. To be called by whoever has added it.
    pub(crate) fn forget(&self, id: WaiterId) {
        // Relaxed: not older than what the caller has written itself.
        if self.nobody_waits.load(Ordering::Relaxed) {
            return;
        }
        let forgotten = {
            let mut waiters = self.waiters.lock();
            let forgotten = waiters.remove(id);
            self.note_length(&waiters);
            forgotten
        };
        if let Some(forgotten) = forgotten {
            contain::discard(forgotten);
        }
    }

    fn note_length(&self, waiters: &Waiters) {
        self.nobody_waits.store(waiters.is_empty(), Ordering::Relaxed);
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Listing {
    Ready,
    Listed,
    NeedsWaker,
}

impl Drop for ScheduledIo {
    fn drop(&mut self) {
        // Wakers of poll slots that were never woken. Taken out first: their drops are foreign code.
        let waiters = mem::take(&mut *self.waiters.lock());
        waiters.into_iter().for_each(contain::discard);
    }
}

impl fmt::Debug for ScheduledIo {
    #[inline]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.word.fmt(f)
    }
}
