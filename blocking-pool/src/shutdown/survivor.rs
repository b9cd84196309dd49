//! Jobs that are still running.

use std::borrow::Cow;
use std::fmt;
use std::panic::Location;

use crate::job::{JobId, JobInfo, name_job};
use crate::pool::shared::Shared;
use crate::worker::desk::Desk;

/// A job that is running now.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Survivor {
    /// The job.
    pub id: JobId,
    /// Its name, if it was given one.
    pub name: Option<Cow<'static, str>>,
    /// Where it was spawned.
    pub location: &'static Location<'static>,
    /// The name of the thread it runs on.
    pub thread: String,
}

impl Survivor {
    /// What is on `desk` now, if it is of a tenant that `whose` picks.
    pub(crate) fn of(desk: &Desk, whose: &dyn Fn(u64) -> bool) -> Option<Self> {
        let (_, job) = desk.read().filter(|(tenant, _)| whose(*tenant))?;
        let JobInfo { id, name, location } = job;
        Some(Self { id, name, location, thread: desk.name.clone() })
    }
}

impl fmt::Display for Survivor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        name_job(f, self.id, self.name.as_ref(), self.location)?;
        write!(f, " on {}", self.thread)
    }
}

impl Shared {
    /// The jobs that are running, of the tenants that `whose` picks.
    #[inline(never)]
    pub(crate) fn survivors(&self, whose: &dyn Fn(u64) -> bool) -> Vec<Survivor> {
        let mut survivors = Vec::new();
        // In a fork none is running, and the lock may be held by a thread that is not there.
        if self.is_forked() {
            return survivors;
        }
        self.roster.each_worker(&mut |desk| {
            if let Some(survivor) = Survivor::of(desk, whose) {
                survivors.push(survivor);
            }
        });
        survivors
    }
}
