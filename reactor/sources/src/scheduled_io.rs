//! One registered source as the loop sees it: its readiness word and who waits for it.
//!
//! Both are changed by events under the table's lock, in one go: the readiness is set, and whoever waits for that is
//! taken off the list. A waiter takes the lock, looks at the readiness once more, and only then adds itself:
//!
//! ```text
//! task                                   loop
//! sees nothing ready
//!                                        lock: sets READABLE, nobody waits; unlock
//! lock: READABLE after all -> no wait    (without the second look: asleep for ever)
//! ```
//!
//! If the waiter has the lock first, the loop finds it. Either order of the two critical sections wakes it. Model:
//! `event_against_operation`, twin `waiter-looks-again`.
//!
//! # Who takes a waiter off the list
//! While a waiter is on the list, what it waits for is not there. A waiter that was listed, and then finds it there,
//! has been taken off, or is about to be. So it has nothing to do: neither a look nor the lock. Only whoever gives up
//! has to take itself off.
//!
//! There is one exception: another thread's disproof that comes too late (see `readiness.rs`). A waiter whose operation succeeds
//! because of that stays listed until the next event, which wakes its task once for nothing.
//!
//! # Who is listed already
//! A stream is often polled again by a task that waits for it already: hyper looks for the end of a connection while it answers a
//! request, and for the next request afterwards. So the poll slot that reads has a mark beside the readiness: whose waker is in it,
//! if that is a known one. Whoever finds its own there waits, without the lock.
//!
//! | the mark | under the lock, |
//! |---|---|
//! | is set | when that waker is listed in the slot |
//! | is taken back | before a waker that waits to read is woken, or exchanged for another, and at the end |
//!
//! It says nothing of readiness: the look at that comes before it, as always. Nor need it be fresh. Whoever reads a mark that is being
//! taken back was listed during its poll, so that it is going to be woken, and polled once more; and then it sees that the mark is gone,
//! as what was written before a wake is seen after it. A mark that is not there costs the lock, as ever.
//!
//! Model: `polls_that_find_themselves_listed_lose_no_edge`, twin `event-takes-the-mark-back`.
//!
//! # One lock
//! There is one lock for all sources. The loop takes it once for a batch of events. (When there was a lock for each source, an
//! echo server spent ten locked operations on a request, and two of them were for these locks.) It is held for tens of
//! nanoseconds an event. Tasks on other threads may have to wait for it meanwhile, but beside a loop they are few.
//!
//! # Wakers
//! Wakers are cloned, woken and dropped outside the lock: all three are foreign code that may call back in here. Those that
//! the loop has vouched for are an exception. They are woken at once, and kept: a task that waits again and again for its
//! socket then pays for no reference. So a task's memory (not its future) may outlive it for as long as its last
//! socket lives. The end of the reactor takes all wakers away, so that nothing keeps itself alive for longer.

use crate::Direction;
use crate::contain;
use crate::known::KnownWakers;
use crate::readiness::ReadinessWord;
use crate::ready::{Ready, Report};
use crate::sync::{Arc, left_out};
use crate::table::Table;
use crate::waiters::{Waiter, WaiterId, WaiterIds, Waiters};
use std::mem;
use std::task::{Context, Poll, Waker};

/// Each idle connection costs one of these, so it is kept small.
pub(crate) struct ScheduledIo {
    /// Shared with the registration, which looks at it without the lock.
    word: Arc<ReadinessWord>,
    waiters: Waiters,
}

impl ScheduledIo {
    pub(crate) fn new(word: Arc<ReadinessWord>) -> ScheduledIo {
        ScheduledIo { word, waiters: Waiters::default() }
    }

    /// Notes an event. The waiters it concerns are woken, or moved to `woken`, for the caller to wake with no lock held.
    #[inline]
    pub(crate) fn set_ready(&mut self, report: Report, known: KnownWakers, woken: &mut Vec<Waker>) {
        self.word.set(report);
        if report.concerns(Direction::Read) && !left_out("event-takes-the-mark-back") {
            self.word.mark_reader(None);
        }
        self.waiters.wake_ready(|direction| report.concerns(direction), known, woken);
    }

    /// Nothing will be reported any more. The caller holds the lock, so whoever is not listed by now will not be.
    pub(crate) fn set_gone(&self) {
        self.word.set_gone();
        self.word.mark_reader(None);
    }

    /// Moves everybody who waits to `woken`. After [`set_gone`](Self::set_gone).
    pub(crate) fn take_waiters(&mut self, woken: &mut Vec<Waker>) {
        self.waiters.take_all(woken);
    }

    /// Lists a waiter in the usual case, in which its waker has been kept here since it last waited. If `id` is none, the waiter
    /// is given one.
    #[inline]
    fn list_again(&mut self, ids: &mut WaiterIds, id: &mut WaiterId, waker: &Waker, ends: Ready) -> Listing {
        // The second look: an event since the first one did not find us listed.
        if !left_out("waiter-looks-again") && self.word.snapshot(id.direction()).has_any(ends) {
            return Listing::Ready;
        }
        match self.waiters.kept_for(*id) {
            Some(kept) if kept.waker.will_wake(waker) => {
                if id.is_none() {
                    *id = ids.take(id.direction());
                }
                kept.id = *id;
                if *id == WaiterId::READER {
                    self.word.mark_reader(Some(waker));
                }
                Listing::Listed
            }
            _ => Listing::NeedsWaker,
        }
    }

    /// Lists a waiter in every case. `spare` goes in as the clone of the waker to keep, and comes out as whatever is now to be
    /// dropped.
    fn list(
        &mut self,
        ids: &mut WaiterIds,
        id: &mut WaiterId,
        waker: &Waker,
        spare: &mut Option<Waker>,
        ends: Ready,
    ) -> Listing {
        // As above.
        if !left_out("waiter-looks-again") && self.word.snapshot(id.direction()).has_any(ends) {
            return Listing::Ready;
        }
        let mut place = self.waiters.place_of(*id);
        let is_here = place.as_ref().is_some_and(|waiter| waiter.waker.will_wake(waker));
        if !is_here && spare.is_none() {
            return Listing::NeedsWaker;
        }
        if *id == WaiterId::READER {
            self.word.mark_reader(None);
        }
        if id.is_none() {
            *id = ids.take(id.direction());
        }
        match &mut place {
            Some(waiter) => {
                waiter.id = *id;
                if !is_here {
                    mem::swap(&mut waiter.waker, spare.as_mut().expect("it was some"));
                }
            }
            None => self.waiters.push(Waiter { id: *id, waker: spare.take().expect("it was some") }),
        }
        Listing::Listed
    }
}

/// What came of listing a waiter.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Listing {
    /// What it waits for is there: it was not listed.
    Ready,
    /// It will be woken.
    Listed,
    /// Nothing was done: a clone of the waker is needed, and none was brought.
    NeedsWaker,
}

impl Table {
    /// Lists a waiter, or renews its waker if it is listed. If any of the flags in `ends` is there by now, its wait is over, and
    /// nothing is listed. If `id` is none, the waiter is given one.
    pub fn wait(&self, token: usize, id: &mut WaiterId, cx: &mut Context<'_>, ends: Ready) -> Poll<()> {
        if self.known.include(cx.waker()) {
            match self.with(token, |io, ids| io.list_again(ids, id, cx.waker(), ends)) {
                // None: as below.
                None | Some(Listing::Ready) => return Poll::Ready(()),
                Some(Listing::Listed) => return Poll::Pending,
                Some(Listing::NeedsWaker) => {}
            }
        }
        self.wait_anew(token, id, cx, ends)
    }

    #[inline(never)]
    fn wait_anew(&self, token: usize, id: &mut WaiterId, cx: &mut Context<'_>, ends: Ready) -> Poll<()> {
        // A waiter that is only renewed needs no clone, so the first attempt brings none.
        let mut spare = id.is_none().then(|| cx.waker().clone());
        loop {
            let listing = self.with(token, |io, ids| io.list(ids, id, cx.waker(), &mut spare, ends));
            // None: it is gone, which ends every wait.
            let listing = listing.unwrap_or(Listing::Ready);
            if listing == Listing::NeedsWaker {
                spare = Some(cx.waker().clone());
                continue;
            }
            if let Some(spare) = spare {
                contain::discard(spare);
            }
            return if listing == Listing::Ready { Poll::Ready(()) } else { Poll::Pending };
        }
    }

    /// Takes a waiter off the list, if it is there.
    #[inline(never)]
    pub fn forget(&self, token: usize, id: WaiterId) {
        let forgotten = self.with(token, |io, _| io.waiters.remove(id)).flatten();
        if let Some(forgotten) = forgotten {
            contain::discard(forgotten.waker);
        }
    }
}

impl Drop for ScheduledIo {
    fn drop(&mut self) {
        // Wakers of poll slots that were never woken: their drops are foreign code.
        while let Some(waiter) = self.waiters.take_one() {
            contain::discard(waiter.waker);
        }
    }
}
