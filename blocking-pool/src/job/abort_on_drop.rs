//! A handle that does not detach.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use super::join_handle::JoinHandle;
use crate::job::error::JoinError;

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
pub struct AbortOnDrop<T>(Option<JoinHandle<T>>);

const ONLY_DETACH: &str = "only detach takes the handle, and it takes self";

impl<T> AbortOnDrop<T> {
    pub(super) fn new(handle: JoinHandle<T>) -> Self {
        Self(Some(handle))
    }

    /// The handle inside.
    pub fn handle(&self) -> &JoinHandle<T> {
        self.0.as_ref().expect(ONLY_DETACH)
    }

    /// The handle back, which aborts nothing when it is dropped.
    ///
    /// ```
    /// use sideline_blocking_pool::{Pool, Shutdown};
    /// use std::sync::mpsc;
    ///
    /// let pool = Pool::new();
    /// let (tell, told) = mpsc::channel();
    /// let job = pool.spawn(move || tell.send(1)).abort_on_drop();
    /// drop(job.detach());
    /// assert_eq!(told.recv(), Ok(1));
    /// ```
    #[must_use = "to let the job go on, drop what this returns"]
    pub fn detach(mut self) -> JoinHandle<T> {
        self.0.take().expect(ONLY_DETACH)
    }
}

impl<T> Future for AbortOnDrop<T> {
    type Output = Result<T, JoinError>;

    #[track_caller]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(self.0.as_mut().expect(ONLY_DETACH)).poll(cx)
    }
}

impl<T> Drop for AbortOnDrop<T> {
    fn drop(&mut self) {
        if let Some(handle) = &self.0 {
            handle.abort();
        }
    }
}

impl<T> fmt::Debug for AbortOnDrop<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("AbortOnDrop").field(self.handle()).finish()
    }
}
