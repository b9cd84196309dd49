//! The one allocation of a task: a header that everybody may look at, and the future or its output behind it.
//!
//! Which part may be touched by whom is decided by the state word (see [`state`](super::state)):
//!
//! | part | who |
//! |---|---|
//! | `state`, `shared`, `number`, `location`, `vtable` | anybody with a reference; never changed but for the atomics in `state` |
//! | `link` | the inbox, while `INBOX` |
//! | `slot`, `queued` | the loop's thread |
//! | `join_waker` | the handle; from `complete` on, the loop if `JOIN_WAKER` was set |
//! | `stage` | the loop's thread until `COMPLETE`; then the handle if there was one, else the loop |
//!
//! A future is therefore polled and dropped on the loop's thread alone, whoever holds the last waker: the last
//! reference frees memory in which nothing of the user's is left.
//!
//! A program may have very many tasks that wait, so a task is kept small: the header is nine words, and together with a small
//! future it fits into 88 bytes, one of malloc's size classes.

mod stage;

use super::state::{Spawned, State};
use crate::Id;
use crate::join::id::next_task_number;
use crate::join::join_error::JoinError;
use crate::runtime::report::Culprit;
use crate::runtime::shared::Shared;
use crate::sync::cell::UnsafeCell;
use std::panic::Location;
use std::ptr::NonNull;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

/// What every task has, whatever its future. The first field of a `TaskCell`.
///
/// The fields that a wake and a poll look at come last: these four words are mostly on one cache line, next to the future.
#[repr(C)]
pub(crate) struct Header {
    /// The next task in the inbox.
    pub(super) link: UnsafeCell<Option<TaskPtr>>,
    pub(super) join_waker: UnsafeCell<Option<Waker>>,
    number: u64,
    location: &'static Location<'static>,
    /// Where the loop's table keeps this task, or [`NO_SLOT`].
    pub(super) slot: UnsafeCell<u32>,
    /// Whether it is in the run queue.
    queued: UnsafeCell<bool>,
    pub(super) shared: Arc<Shared>,
    pub(super) state: State,
    pub(super) vtable: &'static Vtable,
}

/// The `slot` of a task that is in no table yet.
pub(super) const NO_SLOT: u32 = u32::MAX;

/// A task of unknown type. Copying it counts nothing; each method's safety section says who must hold what.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct TaskPtr(pub(super) NonNull<Header>);

/// The operations that need to know the future's type: see `stage.rs`.
pub(super) struct Vtable {
    poll: unsafe fn(TaskPtr, &mut Context<'_>) -> Poll<()>,
    cancel: unsafe fn(TaskPtr),
    /// Moves the output to where the second argument points: an `Option<Result<F::Output, JoinError>>`.
    take_output: unsafe fn(TaskPtr, *mut ()),
    has_output: unsafe fn(TaskPtr) -> bool,
    drop_output: unsafe fn(TaskPtr),
    free: unsafe fn(TaskPtr),
}

impl Header {
    /// # Safety
    /// There is memory for one at `place`, which is the caller's.
    unsafe fn write_to(
        place: *mut Header,
        vtable: &'static Vtable,
        spawned: Spawned,
        shared: Arc<Shared>,
        location: &'static Location<'static>,
    ) {
        let header = Header {
            state: State::new(spawned),
            link: UnsafeCell::new(None),
            slot: UnsafeCell::new(NO_SLOT),
            queued: UnsafeCell::new(false),
            join_waker: UnsafeCell::new(None),
            vtable,
            shared,
            number: next_task_number(),
            location,
        };
        // SAFETY: as the caller says.
        unsafe { place.write(header) };
    }

    pub(super) fn culprit(&self) -> Culprit {
        Culprit { id: Id::task(self.number), location: self.location }
    }
}

impl TaskPtr {
    /// The pointer that a [`Pulse`](crate::core::pulse::Pulse) publishes.
    pub(crate) fn as_raw(self) -> *mut () {
        self.0.as_ptr().cast()
    }

    /// # Safety
    /// `raw` came from [`as_raw`](Self::as_raw), and the task is kept during the call.
    #[inline]
    pub(crate) unsafe fn culprit_at(raw: *mut ()) -> Culprit {
        // SAFETY: as the caller says; these fields never change.
        unsafe { &*raw.cast::<Header>() }.culprit()
    }

    /// # Safety
    /// The caller holds a reference, or the loop's table does, for as long as the result is used.
    pub(super) unsafe fn header<'a>(self) -> &'a Header {
        // SAFETY: the caller vouches that the task is not freed yet.
        unsafe { self.0.as_ref() }
    }

    /// Notes whether the task is in the run queue. Returns what was noted before.
    ///
    /// # Safety
    /// On the loop's thread, and the task is kept during the call.
    pub(super) unsafe fn replace_queued(self, queued: bool) -> bool {
        // SAFETY: the caller vouches that the task is there.
        let header = unsafe { self.header() };
        // SAFETY: the field is the loop's, and this is its thread.
        header.queued.with_mut(|field| unsafe { std::mem::replace(&mut *field, queued) })
    }

    /// Polls the future once. `Ready` means that the output has taken its place.
    ///
    /// # Safety
    /// On the loop's thread, before `COMPLETE`, and not from within a poll of the same task.
    pub(super) unsafe fn poll(self, cx: &mut Context<'_>) -> Poll<()> {
        // SAFETY: the table's reference keeps an incomplete task.
        let vtable = unsafe { self.header() }.vtable;
        // SAFETY: passed on.
        unsafe { (vtable.poll)(self, cx) }
    }

    /// Drops the future and puts "cancelled" in its place.
    ///
    /// # Safety
    /// As for [`poll`](Self::poll).
    pub(super) unsafe fn cancel(self) {
        // SAFETY: the table's reference keeps an incomplete task.
        let vtable = unsafe { self.header() }.vtable;
        // SAFETY: passed on.
        unsafe { (vtable.cancel)(self) }
    }

    /// # Safety
    /// After `COMPLETE`, by the one the output belongs to; `T` is the future's output type.
    pub(super) unsafe fn take_output<T>(self) -> Option<Result<T, JoinError>> {
        // SAFETY: the caller holds a reference.
        let vtable = unsafe { self.header() }.vtable;
        let mut output: Option<Result<T, JoinError>> = None;
        // SAFETY: the pointer is to an Option of the type that the caller vouches for.
        unsafe { (vtable.take_output)(self, (&raw mut output).cast()) };
        output
    }

    /// Whether the output is still there.
    ///
    /// # Safety
    /// After `COMPLETE`, by the one the output belongs to.
    pub(super) unsafe fn has_output(self) -> bool {
        // SAFETY: the caller holds a reference.
        let vtable = unsafe { self.header() }.vtable;
        // SAFETY: passed on.
        unsafe { (vtable.has_output)(self) }
    }

    /// Drops the output, if it is still there; a panic that nobody has seen is reported.
    ///
    /// # Safety
    /// After `COMPLETE`, by the one the output belongs to.
    pub(super) unsafe fn drop_output(self) {
        // SAFETY: the caller holds a reference.
        let vtable = unsafe { self.header() }.vtable;
        // SAFETY: passed on.
        unsafe { (vtable.drop_output)(self) }
    }

    /// Gives one reference back, and frees the task with the last one.
    ///
    /// # Safety
    /// The caller owns a reference and does not use the task through it again.
    pub(super) unsafe fn release(self) {
        // SAFETY: the caller still holds its reference.
        let header = unsafe { self.header() };
        if header.state.release_reference() {
            let free = header.vtable.free;
            // SAFETY: that was the last reference, so nobody else can reach the task.
            unsafe { free(self) }
        }
    }
}
