//! A turn for the others.

use crate::core::fairness;
use std::future::{Future, poll_fn};
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

/// Counts as an operation on a socket does: ready at once, but after some tens of them in one poll it lets the others run first. Works
/// under any executor.
///
/// It is for loops that may never have to wait for anything of this runtime: a channel or a stream of another crate that is filled as fast
/// as it is emptied. tokio's own count there, behind its scheduler, and so do sockets, timers, files and `JoinSet`s here.
///
/// ```
/// # sideline::block_on(async {
/// let (sender, receiver) = async_channel::unbounded();
/// (0..1_000).for_each(|n| sender.try_send(n).unwrap());
/// let other = sideline::spawn(async {});
/// while !other.is_finished() {
///     receiver.recv().await.unwrap(); // is always ready
///     sideline::task::consume_budget().await;
/// }
/// assert!(receiver.len() > 0);
/// # });
/// ```
#[inline]
pub fn consume_budget() -> impl Future<Output = ()> + Send + Sync {
    poll_fn(fairness::poll_turn)
}

/// The future of [`yield_now`].
#[derive(Debug)]
#[must_use = "a future does nothing unless it is awaited"]
pub struct YieldNow {
    yielded: bool,
}

impl Future for YieldNow {
    type Output = ();

    #[inline]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if std::mem::replace(&mut self.yielded, true) {
            return Poll::Ready(());
        }
        // The wake puts the task at the end of the queue it was just taken from.
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}
