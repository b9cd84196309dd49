//! The spawning traits of `futures-task`, for libraries that take an executor as a value. Behind the feature of that name.
//!
//! What is spawned runs detached: a panic goes to the runtime's report hook. Once the runtime is gone, spawning is
//! refused, and the future is dropped by the caller.

use crate::{Handle, LocalHandle};
use futures_task::{FutureObj, LocalFutureObj, LocalSpawn, Spawn, SpawnError};

/// From any thread.
///
/// ```
/// use futures_task::Spawn;
///
/// # fn main() -> std::io::Result<()> {
/// let runtime = sideline::Runtime::new()?;
/// let handle = runtime.handle().clone();
/// let (send, receive) = std::sync::mpsc::channel();
/// handle.spawn_obj(Box::new(async move { send.send(5).unwrap() }).into()).unwrap();
/// runtime.block_on(sideline::task::yield_now());
/// assert_eq!(receive.recv(), Ok(5));
///
/// drop(runtime);
/// assert!(handle.spawn_obj(Box::new(async {}).into()).unwrap_err().is_shutdown());
/// # Ok(()) }
/// ```
impl Spawn for Handle {
    #[track_caller]
    fn spawn_obj(&self, future: FutureObj<'static, ()>) -> Result<(), SpawnError> {
        self.status()?;
        drop(self.spawn(future));
        Ok(())
    }

    fn status(&self) -> Result<(), SpawnError> {
        if self.shared().reactor.is_closed() { Err(SpawnError::shutdown()) } else { Ok(()) }
    }
}

/// On the loop's thread, futures that need not be `Send`.
impl LocalSpawn for LocalHandle {
    #[track_caller]
    fn spawn_local_obj(&self, future: LocalFutureObj<'static, ()>) -> Result<(), SpawnError> {
        self.status_local()?;
        drop(self.spawn(future));
        Ok(())
    }

    fn status_local(&self) -> Result<(), SpawnError> {
        self.handle().status()
    }
}

/// Futures that happen to be `Send`, on the loop's thread too: combinators ask for this one.
impl Spawn for LocalHandle {
    #[track_caller]
    fn spawn_obj(&self, future: FutureObj<'static, ()>) -> Result<(), SpawnError> {
        self.spawn_local_obj(future.into())
    }

    fn status(&self) -> Result<(), SpawnError> {
        self.status_local()
    }
}
