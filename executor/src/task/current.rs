//! Which task or job is asking.
//!
//! A future is its task from the moment in which a loop has it to the end of its destructor, whatever ends it: it is ready, it panics, it is
//! aborted from anywhere, or the loop ends. So the loop says which task it is about to poll *or drop*, here for code of the task, and for
//! the watchdog ([`crate::core::pulse`]). Its task-locals go the same way, since a scope is a part of the future (`local/scope.rs`).

use crate::Id;
use crate::runtime::context;
use sideline_blocking_pool::JobId;

/// The id of the task that calls this, or of the job: that of its [handle](crate::JoinHandle::id). For logs, say.
///
/// # Panics
/// In neither. [`try_id`] is for code that may be called by the main future of a `block_on`, or outside a runtime.
///
/// ```
/// use sideline::task;
///
/// sideline::block_on(async {
///     let handle = sideline::spawn(async {
///         println!("{} is at work", task::id());
///         task::id()
///     });
///     let id = handle.id();
///     assert_eq!(handle.await.unwrap(), id);
///     assert!(task::try_id().is_none()); // this future is no task
/// });
/// ```
#[track_caller]
#[inline]
pub fn id() -> Id {
    match try_id() {
        Some(id) => id,
        None => panic!("sideline::task::id: neither a task nor a job has called this"),
    }
}

/// The id of the task that calls this, or of the job. `None` in a main future, and outside a runtime. See [`id`].
///
/// What a future owns is dropped as its task, too: when it is ready, aborted, or its runtime ends. (If the runtime was gone when it was
/// spawned, it never became a task, and is dropped as what its spawner is.)
#[inline]
pub fn try_id() -> Option<Id> {
    // A job may drive a loop of its own, whose main future is the job's.
    let task = context::with_core(|core| core.shared().pulse.current_task());
    task.flatten().or_else(|| JobId::current().map(Id::job))
}
