//! hyper's timeouts.

use crate::runtime::context;
use crate::time::{Sleep, sleep, sleep_until};
use hyper::rt;
use std::pin::Pin;
use std::time::{Duration, Instant};

/// The runtime's clock for hyper: `http1::Builder::timer(Timer)`, `http2::Builder::timer(Timer)`.
///
/// hyper measures `header_read_timeout`, `keep_alive_interval` and the like with it, in the runtime's own time, which a
/// [paused clock](crate::Builder::paused_clock) moves in leaps.
///
/// # Panics
/// Its sleeps are to be made inside a runtime, as hyper does when its connection runs there.
///
/// ```
/// use hyper::rt::Timer as _;
/// use std::time::Duration;
///
/// sideline::block_on(async {
///     let timer = sideline::hyper::Timer;
///     let start = timer.now();
///     let mut sleep = timer.sleep(Duration::from_secs(3600));
///     timer.reset(&mut sleep, start + Duration::from_millis(1));
///     sleep.await;
/// });
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct Timer;

impl rt::Timer for Timer {
    fn sleep(&self, duration: Duration) -> Pin<Box<dyn rt::Sleep>> {
        Box::pin(sleep(duration))
    }

    fn sleep_until(&self, deadline: Instant) -> Pin<Box<dyn rt::Sleep>> {
        Box::pin(sleep_until(deadline))
    }

    fn now(&self) -> Instant {
        context::with_reactor(|reactor| reactor.clock().now()).unwrap_or_else(|_| Instant::now())
    }

    /// Keeps the allocation.
    fn reset(&self, sleep: &mut Pin<Box<dyn rt::Sleep>>, deadline: Instant) {
        match sleep.as_mut().downcast_mut_pin::<Sleep>() {
            Some(mut sleep) => sleep.reset(deadline),
            None => *sleep = self.sleep_until(deadline),
        }
    }
}

impl rt::Sleep for Sleep {}
