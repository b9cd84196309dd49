//! The readiness word: what the kernel has said about one source, and when it said so.
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
//! Therefore every event bumps a tick in the same word, and [`clear`](ReadinessWord::clear) gives up if the tick is
//! not the one that was seen *before* the operation. 56 bits of it do not wrap while a task holds a snapshot. Model:
//! `event_against_operation`, twin `clear-checks-tick`.
//!
//! | flag | set by | cleared by |
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

/// The word at one moment: flags, and the tick of the last event.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Snapshot(u64);

const TICK: u64 = 1 << 8;
const FLAGS: u64 = TICK - 1;

impl Snapshot {
    pub(crate) fn flags(self) -> Ready {
        Ready(self.0 & FLAGS)
    }

    /// Whether an operation in `direction` should be tried.
    pub(crate) fn worth_trying(self, direction: Direction) -> bool {
        self.flags().intersects(Ready::worth_trying(direction))
    }

    pub(crate) fn has_any(self, of: Ready) -> bool {
        self.flags().intersects(of)
    }

    pub(crate) fn is_gone(self) -> bool {
        self.flags().intersects(Ready::GONE)
    }

    pub(crate) fn is_urgent(self) -> bool {
        self.flags().intersects(Ready::URGENT)
    }
}

impl fmt::Debug for Snapshot {
    #[inline]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} at tick {}", self.flags(), self.0 / TICK)
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

pub(crate) struct ReadinessWord(AtomicU64);

impl ReadinessWord {
    pub(crate) fn new() -> ReadinessWord {
        ReadinessWord(AtomicU64::new((Ready::UNTRIED_READ | Ready::UNTRIED_WRITE).0))
    }

    #[inline]
    pub(crate) fn snapshot(&self) -> Snapshot {
        // Acquire: pairs with the Release in `set`.
        Snapshot(self.0.load(Ordering::Acquire))
    }

    /// Adds the flags of an event and bumps the tick.
    pub(crate) fn set(&self, ready: Ready) {
        // Release: pairs with the Acquire in `snapshot`. Relaxed reload: the value is only the base of the update.
        self.0
            .fetch_update(Ordering::Release, Ordering::Relaxed, |word| {
                let tick = (word & !FLAGS).wrapping_add(TICK);
                Some(tick | (word & FLAGS) | ready.0)
            })
            .expect("the update never declines");
    }

    /// Takes back what an operation that began at `seen` has disproved, unless there was an event since.
    pub(crate) fn clear(&self, direction: Direction, seen: Snapshot, disproof: Disproof) {
        let cleared = match disproof {
            Disproof::WouldBlock => Ready::worth_trying(direction),
            Disproof::ShortTransfer => Ready::disproved_by_short(direction),
        };
        // Relaxed: clearing publishes nothing. An event since then shows as another tick, and the update declines;
        // another direction's flags may have changed in between, which is why this is not a compare-exchange.
        let _ = self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |word| {
            let event_since = (word ^ seen.0) & !FLAGS != 0 && !left_out("clear-checks-tick");
            (!event_since).then_some(word & !cleared.0)
        });
    }
}

impl fmt::Debug for ReadinessWord {
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
        let fresh = word.snapshot();
        assert!(fresh.worth_trying(Read) && fresh.worth_trying(Write));
        assert!(!fresh.has_any(Ready::to_report(Read)) && !fresh.has_any(Ready::to_report(Write)));
        word.clear(Read, fresh, Disproof::WouldBlock);
        assert!(!word.snapshot().worth_trying(Read));
        assert!(word.snapshot().worth_trying(Write));
    }

    #[test]
    fn a_stale_clear_never_erases_an_edge_however_many_events_came_between() {
        for bits in [0, 1, 4, 8, 12, 16, 17] {
            let word = ReadinessWord::new();
            word.set(Ready::READABLE);
            let seen = word.snapshot();
            for _ in 0..(1_u32 << bits) {
                word.set(Ready::READABLE);
            }
            word.clear(Read, seen, Disproof::WouldBlock);
            assert!(word.snapshot().worth_trying(Read), "after 2^{bits} events");
            word.clear(Read, word.snapshot(), Disproof::WouldBlock);
            assert!(!word.snapshot().worth_trying(Read));
        }
    }

    #[test]
    fn a_short_transfer_keeps_the_end_of_the_stream() {
        let word = ReadinessWord::new();
        word.set(Ready::READABLE | Ready::READ_CLOSED);
        word.clear(Read, word.snapshot(), Disproof::ShortTransfer);
        assert!(word.snapshot().worth_trying(Read));
        word.clear(Read, word.snapshot(), Disproof::WouldBlock);
        assert!(!word.snapshot().worth_trying(Read), "or the operation would be tried for ever");
    }

    #[test]
    fn clearing_one_direction_leaves_the_other_and_the_sticky_flags() {
        let word = ReadinessWord::new();
        word.set(Ready::READABLE | Ready::WRITABLE | Ready::URGENT);
        word.set(Ready::GONE);
        word.clear(Read, word.snapshot(), Disproof::WouldBlock);
        let now = word.snapshot();
        assert!(!now.worth_trying(Read) && now.worth_trying(Write) && now.is_urgent() && now.is_gone());
        assert_eq!(format!("{now:?}"), "WRITABLE | UNTRIED_WRITE | URGENT | GONE at tick 2");
    }

    #[test]
    fn the_tick_wraps_into_nothing_but_itself() {
        let word = ReadinessWord(AtomicU64::new(!FLAGS));
        word.set(Ready::WRITABLE);
        assert_eq!(word.snapshot(), Snapshot(Ready::WRITABLE.0));
    }
}
