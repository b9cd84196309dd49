//! Blocking jobs that are more than a closure: named, limited, with a deadline, cancellable.
//!
//! [`spawn_blocking`](crate::spawn_blocking) is enough for most. [`job`] is for the rest:
//!
//! ```
//! use sideline::blocking::{self, Limiter};
//! use std::time::{Duration, Instant};
//!
//! # sideline::block_on(async {
//! let database = Limiter::new(4); // of this kind of job, four at once
//! let rows = blocking::job()
//!     .name("count orders")
//!     .limiter(&database)
//!     .deadline(Instant::now() + Duration::from_secs(2))
//!     .cancellable()
//!     .spawn(|token| {
//!         // ... register a hook that interrupts the query: token.on_cancel(..)
//!         token.check().map(|()| 42)
//!     });
//! assert_eq!(rows.await.unwrap(), Ok(42));
//! # });
//! ```
//!
//! All but names and `try_spawn` is behind the feature `job-control`.
//!
//! A job carries along the runtime it belongs to ([`Handle::current`](crate::Handle::current) works in it), the values
//! of [carried task-locals](crate::task_local), and with the feature `tracing` the current span.

use crate::runtime::context;
use crate::{Handle, JoinHandle};
use sideline_blocking_pool as pool;
use std::borrow::Cow;
use std::fmt;

use carried::Carried;

pub(crate) mod carried;
#[cfg(feature = "job-control")]
mod control;
#[cfg(feature = "job-control")]
pub use control::{
    CancelToken, Cancelled, Limiter, LimiterMetrics, OnCancel, WhenCancelled, WithToken, spawn_dedicated,
};
pub use sideline_blocking_pool::{JobInfo, Rejection, SpawnError, SpawnErrorKind};

/// A job of the runtime that this thread is in, to be described and then spawned.
///
/// # Panics
/// Outside a runtime; use [`Handle::job`] there.
#[track_caller]
#[inline]
pub fn job() -> JobBuilder {
    match context::handle() {
        Ok(handle) => handle.job(),
        Err(error) => panic!("sideline::blocking::job: {error}"),
    }
}

/// Says how a job is to be run, then spawns it: see [`job`] and [`Handle::job`].
///
/// What is not asked for costs nothing. A builder can be kept and cloned, to spawn several jobs alike.
#[must_use = "a job builder does nothing until `spawn`"]
#[derive(Clone)]
pub struct JobBuilder {
    handle: Handle,
    job: pool::JobBuilder,
}

impl JobBuilder {
    #[inline]
    pub(crate) fn new(handle: Handle) -> Self {
        let job = handle.shared().tenant.job();
        Self { handle, job }
    }

    /// For what the end of the runtime does not wait for.
    #[inline]
    pub(crate) fn of_lookup(handle: Handle) -> Self {
        let job = handle.shared().lookups().job();
        Self { handle, job }
    }

    /// What to call the job in errors, reports and lists of what is running.
    pub fn name(self, name: impl Into<Cow<'static, str>>) -> Self {
        Self { job: self.job.name(name), ..self }
    }

    /// Queues the job; see [`spawn_blocking`](crate::spawn_blocking).
    #[track_caller]
    pub fn spawn<F, T>(self, closure: F) -> JoinHandle<T>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        JoinHandle::job(self.carrying().spawn(closure))
    }

    /// Queues the job, or gives the closure back.
    ///
    /// # Errors
    /// The runtime or its pool is closed, the pool's queue is full, or it has no thread and none can be started. The
    /// error holds the closure.
    #[track_caller]
    pub fn try_spawn<F, T>(self, closure: F) -> Result<JoinHandle<T>, SpawnError<F>>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        self.carrying().try_spawn(closure).map(JoinHandle::job)
    }

    #[inline]
    fn carrying(self) -> pool::JobBuilder<Carried> {
        self.job.around(Carried::capture(self.handle))
    }
}

impl fmt::Debug for JobBuilder {
    #[inline]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.job.fmt(f)
    }
}
