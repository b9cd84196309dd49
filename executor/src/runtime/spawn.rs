//! The free functions: spawn here, offload there.

use super::context;
use super::handle::offload;
use crate::core::Core;
use crate::join::join_error::JoinError;
use crate::task::spawn_local;
use crate::{AbortOnDrop, JoinHandle};
use std::fmt;
use std::future::Future;
use std::panic::{Location, resume_unwind};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

/// Spawns a future on the loop of this thread. It need not be `Send`: it never leaves the thread.
///
/// The task starts at the loop's next turn, whether or not the handle is awaited. Dropping the handle detaches.
/// When the runtime is dropped, tasks that are left are dropped with it, on this thread.
///
/// # Panics
/// If this thread's loop is not running. On other threads, in jobs for example, use [`Handle::spawn`](crate::Handle::spawn).
///
/// ```
/// use std::rc::Rc;
///
/// sideline::block_on(async {
///     let shared = Rc::new(5); // not Send
///     let task = sideline::spawn({ let shared = shared.clone(); async move { *shared + 1 } });
///     assert_eq!(task.await.unwrap(), 6);
/// });
/// ```
#[track_caller]
#[inline]
pub fn spawn<F>(future: F) -> JoinHandle<F::Output>
where
    F: Future + 'static,
    F::Output: 'static,
{
    JoinHandle::task(spawn_local(&core_here(), future, Location::caller()))
}

#[track_caller]
fn core_here() -> Rc<Core> {
    if let Some(core) = context::core() {
        return core;
    }
    match context::with_reactor(|_| ()) {
        Ok(()) => panic!(
            "sideline::spawn puts a future on the loop of its own thread, and this thread is not the loop's: \
             use Handle::current().spawn(future), whose future must be Send"
        ),
        Err(error) => panic!("sideline::spawn: {error}"),
    }
}

/// Runs a closure that blocks or computes on the pool, so that the loop goes on.
///
/// Works on the loop's thread, inside jobs, and inside [`Handle::block_on`](crate::Handle::block_on); elsewhere use
/// [`Handle::spawn_blocking`](crate::Handle::spawn_blocking). Inside the closure
/// [`Handle::current`](crate::Handle::current) is this runtime. Never blocks the caller.
///
/// Awaiting the handle gives the closure's result, or a [`JoinError`] if it panicked, was aborted before it
/// started, or was rejected by the pool. Dropping the handle detaches the job. A runtime that is dropped waits for
/// its jobs; see [`Builder::drop_deadline`](crate::Builder::drop_deadline).
///
/// # Panics
/// Outside a runtime.
///
/// ```
/// # sideline::block_on(async {
/// let lines = sideline::spawn_blocking(|| std::fs::read_to_string("Cargo.toml").map(|text| text.lines().count()));
/// assert!(lines.await.unwrap().unwrap() > 0);
/// # });
/// ```
#[track_caller]
pub fn spawn_blocking<F, T>(closure: F) -> JoinHandle<T>
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    offload_here("spawn_blocking", closure)
}

/// `called` is what a panic names.
#[track_caller]
fn offload_here<F, T>(called: &str, closure: F) -> JoinHandle<T>
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    // The loop's thread has its runtime at hand; others count a reference to it, which workers do at the same time.
    if let Some(core) = context::core() {
        return offload(core.shared(), core.take_handle(), closure);
    }
    match context::handle() {
        Ok(handle) => handle.spawn_blocking(closure),
        Err(error) => panic!("sideline::{called}: {error}"),
    }
}

/// Runs a closure on the pool and waits for its result: `asyncio.to_thread`, in one call.
///
/// The job is queued at once, not at the first poll. Dropping the future un-queues a job that has not started; one
/// that is running goes on to its end, and its result is dropped.
///
/// # Panics
/// Outside a runtime. When awaited: with the closure's own panic, which is resumed here; and if the pool
/// rejected the job ([`spawn_blocking`] returns that as an error instead).
///
/// ```
/// # sideline::block_on(async {
/// let text = sideline::to_thread(|| std::fs::read_to_string("Cargo.toml")).await.unwrap();
/// assert!(text.contains("[package]"));
/// # });
/// ```
#[track_caller]
pub fn to_thread<F, T>(closure: F) -> ToThread<T>
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    ToThread(offload_here("to_thread", closure).abort_on_drop())
}

/// The future of [`to_thread`]: the closure's result.
///
/// **Dropping it** un-queues a job that has not started; one that is running goes on, and its result is dropped. It is `Send` if
/// the result is, and may be awaited on any thread.
///
/// # Panics
/// As [`to_thread`] says, when it is polled; and if it is polled again after it was ready.
#[must_use = "dropping this un-queues the job if it has not started"]
pub struct ToThread<T>(AbortOnDrop<T>);

impl<T> Future for ToThread<T> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<T> {
        Pin::new(&mut self.0).poll(cx).map(|result| match result.map_err(JoinError::try_into_panic) {
            Ok(value) => value,
            Err(Ok(payload)) => resume_unwind(payload),
            Err(Err(error)) => panic!("sideline::to_thread: {error}"),
        })
    }
}

impl<T> fmt::Debug for ToThread<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ToThread").field(self.0.handle()).finish()
    }
}
