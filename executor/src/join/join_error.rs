//! Why a task or a job has no result.

use crate::Id;
use crate::runtime::report::Culprit;
use sideline_blocking_pool as pool;
use sideline_blocking_pool::contain::{self, Payload, Shut};
use std::any::Any;
use std::error::Error;
use std::fmt;
use std::io;
use std::panic::Location;

/// A task or a job that ended without a result: it panicked, was cancelled, or never could start.
///
/// Its `Display` names the task or job and where it was spawned. Dropping it never panics, whatever the payload of a panic
/// does in its destructor.
///
/// ```
/// # sideline::block_on(async {
/// let error = sideline::spawn(async { panic!("no luck") }).await.unwrap_err();
/// assert!(error.is_panic());
/// assert!(error.to_string().ends_with("panicked: no luck"));
/// # });
/// ```
pub struct JoinError(Box<Repr>);

enum Repr {
    Task { culprit: Culprit, cause: Cause },
    Job(pool::JoinError),
}

enum Cause {
    Cancelled,
    Panic { message: String, payload: Shut },
}

impl JoinError {
    pub(crate) fn cancelled(culprit: Culprit) -> Self {
        Self(Box::new(Repr::Task { culprit, cause: Cause::Cancelled }))
    }

    pub(crate) fn panicked(culprit: Culprit, payload: Payload) -> Self {
        let message = contain::message(&*payload).to_owned();
        Self(Box::new(Repr::Task { culprit, cause: Cause::Panic { message, payload: Shut::new(payload) } }))
    }

    /// True if the task was aborted, or dropped with its runtime; or if the job was aborted, or its token
    /// cancelled, before it started, or if it [expired](Self::is_expired).
    #[inline]
    pub fn is_cancelled(&self) -> bool {
        match &*self.0 {
            Repr::Task { cause, .. } => matches!(cause, Cause::Cancelled),
            Repr::Job(error) => error.is_cancelled(),
        }
    }

    /// True if a job was cancelled because it had not started by its
    /// deadline (`blocking::JobBuilder::deadline`).
    #[inline]
    pub fn is_expired(&self) -> bool {
        matches!(&*self.0, Repr::Job(error) if error.is_expired())
    }

    /// True if the future or the closure panicked.
    #[inline]
    pub fn is_panic(&self) -> bool {
        match &*self.0 {
            Repr::Task { cause, .. } => matches!(cause, Cause::Panic { .. }),
            Repr::Job(error) => error.is_panic(),
        }
    }

    /// True if the pool did not take the job: its queue is full, it is shut down, or it has no thread: see
    /// [`rejection`](Self::rejection).
    #[inline]
    pub fn is_rejected(&self) -> bool {
        matches!(&*self.0, Repr::Job(error) if error.is_rejected())
    }

    /// Why a job was rejected; `None` if it was not.
    ///
    /// ```
    /// use sideline::{Pool, Runtime, Shutdown, blocking::Rejection};
    ///
    /// # fn main() -> std::io::Result<()> {
    /// let pool = Pool::new();
    /// let runtime = Runtime::builder().pool(pool.clone()).build()?;
    /// pool.shutdown(Shutdown::Drain);
    /// let error = runtime.block_on(async { sideline::spawn_blocking(|| 5).await }).unwrap_err();
    /// assert_eq!(error.rejection(), Some(&Rejection::Closed));
    /// # Ok(()) }
    /// ```
    #[inline]
    pub fn rejection(&self) -> Option<&pool::Rejection> {
        match &*self.0 {
            Repr::Task { .. } => None,
            Repr::Job(error) => error.rejection(),
        }
    }

    /// The panic's payload, for [`std::panic::resume_unwind`].
    ///
    /// # Panics
    /// If this is not a panic; see [`is_panic`](Self::is_panic) and [`try_into_panic`](Self::try_into_panic).
    #[inline]
    pub fn into_panic(self) -> Box<dyn Any + Send> {
        match self.try_into_panic() {
            Ok(payload) => payload,
            Err(error) => panic!("into_panic on an error that is not a panic (ask is_panic first): {error}"),
        }
    }

    /// The panic's payload, or the error back if it is not a panic.
    ///
    /// # Errors
    /// The error itself, unchanged, when it is not a panic.
    #[inline]
    pub fn try_into_panic(self) -> Result<Box<dyn Any + Send>, Self> {
        match *self.0 {
            Repr::Task { cause: Cause::Panic { payload, .. }, .. } => Ok(payload.open()),
            Repr::Job(error) => error.try_into_panic().map_err(Self::from),
            other => Err(Self(Box::new(other))),
        }
    }

    /// Which task or job it was.
    #[inline]
    pub fn id(&self) -> Id {
        match &*self.0 {
            Repr::Task { culprit, .. } => culprit.id,
            Repr::Job(error) => Id::job(error.id()),
        }
    }

    /// The name that a job was given.
    #[inline]
    pub fn name(&self) -> Option<&str> {
        match &*self.0 {
            Repr::Task { .. } => None,
            Repr::Job(error) => error.name(),
        }
    }

    /// Where it was spawned.
    #[inline]
    pub fn location(&self) -> &'static Location<'static> {
        match &*self.0 {
            Repr::Task { culprit, .. } => culprit.location,
            Repr::Job(error) => error.location(),
        }
    }

    /// For the report about a task whose panic nobody has read.
    pub(crate) fn task_panic(&self) -> Option<(Culprit, String)> {
        match &*self.0 {
            Repr::Task { culprit, cause: Cause::Panic { message, .. } } => Some((*culprit, message.clone())),
            _ => None,
        }
    }
}

impl From<pool::JoinError> for JoinError {
    fn from(error: pool::JoinError) -> Self {
        Self(Box::new(Repr::Job(error)))
    }
}

impl fmt::Display for JoinError {
    #[inline]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &*self.0 {
            Repr::Task { culprit: Culprit { id, location }, cause } => {
                write!(f, "{id} (spawned at {location}) ")?;
                match cause {
                    Cause::Cancelled => f.write_str("was cancelled"),
                    Cause::Panic { message, .. } => write!(f, "panicked: {message}"),
                }
            }
            Repr::Job(error) => {
                fmt::Display::fmt(error, f)?;
                match error.rejection() {
                    Some(pool::Rejection::Closed) => f.write_str(", or the runtime that the job was for"),
                    _ => Ok(()),
                }
            }
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
///
/// ```
/// use sideline::{spawn_blocking, block_on};
/// use std::{fs, io};
///
/// async fn manifest() -> io::Result<String> {
///     spawn_blocking(|| fs::read_to_string("Cargo.toml")).await?
/// }
/// # assert!(block_on(manifest()).unwrap().contains("[package]"));
/// ```
impl From<JoinError> for io::Error {
    #[inline]
    fn from(error: JoinError) -> Self {
        let kind = if error.is_expired() { io::ErrorKind::TimedOut } else { io::ErrorKind::Other };
        Self::new(kind, error)
    }
}
