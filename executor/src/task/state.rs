//! The state word of a task: who may touch which part of it, and every way from one state to the next.
//!
//! A wake on the loop's own thread is the common one, and has nobody to race with: it sets a plain flag in the task
//! (`queued`, see [`cell`](super::cell)) and puts it into the run queue. The atomic word is for what other threads want to
//! know and to change: five flags and a reference count. So a task can be in two queues at once, in each of them once: the run
//! queue because of a wake here, the inbox because of one from elsewhere.
//!
//! There is no RUNNING flag: only the loop's thread polls, so "being polled" needs no protection from another poll, and a wake
//! that arrives during a poll may put the task back into a queue at once.
//!
//! | flag | set by | cleared by | while it is set |
//! |---|---|---|---|
//! | `INBOX` | a wake or an abort from another thread that finds it clear, and then pushes the task | [`leave_inbox`](State::leave_inbox), by whoever takes the task off the inbox | the task is in the inbox, which owns the link field |
//! | `COMPLETE` | [`complete`](State::complete), on the loop's thread, once | never | the future is gone; the output belongs to the handle, if there is one |
//! | `ABORT` | [`abort`](State::abort), from any thread | never | the next run drops the future instead of polling it |
//! | `HANDLE` | at birth | [`drop_handle`](State::drop_handle) | a `JoinHandle` exists and will take or drop the output |
//! | `JOIN_WAKER` | [`publish_join_waker`](State::publish_join_waker) | [`retract_join_waker`](State::retract_join_waker), `drop_handle` | the waker cell is full and belongs to whoever sets `COMPLETE` |
//!
//! # References
//! A task is kept by the loop's table (one reference from birth to completion), by its handle, and by each
//! `Waker` and each abort handle. A queue entry owns none: a task in a queue is still in the table. The exceptions are tasks
//! that complete while they are in a queue:
//! * In the inbox, because another thread has woken the task during its last poll. `complete` then finds `INBOX` set and makes a
//!   reference for the entry, by the same compare-exchange. Whoever takes the entry off sees `COMPLETE` and releases it. Both sides
//!   decide by the value that their own read-modify-write has found, so there is one if, and only if, it will be released. It is
//!   not the table's that is left to the entry: whoever completes the task is not done with it, and when the loop ends the
//!   entry's part is another thread's (below), which would free it meanwhile.
//! * In the run queue, because the task has woken itself during its last poll. The loop sees that before it completes the task,
//!   and makes a reference for the entry first.
//!
//! Whoever frees the task must have seen what the others did to it: each release is a Release and an Acquire.
//!
//! Models: `completed_in_both_queues_frees_once`; `last_waker_against_completion_frees_what_is_gone`, twin `last-reference-sees-all`.
//!
//! # The bad interleavings
//! * A wake from another thread between "queue is empty" and the end of the poll. Were the task taken for idle
//!   only after its poll, this wake would be lost. `leave_inbox` clears `INBOX` *before* the poll, so the
//!   wake sets it again and pushes. Model: `wake_during_poll_requeues_once`.
//! * What the waker's owner wrote before it woke is not seen by the poll that this brings about, which says that it is pending, and nobody
//!   wakes again. So a wake is a Release, also one that finds `INBOX` set, and `leave_inbox` an Acquire. Model:
//!   `what_was_written_before_a_wake_is_seen_by_the_task`, twin `task-wake-carries-along`. An abort is one, too, and the drop of the
//!   future its poll. Model: `what_was_written_before_an_abort_is_seen_by_the_drop`, twins `task-abort-carries-along` and
//!   `task-run-sees-an-abort`, since it may be seen where the task comes out of the run queue.
//! * A wake from another thread while the loop is dropped: the waker sets `INBOX`, the loop completes the
//!   task and makes a reference for the entry, and the push then finds the inbox closed. So the pusher does what whoever
//!   takes an entry off the inbox does: it calls `leave_inbox` itself. Model: `wake_against_loop_drop_frees_once`, twins
//!   `refused-push-takes-the-queues-part` and `completion-gives-the-entry-a-reference`.
//! * The handle stores its waker while the loop completes. Each side does one read-modify-write on the word:
//!   if the handle's comes first, completion sees `JOIN_WAKER` and wakes; if completion's does, the handle sees
//!   `COMPLETE` and takes its waker back. Models: `complete_against_register_wakes_or_is_seen`, twin `task-publish-sees-complete`;
//!   where it first takes back the waker of an earlier poll, `complete_against_second_register_wakes_or_is_seen`, twin
//!   `task-retract-sees-the-output`.
//! * The output's destructor does not see what was done before its handle was dropped, which is why the loop drops the output. So
//!   `drop_handle` is a Release. Model: `what_was_written_before_a_handle_goes_is_seen_by_the_drop_of_its_output`, twin
//!   `handle-goes-carries-along`.

use crate::sync::atomic::{AtomicUsize, Ordering::*};
use crate::sync::left_out;
use std::fmt;

const INBOX: usize = 1;
const COMPLETE: usize = 1 << 1;
const ABORT: usize = 1 << 2;
const HANDLE: usize = 1 << 3;
const JOIN_WAKER: usize = 1 << 4;
const REFERENCE: usize = 1 << 5;

/// Past this many references a leak loop is certain, and the count is about to overflow into nothing.
const REFERENCE_LIMIT: usize = usize::MAX / 2;

/// The atomic word. See the module's table.
pub(crate) struct State(AtomicUsize);

/// On which thread a task comes to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Spawned {
    /// The loop's: straight into the run queue.
    Here,
    /// Another one, which pushes it to the inbox.
    Elsewhere,
}

/// What the caller of [`State::wake`] or [`State::abort`] has to do next.
#[must_use]
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Wake {
    /// The task was not in the inbox, and is now marked as being there: push it.
    Push,
    /// It is there already, or has completed: nothing to do.
    Nothing,
}

/// What the loop has to do with a task that it has taken off a queue.
#[must_use]
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Run {
    /// Poll the future.
    Poll,
    /// Drop the future and complete as cancelled.
    Cancel,
    /// Completed while it was in the queue: release the entry's reference.
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
}

impl State {
    /// A task just spawned, with one reference for the table and one for the handle.
    pub(crate) fn new(spawned: Spawned) -> Self {
        let place = if spawned == Spawned::Elsewhere { INBOX } else { 0 };
        Self(AtomicUsize::new(place | HANDLE | (2 * REFERENCE)))
    }

    /// A wake by another thread than the loop's.
    pub(crate) fn wake(&self) -> Wake {
        // Release: what the waker's owner did before waking is seen by the poll, since leave_inbox() acquires.
        // This holds for a wake that finds INBOX set too: its read-modify-write continues the sequence.
        // Acquire: pairs with leave_inbox(), up to which the link was the inbox's.
        let order = if left_out("task-wake-carries-along") { Acquire } else { AcqRel };
        push_if_new(self.0.fetch_or(INBOX, order))
    }

    /// An abort by another thread than the loop's.
    pub(crate) fn abort(&self) -> Wake {
        // As in wake(): the drop of the future sees what was done before, also if a wake has pushed the task.
        let order = if left_out("task-abort-carries-along") { Acquire } else { AcqRel };
        push_if_new(self.0.fetch_or(INBOX | ABORT, order))
    }

    /// An abort by the loop's own thread, which then wakes the task.
    pub(crate) fn abort_here(&self) {
        // Relaxed: read by this very thread.
        self.0.fetch_or(ABORT, Relaxed);
    }

    /// The task has been taken off the inbox by the loop; or it never got there, because the pusher found the inbox closed.
    pub(crate) fn leave_inbox(&self) -> Run {
        // Acquire: pairs with the Release of every wake() up to here.
        // Release: pairs with the Acquire of the wake that pushes it next, which will write the link; and with
        // release_reference(), should another thread turn out to be the last owner.
        let before = self.0.fetch_and(!INBOX, AcqRel);
        debug_assert!(
            before & INBOX != 0 || left_out("task-clear-before-poll"),
            "a task off the inbox was marked"
        );
        what_to_run(before)
    }

    /// What the loop has to do with a task that it has taken off its run queue.
    pub(crate) fn run(&self) -> Run {
        // Acquire: pairs with the Release of abort(). One that is seen only later comes with an entry in the inbox. (COMPLETE is this
        // thread's own doing.)
        what_to_run(self.0.load(if left_out("task-run-sees-an-abort") { Relaxed } else { Acquire }))
    }

    /// The future is gone and the output is in its place. If the task is in the inbox, the entry has a reference from now on.
    pub(crate) fn complete(&self) -> Completed {
        let mut before = self.0.load(Relaxed);
        loop {
            debug_assert!(before & COMPLETE == 0, "a task completes once");
            let is_entry = before & INBOX != 0 && !left_out("completion-gives-the-entry-a-reference");
            let after = (before | COMPLETE) + if is_entry { REFERENCE } else { 0 };
            // Release: publishes the output to poll_handle() and drop_handle(). Acquire: pairs with the Release of
            // publish_join_waker(), so that the waker's bytes are there to be taken, and with that of drop_handle().
            match self.0.compare_exchange_weak(before, after, AcqRel, Relaxed) {
                Ok(_) => break,
                Err(now) => before = now,
            }
        }
        Completed { has_handle: before & HANDLE != 0, wake_handle: before & JOIN_WAKER != 0 }
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

    /// Takes the waker cell back, before completion takes it. False if completion came first.
    #[must_use]
    pub(crate) fn retract_join_waker(&self) -> bool {
        // Acquire: pairs with the Release in complete(), for the output, when this is refused. (Model:
        // `complete_against_second_register_wakes_or_is_seen`.) No Release: whoever sees JOIN_WAKER clear does not look into the cell,
        // and publish_join_waker() or release_reference() comes before whatever does.
        let order = if left_out("task-retract-sees-the-output") { Relaxed } else { Acquire };
        let before = self.0.fetch_and(!JOIN_WAKER, order);
        before & (JOIN_WAKER | COMPLETE) == JOIN_WAKER
    }

    /// Whether the handle has left a waker in the cell. Only the handle may ask.
    pub(crate) fn has_join_waker(&self) -> bool {
        self.0.load(Relaxed) & JOIN_WAKER != 0
    }

    /// The handle goes. True if the task has completed: the output is the caller's to drop.
    #[must_use]
    pub(crate) fn drop_handle(&self) -> bool {
        // Acquire: pairs with the Release in complete(), for the output. Release: if it is the loop that drops the output, since nobody
        // else will, that comes after what was done before the handle went.
        let order = if left_out("handle-goes-carries-along") { Acquire } else { AcqRel };
        self.0.fetch_and(!HANDLE, order) & COMPLETE != 0
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
        let order = if left_out("last-reference-sees-all") { Relaxed } else { AcqRel };
        let before = self.0.fetch_sub(REFERENCE, order);
        debug_assert!(before >= REFERENCE, "a reference was released twice");
        before / REFERENCE == 1
    }
}

fn push_if_new(before: usize) -> Wake {
    if before & (INBOX | COMPLETE) == 0 { Wake::Push } else { Wake::Nothing }
}

fn what_to_run(word: usize) -> Run {
    if word & COMPLETE != 0 {
        Run::Release
    } else if word & ABORT != 0 {
        Run::Cancel
    } else {
        Run::Poll
    }
}

impl fmt::Debug for State {
    #[inline]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = self.0.load(Relaxed);
        let names = [
            (INBOX, "INBOX"),
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
