//! Which job it is, for people.

use std::borrow::Cow;
use std::fmt;
use std::panic::Location;

use super::JobId;

/// A job as errors and reports name it: `job 7 "thumbnail" (spawned at src/main.rs:12:20)`.
///
/// ```
/// use pollster::block_on;
/// use sideline_blocking_pool::Pool;
///
/// let job = Pool::global().job().name("thumbnail").spawn(|| panic!("no such picture"));
/// let error = block_on(job).unwrap_err();
/// assert!(error.to_string().contains(r#""thumbnail" (spawned at "#), "{error}");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct JobInfo {
    /// Its number.
    pub id: JobId,
    /// The name it was given: see [`JobBuilder::name`](crate::JobBuilder::name).
    pub name: Option<Cow<'static, str>>,
    /// Where it was spawned.
    pub location: &'static Location<'static>,
}

impl fmt::Display for JobInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        name_job(f, self.id, self.name.as_ref(), self.location)
    }
}

#[inline(never)]
pub(crate) fn name_job(
    f: &mut fmt::Formatter<'_>,
    id: JobId,
    name: Option<&Cow<'_, str>>,
    location: &Location<'_>,
) -> fmt::Result {
    match name {
        Some(name) => write!(f, "job {id} {name:?} (spawned at {location})"),
        None => write!(f, "job {id} (spawned at {location})"),
    }
}
