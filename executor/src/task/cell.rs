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

use super::state::{Spawned, State};
use crate::Id;
use crate::id::next_task_number;
use crate::join_error::JoinError;
use crate::report::{Culprit, contain};
use crate::shared::Shared;
use crate::sync::cell::UnsafeCell;
use std::future::Future;
use std::mem::MaybeUninit;
use std::panic::{AssertUnwindSafe, Location, catch_unwind};
use std::pin::Pin;
use std::ptr::NonNull;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

/// What every task has, whatever its future. The first field of a [`TaskCell`].
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

/// The operations that need to know the future's type.
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
    /// A new task, in no queue yet, with a reference for the table and one for the handle.
    ///
    /// It is `#[inline]` so that the compiler may make the future directly in its cell. For the same reason it is short:
    /// what does not depend on the future's type is done elsewhere ([`Header::write_to`]).
    #[inline]
    pub(super) fn allocate<F: Future>(
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

    /// The pointer that a [`Pulse`](crate::pulse::Pulse) publishes.
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

impl TaskPtr {
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
