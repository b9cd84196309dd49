//! A runtime as seen from any thread.

use super::context::{self, NoRuntime};
use super::foreign;
use super::shared::Shared;
use crate::JoinHandle;
use crate::blocking::JobBuilder;
use crate::blocking::carried::Carried;
use crate::core::Core;
use crate::task::{spawn_local, spawn_remote};
use sideline_blocking_pool::Around;
use std::cell::Cell;
use std::fmt;
use std::future::Future;
use std::mem;
use std::panic::Location;
use std::sync::Arc;

/// A reference to a runtime: spawns on it, offloads through it, and blocks on it, from any thread.
///
/// Cheap to clone. A handle does not keep its runtime running: once the runtime is dropped, what is spawned
/// through the handle is cancelled at once.
///
/// ```
/// sideline::block_on(async {
///     let handle = sideline::Handle::current();
///     let sum = std::thread::spawn(move || handle.block_on(async { 1 + 1 }));
///     assert_eq!(sum.join().unwrap(), 2);
/// });
/// ```
///
/// # In code that is not async
/// Some calls have to be made inside a runtime: to make a socket, say, or to call into a library that uses
/// [`current`](Self::current). In code that is not async, make them in a `block_on`: in [`Handle::block_on`], or on the
/// loop's own thread in [`Runtime::block_on`](crate::Runtime::block_on). There is no guard that puts a thread into a runtime
/// for as long as it lives. Held across an `await`, dropped in another order, or forgotten, it would leave the thread in the
/// wrong runtime.
///
/// ```
/// # fn main() -> std::io::Result<()> {
/// let runtime = sideline::Runtime::new()?;
/// let socket = std::net::UdpSocket::bind("127.0.0.1:0")?;
/// let socket = runtime.block_on(async { sideline::net::UdpSocket::from_std(socket) })?;
/// # drop(socket);
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct Handle(
    /// `None` only while it is being dropped.
    Option<Arc<Shared>>,
);

impl Handle {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        Self(Some(shared))
    }

    #[inline]
    pub(crate) fn shared(&self) -> &Arc<Shared> {
        self.0.as_ref().expect("only the drop takes it")
    }

    /// The runtime that this thread is in: as the thread of its loop, in one of its jobs, or in a `Handle::block_on`.
    ///
    /// # Panics
    /// Outside a runtime. Use [`try_current`](Self::try_current) where that may happen.
    #[track_caller]
    #[inline]
    pub fn current() -> Self {
        // No closure: it would be named as the place of the panic, in place of the caller's.
        match context::handle() {
            Ok(handle) => handle,
            Err(error) => panic!("Handle::current: {error}"),
        }
    }

    /// The runtime that this thread is in.
    ///
    /// # Errors
    /// [`NoRuntime`] outside a runtime.
    ///
    /// ```
    /// assert!(sideline::Handle::try_current().is_err());
    /// sideline::block_on(async { assert!(sideline::Handle::try_current().is_ok()) });
    /// ```
    pub fn try_current() -> Result<Self, NoRuntime> {
        context::handle()
    }

    /// Spawns a future on the loop, from any thread. It is polled and dropped on the loop's thread.
    ///
    /// Dropping the result detaches the task. If the runtime is gone, the future is dropped here and the handle
    /// says that it was cancelled.
    ///
    /// ```
    /// # sideline::block_on(async {
    /// let handle = sideline::Handle::current();
    /// let task = std::thread::spawn(move || handle.spawn(async { 6 * 7 })).join().unwrap();
    /// assert_eq!(task.await.unwrap(), 42);
    /// # });
    /// ```
    #[track_caller]
    pub fn spawn<F>(&self, future: F) -> JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        let location = Location::caller();
        JoinHandle::task(match context::core() {
            Some(core) if Arc::ptr_eq(core.shared(), self.shared()) => spawn_local(&core, future, location),
            _ => spawn_remote(self.shared(), future, location),
        })
    }

    /// Runs a closure on the pool, as a job of this runtime. The same as [`spawn_blocking`](crate::spawn_blocking),
    /// from any thread, and it does not panic: once the runtime is gone, the handle resolves to a
    /// [rejected](crate::JoinError::is_rejected) error.
    ///
    /// ```
    /// # sideline::block_on(async {
    /// let handle = sideline::Handle::current();
    /// let job = std::thread::spawn(move || handle.spawn_blocking(|| 6 * 7)).join().unwrap();
    /// assert_eq!(job.await.unwrap(), 42);
    /// # });
    /// ```
    #[track_caller]
    pub fn spawn_blocking<F, T>(&self, closure: F) -> JoinHandle<T>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        // On the loop's own thread one is at hand: see `References`.
        let reference = context::with_core_of(self.shared(), Core::take_handle);
        offload(self.shared(), reference.unwrap_or_else(|| self.clone()), closure)
    }

    /// A job of this runtime that is more than a closure: see [`blocking::job`](crate::blocking::job).
    ///
    /// ```
    /// # sideline::block_on(async {
    /// let handle = sideline::Handle::current();
    /// let job = std::thread::spawn(move || handle.job().name("sum").spawn(|| 1 + 1)).join().unwrap();
    /// assert_eq!(job.name(), Some("sum"));
    /// assert_eq!(job.await.unwrap(), 2);
    /// # });
    /// ```
    #[inline]
    pub fn job(&self) -> JobBuilder {
        JobBuilder::new(self.clone())
    }

    /// Polls a future on this thread until it is ready. The loop goes on driving I/O, timers and tasks on its
    /// own thread. This works from blocking jobs and from threads that have nothing to do with the runtime.
    ///
    /// If the runtime is shut down meanwhile, its sockets and spawned tasks resolve to errors and sleeps end at once; the call
    /// itself goes on until the future is ready.
    ///
    /// So the loop's thread must not wait for this thread, by joining it, say, or for a lock that it has: each would wait for the other, for
    /// ever. A job or thread that does this is to be awaited there.
    ///
    /// On the loop's own thread, between its turns, nobody drives the loop during the call. A future that awaits a job becomes
    /// ready there; one that awaits a task, a sleep or a socket never does. Use
    /// [`Runtime::block_on`](crate::Runtime::block_on) there.
    ///
    /// # Panics
    /// On a thread whose own loop is running: that loop would stop for as long as the call takes. The message
    /// names both places. On the thread of a runtime that is ending, in the destructor of one of its tasks. A panic of the
    /// future goes through to the caller.
    #[track_caller]
    pub fn block_on<F: Future>(&self, future: F) -> F::Output {
        let at = Location::caller();
        crate::core::refuse_nesting("block_on", at);
        if context::is_core_of(self.shared()) {
            panic!(
                "block_on at {at} was called in a destructor, on the thread of its own loop, which is ending: nobody would \
                 drive it. Leave such work to a job of spawn_blocking, or do it before the runtime ends"
            );
        }
        self.shared().refuse_fork("block_on", at);
        // One of our own: a handle in a thread-local is dropped in here if the process exits, and more destructors may follow.
        let shared = Arc::clone(self.shared());
        let _entered = context::enter(&shared, None, None);
        foreign::block_on(future)
    }
}

/// Runs a closure on the pool, as a job of a runtime; `reference` is for the job to take along.
#[track_caller]
#[inline]
pub(crate) fn offload<F, T>(shared: &Shared, reference: Handle, closure: F) -> JoinHandle<T>
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    let carried = Carried::capture(reference);
    JoinHandle::job(shared.tenant.spawn(move || carried.around(closure)))
}

impl Drop for Handle {
    #[inline]
    fn drop(&mut self) {
        context::with_core(|core| core.keep_handle(&mut self.0));
    }
}

impl fmt::Debug for Handle {
    #[inline]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Handle").field(self.shared()).finish()
    }
}

/// A loop's references to its runtime. Some are counted in advance: for the jobs that its thread spawns, and for code on it that asks
/// which runtime it is in. What such code drops comes back here.
///
/// Each job takes one along, and the worker that has run the job gives it back. If the references were counted one by one, the
/// cache line with the count would go back and forth between the two processors with every job, at some 50 ns a job.
pub(crate) struct References {
    shared: Arc<Shared>,
    /// How many more have been counted, and are nobody's.
    spare: Cell<usize>,
}

#[allow(unsafe_code, reason = "counts in advance what is to be owned later")]
impl References {
    const AT_ONCE: usize = 32;
    /// More than that may have been made elsewhere and dropped here.
    const MOST: usize = 2 * Self::AT_ONCE;

    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        Self { shared, spare: Cell::new(0) }
    }

    #[inline]
    pub(crate) fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    #[inline]
    pub(crate) fn take(&self) -> Handle {
        if self.spare.get() == 0 {
            self.count_some();
        }
        self.spare.set(self.spare.get() - 1);
        // SAFETY: it points into an `Arc`, and this reference has been counted.
        Handle::new(unsafe { Arc::from_raw(Arc::as_ptr(&self.shared)) })
    }

    #[inline(never)]
    fn count_some(&self) {
        while self.spare.get() < Self::AT_ONCE {
            mem::forget(Arc::clone(&self.shared));
            self.spare.set(self.spare.get() + 1);
        }
    }

    /// Takes this one, if it is one to the same runtime and there is room.
    #[inline]
    pub(crate) fn keep(&self, reference: &mut Option<Arc<Shared>>) {
        if self.spare.get() < Self::MOST {
            if let Some(own) = reference.take_if(|reference| Arc::ptr_eq(&self.shared, reference)) {
                mem::forget(own);
                self.spare.set(self.spare.get() + 1);
            }
        }
    }
}

impl Drop for References {
    #[inline(never)]
    #[allow(unsafe_code)]
    fn drop(&mut self) {
        for _ in 0..self.spare.get() {
            // SAFETY: as in take().
            unsafe { Arc::decrement_strong_count(Arc::as_ptr(&self.shared)) };
        }
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use crate::Runtime;

    #[test]
    fn a_loop_keeps_some_references_to_its_own_runtime_and_none_to_others() {
        let (runtime, other) = (Runtime::new().unwrap(), Runtime::new().unwrap());
        let count = |runtime: &Runtime| Arc::strong_count(runtime.handle().shared());
        let (own, others) = (count(&runtime), count(&other));
        runtime.block_on(async {
            let handles: Vec<_> = (0..1000).map(|_| [Handle::current(), other.handle().clone()]).collect();
            drop(handles);
        });
        assert_eq!(count(&other), others);
        assert!((own..=own + References::MOST).contains(&count(&runtime)));
        let shared = Arc::clone(runtime.handle().shared());
        drop(runtime);
        assert_eq!(Arc::strong_count(&shared), 1);
    }
}
