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
//!          gate.rs job/   queue.rs worker.rs contain.rs      job/      (yours)
//!          submit.rs      idle.rs, threads.rs: who is awake   growth/: when to have more threads
//! ```
//!
//! Each of these files opens with the protocol it implements, and names the loom model that checks it.
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
// Except in the queues (`queue.rs`, `injector.rs`, `block.rs`, `ring.rs`, `pointer.rs`), in `lock.rs`, in `job/`, in `desk.rs` and `desk/mine.rs`, in
// `metrics/stamp.rs`, and around system calls: each of these files says why.
#![deny(unsafe_code)]

mod account;
mod block;
mod builder;
#[cfg(feature = "job-control")]
mod cancel;
#[doc(hidden)]
pub mod contain;
mod cpu_clock;
mod crowd;
#[cfg(feature = "job-control")]
mod deadlines;
#[cfg(feature = "job-control")]
mod dedicated;
mod delivering;
mod desk;
mod ending;
mod error;
mod fatigue;
#[doc(hidden)]
pub mod fork;
mod gate;
mod growth;
mod idle;
mod injector;
mod job;
mod job_builder;
#[cfg(feature = "job-control")]
mod limiter;
#[cfg(feature = "job-control")]
mod line;
mod lock;
mod metrics;
#[cfg(loom)]
mod model;
#[cfg(test)]
mod models;
#[doc(hidden)]
pub mod nested;
#[cfg(not(feature = "job-control"))]
mod no_control;
mod padded;
mod park;
mod pointer;
mod pool;
mod priority;
mod queue;
mod refusal;
#[cfg(feature = "job-control")]
mod rejecting;
mod report;
mod ring;
#[cfg(feature = "job-control")]
mod room;
mod roster;
mod shared;
mod shutdown;
mod slow;
mod spawn_error;
mod spin;
mod submit;
mod sync;
#[cfg(unix)]
mod sys;
mod tenant;
mod threads;
mod time_slice;
mod until;
#[cfg(feature = "job-control")]
mod waiting;
mod worker;

#[cfg(not(feature = "job-control"))]
use no_control::{cancel, dedicated, limiter, room};

pub use builder::{BuildError, Builder};
#[cfg(feature = "job-control")]
pub use cancel::{CancelToken, Cancelled, OnCancel, WhenCancelled};
pub use error::{JoinError, Rejection};
pub use job::{AbortHandle, AbortOnDrop, Around, JobId, JobInfo, JoinHandle};
pub use job_builder::JobBuilder;
#[cfg(feature = "job-control")]
pub use job_builder::WithToken;
#[cfg(feature = "job-control")]
pub use limiter::{Limiter, LimiterMetrics};
#[cfg(feature = "metrics")]
pub use metrics::MetricsPublisher;
pub use metrics::{Bucket, Histogram, Metrics, Recorder};
pub use pool::Pool;
pub use report::Report;
pub use shutdown::{Shutdown, ShutdownReport, Survivor};
#[doc(hidden)]
pub use slow::{SlowPermit, WaitForSlowPermit};
pub use spawn_error::{SpawnError, SpawnErrorKind};
pub use spin::Spinner;
pub use tenant::Tenant;
