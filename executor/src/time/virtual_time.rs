//! The runtime's own time, and moving it by hand.

use super::after;
use super::sleep::with_current_reactor;
use crate::core::Core;
use crate::runtime::context;
use crate::task::yield_now;
use std::future::Future;
use std::panic::Location;
use std::rc::Rc;
use std::time::{Duration, Instant};

/// What time it is for this runtime: what [`sleep_until`](super::sleep_until) and [`timeout_at`](super::timeout_at)
/// go by. [`Instant::now`], unless the runtime's clock is [paused](crate::Builder::paused_clock).
///
/// # Panics
/// Outside a runtime.
///
/// ```
/// use sideline::time::{now, sleep};
/// use std::time::Duration;
///
/// # fn main() -> std::io::Result<()> {
/// sideline::Runtime::builder().paused_clock().build()?.block_on(async {
///     let start = now();
///     sleep(Duration::from_secs(3600)).await; // takes no time at all
///     assert_eq!(now() - start, Duration::from_secs(3600));
/// });
/// # Ok(()) }
/// ```
#[track_caller]
#[inline]
pub fn now() -> Instant {
    with_current_reactor(|reactor| reactor.clock().now())
}

/// Moves a [paused](crate::Builder::paused_clock) clock forward by `duration`, even while blocking jobs are in flight.
///
/// It stops at every deadline on the way and lets those who are woken run, so an interval ticks as often as it would
/// have in real time. Before the first step and after each one the tasks that are ready have their turns until they
/// wait for something, 100 rounds at most. Sockets and jobs are not waited for. Dropping the future
/// leaves the clock where it got to. The clock ends some 584 years after its start, and is not moved beyond.
///
/// # Panics
/// When awaited: if this runtime's clock is not paused; in a thread that is not the loop's. The message names the place of the call.
///
/// ```
/// use sideline::time::{advance, sleep};
/// use std::time::Duration;
///
/// # fn main() -> std::io::Result<()> {
/// sideline::Runtime::builder().paused_clock().build()?.block_on(async {
///     let task = sideline::spawn(sleep(Duration::from_secs(2)));
///     advance(Duration::from_secs(1)).await;
///     assert!(!task.is_finished());
///     advance(Duration::from_secs(1)).await;
///     assert!(task.is_finished());
/// });
/// # Ok(()) }
/// ```
#[track_caller]
#[inline]
pub fn advance(duration: Duration) -> impl Future<Output = ()> {
    advance_from(Location::caller(), duration)
}

async fn advance_from(at: &'static Location<'static>, duration: Duration) {
    let target = after(paused_core(at).shared().reactor.clock().now(), duration);
    settle(at).await;
    while paused_core(at).step_clock(target) {
        settle(at).await;
    }
}

/// Lets the others run until none of them is ready.
async fn settle(at: &'static Location<'static>) {
    let mut rounds = 0;
    loop {
        yield_now().await;
        rounds += 1;
        if paused_core(at).has_settled(rounds) {
            return;
        }
    }
}

/// Looked up each time: a future that kept it would keep the loop.
#[inline]
fn paused_core(at: &Location<'_>) -> Rc<Core> {
    let core = context::core().unwrap_or_else(|| {
        panic!("time::advance at {at}: only the loop's own thread moves its clock, and this is not a loop's thread")
    });
    assert!(
        !core.time().flows(),
        "time::advance at {at}: this runtime's clock flows by itself; build it with Runtime::builder().paused_clock()"
    );
    core
}
