//! Why a closure was not taken: an error that gives it back.

use std::error::Error;
use std::fmt;
use std::io;
use std::time::Duration;

use crate::job::error::{Full, Rejection};

/// A closure that [`try_spawn`](crate::Pool::try_spawn) did not take. It is in here: nothing of it has run, nothing
/// was dropped.
///
/// ```
/// use sideline_blocking_pool::{Pool, Shutdown, SpawnErrorKind};
///
/// let pool = Pool::new();
/// pool.shutdown(Shutdown::Drain);
/// let error = pool.try_spawn(|| 7).unwrap_err();
/// assert!(matches!(error.kind(), SpawnErrorKind::Closed));
/// assert_eq!(error.into_closure()(), 7); // run it here instead
/// ```
pub struct SpawnError<F> {
    kind: SpawnErrorKind,
    closure: F,
}

/// Why [`try_spawn`](crate::Pool::try_spawn) did not take a closure.
#[derive(Debug)]
#[non_exhaustive]
pub enum SpawnErrorKind {
    /// The queue is full.
    #[non_exhaustive]
    Full {
        /// The [`queue_limit`](crate::Builder::queue_limit), in jobs.
        limit: usize,
        /// For how long the job in it that has waited longest has waited: after a burst not long, and ever longer if nothing moves.
        /// `None` if the last one has just left.
        oldest: Option<Duration>,
    },
    /// The pool, or the tenant, has been shut down.
    Closed,
    /// The pool has no thread and none could be started.
    NoThread(io::Error),
    /// The pool was made before a `fork`, and its threads are in the parent. [`Pool::global`](crate::Pool::global) is
    /// another pool in each process.
    Forked,
}

impl SpawnErrorKind {
    #[inline]
    pub(crate) fn rejection(&self) -> Rejection {
        match self {
            Self::Full { limit, oldest } => Rejection::Full { limit: *limit, oldest: *oldest },
            Self::Closed => Rejection::Closed,
            Self::NoThread(error) => Rejection::NoThread(error.to_string()),
            Self::Forked => Rejection::Forked,
        }
    }
}

impl<F> SpawnError<F> {
    pub(crate) fn new(kind: SpawnErrorKind, closure: F) -> Self {
        Self { kind, closure }
    }

    /// Why the closure was not taken.
    pub fn kind(&self) -> &SpawnErrorKind {
        &self.kind
    }

    /// True if the queue was full: there may be room a moment later.
    pub fn is_full(&self) -> bool {
        matches!(self.kind, SpawnErrorKind::Full { .. })
    }

    /// True if the pool, or the tenant, has been shut down.
    pub fn is_closed(&self) -> bool {
        matches!(self.kind, SpawnErrorKind::Closed)
    }

    /// The closure, untouched.
    pub fn into_closure(self) -> F {
        self.closure
    }

    pub(crate) fn map<G>(self, unwrap: impl FnOnce(F) -> G) -> SpawnError<G> {
        SpawnError { kind: self.kind, closure: unwrap(self.closure) }
    }
}

impl<F> fmt::Display for SpawnError<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.kind {
            SpawnErrorKind::Full { limit, oldest } => write!(
                f,
                "the pool's queue is full ({}): retry later, run the closure in place, or raise `Builder::queue_limit`",
                Full { limit: *limit, oldest: *oldest }
            ),
            SpawnErrorKind::Closed => {
                f.write_str("the pool is shut down: run the closure in place, or use another pool")
            }
            SpawnErrorKind::Forked => f.write_str(
                "this process is a fork, and the pool's threads are in its parent: make a pool in the child, or use Pool::global() there",
            ),
            SpawnErrorKind::NoThread(error) => {
                let advice = match error.kind() {
                    // All else that a thread is asked for is always the same.
                    io::ErrorKind::InvalidInput => "it has no such stack: see `Builder::stack_size` and `RUST_MIN_STACK`",
                    _ => "retry later, or raise the limit on threads",
                };
                write!(f, "the pool has no thread and none could be started ({error}): {advice}")
            }
        }
    }
}

impl<F> fmt::Debug for SpawnError<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SpawnError").field("kind", &self.kind).finish_non_exhaustive()
    }
}

impl<F> Error for SpawnError<F> {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match &self.kind {
            SpawnErrorKind::NoThread(error) => Some(error),
            _ => None,
        }
    }
}

/// For `?` in functions of I/O: the closure is dropped. `WouldBlock` if the queue was full, what the system said if no thread could
/// be started, otherwise `Other`.
impl<F> From<SpawnError<F>> for io::Error {
    fn from(error: SpawnError<F>) -> Self {
        let message = error.to_string();
        match error.kind {
            SpawnErrorKind::NoThread(error) => Self::new(error.kind(), message),
            SpawnErrorKind::Full { .. } => Self::new(io::ErrorKind::WouldBlock, message),
            SpawnErrorKind::Closed | SpawnErrorKind::Forked => Self::other(message),
        }
    }
}
