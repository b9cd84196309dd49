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
//! Wakers are cloned, woken and dropped outside the lock: all three are foreign code that may call back in here.

use crate::contain;
use crate::readiness::{Disproof, ReadinessWord, Ready, Snapshot};
use crate::registration::Direction;
use crate::sync::{Mutex, left_out};
use std::fmt;
use std::mem;
use std::task::{Context, Poll, Waker};

/// An idle connection costs one of these, a table slot and one `Waiter`; so it is kept slim.
pub(crate) struct ScheduledIo {
    word: ReadinessWord,
    waiters: Mutex<Waiters>,
}

struct Waiters {
    /// In the order of arrival. Almost always none, one or two, so that a search is a glance.
    list: Vec<Waiter>,
    next_id: u64,
}

struct Waiter {
    id: WaiterId,
    /// `None` only while it is being taken out.
    waker: Option<Waker>,
}

/// Bit 0 is the direction. 0 and 1 have not waited yet, 2 and 3 are the two poll slots, everything above belongs to
/// one operation each.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct WaiterId(u64);

const FIRST_ID: u64 = 2;

impl WaiterId {
    /// To be given an id of its own if it has to wait.
    pub(crate) const fn none(direction: Direction) -> WaiterId {
        WaiterId(direction as u64)
    }

    /// The one slot per direction behind `poll_*` methods: the last caller is the one that is woken.
    pub(crate) const fn poll_slot(direction: Direction) -> WaiterId {
        WaiterId(1 << 1 | direction as u64)
    }

    pub(crate) fn is_none(self) -> bool {
        self.0 >> 1 == 0
    }

    pub(crate) fn direction(self) -> Direction {
        if self.0 & 1 == Direction::Read as u64 { Direction::Read } else { Direction::Write }
    }
}

impl ScheduledIo {
    pub(crate) fn new() -> ScheduledIo {
        let waiters = Waiters { list: Vec::new(), next_id: FIRST_ID };
        ScheduledIo { word: ReadinessWord::new(), waiters: Mutex::new(waiters) }
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
        self.waiters.lock().list.retain_mut(|waiter| {
            let stays = !now.reported(waiter.id.direction());
            if !stays {
                woken.extend(waiter.waker.take());
            }
            stays
        });
    }

    /// Adds or renews a waiter, unless `is_ready` holds by now: then nothing is added. `id` is none, and becomes its
    /// own, if it was not there before.
    pub(crate) fn wait(
        &self,
        id: &mut WaiterId,
        cx: &mut Context<'_>,
        is_ready: impl Fn(Snapshot) -> bool,
    ) -> Poll<()> {
        // A waiter that is only renewed needs no clone, so the first attempt brings none.
        let mut spare = id.is_none().then(|| cx.waker().clone());
        loop {
            let outcome = self.list(id, cx.waker(), &mut spare, &is_ready);
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
    fn list(
        &self,
        id: &mut WaiterId,
        waker: &Waker,
        spare: &mut Option<Waker>,
        is_ready: &impl Fn(Snapshot) -> bool,
    ) -> Listing {
        let mut waiters = self.waiters.lock();
        // The second look: an event since the first one did not find us listed.
        if !left_out("waiter-looks-again") && is_ready(self.word.snapshot()) {
            return Listing::Ready;
        }
        let known = waiters.find(*id);
        let kept = known.and_then(|at| waiters.list[at].waker.as_ref());
        if kept.is_some_and(|kept| kept.will_wake(waker)) {
            return Listing::Listed;
        }
        match known {
            _ if spare.is_none() => return Listing::NeedsWaker,
            Some(at) => mem::swap(&mut waiters.list[at].waker, spare),
            None => {
                // Most sources never have a second waiter at once.
                if waiters.list.capacity() == 0 {
                    waiters.list.reserve_exact(1);
                }
                if id.is_none() {
                    *id = WaiterId(waiters.next_id << 1 | id.0);
                    waiters.next_id += 1;
                }
                waiters.list.push(Waiter { id: *id, waker: spare.take() });
            }
        }
        Listing::Listed
    }

    /// Takes a waiter off the list, if it is there.
    pub(crate) fn forget(&self, id: WaiterId) {
        let forgotten = {
            let mut waiters = self.waiters.lock();
            waiters.find(id).map(|at| waiters.list.remove(at))
        };
        if let Some(forgotten) = forgotten {
            contain::discard(forgotten);
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Listing {
    Ready,
    Listed,
    NeedsWaker,
}

impl Waiters {
    fn find(&self, id: WaiterId) -> Option<usize> {
        self.list.iter().position(|waiter| waiter.id == id)
    }
}

impl Drop for ScheduledIo {
    fn drop(&mut self) {
        // Wakers of poll slots that were never woken. Taken out first: their drops are foreign code.
        let list = mem::take(&mut self.waiters.lock().list);
        list.into_iter().for_each(contain::discard);
    }
}

impl fmt::Debug for ScheduledIo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.word.fmt(f)
    }
}
