//! Waiting for a point in time.

use crate::core::fairness;
use crate::runtime::context;
use sideline_reactor::{Handle as Reactor, Timer};
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

/// Waits until `duration` has passed. Never early; a `duration` too long for the clock waits for centuries.
///
/// # Panics
/// Outside a runtime.
///
/// ```
/// use std::time::{Duration, Instant};
///
/// sideline::block_on(async {
///     let start = Instant::now();
///     sideline::time::sleep(Duration::from_millis(2)).await;
///     assert!(start.elapsed() >= Duration::from_millis(2));
/// });
/// ```
#[track_caller]
pub fn sleep(duration: Duration) -> Sleep {
    with_current_reactor(|reactor| Sleep { timer: Timer::after(reactor, duration) })
}

/// Waits until `deadline`. At once if that has passed.
///
/// # Panics
/// Outside a runtime.
///
/// ```
/// use sideline::time::{now, sleep_until};
/// use std::time::Duration;
///
/// sideline::block_on(async {
///     let deadline = now() + Duration::from_millis(2);
///     sleep_until(deadline).await;
///     assert!(now() >= deadline);
/// });
/// ```
#[track_caller]
#[inline]
pub fn sleep_until(deadline: Instant) -> Sleep {
    with_current_reactor(|reactor| Sleep { timer: Timer::new(reactor, deadline) })
}

/// Calls `f` with the reactor of the runtime this thread is in.
#[track_caller]
pub(super) fn with_current_reactor<R>(f: impl FnOnce(&Reactor) -> R) -> R {
    match context::with_reactor(f) {
        Ok(result) => result,
        Err(error) => panic!("sideline::time: {error}"),
    }
}

/// The future of [`sleep`] and [`sleep_until`].
///
/// It takes no resources before it is first polled. Dropping it cancels the timer at once; or, on another thread than that
/// which runs the loop, in the loop's next turn. If its runtime is shut down, it is ready at once.
#[must_use = "a future does nothing unless it is awaited"]
pub struct Sleep {
    timer: Timer,
}

impl Sleep {
    /// What time it is for this sleep.
    #[inline]
    pub(crate) fn now(&self) -> Instant {
        self.timer.handle().clock().now()
    }

    /// When it will be ready. A deadline that is more than 548 years away counts as 548 years.
    #[inline]
    pub fn deadline(&self) -> Instant {
        self.timer.deadline()
    }

    /// True once the deadline has passed, or the runtime has been shut down.
    #[inline]
    pub fn is_elapsed(&self) -> bool {
        self.timer.is_elapsed()
    }

    /// Moves the deadline, whether or not the old one has passed. A task that waits for this is woken at the new deadline. If it
    /// was ready already, it has to be polled again for that.
    ///
    /// ```
    /// use std::time::{Duration, Instant};
    ///
    /// sideline::block_on(async {
    ///     let mut sleep = sideline::time::sleep(Duration::from_secs(3600));
    ///     sleep.reset(Instant::now());
    ///     sleep.await;
    /// });
    /// ```
    #[inline]
    pub fn reset(&mut self, deadline: Instant) {
        self.timer.reset(deadline);
    }

    /// As its `poll`, for who has polled something just before that this is to put an end to, and says how often something had
    /// [given way](fairness::given_way) by then. If that has, perhaps before it has begun, it is polled once more before time is up.
    pub(crate) fn poll_limit(&mut self, cx: &mut Context<'_>, given_way: Option<u32>) -> Poll<()> {
        let was_over = self.timer.has_fired();
        ready!(self.timer.poll(cx));
        // A loop of sleeps that are over when they begin never waits. But one that has given way is not to do so again: what
        // it puts an end to may use up each poll.
        if was_over {
            return Poll::Ready(());
        }
        if given_way.is_some_and(|before| before != fairness::given_way()) {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        fairness::poll_turn(cx)
    }
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        self.poll_limit(cx, None)
    }
}

impl fmt::Debug for Sleep {
    #[inline]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sleep").field("deadline", &self.deadline()).finish()
    }
}
