//! A runtime as seen from its own thread.

use super::context::{self, NoRuntime};
use crate::core::Core;
use crate::task::{spawn_ended, spawn_local};
use crate::{Handle, JoinHandle, Runtime};
use std::future::Future;
use std::panic::Location;
use std::rc::{Rc, Weak};
use std::sync::Arc;

/// A reference to the runtime of this thread's loop: [`spawn`](fn@crate::spawn) as a value, to hand to a library that asks
/// for something to spawn on. Futures need not be `Send`, and neither is this.
///
/// Cheap to clone. It does not keep the runtime: once that is gone, what is spawned is cancelled at once. [`Handle`] is
/// the same for other threads.
///
/// ```
/// use std::rc::Rc;
///
/// sideline::block_on(async {
///     let local = sideline::LocalHandle::current();
///     let shared = Rc::new(5); // not Send
///     let task = local.spawn(async move { *shared + 1 });
///     assert_eq!(task.await.unwrap(), 6);
/// });
/// ```
#[derive(Clone, Debug)]
pub struct LocalHandle {
    core: Weak<Core>,
    handle: Handle,
}

impl LocalHandle {
    #[inline]
    fn new(core: &Rc<Core>) -> Self {
        Self { core: Rc::downgrade(core), handle: Handle::new(Arc::clone(core.shared())) }
    }

    /// The runtime whose loop runs on this thread.
    ///
    /// # Panics
    /// If none does: outside a runtime, and in jobs. Use [`try_current`](Self::try_current) where that may happen.
    #[track_caller]
    #[inline]
    pub fn current() -> Self {
        match Self::try_current() {
            Ok(handle) => handle,
            Err(error) => panic!("LocalHandle::current: {error}"),
        }
    }

    /// The runtime whose loop runs on this thread.
    ///
    /// # Errors
    /// [`NoRuntime`] if none does: outside a runtime, and in jobs.
    ///
    /// ```
    /// assert!(sideline::LocalHandle::try_current().is_err());
    /// ```
    #[inline]
    pub fn try_current() -> Result<Self, NoRuntime> {
        context::core().map(|core| Self::new(&core)).ok_or(NoRuntime::new())
    }

    /// Spawns a future on the loop. Dropping the result detaches the task.
    ///
    /// If the runtime is gone, the future is dropped here and the handle says that it was cancelled.
    #[track_caller]
    pub fn spawn<F>(&self, future: F) -> JoinHandle<F::Output>
    where
        F: Future + 'static,
        F::Output: 'static,
    {
        let location = Location::caller();
        JoinHandle::task(match self.core.upgrade() {
            Some(core) => {
                let task = spawn_local(&core, future, location);
                if !context::is_core_of(core.shared()) {
                    // Between turns: somebody may be about to wait on the descriptor.
                    core.shared().reactor.notify();
                }
                task
            }
            None => spawn_ended(self.handle.shared(), future, location),
        })
    }

    /// The same runtime for other threads.
    #[inline]
    pub fn handle(&self) -> &Handle {
        &self.handle
    }
}

impl Runtime {
    /// A handle for this thread, for what wants to spawn futures that are not `Send`.
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> {
    /// let runtime = sideline::Runtime::new()?;
    /// let task = runtime.local_handle().spawn(async { std::rc::Rc::new(5) });
    /// assert_eq!(*runtime.block_on(task).unwrap(), 5);
    /// # Ok(()) }
    /// ```
    #[inline]
    pub fn local_handle(&self) -> LocalHandle {
        LocalHandle::new(self.core())
    }
}
