//! A future that a token ends.

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::task::Poll;

use super::CancelToken;

impl CancelToken {
    /// Awaits `future` unless this is cancelled before: its output, or `None`, and then `future` has been dropped.
    ///
    /// Nothing of it is polled if this has been cancelled already. If both come at once, the output counts. Dropping what this
    /// returns drops `future`.
    ///
    /// ```
    /// use pollster::block_on;
    /// use sideline_blocking_pool::{CancelToken, Pool};
    ///
    /// block_on(async {
    ///     let stop = CancelToken::new();
    ///     assert_eq!(stop.run_until_cancelled(async { 7 }).await, Some(7));
    ///
    ///     let canceller = stop.clone();
    ///     Pool::global().spawn(move || canceller.cancel()).detach();
    ///     assert_eq!(stop.run_until_cancelled(std::future::pending::<()>()).await, None);
    /// });
    /// ```
    pub async fn run_until_cancelled<F: Future>(&self, future: F) -> Option<F::Output> {
        if self.is_cancelled() {
            return None;
        }
        let mut cancelled = self.cancelled();
        let mut future = pin!(future);
        poll_fn(|cx| match future.as_mut().poll(cx) {
            Poll::Ready(output) => Poll::Ready(Some(output)),
            // After the future: a cancellation that comes during its poll is seen here, and a later one wakes.
            Poll::Pending => Pin::new(&mut cancelled).poll(cx).map(|()| None),
        })
        .await
    }
}
