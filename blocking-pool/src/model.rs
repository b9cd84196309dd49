//! Stand-ins under loom for what loom does not model: the deques, thread starts.
//!
//! The queues keep their length in an atomic of its own, as `crossbeam-deque` keeps its indices: looking whether
//! one is empty takes no lock, so a model sees what happens when a fence is missing.

use std::collections::VecDeque;
use std::sync::Arc;

use loom::sync::atomic::{AtomicUsize, Ordering};

use crate::lock::Mutex;

pub(crate) use crossbeam_deque::Steal;
pub(crate) use loom::thread;

/// See [`crate::sync::left_out`]: here the step comes from `SIDELINE_TWIN`.
pub(crate) fn left_out(step: &str) -> bool {
    static TWIN: std::sync::OnceLock<Option<String>> = std::sync::OnceLock::new();
    TWIN.get_or_init(|| std::env::var("SIDELINE_TWIN").ok()).as_deref() == Some(step)
}

/// One queue with its length beside it; injector, deque and stealer are views of it.
#[derive(Debug)]
struct Queue<T> {
    len: AtomicUsize,
    items: Mutex<VecDeque<T>>,
}

impl<T> Queue<T> {
    fn new() -> Self {
        Self { len: AtomicUsize::new(0), items: Mutex::new(VecDeque::new()) }
    }

    fn push(&self, item: T) {
        let mut items = self.items.lock();
        items.push_back(item);
        // Release: pairs with the Acquire in is_empty(), as the index does in crossbeam's queues. Under the lock, so
        // that one who saw the length and takes the lock sees the item, too.
        self.len.fetch_add(1, Ordering::Release);
    }

    fn pop(&self) -> Option<T> {
        if self.is_empty() {
            return None;
        }
        let mut items = self.items.lock();
        let item = items.pop_front()?;
        self.len.fetch_sub(1, Ordering::Release);
        Some(item)
    }

    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn len(&self) -> usize {
        self.len.load(Ordering::Acquire)
    }
}

#[derive(Debug)]
pub(crate) struct Injector<T>(Queue<T>);

impl<T> Injector<T> {
    pub(crate) fn new() -> Self {
        Self(Queue::new())
    }

    pub(crate) fn push(&self, item: T) {
        self.0.push(item);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn steal(&self) -> Steal<T> {
        self.0.pop().map_or(Steal::Empty, Steal::Success)
    }

    /// Takes one and moves one more to `to`: a batch of two, the smallest that shows what a batch can do.
    pub(crate) fn steal_batch_and_pop(&self, to: &Deque<T>) -> Steal<T> {
        let Some(first) = self.0.pop() else { return Steal::Empty };
        if let Some(second) = self.0.pop() {
            to.push(second);
        }
        Steal::Success(first)
    }
}

#[derive(Debug)]
pub(crate) struct Deque<T>(Arc<Queue<T>>);

impl<T> Deque<T> {
    pub(crate) fn new_fifo() -> Self {
        Self(Arc::new(Queue::new()))
    }

    pub(crate) fn push(&self, item: T) {
        self.0.push(item);
    }

    pub(crate) fn pop(&self) -> Option<T> {
        self.0.pop()
    }

    pub(crate) fn stealer(&self) -> Stealer<T> {
        Stealer(Arc::clone(&self.0))
    }
}

#[derive(Debug)]
pub(crate) struct Stealer<T>(Arc<Queue<T>>);

impl<T> Stealer<T> {
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn steal(&self) -> Steal<T> {
        self.0.pop().map_or(Steal::Empty, Steal::Success)
    }
}
