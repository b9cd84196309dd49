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
use std::future::Future;
use std::mem;
use std::pin::Pin;
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

/// Bit 0 is the direction. 0 and 1 are the two poll slots, everything above belongs to one [`Readying`] each.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct WaiterId(u64);

impl WaiterId {
    /// The one slot per direction behind `poll_*` methods: the last caller is the one that is woken.
    pub(crate) const fn poll_slot(direction: Direction) -> WaiterId {
        WaiterId(direction as u64)
    }

    fn direction(self) -> Direction {
        if self.0 & 1 == Direction::Read as u64 { Direction::Read } else { Direction::Write }
    }
}

impl ScheduledIo {
    pub(crate) fn new() -> ScheduledIo {
        let waiters = Waiters { list: Vec::new(), next_id: 1 };
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

    /// Adds or renews a waiter, unless `is_ready` holds by now: then nothing is added.
    pub(crate) fn wait(
        &self,
        id: WaiterId,
        cx: &mut Context<'_>,
        is_ready: impl Fn(Snapshot) -> bool,
    ) -> Poll<()> {
        // A waiter that is only renewed needs no clone, so the first attempt brings none.
        let mut spare = None;
        loop {
            let outcome = self.list(id, cx.waker(), &mut spare, &is_ready);
            match outcome {
                Listing::NeedsWaker => spare = Some(cx.waker().clone()),
                Listing::Listed | Listing::Ready => {
                    contain::discard(spare);
                    return if outcome == Listing::Ready { Poll::Ready(()) } else { Poll::Pending };
                }
            }
        }
    }

    /// `spare` goes in as the waker to add, and comes out as whatever is now to be dropped.
    fn list(
        &self,
        id: WaiterId,
        waker: &Waker,
        spare: &mut Option<Waker>,
        is_ready: &impl Fn(Snapshot) -> bool,
    ) -> Listing {
        let mut waiters = self.waiters.lock();
        // The second look: an event since the first one did not find us listed.
        if !left_out("waiter-looks-again") && is_ready(self.word.snapshot()) {
            return Listing::Ready;
        }
        let known = waiters.find(id);
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
                waiters.list.push(Waiter { id, waker: spare.take() });
            }
        }
        Listing::Listed
    }

    /// Completes once `is_ready` holds. Any number of these may wait at once; each leaves when dropped.
    pub(crate) fn readying<F>(&self, direction: Direction, is_ready: F) -> Readying<'_, F>
    where
        F: Fn(Snapshot) -> bool,
    {
        Readying { io: self, direction, is_ready, id: None }
    }

    fn new_id(&self, direction: Direction) -> WaiterId {
        let mut waiters = self.waiters.lock();
        let id = WaiterId(waiters.next_id << 1 | direction as u64);
        waiters.next_id += 1;
        id
    }

    fn forget(&self, id: WaiterId) {
        let forgotten = {
            let mut waiters = self.waiters.lock();
            waiters.find(id).map(|at| waiters.list.remove(at))
        };
        contain::discard(forgotten);
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

/// The future behind every `async` wait for readiness, with a place of its own among the waiters.
pub(crate) struct Readying<'a, F> {
    io: &'a ScheduledIo,
    direction: Direction,
    is_ready: F,
    /// From the first time that it had to wait.
    id: Option<WaiterId>,
}

impl<F: Fn(Snapshot) -> bool + Unpin> Future for Readying<'_, F> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if (self.is_ready)(self.io.snapshot()) {
            return Poll::Ready(());
        }
        let id = match self.id {
            Some(id) => id,
            None => self.io.new_id(self.direction),
        };
        self.id = Some(id);
        self.io.wait(id, cx, &self.is_ready)
    }
}

impl<F> Drop for Readying<'_, F> {
    fn drop(&mut self) {
        if let Some(id) = self.id {
            self.io.forget(id);
        }
    }
}
