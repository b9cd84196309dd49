//! The awaiting side of a task: registers a waker, takes the output, aborts, detaches.

use super::cell::TaskPtr;
use super::waker;
use crate::Id;
use crate::join::join_error::JoinError;
use crate::runtime::context;
use crate::runtime::report::contain;
use sideline_blocking_pool::nested;
use std::marker::PhantomData;
use std::panic::Location;
use std::task::{Context, Poll};

/// Owns one reference to a task, to abort it and to ask whether it has ended. Any thread may have it: like a waker, it never
/// touches the future or the output.
pub(crate) struct TaskAborter(TaskPtr);

// SAFETY: the header's fields are shared by the rules in `cell`, and what has been counted is given back by any thread.
unsafe impl Send for TaskAborter {}
// SAFETY: as above.
unsafe impl Sync for TaskAborter {}

impl TaskAborter {
    fn header(&self) -> &super::cell::Header {
        // SAFETY: this holds a reference.
        unsafe { self.0.header() }
    }

    #[inline]
    pub(crate) fn abort(&self) {
        // SAFETY: this holds a reference.
        unsafe { waker::abort(self.0) }
    }

    pub(crate) fn is_finished(&self) -> bool {
        self.header().state.is_complete()
    }

    pub(crate) fn id(&self) -> Id {
        self.header().culprit().id
    }
}

impl Clone for TaskAborter {
    fn clone(&self) -> Self {
        self.header().state.add_reference();
        Self(self.0)
    }
}

impl Drop for TaskAborter {
    fn drop(&mut self) {
        // SAFETY: its reference is given up here.
        unsafe { self.0.release() };
    }
}

/// Owns one reference to a task, and its output once there is one.
pub(crate) struct TaskHandle<T> {
    task: TaskPtr,
    _output: PhantomData<T>,
}

// SAFETY: through a handle another thread reaches the header, whose fields are shared by the rules in `cell`, and
// the output, which moves to that thread: `T: Send`. The future it never reaches.
unsafe impl<T: Send> Send for TaskHandle<T> {}
// SAFETY: `&TaskHandle` gives access to the state word, the id and the location alone.
unsafe impl<T: Send> Sync for TaskHandle<T> {}

impl<T> TaskHandle<T> {
    /// # Safety
    /// The caller hands over a reference, and `T` is the task's output type.
    pub(super) unsafe fn new(task: TaskPtr) -> Self {
        Self { task, _output: PhantomData }
    }

    fn header(&self) -> &super::cell::Header {
        // SAFETY: this handle holds a reference.
        unsafe { self.task.header() }
    }

    pub(crate) fn abort(&self) {
        // SAFETY: this handle holds a reference.
        unsafe { waker::abort(self.task) }
    }

    pub(crate) fn aborter(&self) -> TaskAborter {
        self.header().state.add_reference();
        TaskAborter(self.task)
    }

    pub(crate) fn is_finished(&self) -> bool {
        self.header().state.is_complete()
    }

    pub(crate) fn id(&self) -> Id {
        self.header().culprit().id
    }

    pub(crate) fn location(&self) -> &'static Location<'static> {
        self.header().culprit().location
    }

    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<T, JoinError>> {
        if !self.is_finished() {
            let header = self.header();
            // In a forked child the loop is the parent's, and nobody completes the task here. The exception is the loop's own
            // thread, if it has forked in the middle of a turn.
            if header.shared.is_forked() && !context::is_core_of(&header.shared) {
                return Poll::Ready(Err(JoinError::cancelled(header.culprit())));
            }
            if self.register(cx) {
                return Poll::Pending;
            }
        }
        // SAFETY: COMPLETE was seen with Acquire, and the output is the handle's.
        match unsafe { self.task.take_output::<T>() } {
            Some(output) => Poll::Ready(output),
            None => panic!("a JoinHandle was polled after it had returned its result"),
        }
    }

    /// Leaves a waker for completion to find. False if the task has completed.
    fn register(&self, cx: &mut Context<'_>) -> bool {
        let header = self.header();
        // Cloned before anything is changed: a clone is the user's code, and may panic.
        let new = cx.waker().clone();
        if header.state.has_join_waker() && !header.state.retract_join_waker() {
            self.discard(Some(new));
            return false;
        }
        // SAFETY: JOIN_WAKER is clear and the task was not complete, so the cell is the handle's.
        let old = header.join_waker.with_mut(|cell| unsafe { (*cell).replace(new) });
        if header.state.publish_join_waker() {
            self.discard(old);
            return true;
        }
        // SAFETY: completion came first and did not see JOIN_WAKER, so the cell is still the handle's.
        let new = header.join_waker.with_mut(|cell| unsafe { (*cell).take() });
        self.discard(old);
        self.discard(new);
        false
    }

    fn discard<W>(&self, waker: Option<W>) {
        let header = self.header();
        contain(&header.shared.reporter, header.culprit(), "dropping its awaiter's waker", || drop(waker));
    }
}

impl<T> Drop for TaskHandle<T> {
    fn drop(&mut self) {
        let header = self.header();
        if header.state.has_join_waker() && header.state.retract_join_waker() {
            // SAFETY: taken back from completion, so the cell is the handle's.
            let waker = header.join_waker.with_mut(|cell| unsafe { (*cell).take() });
            self.discard(waker);
        }
        // SAFETY: COMPLETE was seen with Acquire while HANDLE was set, so the output is ours.
        if header.state.drop_handle() && unsafe { self.task.has_output() } {
            // SAFETY: as above; and the handle's reference is handed over.
            return unsafe { discard_output(self.task) };
        }
        // SAFETY: the handle's reference is given up here.
        unsafe { self.task.release() };
    }
}

/// Drops an output that nobody has read. It may own the handle of another task whose output nobody has read, and so on: hence
/// [`nested`].
///
/// # Safety
/// After `COMPLETE`, by the one the output belongs to, who hands over a reference.
unsafe fn discard_output(task: TaskPtr) {
    nested::dropping(move || {
        // SAFETY: the caller says so; who may look at the output is on this thread.
        unsafe { task.drop_output() };
        // SAFETY: this is the reference that was handed over.
        unsafe { task.release() };
    });
}
