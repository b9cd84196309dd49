//! A turn for the others.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

/// Lets every other task that is ready now run before this one goes on. Works under any executor.
///
/// ```
/// # sideline::block_on(async {
/// let other = sideline::spawn(async { "done" });
/// sideline::task::yield_now().await;
/// assert!(other.is_finished());
/// # });
/// ```
pub fn yield_now() -> YieldNow {
    YieldNow { yielded: false }
}

/// The future of [`yield_now`].
#[derive(Debug)]
#[must_use = "a future does nothing unless it is awaited"]
pub struct YieldNow {
    yielded: bool,
}

impl Future for YieldNow {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if std::mem::replace(&mut self.yielded, true) {
            return Poll::Ready(());
        }
        // The wake puts the task at the end of the queue it was just taken from.
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}
