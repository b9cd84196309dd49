//! Why a job gave no result.

use std::any::Any;
use std::error::Error;
use std::fmt;
use std::io;
use std::panic::Location;
use std::time::Duration;

use crate::job::{JobId, JobInfo};
use crate::user_code::contain::{self, Payload, Shut};

/// How a job ended other than with a value.
///
/// Boxed where it is large and rare: every job has room for one.
pub(crate) enum Failure {
    Cancelled,
    /// Cancelled because its deadline had passed.
    Expired,
    Panicked(Box<Payload>),
    Rejected(Box<Rejection>),
}

impl Failure {
    #[cold]
    pub(crate) fn panicked(payload: Payload) -> Self {
        Self::Panicked(Box::new(payload))
    }

    #[cold]
    #[inline(never)]
    pub(crate) fn rejected(why: Rejection) -> Self {
        Self::Rejected(Box::new(why))
    }
}

/// Why a pool did not take, or could not keep, a job.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Rejection {
    /// The pool, or the tenant, has been shut down.
    Closed,
    /// The queue holds as many jobs as [`Builder::queue_limit`](crate::Builder::queue_limit) allows.
    #[non_exhaustive]
    Full {
        /// That limit, in jobs.
        limit: usize,
        /// For how long the job in it that has waited longest has waited. `None` if the last one has just left.
        oldest: Option<Duration>,
    },
    /// The pool has no thread and the operating system refused to start one; its words.
    NoThread(String),
    /// The pool was made before a `fork`, and its threads are in the parent.
    Forked,
}

impl fmt::Display for Rejection {
    #[inline]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Closed => f.write_str("the pool is shut down"),
            Self::Full { limit, oldest } => {
                write!(f, "queue is full ({})", Full { limit: *limit, oldest: *oldest })
            }
            Self::NoThread(error) => write!(f, "no thread could be started: {error}"),
            Self::Forked => f.write_str("this process is a fork, and the pool's threads are in its parent"),
        }
    }
}

/// How full a queue is, for people.
pub(crate) struct Full {
    pub(crate) limit: usize,
    pub(crate) oldest: Option<Duration>,
}

impl fmt::Display for Full {
    #[inline]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "limit {}", self.limit)?;
        match self.oldest {
            Some(oldest) => write!(f, "; the first has waited for {oldest:.1?}"),
            None => Ok(()),
        }
    }
}

/// What awaiting a [`JoinHandle`](crate::JoinHandle) yields when there is no result.
///
/// Its `Display` names the job and where it was spawned:
///
/// ```
/// use pollster::block_on;
/// use sideline_blocking_pool::Pool;
///
/// let pool = Pool::new();
/// let job = pool.spawn(|| -> u32 { panic!("no such file") });
/// let error = block_on(job).unwrap_err();
/// assert!(error.is_panic());
/// assert!(error.to_string().ends_with("panicked: no such file"), "{error}");
/// ```
///
/// A panic payload that itself panics when dropped is contained: dropping a `JoinError` never panics.
pub struct JoinError(Box<Inner>);

struct Inner {
    job: JobInfo,
    kind: Kind,
}

enum Kind {
    Cancelled,
    Expired,
    Rejected(Rejection),
    Panicked { message: String, payload: Shut },
}

impl JoinError {
    pub(crate) fn new(job: JobInfo, failure: Failure) -> Self {
        let kind = match failure {
            Failure::Cancelled => Kind::Cancelled,
            Failure::Expired => Kind::Expired,
            Failure::Rejected(why) => Kind::Rejected(*why),
            Failure::Panicked(payload) => Kind::Panicked {
                message: contain::message(&**payload).to_owned(),
                payload: Shut::new(*payload),
            },
        };
        Self(Box::new(Inner { job, kind }))
    }

    /// True if the job was taken out of the queue before it started: by `abort`, by a shutdown, or because its
    /// deadline had passed ([`is_expired`](Self::is_expired)). Nothing of it has run.
    #[inline]
    pub fn is_cancelled(&self) -> bool {
        matches!(self.0.kind, Kind::Cancelled | Kind::Expired)
    }

    /// True if the job was cancelled because it had not started by its
    /// deadline (`JobBuilder::deadline`).
    #[inline]
    pub fn is_expired(&self) -> bool {
        matches!(self.0.kind, Kind::Expired)
    }

    /// True if the closure panicked.
    #[inline]
    pub fn is_panic(&self) -> bool {
        matches!(self.0.kind, Kind::Panicked { .. })
    }

    /// True if the pool did not take the job, or had to give it back because it has no thread.
    #[inline]
    pub fn is_rejected(&self) -> bool {
        matches!(self.0.kind, Kind::Rejected(_))
    }

    /// Why the job was rejected; `None` if it was not.
    #[inline]
    pub fn rejection(&self) -> Option<&Rejection> {
        match &self.0.kind {
            Kind::Rejected(why) => Some(why),
            _ => None,
        }
    }

    /// The panic's payload, to hand to [`std::panic::resume_unwind`].
    ///
    /// # Panics
    /// If this is not a panic; ask [`is_panic`](Self::is_panic) or use [`try_into_panic`](Self::try_into_panic).
    #[track_caller]
    #[inline]
    pub fn into_panic(self) -> Box<dyn Any + Send + 'static> {
        match self.try_into_panic() {
            Ok(payload) => payload,
            Err(error) => panic!("`JoinError::into_panic` on an error that is not a panic: {error}"),
        }
    }

    /// The panic's payload, or the error back if it is not a panic.
    ///
    /// # Errors
    /// The error itself, unchanged, if the job was cancelled or rejected.
    #[inline]
    pub fn try_into_panic(self) -> Result<Box<dyn Any + Send + 'static>, Self> {
        let Inner { job, kind } = *self.0;
        match kind {
            Kind::Panicked { payload, .. } => Ok(payload.open()),
            kind => Err(Self(Box::new(Inner { job, kind }))),
        }
    }

    /// The job's number.
    #[inline]
    pub fn id(&self) -> JobId {
        self.0.job.id
    }

    /// The job's name, if it was given one.
    #[inline]
    pub fn name(&self) -> Option<&str> {
        self.0.job.name.as_deref()
    }

    /// Where the job was spawned.
    #[inline]
    pub fn location(&self) -> &'static Location<'static> {
        self.0.job.location
    }
}

impl fmt::Display for JoinError {
    #[inline]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Inner { job, kind } = &*self.0;
        write!(f, "{job} ")?;
        match kind {
            Kind::Cancelled => f.write_str("was cancelled before it started"),
            Kind::Expired => f.write_str("expired: it had not started by its deadline"),
            Kind::Panicked { message, .. } => write!(f, "panicked: {message}"),
            Kind::Rejected(why) => write!(f, "was rejected: {why}"),
        }
    }
}

impl fmt::Debug for JoinError {
    #[inline]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "JoinError({self})")
    }
}

impl Error for JoinError {}

/// For `?` in functions of I/O. It is in there, to be had by `into_inner` and `downcast`; the kind is `TimedOut` for a job that
/// [expired](JoinError::is_expired), otherwise `Other`.
impl From<JoinError> for io::Error {
    #[inline]
    fn from(error: JoinError) -> Self {
        let kind = if error.is_expired() { io::ErrorKind::TimedOut } else { io::ErrorKind::Other };
        Self::new(kind, error)
    }
}
