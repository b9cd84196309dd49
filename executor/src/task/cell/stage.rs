//! What is behind a task's header, its *stage*: the future, later its output, later nothing; and all that is done to it by who knows
//! the future's type.
//!
//! The rest of the house has a [`TaskPtr`], and calls these functions by the header's [`Vtable`]. Each leans on the safety section of
//! the method of [`TaskPtr`] that calls it.

use super::{Header, TaskPtr, Vtable};
use crate::join::join_error::JoinError;
use crate::runtime::report::contain;
use crate::runtime::shared::Shared;
use crate::sync::cell::UnsafeCell;
use crate::task::state::Spawned;
use std::future::Future;
use std::mem::MaybeUninit;
use std::panic::{AssertUnwindSafe, Location, catch_unwind};
use std::pin::Pin;
use std::ptr::NonNull;
use std::sync::Arc;
use std::task::{Context, Poll};

#[repr(C)]
struct TaskCell<F: Future> {
    header: Header,
    stage: UnsafeCell<Stage<F>>,
}

enum Stage<F: Future> {
    Future(F),
    Output(Result<F::Output, JoinError>),
    Gone,
}

impl TaskPtr {
    /// A new task, in no queue yet, with a reference for the table and one for the handle.
    ///
    /// It is `#[inline]` so that the compiler may make the future directly in its cell. For the same reason it is short:
    /// what does not depend on the future's type is done elsewhere ([`Header::write_to`]).
    #[inline]
    pub(in crate::task) fn allocate<F: Future>(
        future: F,
        spawned: Spawned,
        shared: Arc<Shared>,
        location: &'static Location<'static>,
    ) -> Self {
        let vtable = &Vtable {
            poll: poll::<F>,
            cancel: cancel::<F>,
            take_output: take_output::<F>,
            has_output: has_output::<F>,
            drop_output: drop_output::<F>,
            free: free::<F>,
        };
        let cell: &mut MaybeUninit<TaskCell<F>> = Box::leak(Box::new_uninit());
        let place = cell.as_mut_ptr();
        // The parts are written to where they will stay. Put together elsewhere, a large future would be copied once more.
        // SAFETY: the pointer is to memory for a cell.
        let stage = unsafe { &raw mut (*place).stage };
        // SAFETY: there is memory for it, which is ours.
        unsafe { stage.write(UnsafeCell::new(Stage::Future(future))) };
        // SAFETY: the pointer is to memory for a cell.
        let header = unsafe { &raw mut (*place).header };
        // SAFETY: there is memory for it, which is ours.
        unsafe { Header::write_to(header, vtable, spawned, shared, location) };
        TaskPtr(NonNull::from(cell).cast())
    }

    /// # Safety
    /// As for [`header`](Self::header); `F` is the type this task was allocated with.
    unsafe fn stage<'a, F: Future>(self) -> &'a UnsafeCell<Stage<F>> {
        // SAFETY: allocate() made this pointer from a TaskCell<F>, whose first field is the header (repr(C)).
        unsafe { &self.0.cast::<TaskCell<F>>().as_ref().stage }
    }
}

unsafe fn poll<F: Future>(task: TaskPtr, cx: &mut Context<'_>) -> Poll<()> {
    // SAFETY: per TaskPtr::poll, the table keeps the task.
    let header = unsafe { task.header() };
    // SAFETY: this function is in the vtable of a TaskCell<F>.
    let stage = unsafe { task.stage::<F>() };
    stage.with_mut(|stage| {
        let polled = catch_unwind(AssertUnwindSafe(|| {
            // SAFETY: per TaskPtr::poll, the stage is the loop's, and nobody else looks at it now.
            let Stage::Future(future) = (unsafe { &mut *stage }) else {
                unreachable!("polled after completion")
            };
            // SAFETY: the future stays in this allocation until it is dropped in place.
            unsafe { Pin::new_unchecked(future) }.poll(cx)
        }));
        let output = match polled {
            Ok(Poll::Pending) => return Poll::Pending,
            Ok(Poll::Ready(output)) => Ok(output),
            Err(payload) => Err(JoinError::panicked(header.culprit(), payload)),
        };
        // SAFETY: the stage is still the loop's.
        unsafe { replace_future(header, stage, output) };
        Poll::Ready(())
    })
}

unsafe fn cancel<F: Future>(task: TaskPtr) {
    // SAFETY: per TaskPtr::cancel, the table keeps the task.
    let header = unsafe { task.header() };
    // SAFETY: this function is in the vtable of a TaskCell<F>.
    let stage = unsafe { task.stage::<F>() };
    let output = Err(JoinError::cancelled(header.culprit()));
    // SAFETY: per TaskPtr::cancel, the stage is the loop's.
    stage.with_mut(|stage| unsafe { replace_future(header, stage, output) });
}

/// Drops the future where it is, whatever its destructor does, and stores the output.
///
/// # Safety
/// `stage` holds the future and is the caller's alone.
unsafe fn replace_future<F: Future>(
    header: &Header,
    stage: *mut Stage<F>,
    output: Result<F::Output, JoinError>,
) {
    contain(&header.shared.reporter, header.culprit(), "dropping its future", || {
        // SAFETY: the stage is valid; it is overwritten below without being dropped again.
        unsafe { stage.drop_in_place() }
    });
    // SAFETY: what was there has been dropped.
    unsafe { stage.write(Stage::Output(output)) };
}

unsafe fn take_output<F: Future>(task: TaskPtr, into: *mut ()) {
    // SAFETY: this function is in the vtable of a TaskCell<F>, and the caller holds a reference.
    let stage = unsafe { task.stage::<F>() };
    stage.with_mut(|stage| {
        // Only the output is moved. The stage as a whole has room for the future, and may be much larger.
        // SAFETY: per TaskPtr::take_output, the stage is the caller's.
        let Stage::Output(output) = (unsafe { &*stage }) else { return };
        // SAFETY: it is valid, and overwritten without being dropped.
        let output = unsafe { std::ptr::read(output) };
        // SAFETY: what was there has been moved out.
        unsafe { stage.write(Stage::Gone) };
        // SAFETY: per TaskPtr::take_output, this is where an Option of this type lives.
        unsafe { *into.cast::<Option<Result<F::Output, JoinError>>>() = Some(output) };
    });
}

unsafe fn has_output<F: Future>(task: TaskPtr) -> bool {
    // SAFETY: this function is in the vtable of a TaskCell<F>, and the caller holds a reference.
    let stage = unsafe { task.stage::<F>() };
    // SAFETY: per TaskPtr::has_output, the stage is the caller's.
    stage.with(|stage| matches!(unsafe { &*stage }, Stage::Output(_)))
}

unsafe fn drop_output<F: Future>(task: TaskPtr) {
    let mut output: Option<Result<F::Output, JoinError>> = None;
    // SAFETY: passed on; the pointer is to an Option of the right type.
    unsafe { take_output::<F>(task, (&raw mut output).cast()) };
    // SAFETY: the caller holds a reference.
    let header = unsafe { task.header() };
    if let Some(Err(error)) = &output {
        header.shared.reporter.detached(error);
    }
    // A JoinError would drop the payload of a panic without a word, whatever its destructor does. Taken out of it, the payload
    // is dropped below, where a panic of its destructor is reported, too.
    let output = output.map(|output| output.map_err(JoinError::try_into_panic));
    contain(&header.shared.reporter, header.culprit(), "dropping its output", || drop(output));
}

unsafe fn free<F: Future>(task: TaskPtr) {
    // SAFETY: allocate() leaked this box, and the last reference is gone.
    let cell = unsafe { Box::from_raw(task.0.cast::<TaskCell<F>>().as_ptr()) };
    // So that a loom model sees an access to each cell here: it must come after all those of the others.
    cell.stage.with_mut(|_| ());
    cell.header.join_waker.with_mut(|_| ());
    cell.header.link.with_mut(|_| ());
    cell.header.slot.with_mut(|_| ());
    cell.header.queued.with_mut(|_| ());
    drop(cell);
}
