//! From a future to a task: it is put into a cell, and the cell into a queue of its loop.
//!
//! | where the loop is | function | the task goes to |
//! |---|---|---|
//! | on this thread | [`spawn_local`] | the table and the run queue |
//! | on another thread | [`spawn_remote`] | the inbox; the loop takes it into the table when it takes the inbox |
//! | it was on this thread, and is gone | [`spawn_ended`] | nowhere: it is cancelled at once |

use super::cell::TaskPtr;
use super::join::TaskHandle;
use super::queue::{Closed, Pushed};
use super::run::finish;
use super::state::Spawned;
use crate::core::Core;
use crate::runtime::shared::Shared;
use std::future::Future;
use std::panic::Location;
use std::sync::Arc;

/// Spawns on the loop of this thread. If that loop is being dropped, the task is cancelled with the others.
#[inline]
pub(crate) fn spawn_local<F>(
    core: &Core,
    future: F,
    location: &'static Location<'static>,
) -> TaskHandle<F::Output>
where
    F: Future + 'static,
    F::Output: 'static,
{
    let task = TaskPtr::allocate(future, Spawned::Here, Arc::clone(core.shared()), location);
    // SAFETY: allocate() gave us the handle's reference, for a task with this output.
    let handle = unsafe { TaskHandle::new(task) };
    // SAFETY: a new task, of this loop; the table's reference is handed over.
    unsafe { core.tasks.begin(task) };
    handle
}

/// Spawns on a loop that is not this thread's.
pub(crate) fn spawn_remote<F>(
    shared: &Arc<Shared>,
    future: F,
    location: &'static Location<'static>,
) -> TaskHandle<F::Output>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    // SAFETY: the future is Send.
    unsafe { spawn_to_inbox(shared, future, location) }
}

/// Spawns on a loop of this thread that is gone: the task is cancelled.
pub(crate) fn spawn_ended<F>(
    shared: &Arc<Shared>,
    future: F,
    location: &'static Location<'static>,
) -> TaskHandle<F::Output>
where
    F: Future + 'static,
    F::Output: 'static,
{
    // SAFETY: this is the loop's thread.
    unsafe { spawn_to_inbox(shared, future, location) }
}

/// # Safety
/// The future and its output are Send, or this is the loop's thread.
unsafe fn spawn_to_inbox<F>(
    shared: &Arc<Shared>,
    future: F,
    location: &'static Location<'static>,
) -> TaskHandle<F::Output>
where
    F: Future + 'static,
    F::Output: 'static,
{
    let task = TaskPtr::allocate(future, Spawned::Elsewhere, Arc::clone(shared), location);
    // SAFETY: allocate() gave us the handle's reference, for a task with this output.
    let handle = unsafe { TaskHandle::new(task) };
    // In a forked child the loop is the parent's, and takes nothing from here.
    // SAFETY: a new task is marked and in no queue; our handle keeps it during the call.
    let pushed = if shared.is_forked() { Err(Closed) } else { unsafe { shared.inbox.push(task) } };
    match pushed {
        Ok(Pushed::First) => shared.reactor.notify(),
        Ok(Pushed::Behind) => {}
        Err(Closed) => {
            // SAFETY: our handle keeps the task.
            let header = unsafe { task.header() };
            // We take the inbox's part, as a refused wake does: completion must not make a reference for an
            // entry that does not exist. Nobody can have completed the task before us.
            let _ = header.state.leave_inbox();
            // SAFETY: no loop has seen this task, so it is all ours; and its future may be dropped on this thread.
            unsafe { task.cancel() };
            // SAFETY: as above: the table's reference is ours, and no queue holds the task.
            unsafe { finish(task, None) };
        }
    }
    handle
}
