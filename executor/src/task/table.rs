//! The table of a loop's tasks: all that have not completed, and one reference to each.
//!
//! A task knows its own slot (`slot` in its header), so it leaves the table in constant time: the last entry moves to the
//! slot that has become free. The table and the `slot` fields are touched by the loop's thread alone.

use super::cell::{NO_SLOT, TaskPtr};
use std::cell::RefCell;

#[derive(Default)]
pub(super) struct Table(RefCell<Vec<TaskPtr>>);

impl Table {
    pub(super) fn len(&self) -> usize {
        self.0.borrow().len()
    }

    /// Takes in a new task.
    ///
    /// # Safety
    /// The task belongs to this loop and is in no table. The caller hands over the table's reference.
    #[inline]
    pub(super) unsafe fn insert(&self, task: TaskPtr) {
        let mut entries = self.0.borrow_mut();
        let slot = u32::try_from(entries.len()).expect("fewer than 2^32 tasks fit into memory");
        entries.push(task);
        // SAFETY: the table's reference keeps the task, and this is the loop's thread.
        unsafe { task.set_slot(slot) };
    }

    /// Takes a task out. The caller gets the table's reference.
    ///
    /// # Safety
    /// The task is in this table.
    #[inline]
    pub(super) unsafe fn remove(&self, task: TaskPtr) {
        // SAFETY: the table's reference, from now on the caller's, keeps the task; this is the loop's thread.
        let slot = unsafe { task.slot() };
        let mut entries = self.0.borrow_mut();
        entries.swap_remove(slot as usize);
        if let Some(moved) = entries.get(slot as usize) {
            // SAFETY: what is in the table is kept by it.
            unsafe { moved.set_slot(slot) };
        }
    }

    /// Takes out all that are there. The caller gets their references.
    #[inline(never)]
    pub(super) fn take_all(&self) -> Vec<TaskPtr> {
        self.0.take()
    }
}

impl TaskPtr {
    /// Whether the task is in no table yet: another thread has spawned it, and the loop has not seen it before.
    ///
    /// # Safety
    /// On the loop's thread, and the task is kept during the call.
    #[inline]
    pub(super) unsafe fn is_new(self) -> bool {
        // SAFETY: passed on.
        unsafe { self.slot() == NO_SLOT }
    }

    /// # Safety
    /// On the loop's thread, and the task is kept during the call.
    #[inline]
    unsafe fn slot(self) -> u32 {
        // SAFETY: the caller vouches that the task is there.
        let header = unsafe { self.header() };
        // SAFETY: the field is the loop's, and this is its thread.
        header.slot.with(|slot| unsafe { *slot })
    }

    /// # Safety
    /// On the loop's thread, and the task is kept during the call.
    #[inline]
    unsafe fn set_slot(self, slot: u32) {
        // SAFETY: the caller vouches that the task is there.
        let header = unsafe { self.header() };
        // SAFETY: the field is the loop's, and this is its thread.
        header.slot.with_mut(|field| unsafe { *field = slot });
    }
}
