//! The two queues a task can be in.
//!
//! * [`RunQueue`]: a ring of pointers, first in, first out, touched by the loop's thread alone. No atomics.
//! * [`Inbox`]: where other threads push. A stack that is threaded through the tasks and taken whole, so a push is one
//!   compare-and-swap and allocates nothing, a take is one swap, and the ABA question does not arise (nobody pops a single task).
//!
//! A task is in each of them at most once: only the wake that sets `INBOX` may push it there, and the loop puts it into the ring
//! only if its `queued` is not set. While it is in the inbox the link field is the inbox's.
//!
//! # Closing
//! In place of a task, the head of the inbox may be [`CLOSED`]. [`Inbox::close`] swaps that in for good and gets the list that
//! was there. A push that finds it is refused, and the task stays with the pusher. So every task is either in the list that
//! `close` got or has been refused; none is lost in between.
//!
//! # Which push has to wake the loop
//! Only the one that found the inbox empty: a later one finds tasks of somebody who is about to wake it, and
//! until then the loop cannot have looked, since it takes everything when it looks.
//!
//! So all of them rely on that one. If the kernel puts it aside between its push and its wake, the others wait with it. That is
//! the price of one wake for many, and it is bounded:
//! * Between the two it waits for nothing. So it is late by what a ready thread waits for a processor: milliseconds, on a machine
//!   that is overloaded.
//! * Anything else that ends the loop's park in the meantime, an event or a timer, lets it take them all.
//!
//! The alternative is that every push looks whether the loop is parked. That takes a fence in each push, a hundred thousand of
//! them for as many results, to shorten a wait that only a preemption at this very moment can cause.

use super::cell::TaskPtr;
use super::ring::Ring;
use crate::sync::atomic::{AtomicPtr, Ordering::*};
use std::cell::RefCell;
use std::ptr::{self, NonNull};

/// Tasks that are ready to be polled, in the order in which they became so.
#[derive(Default)]
pub(crate) struct RunQueue(RefCell<Ring<TaskPtr>>);

impl RunQueue {
    pub(super) fn push(&self, task: TaskPtr) {
        self.0.borrow_mut().push_back(task);
    }

    /// Puts a task before all that are ready.
    pub(super) fn push_first(&self, task: TaskPtr) {
        self.0.borrow_mut().push_front(task);
    }

    pub(super) fn pop(&self) -> Option<TaskPtr> {
        self.0.borrow_mut().pop_front()
    }

    pub(super) fn len(&self) -> usize {
        self.0.borrow().len()
    }
}

/// Tasks woken or spawned by other threads. It has cache lines of its own: other threads write to it all the time, and the loop
/// reads what is next to it.
#[repr(align(128))]
pub(crate) struct Inbox {
    head: AtomicPtr<()>,
}

/// An address no task can have.
const CLOSED: *mut () = ptr::without_provenance_mut(1);

/// A push was accepted: what the pusher has to do next.
#[must_use]
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Pushed {
    /// The inbox was empty: notify the loop.
    First,
    /// Nothing: whoever pushed the first task notifies the loop.
    Behind,
}

/// The loop is gone; the task is still the pusher's.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Closed;

impl Inbox {
    pub(crate) fn new() -> Self {
        Self { head: AtomicPtr::new(ptr::null_mut()) }
    }

    /// # Safety
    /// The task has just been marked as being in the inbox, and stays allocated until it is taken. Once this returns
    /// `Ok`, the loop may have run and freed it: the caller needs a reference of its own to look again.
    pub(crate) unsafe fn push(&self, task: TaskPtr) -> Result<Pushed, Closed> {
        let new = task.0.as_ptr().cast::<()>();
        let mut head = self.head.load(Relaxed);
        loop {
            if head == CLOSED {
                return Err(Closed);
            }
            // SAFETY: the task was marked by us and is not in the inbox yet, so its link is ours.
            unsafe { task.set_link(NonNull::new(head).map(|next| TaskPtr(next.cast()))) };
            // Release: publishes the link (and the fields of a new task) to take() and close(). Their one
            // Acquire covers all earlier pushes too, since each is a read-modify-write on the same word.
            match self.head.compare_exchange_weak(head, new, Release, Relaxed) {
                Ok(_) if head.is_null() => return Ok(Pushed::First),
                Ok(_) => return Ok(Pushed::Behind),
                Err(current) => head = current,
            }
        }
    }

    /// True if there is nothing to take. The last look before parking, after the notifier's announcement.
    pub(crate) fn is_empty(&self) -> bool {
        // Relaxed: the fence in the notifier orders this after the announcement.
        let head = self.head.load(Relaxed);
        head.is_null() || head == CLOSED
    }

    /// Hands out everything, newest first. On the loop's thread.
    pub(crate) fn take(&self, each: impl FnMut(TaskPtr)) {
        if !self.is_empty() {
            // Acquire: pairs with the Release in push().
            Self::newest_first(self.head.swap(ptr::null_mut(), Acquire), each);
        }
    }

    /// Refuses every later push, and hands out what was there. On the loop's thread.
    pub(crate) fn close(&self, each: impl FnMut(TaskPtr)) {
        // Acquire: pairs with the Release in push().
        let head = self.head.swap(CLOSED, Acquire);
        if head != CLOSED {
            Self::newest_first(head, each);
        }
    }

    fn newest_first(head: *mut (), mut each: impl FnMut(TaskPtr)) {
        let mut next = NonNull::new(head).map(|task| TaskPtr(task.cast()));
        while let Some(task) = next {
            // SAFETY: the whole list was taken off the inbox by one swap, so its links are ours. Read before the mark is
            // cleared, since the task may be pushed again then.
            next = unsafe { task.link() };
            each(task);
        }
    }
}

impl TaskPtr {
    /// # Safety
    /// The task is allocated and marked, and in a list that the caller owns (or about to be in the inbox).
    unsafe fn set_link(self, next: Option<TaskPtr>) {
        // SAFETY: the caller vouches that the task is allocated.
        let header = unsafe { self.header() };
        // SAFETY: the caller owns the list that owns the link.
        header.link.with_mut(|link| unsafe { *link = next });
    }

    /// # Safety
    /// As for [`set_link`](Self::set_link).
    unsafe fn link(self) -> Option<TaskPtr> {
        // SAFETY: the caller vouches that the task is allocated.
        let header = unsafe { self.header() };
        // SAFETY: the caller owns the list that owns the link.
        header.link.with(|link| unsafe { *link })
    }
}
