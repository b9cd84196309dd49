//! Which runtime the current thread is in, and whether it is that runtime's loop.
//!
//! Three words per thread. The *runtime* is what `Handle::current`, `spawn_blocking` and the I/O types look up: it
//! is set while the loop runs, inside a blocking job, and inside `Handle::block_on`. The *core* is set on the
//! loop's thread alone, and only while the loop runs: whoever finds it may touch what belongs to the loop. The *place* is where
//! `block_on` was called that drives it.
//!
//! They are bare pointers. A guard sets them for as long as it borrows what they point to, and puts the former ones back: so what is found
//! is kept by somebody further down on this thread's stack. (Or, if a runtime is in a thread-local, by nobody: when the process exits in
//! there it is dropped all the same. It leaves its loop in place then: see `runtime/mod.rs`.)

use super::handle::Handle;
use super::shared::Shared;
use crate::core::Core;
use crate::sync::thread_local;
use std::cell::Cell;
use std::fmt;
use std::io;
use std::marker::PhantomData;
use std::mem::ManuallyDrop;
use std::panic::Location;
use std::ptr;
use std::rc::Rc;
use std::sync::Arc;

#[derive(Clone, Copy)]
struct Context {
    /// Of an `Arc`; null outside a runtime.
    shared: *const Shared,
    /// Of an `Rc`; null if no loop runs here.
    core: *const Core,
    blocked_on: Option<&'static Location<'static>>,
}

const NOWHERE: Context = Context { shared: ptr::null(), core: ptr::null(), blocked_on: None };

// It has no destructor, so it exists to the very end of the thread. A runtime may be driven in the destructor of
// another thread-local, and a `block_on` inside of that has to be refused; it must not wait for ever. Builds are smaller, too:
// with each type of thread-local that is dropped, std's code for that is compiled once more.
thread_local! {
    static CONTEXT: Cell<Context> = const { Cell::new(NOWHERE) };
}

#[inline]
fn context() -> Context {
    // Err: only in a loom model, at the end of a thread.
    CONTEXT.try_with(Cell::get).unwrap_or(NOWHERE)
}

/// Called outside a runtime. From [`Handle::try_current`](crate::Handle::try_current).
///
/// ```
/// use sideline::Handle;
///
/// assert!(Handle::try_current().is_err());
/// sideline::block_on(async { assert!(Handle::try_current().is_ok()) });
/// ```
#[derive(Clone, Copy)]
pub struct NoRuntime(());

impl NoRuntime {
    pub(crate) fn new() -> Self {
        Self(())
    }
}

impl fmt::Display for NoRuntime {
    #[inline]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "this thread is not inside a sideline runtime: call it within sideline::block_on, \
             Runtime::block_on, Handle::block_on or a job of spawn_blocking, or use a Handle",
        )
    }
}

/// With the words of `Display`: this is what `unwrap` shows.
impl fmt::Debug for NoRuntime {
    #[inline]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "NoRuntime({self})")
    }
}

impl std::error::Error for NoRuntime {}

/// The runtime this thread is in.
#[allow(unsafe_code)]
pub(crate) fn handle() -> Result<Handle, NoRuntime> {
    if let Some(handle) = with_core(Core::take_handle) {
        return Ok(handle);
    }
    let shared = context().shared;
    if shared.is_null() {
        return Err(NoRuntime(()));
    }
    // SAFETY: a pointer of an `Arc` that the guard borrows. It stays the guard's: we count one of our own.
    let shared = unsafe { ManuallyDrop::new(Arc::from_raw(shared)) };
    Ok(Handle::new(Arc::clone(&shared)))
}

/// The reactor of the runtime this thread is in.
#[inline]
pub(crate) fn reactor() -> io::Result<sideline_reactor::Handle> {
    with_reactor(Clone::clone).map_err(io::Error::other)
}

/// Calls `f` with the reactor of the runtime this thread is in.
#[inline]
#[allow(unsafe_code, reason = "found for every timer")]
pub(crate) fn with_reactor<R>(f: impl FnOnce(&sideline_reactor::Handle) -> R) -> Result<R, NoRuntime> {
    // SAFETY: null, or what the guard borrows.
    match unsafe { context().shared.as_ref() } {
        Some(shared) => Ok(f(&shared.reactor)),
        None => Err(NoRuntime(())),
    }
}

/// The loop that runs on this thread.
#[allow(unsafe_code)]
pub(crate) fn core() -> Option<Rc<Core>> {
    let core = context().core;
    if core.is_null() {
        return None;
    }
    // SAFETY: a pointer of an `Rc` that the guard borrows. It stays the guard's: we count one of our own.
    let core = unsafe { ManuallyDrop::new(Rc::from_raw(core)) };
    Some(Rc::clone(&core))
}

/// Calls `f` with the loop that runs on this thread.
#[inline]
#[allow(unsafe_code, reason = "found for every handle")]
pub(crate) fn with_core<R>(f: impl FnOnce(&Core) -> R) -> Option<R> {
    // SAFETY: null, or what the guard borrows.
    unsafe { context().core.as_ref() }.map(f)
}

/// Calls `f` with the loop that `shared` belongs to, if it runs on this thread.
#[inline]
#[allow(unsafe_code, reason = "found for every wake")]
pub(crate) fn with_core_of<R>(shared: &Arc<Shared>, f: impl FnOnce(&Core) -> R) -> Option<R> {
    let context = context();
    if context.shared != Arc::as_ptr(shared) {
        return None;
    }
    // SAFETY: null, or what the guard borrows.
    unsafe { context.core.as_ref() }.map(f)
}

/// Whether this is the thread of the loop that `shared` belongs to, and the loop is running.
#[inline]
pub(crate) fn is_core_of(shared: &Arc<Shared>) -> bool {
    let context = context();
    !context.core.is_null() && context.shared == Arc::as_ptr(shared)
}

/// Where the `block_on` was called that drives a loop on this thread, if there is one.
pub(crate) fn blocked_on() -> Option<&'static Location<'static>> {
    context().blocked_on
}

/// Enters a runtime on this thread until the guard is dropped, on unwinding too.
pub(crate) fn enter<'a>(
    shared: &'a Arc<Shared>,
    core: Option<&'a Rc<Core>>,
    blocked_on: Option<&'static Location<'static>>,
) -> Entered<'a> {
    let core = match core {
        Some(core) => Rc::as_ptr(core),
        None => ptr::null(),
    };
    let before = exchange(Context { shared: Arc::as_ptr(shared), core, blocked_on });
    Entered { before, borrows: PhantomData }
}

/// Puts the previous context back. It is never forgotten, and what is entered last is left first.
#[must_use]
pub(crate) struct Entered<'a> {
    before: Context,
    borrows: PhantomData<&'a Shared>,
}

#[inline(never)]
fn exchange(new: Context) -> Context {
    CONTEXT.try_with(|context| context.replace(new)).unwrap_or(NOWHERE)
}

impl Drop for Entered<'_> {
    fn drop(&mut self) {
        exchange(self.before);
    }
}
