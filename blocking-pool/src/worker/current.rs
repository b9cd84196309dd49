//! Which worker the current thread is, if it is one: asked by whatever runs inside jobs.

use std::cell::{Cell, RefCell};
use std::mem::ManuallyDrop;
use std::rc::Rc;
use std::sync::Arc;

use super::Local;
use crate::job::Entry;
use crate::shared::Shared;
use crate::sync::thread_local;

thread_local! {
    /// Emptied by the worker itself, at its end, and so without a destructor. For a thread-local with one, std's code to run it
    /// is compiled along, and each access asks first whether it has been dropped.
    static LOCAL: ManuallyDrop<RefCell<Option<Rc<Local>>>> = const { ManuallyDrop::new(RefCell::new(None)) };

    /// The pool that this thread was started by: an address, to be compared. Without a destructor, so that it exists to the very
    /// end of the thread.
    static STARTED_BY: Cell<usize> = const { Cell::new(0) };
}

/// The current thread is this worker from now on.
pub(super) fn begin(local: &Rc<Local>) {
    STARTED_BY.with(|by| by.set(Arc::as_ptr(&local.pool) as usize));
    LOCAL.with(|slot| *slot.borrow_mut() = Some(Rc::clone(local)));
}

/// The current thread is no worker any more.
pub(super) fn end() {
    let _ = LOCAL.with(|slot| slot.borrow_mut().take());
}

/// Pushes to the current worker's own deque, if it is a core worker of `pool` and there is room; the entry back otherwise.
#[inline]
pub(crate) fn push_nested(pool: &Arc<Shared>, entry: Entry) -> Result<(), Entry> {
    let mut entry = Some(entry);
    on_worker_of(pool, |local| {
        if let Some(seat) = &local.seat {
            // If it is full, the injector is not.
            entry = entry.take().and_then(|entry| seat.deque.push(entry).err());
        }
    });
    entry.map_or(Ok(()), Err)
}

/// The tenant whose job the current thread is running, if it is a worker of `pool`.
pub(crate) fn running_tenant(pool: &Arc<Shared>) -> Option<u64> {
    place(pool).flatten()
}

/// Whether the current thread is a worker of `pool`.
pub(crate) fn is_inside(pool: &Arc<Shared>) -> bool {
    place(pool).is_some()
}

/// `None`: not on a worker of `pool`. `Some(None)`: in none of its jobs.
fn place(pool: &Arc<Shared>) -> Option<Option<u64>> {
    on_worker_of(pool, |local| local.desk.own_tenant())
}

/// Whether the current thread is a worker of `pool`, or was one and is ending: its thread-locals are being dropped.
pub(crate) fn is_or_was_of(pool: &Arc<Shared>) -> bool {
    STARTED_BY.try_with(|by| by.get() == Arc::as_ptr(pool) as usize).unwrap_or(false)
}

fn on_worker_of<R>(pool: &Arc<Shared>, then: impl FnOnce(&Local) -> R) -> Option<R> {
    // None: not a worker, or no longer. Err: only in a loom model, at the end of a thread.
    let found = LOCAL.try_with(|slot| {
        slot.borrow().as_ref().filter(|local| Arc::ptr_eq(&local.pool, pool)).map(|l| then(l))
    });
    found.ok().flatten()
}
