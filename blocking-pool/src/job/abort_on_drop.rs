//! A handle that does not detach.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use super::handle::JoinHandle;
use crate::error::JoinError;

/// A [`JoinHandle`] that aborts its job when it is dropped. From [`JoinHandle::abort_on_drop`].
///
/// Awaiting it gives what the handle would give. **Dropping it** does what [`JoinHandle::abort`] does, and nothing if the job has
/// ended. So whatever drops a future that takes too long, a timeout or a `select!` of your executor's, takes the job out of the
/// queue, or tells a running closure that was given a `CancelToken`.
///
/// ```
/// use sideline_blocking_pool::Pool;
/// use std::sync::mpsc;
///
/// let pool = Pool::builder().core_threads(1).max_threads(1).build()?;
/// let (release, released) = mpsc::channel::<()>();
/// let busy = pool.spawn(move || released.recv());
/// let waiting = pool.spawn(|| println!("never")).abort_on_drop();
/// drop(waiting);
/// assert_eq!(pool.metrics().cancelled, 1);
/// # drop((release, busy));
/// # Ok::<(), sideline_blocking_pool::BuildError>(())
/// ```
#[must_use = "dropping this aborts the job"]
pub struct AbortOnDrop<T>(pub(super) JoinHandle<T>);

impl<T> AbortOnDrop<T> {
    /// The handle inside.
    pub fn handle(&self) -> &JoinHandle<T> {
        &self.0
    }
}

impl<T> Future for AbortOnDrop<T> {
    type Output = Result<T, JoinError>;

    #[track_caller]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.0).poll(cx)
    }
}

impl<T> Drop for AbortOnDrop<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl<T> fmt::Debug for AbortOnDrop<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("AbortOnDrop").field(&self.0).finish()
    }
}
