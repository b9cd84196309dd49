//! Moments as numbers: adding, comparing and ordering an `Instant` costs several times as much, and so does making one of
//! what the clock says.
//!
//! A [`Moment`] counts nanoseconds. 36 years lie before the reactor's beginning and 548 after it; what is beyond them is
//! as far as it goes.
//!
//! # Two readings of one clock
//! A deadline comes as an `Instant` or as a duration from now, and now is read as a number. Both are the same clock, but
//! nobody says which number an `Instant` is, so both are read at the beginning, the number second. Whatever passed between the
//! two, some tens of nanoseconds, is by how much the number lags behind from then on. So a timer may fire later by that than the `Instant`
//! that was asked for, but never earlier.

use crate::clock::Clock;
use std::time::{Duration, Instant};

/// Nanoseconds, of one reactor.
pub type Moment = u64;

/// Later than every moment.
pub const NEVER: Moment = u64::MAX;

const LAST: Moment = NEVER - 1;
const BEGINNING: Moment = 1 << 60;

/// Where moments count from.
#[derive(Clone, Copy, Debug)]
pub struct Epoch {
    beginning: Instant,
    /// The same as a number. Not before `beginning`.
    nanos: u64,
}

/// A thread may be put aside between two readings, but hardly each time.
const TRIES: usize = 8;
/// Readings that took no longer than this are good enough. Most often the first ones are.
const QUICK: Duration = Duration::from_nanos(200);

impl Epoch {
    /// From now on.
    pub fn new(clock: &Clock) -> Epoch {
        let (mut least, mut epoch) = Epoch::read(clock);
        for _ in 1..TRIES {
            if least <= QUICK {
                break;
            }
            let (took, again) = Epoch::read(clock);
            if took < least {
                (least, epoch) = (took, again);
            }
        }
        epoch
    }

    /// And how long that took.
    #[inline(never)] // Or the compiler writes the loop out.
    fn read(clock: &Clock) -> (Duration, Epoch) {
        let epoch = Epoch { beginning: clock.now(), nanos: clock.nanos() };
        (clock.now() - epoch.beginning, epoch)
    }

    /// Reads the clock.
    #[inline]
    pub fn now(self, clock: &Clock) -> Moment {
        BEGINNING.saturating_add(clock.nanos().saturating_sub(self.nanos)).min(LAST)
    }

    /// The moment of an instant.
    pub fn moment(self, instant: Instant) -> Moment {
        match instant.checked_duration_since(self.beginning) {
            Some(since) => later(BEGINNING, since),
            None => BEGINNING.saturating_sub(nanos(self.beginning.saturating_duration_since(instant))),
        }
    }

    /// The instant of a moment, or the last that the system's clock knows before it.
    pub fn instant(self, moment: Moment) -> Instant {
        let far = Duration::from_nanos(moment.abs_diff(BEGINNING));
        let instant = if moment < BEGINNING {
            self.beginning.checked_sub(far)
        } else {
            self.beginning.checked_add(far)
        };
        // Only for a clock that counts fewer years than this.
        instant.unwrap_or(self.beginning + CENTURY)
    }
}

/// `duration` after `moment`, or the last moment before never.
#[inline]
pub fn later(moment: Moment, duration: Duration) -> Moment {
    moment.saturating_add(nanos(duration)).min(LAST)
}

#[inline]
fn nanos(duration: Duration) -> u64 {
    duration.as_secs().saturating_mul(1_000_000_000).saturating_add(u64::from(duration.subsec_nanos()))
}

const CENTURY: Duration = Duration::from_secs(100 * 365 * 86_400);

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn instants_come_back_to_the_nanosecond_and_in_order() {
        let epoch = Epoch::new(&Clock::real());
        let now = epoch.beginning;
        let steps =
            [0, 1, 999_999_999, 1_000_000_000, 25 * 86_400_000_000_000, 100 * 365 * 86_400_000_000_000];
        let mut instants: Vec<_> = steps.iter().map(|&ns| now + Duration::from_nanos(ns)).collect();
        instants
            .extend([1, 2_000_000_001].iter().filter_map(|&ns| now.checked_sub(Duration::from_nanos(ns))));
        instants.sort();
        let moments: Vec<_> = instants.iter().map(|&instant| epoch.moment(instant)).collect();
        assert!(moments.is_sorted());
        let back: Vec<_> = moments.iter().map(|&moment| epoch.instant(moment)).collect();
        assert_eq!(back, instants);
    }

    /// Or a timer would be early.
    #[test]
    fn a_number_is_never_ahead_of_an_instant_and_hardly_behind() {
        let clock = Clock::real();
        let epoch = Epoch::new(&clock);
        let mut lag = u64::MAX;
        for _ in 0..1_000 {
            let before = epoch.moment(clock.now());
            let number = epoch.now(&clock);
            let after = epoch.moment(clock.now());
            assert!(number <= after);
            lag = lag.min(before.saturating_sub(number));
        }
        assert!(lag < 100_000, "{lag} ns");
        let clock = Clock::manual();
        let epoch = Epoch::new(&clock);
        clock.advance(Duration::from_secs(5));
        assert_eq!(epoch.instant(epoch.now(&clock)), clock.now());
        clock.advance(Duration::MAX);
        assert_eq!(epoch.now(&clock), LAST);
    }

    #[test]
    fn the_farthest_is_before_never() {
        let epoch = Epoch::new(&Clock::real());
        assert_eq!(later(BEGINNING, Duration::MAX), LAST);
        assert_eq!(later(LAST, Duration::from_nanos(1)), LAST);
        assert!(epoch.instant(LAST) > epoch.instant(BEGINNING) + CENTURY - Duration::from_secs(1));
    }
}
