//! Giving up on a future.

use super::sleep::{Sleep, sleep, sleep_until};
use crate::core::fairness;
use std::error::Error;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

/// Waits for `future`, but no longer than `limit`.
///
/// The future is polled before the clock is looked at, so one that is ready wins. When time is up the future is
/// dropped with the `Timeout`. What that means is said where the future comes from: [`to_thread`](crate::to_thread) un-queues a
/// job that has not started, and so does a handle that [aborts on drop](crate::JoinHandle::abort_on_drop); a plain
/// [`JoinHandle`](crate::JoinHandle) detaches.
///
/// # Errors
/// [`Elapsed`] if time was up first.
///
/// # Panics
/// Outside a runtime.
///
/// ```
/// use std::time::Duration;
/// use sideline::time::timeout;
///
/// sideline::block_on(async {
///     assert_eq!(timeout(Duration::from_secs(1), async { 5 }).await, Ok(5));
///     assert!(timeout(Duration::from_millis(1), std::future::pending::<()>()).await.is_err());
/// });
/// ```
#[track_caller]
pub fn timeout<F: Future>(limit: Duration, future: F) -> Timeout<F> {
    Timeout { future, sleep: sleep(limit) }
}

/// Waits for `future` until `deadline`. See [`timeout`].
///
/// # Errors
/// [`Elapsed`] if the deadline came first.
///
/// # Panics
/// Outside a runtime.
///
/// ```
/// use sideline::time::{now, sleep, timeout_at};
/// use std::time::Duration;
///
/// sideline::block_on(async {
///     let deadline = now() + Duration::from_millis(2); // for all steps together
///     assert!(timeout_at(deadline, sleep(Duration::ZERO)).await.is_ok());
///     assert!(timeout_at(deadline, sleep(Duration::from_secs(3600))).await.is_err());
/// });
/// ```
#[track_caller]
pub fn timeout_at<F: Future>(deadline: Instant, future: F) -> Timeout<F> {
    Timeout { future, sleep: sleep_until(deadline) }
}

/// The future of [`timeout`] and [`timeout_at`]. **Dropping it** drops the future inside, and cancels the timer. It is polled on
/// whichever thread awaits it.
#[must_use = "a future does nothing unless it is awaited"]
pub struct Timeout<F> {
    future: F,
    sleep: Sleep,
}

impl<F> Timeout<F> {
    /// The future inside.
    pub fn get_ref(&self) -> &F {
        &self.future
    }

    /// The future inside, for one that can be told something while it is waited for.
    pub fn get_mut(&mut self) -> &mut F {
        &mut self.future
    }

    /// The future without its limit, as far as it has come.
    ///
    /// ```
    /// use sideline::time::timeout;
    /// use std::time::Duration;
    ///
    /// sideline::block_on(async {
    ///     let job = sideline::spawn_blocking(|| std::fs::read("Cargo.toml"));
    ///     let mut soon = timeout(Duration::from_micros(1), job);
    ///     let contents = match (&mut soon).await {
    ///         Ok(contents) => contents,
    ///         Err(_) => {
    ///             println!("this takes longer than usual");
    ///             soon.into_inner().await
    ///         }
    ///     };
    ///     assert!(!contents.unwrap().unwrap().is_empty());
    /// });
    /// ```
    pub fn into_inner(self) -> F {
        self.future
    }
}

impl<F: Future> Future for Timeout<F> {
    type Output = Result<F::Output, Elapsed>;

    #[allow(unsafe_code, reason = "pin projection without a dependency for it")]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        // SAFETY: `future` is pinned whenever `self` is: it is never moved out, and `Timeout` has no Drop.
        let future = unsafe { self.as_mut().map_unchecked_mut(|timeout| &mut timeout.future) };
        let given_way = fairness::given_way();
        if let Poll::Ready(output) = future.poll(cx) {
            return Poll::Ready(Ok(output));
        }
        // SAFETY: `sleep` is Unpin, so it may be reached by plain reference; `future` is not touched.
        let sleep = unsafe { &mut self.get_unchecked_mut().sleep };
        sleep.poll_limit(cx, Some(given_way)).map(|()| Err(Elapsed(())))
    }
}

impl<F> fmt::Debug for Timeout<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Timeout").field("deadline", &self.sleep.deadline()).finish_non_exhaustive()
    }
}

/// Time was up. The error of [`timeout`] and [`timeout_at`]. By `?` it becomes a [`std::io::Error`] of the kind `TimedOut`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Elapsed(());

impl fmt::Display for Elapsed {
    #[inline]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the time limit was reached")
    }
}

impl Error for Elapsed {}

impl From<Elapsed> for std::io::Error {
    #[inline]
    fn from(elapsed: Elapsed) -> Self {
        Self::new(std::io::ErrorKind::TimedOut, elapsed)
    }
}
