//! From a `Waker` to the right queue.
//!
//! On the loop's own thread a wake is a flag and a push to the run queue, both plain. From
//! anywhere else it goes through the inbox, and notifies the loop if it is the first to arrive there.

use super::cell::{Header, TaskPtr};
use super::queue::{Closed, Pushed};
use super::state::{Run, Wake};
use crate::runtime::context;
use crate::sync::left_out;
use std::mem::ManuallyDrop;
use std::ptr::NonNull;
use std::task::{RawWaker, RawWakerVTable, Waker};

/// The vtable of all our wakers. It is a `static`, so that a waker whose vtable has this address is known to be ours.
pub(crate) static WAKERS: RawWakerVTable = RawWakerVTable::new(clone, wake, wake_by_ref, drop);

/// A waker for the duration of one poll: it borrows the table's reference, so making it costs nothing.
///
/// # Safety
/// The task is in the table for as long as the waker is used.
pub(super) unsafe fn borrowed(task: TaskPtr) -> ManuallyDrop<Waker> {
    let raw = RawWaker::new(task.0.as_ptr().cast(), &WAKERS);
    // SAFETY: the vtable's functions are thread-safe and count references; this one is never dropped.
    ManuallyDrop::new(unsafe { Waker::from_raw(raw) })
}

/// Marks the task as cancelled and has the loop drop its future.
///
/// # Safety
/// The caller holds a reference to the task during the call.
#[inline]
pub(super) unsafe fn abort(task: TaskPtr) {
    // SAFETY: the caller holds a reference.
    let header = unsafe { task.header() };
    let here = context::with_core_of(&header.shared, |core| {
        header.state.abort_here();
        // SAFETY: a task of this very loop, which the caller keeps.
        unsafe { core.tasks.wake(task) }
    });
    if here.is_none() && header.state.abort() == Wake::Push {
        // SAFETY: just marked, by us.
        unsafe { push_to_inbox(task) };
    }
}

/// # Safety
/// The caller has just marked the task as being in the inbox, and holds a reference during the call: the loop may run and
/// release the task the moment it is there.
unsafe fn push_to_inbox(task: TaskPtr) {
    // SAFETY: the caller holds a reference.
    let header = unsafe { task.header() };
    // SAFETY: marked by the caller, and in the table until it is taken.
    match unsafe { header.shared.inbox.push(task) } {
        Ok(Pushed::First) if left_out("first-push-notifies") => {}
        Ok(Pushed::First) => header.shared.reactor.notify(),
        Ok(Pushed::Behind) => {}
        Err(Closed) if left_out("refused-push-takes-the-queues-part") => {}
        Err(Closed) => {
            // The loop is gone. We do with the entry what it would have done: see "The bad interleavings" in `state`.
            if header.state.leave_inbox() == Run::Release {
                // SAFETY: completion made a reference for whoever takes the task off the inbox.
                unsafe { task.release() }
            }
        }
    }
}

/// # Safety
/// `data` is the pointer of a waker of ours.
unsafe fn task(data: *const ()) -> TaskPtr {
    // SAFETY: borrowed() and clone() made it from a NonNull.
    TaskPtr(unsafe { NonNull::new_unchecked(data.cast_mut().cast::<Header>()) })
}

unsafe fn clone(data: *const ()) -> RawWaker {
    // SAFETY: this is in WAKERS, so `data` is a waker's.
    let task = unsafe { task(data) };
    // SAFETY: the waker being cloned keeps the task.
    unsafe { task.header() }.state.add_reference();
    RawWaker::new(data, &WAKERS)
}

unsafe fn wake(data: *const ()) {
    // SAFETY: passed on.
    unsafe { wake_by_ref(data) };
    // SAFETY: the waker is consumed, and its reference with it.
    unsafe { drop(data) };
}

unsafe fn wake_by_ref(data: *const ()) {
    // SAFETY: this is in WAKERS, so `data` is a waker's.
    let task = unsafe { task(data) };
    // SAFETY: the waker keeps the task.
    let header = unsafe { task.header() };
    // SAFETY: a task of this very loop, which the waker keeps.
    let here = context::with_core_of(&header.shared, |core| unsafe { core.tasks.wake(task) });
    if here.is_none() && header.state.wake() == Wake::Push {
        // SAFETY: just marked, by us; the waker keeps the task during the call.
        unsafe { push_to_inbox(task) };
    }
}

unsafe fn drop(data: *const ()) {
    // SAFETY: this is in WAKERS, so `data` is a waker's.
    let task = unsafe { task(data) };
    // SAFETY: the waker's reference is given up here.
    unsafe { task.release() };
}
