//! Sleeps, timeouts and intervals, in nanoseconds of the monotonic clock.
//!
//! The timers themselves are in `sideline-reactor`; what is here awaits them. All of it is `Send + Sync`, and may be
//! polled on any thread: the loop fires the timer and wakes whoever polled last.
//!
//! ```
//! use sideline::time::{sleep, timeout};
//! use std::time::Duration;
//!
//! sideline::block_on(async {
//!     let slow = sleep(Duration::from_secs(3600));
//!     assert!(timeout(Duration::from_millis(1), slow).await.is_err());
//! });
//! ```
//!
//! Nothing is early. On Linux a sleep is late by some microseconds to a tenth of a millisecond, if the loop is idle;
//! [`Builder::timer_slack`](crate::Builder::timer_slack) is for programs that need it less exact and have many of them.
//!
//! Moments are [`std::time::Instant`]s. Ask [`now`] for the present one rather than `Instant::now`, and the code can be tested on
//! a runtime whose time passes in leaps: [`Builder::paused_clock`](crate::Builder::paused_clock) makes one, and [`advance`]
//! moves its clock by hand.

mod interval;
mod sleep;
mod timeout;
mod virtual_time;

pub use interval::{Interval, MissedTickBehavior, interval, interval_at};
pub use sleep::{Sleep, sleep, sleep_until};
pub use timeout::{Elapsed, Timeout, timeout, timeout_at};
pub use virtual_time::{advance, now};

#[doc(no_inline)]
pub use std::time::Duration;
use std::time::Instant;

/// Far enough to be never: `now + Duration::MAX` does not exist.
#[inline]
fn after(now: Instant, duration: Duration) -> Instant {
    const CENTURY: Duration = Duration::from_secs(100 * 365 * 24 * 60 * 60);
    now.checked_add(duration).unwrap_or_else(|| now + CENTURY)
}
