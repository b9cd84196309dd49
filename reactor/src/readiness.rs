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
//! another number, and disproves nothing; 56 bits of it do not come round while an operation runs. Each word is written by
//! one side, so plain stores do. Of two operations at once the one
//! that saw less may come last: then the next one is tried in vain, once. Model: `event_against_operation`,
//! twin `disproof-is-of-what-was-seen`.
//!
//! | flag | set by | disproved by |
//! |---|---|---|
//! | `READABLE`, `WRITABLE` | an event | `WouldBlock`, or a short transfer |
//! | `READ_CLOSED`, `WRITE_CLOSED` | an event | `WouldBlock` only, so that the end of the stream is seen after a short read |
//! | `UNTRIED_READ`, `UNTRIED_WRITE` | creation | as `READABLE`, `WRITABLE` |
//! | `URGENT` | an event | nothing: a short read then proves nothing, it may have stopped at the urgent mark |
//! | `GONE` | deregistration, or the reactor's end | nothing |
//!
//! The `UNTRIED` flags let the first operation on a fresh source simply be tried: on a connection that was just
//! accepted, the request is often there before its first event.

use crate::registration::Direction;
use crate::sync::{AtomicU64, Ordering, left_out};
use std::fmt;
use std::ops::{BitOr, BitOrAssign};

/// A set of the flags above.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Ready(u64);

impl Ready {
    pub(crate) const READABLE: Ready = Ready(1 << 0);
    pub(crate) const WRITABLE: Ready = Ready(1 << 1);
    pub(crate) const READ_CLOSED: Ready = Ready(1 << 2);
    pub(crate) const WRITE_CLOSED: Ready = Ready(1 << 3);
    pub(crate) const UNTRIED_READ: Ready = Ready(1 << 4);
    pub(crate) const UNTRIED_WRITE: Ready = Ready(1 << 5);
    pub(crate) const URGENT: Ready = Ready(1 << 6);
    pub(crate) const GONE: Ready = Ready(1 << 7);

    /// What makes an operation in this direction worth trying.
    const fn worth_trying(direction: Direction) -> Ready {
        match direction {
            Direction::Read => Ready(Ready::known(direction).0 | Ready::UNTRIED_READ.0),
            Direction::Write => Ready(Ready::known(direction).0 | Ready::UNTRIED_WRITE.0),
        }
    }

    /// What ends the wait of somebody who wants to try an operation in this direction.
    pub(crate) const fn to_try(direction: Direction) -> Ready {
        Ready(Ready::worth_trying(direction).0 | Ready::GONE.0)
    }

    /// What ends the wait of somebody who wants to hear of this direction.
    pub(crate) const fn to_report(direction: Direction) -> Ready {
        Ready(Ready::known(direction).0 | Ready::GONE.0)
    }

    /// What the kernel itself has said about this direction.
    const fn known(direction: Direction) -> Ready {
        match direction {
            Direction::Read => Ready(Ready::READABLE.0 | Ready::READ_CLOSED.0),
            Direction::Write => Ready(Ready::WRITABLE.0 | Ready::WRITE_CLOSED.0),
        }
    }

    /// What there can be of this direction.
    const fn concerns(direction: Direction) -> Ready {
        match direction {
            Direction::Read => Ready(Ready::to_try(direction).0 | Ready::URGENT.0),
            Direction::Write => Ready::to_try(direction),
        }
    }

    /// What a short transfer in this direction disproves.
    const fn disproved_by_short(direction: Direction) -> Ready {
        match direction {
            Direction::Read => Ready(Ready::READABLE.0 | Ready::UNTRIED_READ.0),
            Direction::Write => Ready(Ready::WRITABLE.0 | Ready::UNTRIED_WRITE.0),
        }
    }

    pub(crate) const fn intersects(self, other: Ready) -> bool {
        self.0 & other.0 != 0
    }
}

impl BitOr for Ready {
    type Output = Ready;
    fn bitor(self, other: Ready) -> Ready {
        Ready(self.0 | other.0)
    }
}

impl BitOrAssign for Ready {
    fn bitor_assign(&mut self, other: Ready) {
        self.0 |= other.0;
    }
}

impl fmt::Debug for Ready {
    #[inline]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const NAMES: [&str; 8] = [
            "READABLE",
            "WRITABLE",
            "READ_CLOSED",
            "WRITE_CLOSED",
            "UNTRIED_READ",
            "UNTRIED_WRITE",
            "URGENT",
            "GONE",
        ];
        let mut separator = "";
        for (bit, name) in NAMES.iter().enumerate() {
            if self.0 & (1 << bit) != 0 {
                f.write_str(separator)?;
                f.write_str(name)?;
                separator = " | ";
            }
        }
        if separator.is_empty() { f.write_str("NONE") } else { Ok(()) }
    }
}

/// One direction at one moment: the flags that count, and the number of the last event.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Snapshot(u64);

const EVENT: u64 = 1 << 8;
const FLAGS: u64 = EVENT - 1;

impl Snapshot {
    pub(crate) fn flags(self) -> Ready {
        Ready(self.0 & FLAGS)
    }

    /// Whether an operation in `direction` should be tried.
    pub(crate) fn worth_trying(self, direction: Direction) -> bool {
        self.has_any(Ready::worth_trying(direction))
    }

    pub(crate) fn has_any(self, of: Ready) -> bool {
        self.flags().intersects(of)
    }

    pub(crate) fn is_gone(self) -> bool {
        self.has_any(Ready::GONE)
    }

    pub(crate) fn is_urgent(self) -> bool {
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
pub(crate) enum Disproof {
    /// The operation said `WouldBlock`: whatever was reported before is over, closed flags included.
    WouldBlock,
    /// The operation moved less than it was asked to.
    ShortTransfer,
}

#[derive(Debug)]
pub(crate) struct ReadinessWord([Edge; 2]);

/// One direction.
struct Edge {
    /// The flags, and above them the number of the last event.
    events: AtomicU64,
    /// The flags of which nothing is left, and above them of which event.
    disproof: AtomicU64,
}

impl ReadinessWord {
    pub(crate) fn new() -> ReadinessWord {
        ReadinessWord([Edge::new(Ready::UNTRIED_READ), Edge::new(Ready::UNTRIED_WRITE)])
    }

    #[inline]
    pub(crate) fn snapshot(&self, direction: Direction) -> Snapshot {
        self.0[direction as usize].snapshot()
    }

    /// Adds the flags of an event. The caller holds the table's lock: nobody else does this at the same time.
    #[inline]
    pub(crate) fn set(&self, ready: Ready) {
        for direction in [Direction::Read, Direction::Write] {
            let ready = ready.0 & Ready::concerns(direction).0;
            if ready != 0 {
                self.0[direction as usize].set(Ready(ready));
            }
        }
    }

    /// Takes back what an operation that began at `seen` has disproved, unless there was an event since.
    pub(crate) fn disprove(&self, direction: Direction, seen: Snapshot, disproof: Disproof) {
        let edge = &self.0[direction as usize];
        let seen = if left_out("disproof-is-of-what-was-seen") { edge.snapshot() } else { seen };
        let disproved = match disproof {
            Disproof::WouldBlock => Ready::worth_trying(direction),
            Disproof::ShortTransfer => Ready::disproved_by_short(direction),
        };
        // Relaxed: this publishes nothing.
        edge.disproof.store(seen.0 & !FLAGS | disproved.0, Ordering::Relaxed);
    }
}

impl Edge {
    fn new(untried: Ready) -> Edge {
        Edge { events: AtomicU64::new(untried.0), disproof: AtomicU64::new(0) }
    }

    #[inline]
    fn snapshot(&self) -> Snapshot {
        // Acquire: pairs with the Release in `set`.
        let events = self.events.load(Ordering::Acquire);
        // Relaxed: an old one is of an older event, or an operation is tried that another one was in vain.
        let disproof = self.disproof.load(Ordering::Relaxed);
        let is_of_this_event = events ^ disproof < EVENT;
        Snapshot(if is_of_this_event { events & !(disproof & FLAGS) } else { events })
    }

    fn set(&self, ready: Ready) {
        // What has been disproved is left out now, as the disproof is not of the new event.
        // Release: pairs with the Acquire in `snapshot`.
        self.events.store(self.snapshot().0.wrapping_add(EVENT) | ready.0, Ordering::Release);
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

    #[test]
    fn a_fresh_word_is_worth_trying_both_ways_but_reports_nothing() {
        let word = ReadinessWord::new();
        for direction in [Read, Write] {
            let fresh = word.snapshot(direction);
            assert!(fresh.worth_trying(direction) && !fresh.has_any(Ready::to_report(direction)));
        }
        word.disprove(Read, word.snapshot(Read), Disproof::WouldBlock);
        assert!(!word.snapshot(Read).worth_trying(Read));
        assert!(word.snapshot(Write).worth_trying(Write));
    }

    #[test]
    fn a_stale_disproof_never_erases_an_edge_however_many_events_came_between() {
        for bits in [0, 1, 4, 8, 12, 16, 17] {
            let word = ReadinessWord::new();
            word.set(Ready::READABLE);
            let seen = word.snapshot(Read);
            for _ in 0..(1_u32 << bits) {
                word.set(Ready::READABLE);
            }
            word.disprove(Read, seen, Disproof::WouldBlock);
            assert!(word.snapshot(Read).worth_trying(Read), "after 2^{bits} events");
            word.disprove(Read, word.snapshot(Read), Disproof::WouldBlock);
            assert!(!word.snapshot(Read).worth_trying(Read));
        }
    }

    #[test]
    fn a_short_transfer_keeps_the_end_of_the_stream() {
        let word = ReadinessWord::new();
        word.set(Ready::READABLE | Ready::READ_CLOSED);
        word.disprove(Read, word.snapshot(Read), Disproof::ShortTransfer);
        assert!(word.snapshot(Read).worth_trying(Read));
        word.disprove(Read, word.snapshot(Read), Disproof::WouldBlock);
        assert!(!word.snapshot(Read).worth_trying(Read), "or the operation would be tried for ever");
        word.set(Ready::READABLE);
        word.disprove(Read, word.snapshot(Read), Disproof::ShortTransfer);
        assert!(!word.snapshot(Read).worth_trying(Read), "the next event does not bring the end back");
    }

    #[test]
    fn what_disproves_one_direction_leaves_the_other_and_the_sticky_flags() {
        let word = ReadinessWord::new();
        word.set(Ready::READABLE | Ready::WRITABLE | Ready::URGENT);
        word.set(Ready::GONE);
        word.disprove(Read, word.snapshot(Read), Disproof::WouldBlock);
        let now = word.snapshot(Read);
        assert!(!now.worth_trying(Read) && now.is_urgent() && now.is_gone());
        let now = word.snapshot(Write);
        assert!(now.worth_trying(Write) && now.is_gone());
        assert_eq!(format!("{now:?}"), "WRITABLE | UNTRIED_WRITE | GONE after 2 events");
        word.set(Ready::WRITABLE);
        assert!(!word.snapshot(Read).worth_trying(Read), "an event of the other direction");
    }

    #[test]
    fn the_number_wraps_into_nothing_but_itself() {
        let word = ReadinessWord::new();
        word.0[Write as usize].events.store(!FLAGS, Ordering::Relaxed);
        word.set(Ready::WRITABLE);
        assert_eq!(word.snapshot(Write), Snapshot(Ready::WRITABLE.0));
    }
}
