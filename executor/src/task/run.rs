//! The loop's side of a task: it is queued, run, and completed; and the end of all tasks.

use super::cell::TaskPtr;
use super::queue::{Inbox, RunQueue};
use super::state::Run;
use super::table::Table;
use super::waker;
use crate::core::fairness;
use crate::core::pulse::Pulse;
use crate::runtime::report::contain;
use crate::sync::left_out;
use std::task::Context;

/// Every task of a loop that has not completed, and the queue of those that are ready. Never leaves the loop's thread.
#[derive(Default)]
pub(crate) struct Tasks {
    table: Table,
    run_queue: RunQueue,
}

impl Tasks {
    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.table.len()
    }

    pub(crate) fn ready(&self) -> usize {
        self.run_queue.len()
    }

    /// Queues a task of this loop, unless it is queued or over. On the loop's thread.
    ///
    /// # Safety
    /// The task belongs to this loop, and the caller keeps it during the call.
    pub(super) unsafe fn wake(&self, task: TaskPtr) {
        // SAFETY: the caller keeps the task.
        let header = unsafe { task.header() };
        // SAFETY: as above, and this is the loop's thread.
        if !header.state.is_complete() && !unsafe { task.replace_queued(true) } {
            self.run_queue.push(task);
        }
    }

    /// Takes a new task into the table and into the run queue.
    ///
    /// # Safety
    /// As for [`Table::insert`].
    pub(super) unsafe fn begin(&self, task: TaskPtr) {
        // SAFETY: passed on.
        unsafe { self.table.insert(task) };
        // SAFETY: it is in the table now.
        unsafe { self.wake(task) };
    }

    /// Puts a task that has been taken off the inbox into the run queue, before those that are there. It may be new to this loop.
    ///
    /// # Safety
    /// The task has just been taken off this loop's inbox.
    unsafe fn receive(&self, task: TaskPtr) {
        // SAFETY: the table's reference, which a new task has brought along, or the entry keeps the task.
        let header = unsafe { task.header() };
        // SAFETY: as above, and this is the loop's thread.
        if unsafe { task.is_new() } {
            // SAFETY: it is new, so spawn_to_inbox() pushed it, with the table's reference.
            unsafe { self.table.insert(task) };
        }
        let run = if left_out("task-clear-before-poll") { Run::Poll } else { header.state.leave_inbox() };
        if run == Run::Release {
            // SAFETY: completion made a reference for this entry.
            unsafe { task.release() };
        // SAFETY: it is not complete, so the table keeps it; this is the loop's thread.
        } else if !unsafe { task.replace_queued(true) } {
            self.run_queue.push_first(task);
        }
    }

    /// Queues what other threads have woken and spawned, before what is ready already: see [`crate::core`].
    pub(crate) fn take_inbox(&self, inbox: &Inbox) {
        // The inbox hands out the newest first, and each goes to the front of the queue. So the oldest ends up in front.
        // SAFETY: just taken off the inbox.
        inbox.take(|task| unsafe { self.receive(task) });
    }

    /// Runs the task that has been ready for longest.
    pub(crate) fn run_next(&self, pulse: &Pulse) {
        let Some(task) = self.run_queue.pop() else { return };
        pulse.begin_task(task);
        fairness::begin_poll();
        // SAFETY: popped off this loop's queue, and no task is being run: begin_task() has made sure.
        unsafe { self.run(task, pulse) };
        pulse.end();
    }

    /// # Safety
    /// The task was just popped off this loop's queue, and no task is being run.
    unsafe fn run(&self, task: TaskPtr, pulse: &Pulse) {
        // SAFETY: a task popped off the queue is in the table, or the entry has a reference.
        let header = unsafe { task.header() };
        // The mark is cleared before the poll, so that a wake during the poll queues the task again.
        // SAFETY: as above, and this is the loop's thread.
        unsafe { task.replace_queued(false) };
        match header.state.run() {
            Run::Release => {
                pulse.let_go();
                if !left_out("entry-gives-its-reference-back") {
                    // SAFETY: finish() made a reference for this entry.
                    unsafe { task.release() };
                }
                return;
            }
            Run::Cancel => {
                // SAFETY: we are the loop, and the task is not complete.
                unsafe { task.cancel() };
            }
            Run::Poll => {
                // SAFETY: the task stays in the table until finish() below.
                let waker = unsafe { waker::borrowed(task) };
                // SAFETY: we are the loop, the task is not complete, and no other task is being run.
                let polled = unsafe { task.poll(&mut Context::from_waker(&waker)) };
                if left_out("task-clear-before-poll") {
                    let _ = header.state.leave_inbox();
                }
                if polled.is_pending() {
                    return;
                }
            }
        }
        // SAFETY: it has just ended, so it was in the table until now.
        unsafe { self.table.remove(task) };
        // SAFETY: the output has just been stored, and the task is out of the table.
        unsafe { finish(task, Some(pulse)) };
    }

    /// Drops every future, including those that destructors spawn meanwhile. Returns how many there were.
    pub(crate) fn close(&self, inbox: &Inbox, pulse: &Pulse) -> usize {
        // SAFETY: as in take_inbox().
        inbox.close(|task| unsafe { self.receive(task) });
        let mut cancelled = 0;
        // Until there are no more, and with no borrow held: a destructor may spawn, wake and abort.
        loop {
            let tasks = self.table.take_all();
            if tasks.is_empty() {
                break;
            }
            cancelled += tasks.len();
            for &task in &tasks {
                pulse.begin_drop(task);
                // SAFETY: we are the loop; the task was in the table, so it is not complete.
                unsafe { task.cancel() };
                // SAFETY: the output has just been stored, and the task is out of the table.
                unsafe { finish(task, Some(pulse)) };
            }
        }
        while let Some(task) = self.run_queue.pop() {
            // SAFETY: just popped; all tasks have completed, and their entries have references.
            unsafe { self.run(task, pulse) };
        }
        cancelled
    }
}

/// Completes a task whose output is in place, and gives up the table's reference. `pulse` is the loop's, if the loop has
/// just run or dropped the task.
///
/// # Safety
/// By the loop, or by the spawner of a task that no loop will see; the task is in no table.
pub(super) unsafe fn finish(task: TaskPtr, pulse: Option<&Pulse>) {
    // SAFETY: the table's reference is given up at the end of this function at the earliest.
    let header = unsafe { task.header() };
    // SAFETY: this is the loop's thread, or no loop will see the task.
    if unsafe { task.replace_queued(false) } {
        // A reference for the entry in the run queue. It has to be made before the task completes: see `state`.
        header.state.add_reference();
    }
    let completed = header.state.complete();
    if completed.wake_handle {
        // SAFETY: JOIN_WAKER was set when we set COMPLETE, so the cell is ours.
        if let Some(waker) = header.join_waker.with_mut(|cell| unsafe { (*cell).take() }) {
            contain(&header.shared.reporter, header.culprit(), "waking its awaiter", || waker.wake());
        }
    }
    if !completed.has_handle {
        // SAFETY: without a handle the output stays with us.
        unsafe { task.drop_output() };
    }
    if let Some(pulse) = pulse {
        pulse.let_go();
    }
    // SAFETY: the task is out of the table, so its reference is ours to give up. An entry in a queue has its own: see `state`.
    unsafe { task.release() };
}
