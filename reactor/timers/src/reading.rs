//! The last reading of the clock, which serves many timers.
//!
//! A reading costs more than all the rest of arming a timer that is cancelled again, as most timeouts are. So whoever reads
//! the clock leaves the reading here: the loop at the end of each turn in which timers are armed, and whoever makes a timer by
//! its duration. The loop forgets the reading when it has waited.
//!
//! When a timer is polled, the clock need not be read again if the timer is due well after that reading, nor if it was due
//! before it: see [`Reading::tells_due`]. Should the loop have been stuck for so long that the deadline has passed all the
//! same, the timer is armed in the past. It fires as soon as the loop looks, and another thread that arms it tells the loop
//! to look.
//!
//! A task that polls a timer over and over without ever waiting keeps the loop from looking: one that does whatever is ready
//! "until the time is up", say. So a reading serves only so many times, and fewer times if the deadline is not far away.

use crate::epoch::{Moment, NEVER};
// A hint and no part of any protocol, so it stays a plain atomic in the models too.
use std::sync::atomic::{AtomicU64 as Hint, Ordering};

pub(crate) struct Reading {
    /// What the clock said when it was last asked, or `NEVER` if that was before the loop last waited.
    read: Hint,
    /// How often that has served, about.
    served: Hint,
}

/// A deadline that is this many nanoseconds after the reading has not passed: as a rule a turn takes less than half of that.
const AHEAD: u64 = 500_000;

/// And no turn should take as long as this.
const FAR: u64 = 100_000_000;

/// How often a reading serves. Many more timers than this are seldom armed in one turn, and it costs them nothing that counts.
const SERVES: u64 = 128;

/// A deadline that is less than [`FAR`] ahead uses the reading up as this many others do.
const NEARER: u64 = 8;

impl Reading {
    pub(crate) fn none() -> Reading {
        Reading { read: Hint::new(NEVER), served: Hint::new(0) }
    }

    /// The clock has just been read.
    #[inline]
    pub(crate) fn note(&self, now: Moment) {
        self.read.store(now, Ordering::Relaxed);
        self.served.store(0, Ordering::Relaxed);
    }

    /// The loop has waited, and the reading is out of date.
    #[inline]
    pub(crate) fn forget(&self) {
        self.read.store(NEVER, Ordering::Relaxed);
    }

    /// Whether `deadline` has passed. `None`: the reading does not tell, and the clock has to be read.
    #[inline]
    pub(crate) fn tells_due(&self, deadline: Moment) -> Option<bool> {
        match self.read.load(Ordering::Relaxed) {
            read if read >= deadline && read != NEVER => Some(true),
            read if self.serves(deadline.saturating_sub(read)) => Some(false),
            _ => None,
        }
    }

    /// Whether the reading tells that a deadline which is this far ahead of it has not passed.
    ///
    /// No read-modify-write: what another thread adds at the same time may get lost.
    #[inline]
    fn serves(&self, ahead: u64) -> bool {
        if ahead < AHEAD {
            return false;
        }
        let served = self.served.load(Ordering::Relaxed);
        self.served.store(served + if ahead < FAR { NEARER } else { 1 }, Ordering::Relaxed);
        served < SERVES
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn a_reading_serves_deadlines_ahead_of_it_so_many_times() {
        let reading = Reading::none();
        for (ahead, times) in [(AHEAD - 1, 0), (AHEAD, SERVES / NEARER), (FAR, SERVES)] {
            reading.note(7);
            let served = (0..2 * SERVES).take_while(|_| reading.tells_due(7 + ahead) == Some(false));
            assert_eq!(served.count() as u64, times, "{ahead} ns ahead");
        }
    }

    #[test]
    fn a_deadline_before_the_reading_is_due_until_the_reading_is_forgotten() {
        let reading = Reading::none();
        assert_eq!(reading.tells_due(7), None);
        reading.note(7);
        assert_eq!(reading.tells_due(7), Some(true));
        reading.forget();
        assert_eq!(reading.tells_due(7), None);
    }
}
