//! The readiness word: what the kernel has said about one source, and what operations have found since.
//!
//! Events are edge-triggered: the kernel says once that there is something to read, and again only after more has
//! arrived. So somebody has to remember the edge until an operation has run into `WouldBlock`, and forget it then.
//! Forgetting races with the next edge:
//!
//! ```text
//! task                                   loop
//! sees READABLE, calls read()
//!   -> WouldBlock: drained
//!                                        the next edge: READABLE
//! clears READABLE                        (lost: nobody ever reads what just came)
//! ```
//!
//! Therefore nobody clears anything. The loop numbers the events of each direction, in the word that holds the flags, and
//! an operation that was in vain leaves the number that it saw *before* it began in a word of its direction:
//!
//! | word of a direction | written by | says |
//! |---|---|---|
//! | `events` | whoever holds the table's lock: events, the end | the flags, and how many events there have been |
//! | `disproof` | operations in that direction | of which event's flags nothing is left |
//!
//! A flag counts unless it is in a disproof that has the number of the last event. A disproof that comes too late has
//! another number, and disproves nothing. (A number has 56 bits, so it does not come round while an operation runs.) Each word
//! is written by one side, so plain stores are enough. If two operations run at once, on two threads, the disproof of the one
//! that saw less may be written last. Then the next operation is tried in vain, as a rule once. Model:
//! `event_against_operation`, twin `disproof-is-of-what-was-seen`.
//!
//! Which flags there are, and which disproof is one of which: see `ready.rs`.
//!
//! Beside these words is the mark of who waits to read: see `scheduled_io.rs`, "Who is listed already".

use crate::Direction;
use crate::ready::{Ready, Report};
use crate::sync::{AtomicU64, AtomicUsize, Ordering, left_out};
use std::fmt;
use std::task::Waker;

/// One direction at one moment: the flags that count, and the number of the last event.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Snapshot(u64);

const EVENT: u64 = 1 << 8;
const FLAGS: u64 = EVENT - 1;

impl Snapshot {
    #[inline]
    fn flags(self) -> Ready {
        Ready(self.0 & FLAGS)
    }

    /// Whether an operation should be tried.
    #[inline]
    #[must_use]
    pub fn worth_trying(self) -> bool {
        self.has_any(Ready::WORTH_TRYING)
    }

    /// Whether any of these flags counts.
    #[inline]
    #[must_use]
    pub fn has_any(self, of: Ready) -> bool {
        self.flags().intersects(of)
    }

    /// Whether nothing will be reported any more.
    #[inline]
    #[must_use]
    pub fn is_gone(self) -> bool {
        self.has_any(Ready::GONE)
    }

    /// Whether a read may have stopped at the urgent mark.
    #[inline]
    #[must_use]
    pub fn is_urgent(self) -> bool {
        self.has_any(Ready::URGENT)
    }
}

impl fmt::Debug for Snapshot {
    #[inline]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} after {} events", self.flags(), self.0 / EVENT)
    }
}

/// Why a direction is not ready after all.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Disproof {
    /// The operation said `WouldBlock`: whatever was reported before is over, closed flags included.
    WouldBlock,
    /// The operation moved less than it was asked to.
    ShortTransfer,
}

/// What is known of one source.
pub struct ReadinessWord {
    edges: [Edge; 2],
    /// Whose waker is listed in the poll slot that reads: the address in it. Or zero, which is never wrong.
    reader: AtomicUsize,
}

/// One direction.
struct Edge {
    /// The flags, and above them the number of the last event.
    events: AtomicU64,
    /// The flags of which nothing is left, and above them of which event.
    disproof: AtomicU64,
}

impl ReadinessWord {
    pub(crate) fn new() -> ReadinessWord {
        ReadinessWord { edges: [Edge::new(), Edge::new()], reader: AtomicUsize::new(0) }
    }

    /// Whether this waker, a known one, is marked as listed in the poll slot that reads.
    #[inline]
    #[must_use]
    pub fn has_reader(&self, waker: &Waker) -> bool {
        // Relaxed: see `scheduled_io.rs`.
        self.reader.load(Ordering::Relaxed) == waker.data().addr()
    }

    /// Marks who is listed there, or that nobody is known to be. The caller holds the table's lock.
    #[inline]
    pub(crate) fn mark_reader(&self, waker: Option<&Waker>) {
        self.reader.store(waker.map_or(0, |waker| waker.data().addr()), Ordering::Relaxed);
    }

    /// What counts in this direction now.
    #[inline]
    #[must_use]
    pub fn snapshot(&self, direction: Direction) -> Snapshot {
        self.edges[direction as usize].snapshot()
    }

    /// Adds the flags of an event. The caller holds the table's lock: nobody else does this at the same time.
    #[inline]
    pub(crate) fn set(&self, report: Report) {
        let [read, write] = &self.edges;
        if report.read != Ready::default() {
            read.set(report.read);
        }
        if report.write != Ready::default() {
            write.set(report.write);
        }
    }

    /// Nothing will be reported any more, and each operation is told that.
    #[inline(never)]
    pub fn set_gone(&self) {
        self.set(Report::GONE);
    }

    /// Takes back what an operation that began at `seen` has disproved, unless there was an event since.
    #[inline]
    pub fn disprove(&self, direction: Direction, seen: Snapshot, disproof: Disproof) {
        let edge = &self.edges[direction as usize];
        let seen = if left_out("disproof-is-of-what-was-seen") { edge.snapshot() } else { seen };
        let disproved = match disproof {
            Disproof::WouldBlock => Ready::WORTH_TRYING,
            Disproof::ShortTransfer => Ready::DISPROVED_BY_SHORT,
        };
        // Relaxed: this publishes nothing.
        edge.disproof.store(seen.0 & !FLAGS | disproved.0, Ordering::Relaxed);
    }
}

impl Edge {
    fn new() -> Edge {
        Edge { events: AtomicU64::new(Ready::UNTRIED.0), disproof: AtomicU64::new(0) }
    }

    #[inline]
    fn snapshot(&self) -> Snapshot {
        // Acquire: pairs with the Release in `set`.
        let events = self.events.load(Ordering::Acquire);
        // Relaxed: with an old value, an operation is tried at worst that another one has tried in vain.
        let disproof = self.disproof.load(Ordering::Relaxed);
        let is_of_this_event = events ^ disproof < EVENT;
        Snapshot(if is_of_this_event { events & !(disproof & FLAGS) } else { events })
    }

    #[inline]
    fn set(&self, ready: Ready) {
        // What has been disproved is left out here, since the disproof does not have the number of the new event.
        // Release: pairs with the Acquire in `snapshot`.
        self.events.store(self.snapshot().0.wrapping_add(EVENT) | ready.0, Ordering::Release);
    }
}

impl fmt::Debug for ReadinessWord {
    #[inline]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.edges.fmt(f)
    }
}

impl fmt::Debug for Edge {
    #[inline]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.snapshot().fmt(f)
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use Direction::{Read, Write};

    const READABLE: Report = Report::READABLE;
    const WRITABLE: Report = Report { read: Ready(0), write: Ready::READY };
    const READABLE_AND_CLOSED: Report =
        Report { read: Ready(Ready::READY.0 | Ready::CLOSED.0), write: Ready(0) };

    fn disprove(word: &ReadinessWord, disproof: Disproof) {
        word.disprove(Read, word.snapshot(Read), disproof);
    }

    #[test]
    fn a_fresh_word_is_worth_trying_both_ways_but_reports_nothing() {
        let word = ReadinessWord::new();
        for direction in [Read, Write] {
            let fresh = word.snapshot(direction);
            assert!(fresh.worth_trying() && !fresh.has_any(Ready::TO_REPORT));
        }
        disprove(&word, Disproof::WouldBlock);
        assert!(!word.snapshot(Read).worth_trying() && word.snapshot(Write).worth_trying());
    }

    #[test]
    fn a_stale_disproof_never_erases_an_edge_however_many_events_came_between() {
        for bits in [0, 1, 4, 8, 12, 16, 17] {
            let word = ReadinessWord::new();
            word.set(READABLE);
            let seen = word.snapshot(Read);
            for _ in 0..(1_u32 << bits) {
                word.set(READABLE);
            }
            word.disprove(Read, seen, Disproof::WouldBlock);
            assert!(word.snapshot(Read).worth_trying(), "after 2^{bits} events");
            disprove(&word, Disproof::WouldBlock);
            assert!(!word.snapshot(Read).worth_trying());
        }
    }

    #[test]
    fn a_short_transfer_keeps_the_end_of_the_stream() {
        let word = ReadinessWord::new();
        word.set(READABLE_AND_CLOSED);
        disprove(&word, Disproof::ShortTransfer);
        assert!(word.snapshot(Read).worth_trying());
        disprove(&word, Disproof::WouldBlock);
        assert!(!word.snapshot(Read).worth_trying(), "or the operation would be tried for ever");
        word.set(READABLE);
        disprove(&word, Disproof::ShortTransfer);
        assert!(!word.snapshot(Read).worth_trying(), "the next event does not bring the end back");
    }

    #[test]
    fn what_disproves_one_direction_leaves_the_other_and_the_sticky_flags() {
        let word = ReadinessWord::new();
        let urgent = Report { read: Ready(Ready::READY.0 | Ready::URGENT.0), write: Ready::READY };
        word.set(urgent);
        word.set_gone();
        disprove(&word, Disproof::WouldBlock);
        let now = word.snapshot(Read);
        assert!(!now.worth_trying() && now.is_urgent() && now.is_gone());
        let now = word.snapshot(Write);
        assert!(now.worth_trying() && now.is_gone() && !now.is_urgent());
        assert_eq!(format!("{now:?}"), "READY | UNTRIED | GONE after 2 events");
        word.set(WRITABLE);
        assert!(!word.snapshot(Read).worth_trying(), "an event of the other direction");
    }

    #[test]
    fn the_number_wraps_into_nothing_but_itself() {
        let word = ReadinessWord::new();
        word.edges[Write as usize].events.store(!FLAGS, Ordering::Relaxed);
        word.set(WRITABLE);
        assert_eq!(word.snapshot(Write), Snapshot(Ready::READY.0));
    }
}
