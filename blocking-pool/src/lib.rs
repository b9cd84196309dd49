//! A pool of threads for blocking closures whose results any executor can await.
//!
//! Give it a closure that blocks or computes; get a future of what it returns. The pool knows no event loop: it
//! wakes the [`Waker`](std::task::Waker) it is polled with, so its jobs can be awaited under `sideline`, tokio, smol
//! or a bare `block_on`.
//!
//! ```
//! use pollster::block_on;
//! use sideline_blocking_pool::Pool;
//!
//! let text = Pool::global().spawn(|| std::fs::read_to_string("Cargo.toml"));
//! assert!(block_on(text)??.contains("[package]"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! `block_on` is [pollster](https://docs.rs/pollster)'s in all examples here. That of any other executor does as well, and in
//! async code it is `.await`.
//!
//! # Where to start
//!
//! - [`Pool::global`] is for the whole process; [`Pool::builder`] makes a pool of your own.
//! - [`Pool::spawn`] returns a [`JoinHandle`], a future of the result; dropping it detaches the job. [`Pool::try_spawn`] gives the
//!   closure back if it cannot be taken.
//! - [`Pool::job`] spawns jobs with a name, and with the feature `job-control` those with a deadline, a `CancelToken` or a `Limiter`.
//! - [`Pool::shutdown`] waits for the jobs or gives them up. Nobody calls it for `Pool::global()`: at the end of a program jobs that have
//!   not ended are lost.
//! - [`Pool::metrics`] has the numbers, and [`Builder::on_report`] hears of panics that nobody awaits.
//! - [`Pool::tenant`] is for executors and libraries that count and wait for their own jobs on a pool that others use, too.
//!
//! # The way of a closure
//!
//! ```text
//! spawn -> gate -> job -> queue -> worker -> closure runs -> outcome -> waker
//! pool/    submit/ job/   queue/   worker/   user_code/      job/       (yours)
//!                         threads/: who is awake, and who is called or started    growth/: when to have more threads
//! ```
//!
//! At the end of that way `shutdown/` waits for all who are on it. `control/` is the feature `job-control`, with `no_control.rs` in its
//! place; `metrics/` counts; `sys/` and `sync.rs` are what all of it stands on. A file that has a protocol opens with that, and names
//! the loom models in `models/` that check it.
//!
//! # What holds
//!
//! - A job is one allocation, is run once or cancelled once, and is delivered once; what its closure had captured is
//!   gone before anybody can see it finished.
//! - No code of yours runs under a lock of the pool: not closures, not wakers, not drops. A panic in any of them
//!   reaches the awaiter or the [`Report`] hook, and no thread of the pool dies of it.
//! - Below `max_threads`, a job never waits for ever behind jobs that block.
//! - A pool with nothing to do makes no system call, once its extra threads' keep-alive is over.
//!
//! # Features
//! `job-control` adds what one job or kind of job may be asked to be: cancelled by a token or a deadline, limited, waiting
//! for room, on a thread of its own. `full` has it. `metrics` adds `MetricsPublisher`. None is on by default.

// A few functions serve job control only. Without it they are not compiled any further; a build with it finds what is dead.
#![cfg_attr(not(feature = "job-control"), allow(dead_code))]
// Except in `queue/`, `job/` and `sys/`, where a thread finds what lies on its own stack (`worker/current.rs`, `worker/desk/mine.rs`,
// `user_code/delivering.rs`), in `worker/desk.rs`, `metrics/stamp.rs`, and around system calls: each of these files says why.
#![deny(unsafe_code)]

#[cfg(feature = "job-control")]
mod control;
#[cfg(not(feature = "job-control"))]
#[path = "no_control.rs"]
mod control;
mod growth;
mod job;
mod metrics;
#[cfg(loom)]
mod model;
#[cfg(test)]
mod models;
mod pool;
mod queue;
mod shutdown;
mod submit;
mod sync;
mod sys;
mod threads;
mod user_code;
mod worker;

#[cfg(feature = "job-control")]
pub use control::cancel::{CancelToken, Cancelled, OnCancel, WhenCancelled};
#[cfg(feature = "job-control")]
pub use control::limiter::{Limiter, LimiterMetrics};
pub use job::error::{JoinError, Rejection};
pub use job::{AbortHandle, AbortOnDrop, Around, JobId, JobInfo, JoinHandle};
#[cfg(feature = "metrics")]
pub use metrics::MetricsPublisher;
pub use metrics::{Bucket, Histogram, Metrics, Recorder};
pub use pool::Pool;
pub use pool::builder::{BuildError, Builder};
pub use pool::tenant::Tenant;
pub use shutdown::{Shutdown, ShutdownReport, Survivor};
pub use submit::job_builder::JobBuilder;
#[cfg(feature = "job-control")]
pub use submit::job_builder::WithToken;
#[doc(hidden)]
pub use submit::slow::{SlowPermit, WaitForSlowPermit};
pub use submit::spawn_error::{SpawnError, SpawnErrorKind};
#[doc(hidden)]
pub use sys::fork;
pub use threads::spin::Spinner;
pub use user_code::report::Report;
#[doc(hidden)]
pub use user_code::{contain, nested};
