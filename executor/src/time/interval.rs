//! Ticking at a fixed period.

use super::after;
use super::sleep::{Sleep, sleep_until, with_current_reactor};
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

/// An [`Interval`] that ticks every `period`; its first tick is ready at once.
///
/// # Panics
/// If `period` is zero. Outside a runtime.
///
/// ```
/// use std::time::Duration;
///
/// sideline::block_on(async {
///     let mut interval = sideline::time::interval(Duration::from_millis(1));
///     let first = interval.tick().await;
///     let second = interval.tick().await;
///     assert_eq!(second - first, Duration::from_millis(1));
/// });
/// ```
#[track_caller]
#[inline]
pub fn interval(period: Duration) -> Interval {
    interval_at(with_current_reactor(|reactor| reactor.clock().now()), period)
}

/// An [`Interval`] that ticks at `start` and every `period` after it. If `start` has passed, its first tick is ready at once.
///
/// # Panics
/// If `period` is zero. Outside a runtime.
///
/// ```
/// use sideline::time::{interval_at, now};
/// use std::time::Duration;
///
/// sideline::block_on(async {
///     let start = now() + Duration::from_millis(2);
///     assert_eq!(interval_at(start, Duration::from_secs(1)).tick().await, start);
/// });
/// ```
#[track_caller]
#[inline]
pub fn interval_at(start: Instant, period: Duration) -> Interval {
    assert!(!period.is_zero(), "an interval needs a period longer than zero");
    Interval { sleep: sleep_until(start), period, missed: MissedTickBehavior::Burst }
}

/// What an [`Interval`] does about ticks that nobody waited for in time.
///
/// ```
/// use sideline::time::{MissedTickBehavior, advance, interval, now};
/// use std::time::Duration;
///
/// # fn main() -> std::io::Result<()> {
/// const SECOND: Duration = Duration::from_secs(1);
/// sideline::Runtime::builder().paused_clock().build()?.block_on(async {
///     let start = now();
///     let mut interval = interval(SECOND);
///     interval.set_missed_tick_behavior(MissedTickBehavior::Skip);
///     interval.tick().await;
///     advance(3 * SECOND + SECOND / 2).await; // one tick is due, and two are missed
///     assert_eq!(interval.tick().await - start, SECOND);
///     assert_eq!(interval.tick().await - start, 4 * SECOND);
/// });
/// # Ok(()) }
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum MissedTickBehavior {
    /// Ticks at once until it has caught up: the number of ticks is right in the end.
    #[default]
    Burst,
    /// Ticks one period after the late tick: the distance between ticks is never short.
    Delay,
    /// Leaves out what was missed: ticks stay at multiples of the period from the start.
    Skip,
}

/// Ticks again and again. From [`interval`] and [`interval_at`]. Dropping it cancels the tick it waits for. It belongs to the runtime in which it was
/// made; once that is shut down, every tick is ready at once.
#[derive(Debug)]
pub struct Interval {
    sleep: Sleep,
    period: Duration,
    missed: MissedTickBehavior,
}

impl Interval {
    /// Waits for the next tick, and returns when it was due. Dropping this future before it is ready loses no tick.
    #[inline]
    pub fn tick(&mut self) -> impl Future<Output = Instant> {
        poll_fn(|cx| self.poll_tick(cx))
    }

    /// [`tick`](Self::tick) for poll functions: the last caller is woken.
    #[inline]
    pub fn poll_tick(&mut self, cx: &mut Context<'_>) -> Poll<Instant> {
        ready!(Pin::new(&mut self.sleep).poll(cx));
        let due = self.sleep.deadline();
        let next = self.next_tick(due);
        self.sleep.reset(next);
        Poll::Ready(due)
    }

    #[inline]
    fn next_tick(&self, due: Instant) -> Instant {
        let next = after(due, self.period);
        if self.missed == MissedTickBehavior::Burst {
            return next; // and no need to know what time it is
        }
        let now = self.sleep.now();
        if next > now {
            return next;
        }
        match self.missed {
            MissedTickBehavior::Burst => next,
            MissedTickBehavior::Delay => after(now, self.period),
            MissedTickBehavior::Skip => {
                let late = (now - due).as_nanos() % self.period.as_nanos();
                let (secs, nanos) = (late / 1_000_000_000, late % 1_000_000_000);
                // The remainder is below the period, so its seconds fit wherever the period's do.
                after(now, self.period) - Duration::new(secs as u64, nanos as u32)
            }
        }
    }

    /// The time between ticks.
    #[inline]
    pub fn period(&self) -> Duration {
        self.period
    }

    /// What happens to missed ticks.
    #[inline]
    pub fn missed_tick_behavior(&self) -> MissedTickBehavior {
        self.missed
    }

    /// Changes what happens to missed ticks. Default: [`MissedTickBehavior::Burst`].
    #[inline]
    pub fn set_missed_tick_behavior(&mut self, behavior: MissedTickBehavior) {
        self.missed = behavior;
    }

    /// Starts anew: the next tick is one period from now.
    ///
    /// Ticks that have been missed are forgotten, here as in the other three. Those after the next one are a period apart
    /// again.
    #[inline]
    pub fn reset(&mut self) {
        self.reset_after(self.period);
    }

    /// Starts anew with a tick that is due now.
    #[inline]
    pub fn reset_immediately(&mut self) {
        self.reset_at(self.sleep.now());
    }

    /// Starts anew: the next tick is `delay` from now, however long the period.
    #[inline]
    pub fn reset_after(&mut self, delay: Duration) {
        self.reset_at(after(self.sleep.now(), delay));
    }

    /// Starts anew: the next tick is at `due`, at once if that is over.
    ///
    /// ```
    /// use sideline::time::interval;
    /// use std::time::{Duration, Instant};
    ///
    /// sideline::block_on(async {
    ///     let mut hourly = interval(Duration::from_secs(3600));
    ///     hourly.tick().await;
    ///     let soon = Instant::now() + Duration::from_millis(5);
    ///     hourly.reset_at(soon);
    ///     assert_eq!(hourly.tick().await, soon);
    /// });
    /// ```
    #[inline]
    pub fn reset_at(&mut self, due: Instant) {
        self.sleep.reset(due);
    }
}
