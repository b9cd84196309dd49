//! Which runtime the current thread is in, and whether it is that runtime's loop.
//!
//! Two facts per thread. The *handle* is what `Handle::current`, `spawn_blocking` and the I/O types look up: it
//! is set while the loop runs, inside a blocking job, and inside `Handle::block_on`. The *core* is set on the
//! loop's thread alone, and only while the loop runs: whoever finds it may touch what belongs to the loop. Every wake looks for
//! it, so the thread has it a second time, as a bare pointer, which takes a fraction of the time to find.

use crate::core::Core;
use crate::handle::Handle;
use crate::shared::Shared;
use crate::sync::thread_local;
use std::cell::{Cell, RefCell};
use std::fmt;
use std::io;
use std::mem::ManuallyDrop;
use std::panic::Location;
use std::ptr;
use std::rc::Rc;
use std::sync::Arc;

struct Context {
    handle: RefCell<Option<Handle>>,
    core: RefCell<Option<Rc<Core>>>,
    /// The same core; null if there is none.
    core_here: Cell<*const Core>,
    /// Where `block_on` was called that drives a loop on this thread.
    blocked_on: Cell<Option<&'static Location<'static>>>,
}

// It has no destructor, so it exists to the very end of the thread. A runtime may be driven in the destructor of
// another thread-local, and a `block_on` inside of that has to be refused; it must not wait for ever. Builds are smaller, too:
// with each type of thread-local that is dropped, std's code for that is compiled once more.
thread_local! {
    /// Emptied by the guard that has filled it. A loop in which the process exits is never dropped.
    static CONTEXT: ManuallyDrop<Context> = const {
        ManuallyDrop::new(Context {
            handle: RefCell::new(None),
            core: RefCell::new(None),
            core_here: Cell::new(ptr::null()),
            blocked_on: Cell::new(None),
        })
    };
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
pub(crate) fn handle() -> Result<Handle, NoRuntime> {
    if let Some(handle) = with_core(Core::take_handle) {
        return Ok(handle);
    }
    // Err: only in a loom model, at the end of a thread.
    CONTEXT.try_with(|context| context.handle.borrow().clone()).ok().flatten().ok_or(NoRuntime(()))
}

/// The reactor of the runtime this thread is in.
pub(crate) fn reactor() -> io::Result<sideline_reactor::Handle> {
    with_reactor(Clone::clone).map_err(io::Error::other)
}

/// Calls `f` with the reactor of the runtime this thread is in. `f` must not run user code.
#[inline]
#[allow(unsafe_code, reason = "found for every timer")]
pub(crate) fn with_reactor<R>(f: impl FnOnce(&sideline_reactor::Handle) -> R) -> Result<R, NoRuntime> {
    // SAFETY: `f` runs no user code.
    if let Some(core) = unsafe { core_for_a_moment() } {
        return Ok(f(&core.shared().reactor));
    }
    handle().map(|handle| f(&handle.shared().reactor))
}

/// The loop that runs on this thread.
pub(crate) fn core() -> Option<Rc<Core>> {
    CONTEXT.try_with(|context| context.core.borrow().clone()).ok().flatten()
}

/// Calls `f` with the loop that runs on this thread. `f` must not run user code.
#[inline]
#[allow(unsafe_code, reason = "found for every handle and every wake")]
pub(crate) fn with_core<R>(f: impl FnOnce(&Core) -> R) -> Option<R> {
    // SAFETY: `f` runs no user code.
    unsafe { core_for_a_moment() }.map(f)
}

/// Calls `f` with the loop that `shared` belongs to, if it runs on this thread. `f` must not run user code.
#[inline]
pub(crate) fn with_core_of<R>(shared: &Arc<Shared>, f: impl FnOnce(&Core) -> R) -> Option<R> {
    with_core(|core| Arc::ptr_eq(core.shared(), shared).then(|| f(core))).flatten()
}

/// The loop that runs on this thread, uncounted.
///
/// # Safety
/// No user code runs as long as the result is used: the context may be another one afterwards.
#[inline]
#[allow(unsafe_code)]
unsafe fn core_for_a_moment<'a>() -> Option<&'a Core> {
    let core = CONTEXT.try_with(|context| context.core_here.get()).ok()?;
    // SAFETY: null, or the core that the context keeps. The two are exchanged together, and never while no user code runs.
    unsafe { core.as_ref() }
}

/// Whether this is the thread of the loop that `shared` belongs to, and the loop is running.
pub(crate) fn is_core_of(shared: &Arc<Shared>) -> bool {
    with_core_of(shared, |_| ()).is_some()
}

/// Where the `block_on` was called that drives a loop on this thread, if there is one.
pub(crate) fn blocked_on() -> Option<&'static Location<'static>> {
    CONTEXT.try_with(|context| context.blocked_on.get()).ok().flatten()
}

/// Enters a runtime on this thread until the guard is dropped, on unwinding too.
#[inline(never)]
pub(crate) fn enter(
    handle: Handle,
    core: Option<Rc<Core>>,
    at: Option<&'static Location<'static>>,
) -> Entered {
    let mut entered = Entered { handle: Some(handle), core, blocked_on: at };
    entered.exchange();
    entered
}

/// Puts the previous context back.
#[must_use]
pub(crate) struct Entered {
    handle: Option<Handle>,
    core: Option<Rc<Core>>,
    blocked_on: Option<&'static Location<'static>>,
}

impl Entered {
    /// Exchanges what is in here with what is in the thread.
    #[inline(never)]
    fn exchange(&mut self) {
        let _ = CONTEXT.try_with(|context| {
            self.handle = context.handle.replace(self.handle.take());
            context.core_here.set(self.core.as_ref().map_or(ptr::null(), Rc::as_ptr));
            self.core = context.core.replace(self.core.take());
            self.blocked_on = context.blocked_on.replace(self.blocked_on);
        });
    }
}

impl Drop for Entered {
    fn drop(&mut self) {
        // What was the context until now is dropped with this guard, outside the borrows: it may be the last of
        // its runtime.
        self.exchange();
    }
}
