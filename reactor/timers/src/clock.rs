//! Where "now" comes from: the system's monotonic clock, or a hand that moves it in tests.

use crate::nanos::nanos;
use std::fmt;
// The hand of a manual clock is no part of any protocol, so it stays a plain atomic in the models too.
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// The source of [`Instant`]s for one reactor and everything that belongs to it.
///
/// Clones share the same time. It is `Send + Sync`; reading it takes no lock.
///
/// # Example
/// ```
/// use sideline_reactor::Clock;
/// use std::time::Duration;
///
/// let clock = Clock::manual();
/// let before = clock.now();
/// clock.advance(Duration::from_secs(3600));
/// assert_eq!(clock.now() - before, Duration::from_secs(3600));
/// ```
#[derive(Clone)]
pub struct Clock(Source);

#[derive(Clone)]
enum Source {
    Real,
    Manual(Arc<Hand>),
}

struct Hand {
    start: Instant,
    moved_ns: AtomicU64,
}

impl Clock {
    /// The system's monotonic clock, [`Instant::now`].
    pub fn real() -> Clock {
        Clock(Source::Real)
    }

    /// A clock that starts at the present moment and from then on moves only by [`advance`](Clock::advance).
    #[inline]
    pub fn manual() -> Clock {
        Clock(Source::Manual(Arc::new(Hand { start: Instant::now(), moved_ns: AtomicU64::new(0) })))
    }

    /// The present moment of this clock. Never goes backwards.
    pub fn now(&self) -> Instant {
        match &self.0 {
            Source::Real => Instant::now(),
            // Acquire: pairs with the Release in `advance`; who sees the new time sees what was done before it.
            Source::Manual(hand) => hand.start + Duration::from_nanos(hand.moved_ns.load(Ordering::Acquire)),
        }
    }

    /// A reading as a number of nanoseconds since some moment in the past, which is another one for each manual clock.
    /// For telling how much time has passed; that costs a fraction of what it does with [`now`](Clock::now).
    ///
    /// ```
    /// # use sideline_reactor::Clock;
    /// let clock = Clock::real();
    /// let start = clock.nanos();
    /// let took_ns = clock.nanos() - start;
    /// # assert!(took_ns < 60_000_000_000);
    /// ```
    #[inline]
    pub fn nanos(&self) -> u64 {
        match &self.0 {
            Source::Real => nanos(),
            // Acquire: as in `now`.
            Source::Manual(hand) => hand.moved_ns.load(Ordering::Acquire),
        }
    }

    /// Moves a manual clock forward. It stops moving some 584 years after its start.
    ///
    /// Nothing fires here: timers that became due fire in the reactor's next turn, and a reactor that is parked on
    /// another thread learns of it by `Handle::notify`.
    ///
    /// # Panics
    /// On a [real](Clock::real) clock, which nobody can move.
    pub fn advance(&self, by: Duration) {
        let Source::Manual(hand) = &self.0 else {
            panic!(
                "Clock::advance on a real clock: only a clock made by Clock::manual() can be moved by hand"
            );
        };
        let by = u64::try_from(by.as_nanos()).unwrap_or(u64::MAX);
        let mut moved = hand.moved_ns.load(Ordering::Relaxed);
        // Release: pairs with the Acquire in `now`. Of two movers the second continues the sequence of the first, so who sees its time
        // sees what was done before either.
        while let Err(now) = hand.moved_ns.compare_exchange_weak(
            moved,
            moved.saturating_add(by),
            Ordering::Release,
            Ordering::Relaxed,
        ) {
            moved = now;
        }
    }

    /// Whether this is a [manual](Clock::manual) clock.
    pub fn is_manual(&self) -> bool {
        matches!(self.0, Source::Manual(_))
    }
}

impl fmt::Debug for Clock {
    #[inline]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.is_manual() { "Clock::manual()" } else { "Clock::real()" })
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn manual_time_moves_only_by_hand_and_is_shared() {
        let clock = Clock::manual();
        let other = clock.clone();
        let start = clock.now();
        assert_eq!((other.now(), other.nanos()), (start, 0));
        other.advance(Duration::from_nanos(1));
        assert_eq!((clock.now(), clock.nanos()), (start + Duration::from_nanos(1), 1));
        clock.advance(Duration::MAX);
        clock.advance(Duration::MAX);
        assert!(clock.now() > start + Duration::from_secs(500 * 365 * 86_400));
    }

    #[test]
    fn nanoseconds_pass_as_instants_do() {
        let clock = Clock::real();
        let outer = clock.now();
        let start = clock.nanos();
        let inner = clock.now();
        while inner.elapsed() < Duration::from_millis(1) {}
        let least = inner.elapsed();
        let passed = Duration::from_nanos(clock.nanos() - start);
        assert!(least <= passed && passed <= outer.elapsed(), "{passed:?}, at least {least:?}");
    }

    #[test]
    #[should_panic(expected = "Clock::manual()")]
    fn a_real_clock_refuses_to_be_moved() {
        Clock::real().advance(Duration::ZERO);
    }
}
