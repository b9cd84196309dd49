//! The state word of a task: who may touch which part of it, and every way from one state to the next.
//!
//! One atomic word holds five flags and a reference count. There is no RUNNING flag: only the loop's thread
//! polls, so "being polled" needs no protection from another poll, and a wake that arrives during a poll may
//! put the task back into a queue at once.
//!
//! | flag | set by | cleared by | while it is set |
//! |---|---|---|---|
//! | `SCHEDULED` | a wake or an abort that finds it clear, and then pushes the task | [`begin_run`](State::begin_run), by whoever takes the task off a queue | the task is in exactly one queue; that queue owns the link field |
//! | `COMPLETE` | [`complete`](State::complete), on the loop's thread, once | never | the future is gone; the output belongs to the handle, if there is one |
//! | `ABORT` | [`abort`](State::abort), from any thread | never | the next run drops the future instead of polling it |
//! | `HANDLE` | at birth | [`drop_handle`](State::drop_handle) | a `JoinHandle` exists and will take or drop the output |
//! | `JOIN_WAKER` | [`publish_join_waker`](State::publish_join_waker) | [`retract_join_waker`](State::retract_join_waker), `drop_handle` | the waker cell is full and belongs to whoever sets `COMPLETE` |
//!
//! # References
//! A task is kept by the loop's table (one reference from birth to completion), by its handle, and by each
//! `Waker` and each abort handle. A queue entry owns none: a task in a queue is still in the table. The one exception is a task
//! that is woken during its last poll. `complete` then finds `SCHEDULED` set, leaves the table's reference
//! with the entry, and whoever takes the entry off its queue sees `COMPLETE` and releases it. Both sides
//! decide by the value their own read-modify-write returned, so exactly one of them releases.
//!
//! # The bad interleavings
//! * A wake from another thread between "queue is empty" and the end of the poll. Were the task marked idle
//!   only after its poll, this wake would be lost. `begin_run` clears `SCHEDULED` *before* the poll, so the
//!   wake sets it again and pushes. Model: `wake_during_poll_requeues_once`.
//! * A wake from another thread while the loop is dropped: the waker sets `SCHEDULED`, the loop completes the
//!   task and leaves the reference to the entry, and the push then finds the inbox closed. The pusher takes the
//!   part of the queue and calls `begin_run` itself. Model: `wake_against_loop_drop_frees_once`.
//! * The handle stores its waker while the loop completes. Each side does one read-modify-write on the word:
//!   if the handle's comes first, completion sees `JOIN_WAKER` and wakes; if completion's does, the handle sees
//!   `COMPLETE` and takes its waker back. Model: `complete_against_register_wakes_or_is_seen`.

use crate::sync::atomic::{AtomicUsize, Ordering::*};
use crate::sync::left_out;
use std::fmt;

const SCHEDULED: usize = 1;
const COMPLETE: usize = 1 << 1;
const ABORT: usize = 1 << 2;
const HANDLE: usize = 1 << 3;
const JOIN_WAKER: usize = 1 << 4;
const REFERENCE: usize = 1 << 5;

/// Past this many references a leak loop is certain, and the count is about to overflow into nothing.
const REFERENCE_LIMIT: usize = usize::MAX / 2;

/// The atomic word. See the module's table.
pub(crate) struct State(AtomicUsize);

/// What the caller of [`State::wake`] or [`State::abort`] has to do next.
#[must_use]
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Wake {
    /// The task was idle and is now marked as scheduled: push it.
    Enqueue,
    /// It is in a queue already, or has completed: nothing to do.
    Nothing,
}

/// What the caller of [`State::wake_and_release`] has to do next.
#[must_use]
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Released {
    /// As [`Wake::Enqueue`]. The task is not complete, so the table keeps it.
    Enqueue,
    Nothing,
    /// That was the last reference: free the task.
    Free,
}

/// What the caller of [`State::begin_run`] holds.
#[must_use]
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Run {
    /// Poll the future.
    Poll,
    /// Drop the future and complete as cancelled.
    Cancel,
    /// Completed while it was in the queue: release the table's reference, which the entry has inherited.
    Release,
}

/// What completion found.
#[must_use]
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Completed {
    /// There is a handle: the output is its own now. Otherwise it is the caller's, to drop.
    pub(crate) has_handle: bool,
    /// The waker in the cell is the caller's: take it and wake.
    pub(crate) wake_handle: bool,
    /// The task sits in a queue, whose consumer will release the table's reference. Otherwise the caller does.
    pub(crate) still_queued: bool,
}

impl State {
    /// A task just spawned: about to be pushed, one reference for the table and one for the handle.
    pub(crate) fn new() -> Self {
        Self(AtomicUsize::new(SCHEDULED | HANDLE | (2 * REFERENCE)))
    }

    pub(crate) fn wake(&self) -> Wake {
        // Release: what the waker's owner did before waking is seen by the poll, whose begin_run() acquires.
        // This holds for a wake that finds SCHEDULED set too: its read-modify-write continues the sequence.
        // Acquire: pairs with begin_run(), up to which the link was another queue's.
        enqueue_if_idle(self.0.fetch_or(SCHEDULED, AcqRel))
    }

    /// A wake that costs the waker its reference: both in one step, where the loop's thread wakes what is its own. Elsewhere
    /// the reference is still needed after the push.
    pub(crate) fn wake_and_release(&self) -> Released {
        // Release: as in wake() and release_reference(). Acquire: for the one who frees.
        let before = self
            .0
            .fetch_update(AcqRel, Relaxed, |word| Some((word | SCHEDULED) - REFERENCE))
            .expect("the update never declines");
        match enqueue_if_idle(before) {
            Wake::Enqueue => Released::Enqueue,
            Wake::Nothing if before / REFERENCE == 1 => Released::Free,
            Wake::Nothing => Released::Nothing,
        }
    }

    pub(crate) fn abort(&self) -> Wake {
        // As in wake().
        enqueue_if_idle(self.0.fetch_or(SCHEDULED | ABORT, AcqRel))
    }

    /// Takes the task off a queue. Called by the loop, and by a pusher that found the inbox closed.
    pub(crate) fn begin_run(&self) -> Run {
        // Acquire: pairs with the Release of every wake() up to here.
        // Release: pairs with the Acquire of the wake that queues it next, which will write the link; and with
        // release_reference(), should another thread turn out to be the last owner.
        let before = self.0.fetch_and(!SCHEDULED, AcqRel);
        debug_assert!(before & SCHEDULED != 0, "a task off a queue is scheduled");
        if before & COMPLETE != 0 {
            Run::Release
        } else if before & ABORT != 0 {
            Run::Cancel
        } else {
            Run::Poll
        }
    }

    /// The future is gone and the output is in its place.
    pub(crate) fn complete(&self) -> Completed {
        // Release: publishes the output to poll_handle() and drop_handle(). Acquire: pairs with the Release of
        // publish_join_waker(), so that the waker's bytes are there to be taken.
        let before = self.0.fetch_or(COMPLETE, AcqRel);
        debug_assert!(before & COMPLETE == 0, "a task completes once");
        Completed {
            has_handle: before & HANDLE != 0,
            wake_handle: before & JOIN_WAKER != 0,
            still_queued: before & SCHEDULED != 0,
        }
    }

    /// True once the output may be read by the handle.
    pub(crate) fn is_complete(&self) -> bool {
        // Acquire: pairs with the Release in complete().
        self.0.load(Acquire) & COMPLETE != 0
    }

    /// The handle has filled the waker cell. False if the task completed first: the cell is still the
    /// handle's, and the output is there.
    #[must_use]
    pub(crate) fn publish_join_waker(&self) -> bool {
        // Release: publishes the waker to complete(). Acquire: pairs with its Release, for the output.
        self.0.fetch_or(JOIN_WAKER, AcqRel) & COMPLETE == 0 || left_out("task-publish-sees-complete")
    }

    /// Takes the waker cell back from completion. False if completion has it (or had it).
    #[must_use]
    pub(crate) fn retract_join_waker(&self) -> bool {
        // Acquire: pairs with the Release in complete(), for the output, when this is refused.
        let before = self.0.fetch_and(!JOIN_WAKER, AcqRel);
        before & (JOIN_WAKER | COMPLETE) == JOIN_WAKER
    }

    /// Whether the handle has left a waker in the cell. Only the handle may ask.
    pub(crate) fn has_join_waker(&self) -> bool {
        self.0.load(Relaxed) & JOIN_WAKER != 0
    }

    /// The handle goes. True if the task has completed: the output is the caller's to drop.
    #[must_use]
    pub(crate) fn drop_handle(&self) -> bool {
        // Acquire: pairs with the Release in complete(), for the output.
        self.0.fetch_and(!HANDLE, AcqRel) & COMPLETE != 0
    }

    pub(crate) fn add_reference(&self) {
        // Relaxed: a new reference is made from one that exists, so the task is there.
        let before = self.0.fetch_add(REFERENCE, Relaxed);
        if before > REFERENCE_LIMIT {
            // Unwinding could be caught and tried again; the count must never wrap.
            std::process::abort();
        }
    }

    /// True if that was the last reference: the caller frees the task.
    #[must_use]
    pub(crate) fn release_reference(&self) -> bool {
        // Release: what this owner did with the task happens before it is freed. Acquire: for the one who frees.
        let before = self.0.fetch_sub(REFERENCE, AcqRel);
        debug_assert!(before >= REFERENCE, "a reference was released twice");
        before / REFERENCE == 1
    }
}

fn enqueue_if_idle(before: usize) -> Wake {
    if before & (SCHEDULED | COMPLETE) == 0 { Wake::Enqueue } else { Wake::Nothing }
}

impl fmt::Debug for State {
    #[inline]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = self.0.load(Relaxed);
        let names = [
            (SCHEDULED, "SCHEDULED"),
            (COMPLETE, "COMPLETE"),
            (ABORT, "ABORT"),
            (HANDLE, "HANDLE"),
            (JOIN_WAKER, "JOIN_WAKER"),
        ];
        let mut set = f.debug_set();
        for (_, name) in names.iter().filter(|(bit, _)| word & bit != 0) {
            set.entry(&format_args!("{name}"));
        }
        set.entry(&format_args!("{} references", word / REFERENCE)).finish()
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn a_wake_that_gives_up_its_reference_queues_an_idle_task_and_frees_one_that_is_over() {
        let state = State::new();
        (0..3).for_each(|_| state.add_reference());
        assert_eq!(state.wake_and_release(), Released::Nothing, "it is in a queue");
        assert_eq!(state.begin_run(), Run::Poll);
        assert_eq!(state.wake_and_release(), Released::Enqueue);
        assert_eq!(state.begin_run(), Run::Poll);
        assert!(!state.complete().still_queued);
        assert!(!state.release_reference() && !state.release_reference(), "table and handle");
        assert_eq!(state.wake_and_release(), Released::Free);
    }
}
