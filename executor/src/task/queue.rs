//! The two queues a task can be in, both threaded through the tasks themselves: no allocation, no bound.
//!
//! * [`RunQueue`]: first in, first out, touched by the loop's thread alone. No atomics.
//! * [`Inbox`]: where other threads push. A stack that is taken whole and turned round, so a push is one
//!   compare-and-swap and a take is one swap, and the ABA question does not arise (nobody pops a single task).
//!
//! A task is in at most one queue, because only the wake that sets `SCHEDULED` may push it, and whoever takes
//! it off clears the flag. While it is in a queue the link field is that queue's.
//!
//! # Closing
//! The inbox has a second meaning for its head: [`CLOSED`]. [`Inbox::close`] swaps it in for good and gets what
//! was there. A push that finds it is refused and leaves the task with the pusher, so every task is either in
//! the list that `close` returned or was refused; none is lost between.
//!
//! # Which push has to wake the loop
//! Only the one that found the inbox empty: a later one finds tasks of somebody who is about to wake it, and
//! until then the loop cannot have looked, since it takes everything when it looks.
//!
//! So all of them rely on that one, and if the kernel puts it aside between its push and its wake, the others wait with it.
//! That is the price of one wake for many, and it is bounded: between the two it waits for nothing, so it is late by
//! what a ready thread waits for a processor (milliseconds on a machine that is overloaded), and anything else that ends
//! the loop's park in the meantime, an event or a timer, lets it take them all. To have every push look whether the loop is parked would be a fence in each, a hundred thousand of them for
//! as many results, to shorten a wait that no more than one preemption can cause.

use super::cell::TaskPtr;
use crate::sync::atomic::{AtomicPtr, Ordering::*};
use std::cell::Cell;
use std::ptr::{self, NonNull};

/// Tasks that are ready to be polled, in the order in which they became so.
#[derive(Default, Debug)]
pub(crate) struct RunQueue {
    ends: Cell<Option<(TaskPtr, TaskPtr)>>,
    len: Cell<usize>,
}

impl RunQueue {
    /// # Safety
    /// The task has just been marked as scheduled (or taken off another queue), and stays allocated until it
    /// is popped.
    pub(crate) unsafe fn push(&self, task: TaskPtr) {
        // SAFETY: the task is scheduled, in no other queue, and allocated.
        unsafe { task.set_link(None) };
        let first = match self.ends.get() {
            None => task,
            Some((first, last)) => {
                // SAFETY: `last` is in this queue, so its link is ours.
                unsafe { last.set_link(Some(task)) };
                first
            }
        };
        self.ends.set(Some((first, task)));
        self.len.set(self.len.get() + 1);
    }

    pub(crate) fn pop(&self) -> Option<TaskPtr> {
        let (first, last) = self.ends.get()?;
        // SAFETY: `first` is in this queue, so it is allocated and its link is ours.
        let next = unsafe { first.link() };
        self.ends.set(next.map(|next| (next, last)));
        self.len.set(self.len.get() - 1);
        Some(first)
    }

    /// Lets `fill` push, and puts what was in the queue before behind that.
    pub(crate) fn put_first(&self, fill: impl FnOnce()) {
        let (before, count) = (self.ends.take(), self.len.take());
        fill();
        let ends = match (self.ends.get(), before) {
            (Some((first, last)), Some((second, end))) => {
                // SAFETY: `last` is in this queue, so its link is ours.
                unsafe { last.set_link(Some(second)) };
                Some((first, end))
            }
            (ends, before) => ends.or(before),
        };
        self.ends.set(ends);
        self.len.set(self.len.get() + count);
    }

    pub(crate) fn len(&self) -> usize {
        self.len.get()
    }
}

/// Tasks woken or spawned by other threads.
#[derive(Debug)]
pub(crate) struct Inbox {
    head: AtomicPtr<()>,
}

/// An address no task can have.
const CLOSED: *mut () = ptr::without_provenance_mut(1);

/// The push was accepted; whether the loop has to be notified.
#[must_use]
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Pushed {
    First,
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
    /// The task has just been marked as scheduled, and stays allocated until it is taken. Once this returns
    /// `Ok`, the loop may have run and freed it: the caller needs a reference of its own to look again.
    pub(crate) unsafe fn push(&self, task: TaskPtr) -> Result<Pushed, Closed> {
        let new = task.0.as_ptr().cast::<()>();
        let mut head = self.head.load(Relaxed);
        loop {
            if head == CLOSED {
                return Err(Closed);
            }
            // SAFETY: the task is scheduled and in no queue yet, so its link is ours.
            unsafe { task.set_link(NonNull::new(head).map(|next| TaskPtr(next.cast()))) };
            // Release: publishes the link (and an unbound task's fields) to take() and close(). Their one
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

    /// Moves everything to the run queue, oldest first. On the loop's thread.
    pub(crate) fn take_into(&self, mut bind: impl FnMut(TaskPtr)) {
        if self.is_empty() {
            return;
        }
        // Acquire: pairs with the Release in push().
        Self::oldest_first(self.head.swap(ptr::null_mut(), Acquire), &mut bind);
    }

    /// Refuses every later push, and hands out what was there, oldest first. On the loop's thread.
    pub(crate) fn close(&self, mut each: impl FnMut(TaskPtr)) {
        // Acquire: pairs with the Release in push().
        let head = self.head.swap(CLOSED, Acquire);
        if head != CLOSED {
            Self::oldest_first(head, &mut each);
        }
    }

    fn oldest_first(head: *mut (), each: &mut dyn FnMut(TaskPtr)) {
        let mut newest_first = NonNull::new(head).map(|task| TaskPtr(task.cast()));
        let mut oldest = None;
        while let Some(task) = newest_first {
            // SAFETY: the whole list was taken off the inbox by one swap, so its links are ours.
            newest_first = unsafe { task.link() };
            // SAFETY: as above.
            unsafe { task.set_link(oldest) };
            oldest = Some(task);
        }
        while let Some(task) = oldest {
            // SAFETY: as above. Read before the task moves on to another queue.
            oldest = unsafe { task.link() };
            each(task);
        }
    }
}

impl TaskPtr {
    /// # Safety
    /// The task is allocated, and in a queue that the caller owns (or in none, but scheduled).
    unsafe fn set_link(self, next: Option<TaskPtr>) {
        // SAFETY: the caller vouches that the task is allocated.
        let header = unsafe { self.header() };
        // SAFETY: the caller owns the queue that owns the link.
        header.link.with_mut(|link| unsafe { *link = next });
    }

    /// # Safety
    /// As for [`set_link`](Self::set_link).
    unsafe fn link(self) -> Option<TaskPtr> {
        // SAFETY: the caller vouches that the task is allocated.
        let header = unsafe { self.header() };
        // SAFETY: the caller owns the queue that owns the link.
        header.link.with(|link| unsafe { *link })
    }
}
