//! Names for tasks and jobs, for logs and error messages.

use sideline_blocking_pool::JobId;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Identifies a task or a job for as long as the process lives. Printed as `task 7` or `job 7`.
///
/// ```
/// # sideline::block_on(async {
/// let task = sideline::spawn(async {});
/// assert!(task.id().to_string().starts_with("task "));
/// let job = sideline::spawn_blocking(|| ());
/// assert!(job.id().to_string().starts_with("job "));
/// # });
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct Id(Kind);

#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
enum Kind {
    Task(u64),
    Job(JobId),
}

impl Id {
    pub(crate) fn task(number: u64) -> Self {
        Self(Kind::Task(number))
    }

    pub(crate) fn job(id: JobId) -> Self {
        Self(Kind::Job(id))
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (what, number): (_, &dyn fmt::Display) = match &self.0 {
            Kind::Task(number) => ("task", number),
            Kind::Job(id) => ("job", id),
        };
        write!(f, "{what} {number}")
    }
}

/// The number in the next task's id.
pub(crate) fn next_task_number() -> u64 {
    // std's atomic on purpose: an id orders nothing, and a loom model may not keep state in a static.
    static NEXT: AtomicU64 = AtomicU64::new(1);
    NEXT.fetch_add(1, Relaxed)
}
