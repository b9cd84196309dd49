//! Many handles, awaited in the order in which they become ready.
//!
//! Each handle is polled with a waker of its own, which notes the handle's key in a list (`ready`). So a set of ten
//! thousand does not poll ten thousand handles when one is ready.

mod ready;

use crate::core::fairness;
use crate::join::join_error::JoinError;
use crate::{AbortHandle, Handle, Id, JoinHandle};
use slab::Slab;
use std::fmt;
use std::future::{Future, poll_fn};
use std::panic::resume_unwind;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use ready::ReadyList;

/// A set of tasks and jobs. [`join_next`](Self::join_next) returns their results as they come.
///
/// **Dropping the set aborts** what is still in it. See [`detach_all`](Self::detach_all) for the opposite. One of them alone is
/// aborted by the [`AbortHandle`] that spawning it returns; dropping that changes nothing.
///
/// ```
/// use sideline::task::JoinSet;
///
/// sideline::block_on(async {
///     let mut set = JoinSet::new();
///     set.spawn(async { 1 });
///     set.spawn_blocking(|| 2);
///     let mut sum = 0;
///     while let Some(result) = set.join_next().await {
///         sum += result.unwrap();
///     }
///     assert_eq!(sum, 3);
/// });
/// ```
pub struct JoinSet<T> {
    entries: Slab<Entry<T>>,
    ready: Arc<ReadyList>,
}

struct Entry<T> {
    handle: JoinHandle<T>,
    waker: Waker,
}

impl<T: 'static> JoinSet<T> {
    /// An empty set.
    pub fn new() -> Self {
        Self { entries: Slab::new(), ready: Arc::default() }
    }

    /// How many tasks and jobs have not been joined yet.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// True if everything has been joined.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Spawns a task into the set, on this thread's loop. See [`spawn`](fn@crate::spawn), also for its panics.
    #[track_caller]
    pub fn spawn<F>(&mut self, future: F) -> AbortHandle
    where
        F: Future<Output = T> + 'static,
    {
        self.insert_abortable(crate::spawn(future))
    }

    /// Spawns a task into the set through a handle, from any thread. See [`Handle::spawn`].
    #[track_caller]
    pub fn spawn_on<F>(&mut self, future: F, handle: &Handle) -> AbortHandle
    where
        F: Future<Output = T> + Send + 'static,
        T: Send,
    {
        self.insert_abortable(handle.spawn(future))
    }

    /// Offloads a closure into the set. See [`spawn_blocking`](crate::spawn_blocking), also for its panics.
    #[track_caller]
    pub fn spawn_blocking<F>(&mut self, closure: F) -> AbortHandle
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send,
    {
        self.insert_abortable(crate::spawn_blocking(closure))
    }

    /// Offloads a closure into the set through a handle, from any thread. See [`Handle::spawn_blocking`].
    #[track_caller]
    pub fn spawn_blocking_on<F>(&mut self, closure: F, handle: &Handle) -> AbortHandle
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send,
    {
        self.insert_abortable(handle.spawn_blocking(closure))
    }

    fn insert_abortable(&mut self, handle: JoinHandle<T>) -> AbortHandle {
        let abort = handle.abort_handle();
        self.insert(handle);
        abort
    }

    /// Adds a task or job that has been spawned already.
    pub fn insert(&mut self, handle: JoinHandle<T>) {
        let entry = self.entries.vacant_entry();
        let key = entry.key();
        let waker = ReadyList::waker(&self.ready, key);
        entry.insert(Entry { handle, waker });
        self.ready.begin(key);
    }

    /// Waits for the next result. `None` once the set is empty.
    ///
    /// Dropping this future before it is ready loses nothing. A loop of these gives way to other tasks now and then,
    /// even if there is always a next result.
    pub fn join_next(&mut self) -> impl Future<Output = Option<Result<T, JoinError>>> {
        poll_fn(|cx| self.poll_join_next(cx))
    }

    /// As [`join_next`](Self::join_next), with the id that spawning it has returned. An error tells [its own](JoinError::id).
    ///
    /// ```
    /// use sideline::task::JoinSet;
    /// use std::collections::HashMap;
    ///
    /// sideline::block_on(async {
    ///     let (mut set, mut names) = (JoinSet::new(), HashMap::new());
    ///     for name in ["Cargo.toml", "nothing"] {
    ///         let job = set.spawn_blocking(move || std::fs::read(name).map_or(0, |bytes| bytes.len()));
    ///         names.insert(job.id(), name);
    ///     }
    ///     while let Some(result) = set.join_next_with_id().await {
    ///         let (id, len) = result.unwrap();
    ///         assert_eq!(len > 0, names[&id] == "Cargo.toml");
    ///     }
    /// });
    /// ```
    pub fn join_next_with_id(&mut self) -> impl Future<Output = Option<Result<(Id, T), JoinError>>> {
        poll_fn(|cx| self.poll_join_next_with_id(cx))
    }

    /// The next result, if there is one now. Whoever was told to wait by [`poll_join_next`](Self::poll_join_next) is
    /// still woken.
    pub fn try_join_next(&mut self) -> Option<Result<T, JoinError>> {
        without_id(self.try_join_next_with_id())
    }

    /// As [`try_join_next`](Self::try_join_next), with the id.
    pub fn try_join_next_with_id(&mut self) -> Option<Result<(Id, T), JoinError>> {
        match self.poll_now(None) {
            Poll::Ready(result) => result,
            Poll::Pending => None,
        }
    }

    /// What [`join_next`](Self::join_next) polls.
    pub fn poll_join_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<T, JoinError>>> {
        self.poll_join_next_with_id(cx).map(without_id)
    }

    /// What [`join_next_with_id`](Self::join_next_with_id) polls.
    pub fn poll_join_next_with_id(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<(Id, T), JoinError>>> {
        fairness::poll_in_turn(cx, |cx| self.poll_now(Some(cx.waker())))
    }

    /// With the waker of whoever waits if there is nothing yet, if anybody does.
    fn poll_now(&mut self, waiter: Option<&Waker>) -> Poll<Option<Result<(Id, T), JoinError>>> {
        if self.entries.is_empty() {
            return Poll::Ready(None);
        }
        loop {
            while let Some(key) = self.ready.pop(self.entries.iter().map(|(key, _)| key)) {
                let Some(entry) = self.entries.get_mut(key) else { continue };
                let polled = Pin::new(&mut entry.handle).poll(&mut Context::from_waker(&entry.waker));
                if let Poll::Ready(result) = polled {
                    let id = self.entries.remove(key).handle.id();
                    return Poll::Ready(Some(result.map(|output| (id, output))));
                }
            }
            if waiter.is_none_or(|waiter| self.ready.wait(waiter)) {
                return Poll::Pending;
            }
        }
    }

    /// Waits for all of it, and returns the results in the order in which they came.
    ///
    /// Dropping this future aborts what has not ended, as dropping the set does.
    ///
    /// # Panics
    /// With the first panic of a task or job, or if one was cancelled; the rest is aborted. Those who want to go on all the
    /// same call [`join_next`](Self::join_next) in a loop.
    ///
    /// ```
    /// use sideline::task::JoinSet;
    ///
    /// sideline::block_on(async {
    ///     let mut set = JoinSet::new();
    ///     for n in 0..3 {
    ///         set.spawn_blocking(move || n * n);
    ///     }
    ///     let mut squares = set.join_all().await;
    ///     squares.sort();
    ///     assert_eq!(squares, [0, 1, 4]);
    /// });
    /// ```
    pub async fn join_all(mut self) -> Vec<T> {
        let mut results = Vec::with_capacity(self.len());
        while let Some(result) = self.join_next().await {
            match result.map_err(JoinError::try_into_panic) {
                Ok(result) => results.push(result),
                Err(Ok(payload)) => resume_unwind(payload),
                Err(Err(error)) => panic!("JoinSet::join_all: {error}"),
            }
        }
        results
    }

    /// Asks for cancellation of everything in the set. Each still has to be joined. See [`JoinHandle::abort`].
    pub fn abort_all(&mut self) {
        self.entries.iter().for_each(|(_, entry)| entry.handle.abort());
    }

    /// Aborts everything and waits until all of it has ended. A running closure is waited for.
    pub async fn shutdown(&mut self) {
        self.abort_all();
        while self.join_next().await.is_some() {}
    }

    /// Empties the set; what was in it goes on by itself. Whoever was told to wait by [`poll_join_next`](Self::poll_join_next) is woken.
    pub fn detach_all(&mut self) {
        self.entries.clear();
        self.ready.end();
    }
}

fn without_id<T>(joined: Option<Result<(Id, T), JoinError>>) -> Option<Result<T, JoinError>> {
    joined.map(|result| result.map(|(_, output)| output))
}

impl<T: 'static> Default for JoinSet<T> {
    fn default() -> Self {
        Self::new()
    }
}

/// Spawns each future on this thread's loop. See [`JoinSet::spawn`], also for its panics.
///
/// ```
/// use sideline::task::JoinSet;
///
/// # sideline::block_on(async {
/// let mut squares = JoinSet::new();
/// squares.extend((0..10).map(|n| async move { n * n }));
/// assert_eq!(squares.join_all().await.iter().sum::<i32>(), 285);
/// # });
/// ```
impl<T: 'static, F> Extend<F> for JoinSet<T>
where
    F: Future<Output = T> + 'static,
{
    #[track_caller]
    fn extend<I: IntoIterator<Item = F>>(&mut self, futures: I) {
        for future in futures {
            self.spawn(future);
        }
    }
}

/// A set of these, spawned on this thread's loop. See [`JoinSet::spawn`], also for its panics.
///
/// The [place](JoinHandle::location) where they were spawned is the caller's with `JoinSet::from_iter`. With
/// [`collect`](Iterator::collect) it is one in the standard library.
///
/// ```
/// use sideline::task::JoinSet;
///
/// # sideline::block_on(async {
/// let squares: JoinSet<i32> = (0..10).map(|n| async move { n * n }).collect();
/// assert_eq!(squares.join_all().await.iter().sum::<i32>(), 285);
/// # });
/// ```
impl<T: 'static, F> FromIterator<F> for JoinSet<T>
where
    F: Future<Output = T> + 'static,
{
    #[track_caller]
    fn from_iter<I: IntoIterator<Item = F>>(futures: I) -> Self {
        let mut set = Self::new();
        set.extend(futures);
        set
    }
}

impl<T> Drop for JoinSet<T> {
    fn drop(&mut self) {
        self.entries.iter().for_each(|(_, entry)| entry.handle.abort());
        self.ready.forget_waiter();
    }
}

impl<T> fmt::Debug for JoinSet<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JoinSet").field("len", &self.entries.len()).finish()
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use crate::task::yield_now;
    use std::cell::Cell;
    use std::rc::Rc;

    #[test]
    fn a_look_without_waiting_leaves_the_waiter_its_place() {
        crate::block_on(async {
            let mut set = JoinSet::new();
            let go = Rc::new(Cell::new(false));
            let gone = Rc::clone(&go);
            set.spawn(async move {
                while !gone.get() {
                    yield_now().await;
                }
            });
            let mut looked = false;
            let waiter = crate::spawn(poll_fn(move |cx| {
                let next = set.poll_join_next(cx);
                if next.is_pending() && !std::mem::replace(&mut looked, true) {
                    assert!(set.try_join_next().is_none());
                }
                next
            }));
            yield_now().await;
            go.set(true);
            for _ in 0..3 {
                yield_now().await;
            }
            assert!(waiter.is_finished());
        });
    }
}
