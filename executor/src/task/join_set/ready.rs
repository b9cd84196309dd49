//! Which handles of a set are to be polled: those whose wakers have been called since they last were.
//!
//! The list and the waker of whoever waits for the set are behind one lock, which is held for a push or a pop and never while
//! user code runs.
//!
//! In a child of `fork` nobody wakes what the parent's set waits for. There the list is another one, and each handle is polled once,
//! which tells that it is the parent's.

use sideline_blocking_pool::fork::Inherited;
use sideline_reactor::{discard, wake};
use std::collections::VecDeque;
use std::mem;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Wake, Waker};

#[derive(Default)]
pub(super) struct ReadyList(Inherited<Mutex<Ready>>);

#[derive(Default)]
struct Ready {
    /// Keys of handles to be polled. A key may be stale, or name a later entry: polling is harmless.
    keys: VecDeque<usize>,
    /// Whoever waits in `join_next`.
    waiter: Option<Waker>,
    /// It has begun in a child, and the set's handles are to be polled.
    has_begun_in_child: bool,
}

// `#[inline]`: compiled where a set is used, as the set itself is.
impl ReadyList {
    /// One that puts `key` on the list, and wakes whoever waits.
    #[inline]
    pub(super) fn waker(list: &Arc<Self>, key: usize) -> Waker {
        Waker::from(Arc::new(EntryWaker { key, list: Arc::clone(list) }))
    }

    /// A new handle's key: its first poll is what registers the waker. Whoever waits is woken, and if that panics it is no affair of
    /// whoever adds the handle.
    #[inline]
    pub(super) fn begin(&self, key: usize) {
        self.push(key).into_iter().for_each(wake);
    }

    /// The set is empty: there is nothing to wait for.
    #[inline]
    pub(super) fn end(&self) {
        self.take_waiter().into_iter().for_each(wake);
    }

    /// Returns who is to be woken.
    #[inline]
    fn push(&self, key: usize) -> Option<Waker> {
        let mut ready = self.lock();
        ready.keys.push_back(key);
        ready.waiter.take()
    }

    /// The next one to be polled. `all` are those of the set.
    #[inline]
    pub(super) fn pop(&self, all: impl Iterator<Item = usize>) -> Option<usize> {
        let mut ready = self.lock();
        if mem::take(&mut ready.has_begun_in_child) {
            ready.keys.extend(all);
        }
        ready.keys.pop_front()
    }

    /// False if there is something to be polled by now.
    #[inline]
    pub(super) fn wait(&self, waiter: &Waker) -> bool {
        // Cloned and dropped outside the lock: both are user code.
        let new = waiter.clone();
        let (waits, unused) = {
            let mut ready = self.lock();
            if ready.keys.is_empty() { (true, ready.waiter.replace(new)) } else { (false, Some(new)) }
        };
        unused.into_iter().for_each(discard);
        waits
    }

    /// Nobody waits any more.
    #[inline]
    pub(super) fn forget_waiter(&self) {
        self.take_waiter().into_iter().for_each(discard);
    }

    #[inline]
    fn take_waiter(&self) -> Option<Waker> {
        self.lock().waiter.take()
    }

    /// No panic leaves the list in pieces.
    #[inline]
    fn lock(&self) -> MutexGuard<'_, Ready> {
        let of_child = || Mutex::new(Ready { has_begun_in_child: true, ..Ready::default() });
        self.0.here(|_| of_child()).lock().unwrap_or_else(PoisonError::into_inner)
    }
}

struct EntryWaker {
    key: usize,
    list: Arc<ReadyList>,
}

impl Wake for EntryWaker {
    #[inline]
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    #[inline]
    fn wake_by_ref(self: &Arc<Self>) {
        // A panic goes to who completes the handle: that contains it, and reports it.
        if let Some(waiter) = self.list.push(self.key) {
            waiter.wake();
        }
    }
}
