//! Moments as numbers: adding, comparing and ordering an `Instant` costs several times as much.
//!
//! A [`Moment`] counts nanoseconds. 36 years lie before the reactor's beginning and 548 after it; what is beyond them is
//! as far as it goes.

use std::time::{Duration, Instant};

/// Nanoseconds, of one reactor.
pub(crate) type Moment = u64;

/// Later than every moment.
pub(crate) const NEVER: Moment = u64::MAX;

const LAST: Moment = NEVER - 1;
const BEGINNING: Moment = 1 << 60;

/// The instant that moments count from.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Epoch(Instant);

impl Epoch {
    pub(crate) fn new(beginning: Instant) -> Epoch {
        Epoch(beginning)
    }

    pub(crate) fn moment(self, instant: Instant) -> Moment {
        match instant.checked_duration_since(self.0) {
            Some(since) => later(BEGINNING, since),
            None => BEGINNING.saturating_sub(nanos(self.0.saturating_duration_since(instant))),
        }
    }

    /// The instant of a moment, or the last that the system's clock knows before it.
    pub(crate) fn instant(self, moment: Moment) -> Instant {
        let far = Duration::from_nanos(moment.abs_diff(BEGINNING));
        let instant = if moment < BEGINNING { self.0.checked_sub(far) } else { self.0.checked_add(far) };
        // Only for a clock that counts fewer years than this.
        instant.unwrap_or(self.0 + CENTURY)
    }
}

/// `duration` after `moment`, or the last moment before never.
pub(crate) fn later(moment: Moment, duration: Duration) -> Moment {
    moment.saturating_add(nanos(duration)).min(LAST)
}

fn nanos(duration: Duration) -> u64 {
    duration.as_secs().saturating_mul(1_000_000_000).saturating_add(u64::from(duration.subsec_nanos()))
}

const CENTURY: Duration = Duration::from_secs(100 * 365 * 86_400);

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn instants_come_back_to_the_nanosecond_and_in_order() {
        let now = Instant::now();
        let epoch = Epoch::new(now);
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

    #[test]
    fn the_farthest_is_before_never() {
        let epoch = Epoch::new(Instant::now());
        assert_eq!(later(BEGINNING, Duration::MAX), LAST);
        assert_eq!(later(LAST, Duration::from_nanos(1)), LAST);
        assert!(epoch.instant(LAST) > epoch.instant(BEGINNING) + CENTURY - Duration::from_secs(1));
    }
}
