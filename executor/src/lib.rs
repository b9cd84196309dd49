//! **Sideline** is a small, embeddable, single-threaded async runtime with a work-stealing pool for blocking
//! closures beside it.
//!
//! One hand-written event loop drives I/O, timers and tasks. Closures that block or compute run on the pool, and
//! each result comes back through one coalesced wake. It is what `asyncio.to_thread` is to asyncio: the loop never
//! stalls.
//!
//! ```
//! use sideline::time::sleep;
//! use std::time::Duration;
//!
//! fn main() {
//!     sideline::block_on(async {
//!         // A task on the loop: futures need not be Send.
//!         let ticks = sideline::spawn(async {
//!             for _ in 0..3 {
//!                 sleep(Duration::from_millis(1)).await;
//!             }
//!             "the loop kept ticking"
//!         });
//!         // A closure on the pool: it may block.
//!         let bytes = sideline::to_thread(|| std::fs::read("Cargo.toml")).await.unwrap();
//!         println!("{} bytes, and {}", bytes.len(), ticks.await.unwrap());
//!     });
//! }
//! ```
//!
//! # Where to start
//! With `features = ["full"]` in `Cargo.toml` all of this is there; [Features](#features) says what asks for which.
//!
//! * [`block_on`] runs a future, and everything it spawns, on this thread. [`Runtime`] is the same with an owner.
//! * [`spawn`](fn@spawn) puts a future on the loop; [`spawn_blocking`] and [`to_thread`] put a closure on the pool.
//! * [`blocking::job`] is for jobs with a name, and with job control for those with a deadline, a `Limiter` or a `CancelToken`,
//!   and for threads of their own.
//! * [`Runtime::turn`] runs the loop inside another one, `Runtime::as_fd` tells when.
//! * [`Handle`] does these things from other threads.
//! * [`time`], [`net`] and [`io`] wait for clocks and sockets, `process` and `signal` (Unix) for children and signals.
//! * `fs` has the file system on the pool.
//! * [`task`] has [`task::JoinSet`] and [`task::yield_now`].
//!
//! Programs to copy from are in the repository, in `executor/examples`: servers (`echo_server`, `compute_server`, and
//! `graceful_shutdown`, which ends well on ctrl-c), blocking clients (`fetch`, `sqlite`), timeouts and cancellation
//! (`robust_call`), progress (`hash_files`), limits (`rate_limited`), child processes (`supervisor`), a library whose
//! callers are not async (`sync_client`), and others. One with hyper is `http_service` in `tests/ecosystem/examples`.
//!
//! # Features
//! Tasks, timers, sockets and the pool are always there. The rest is asked for, since whoever builds a program that does
//! not use it would wait for it to be compiled: none of these is on by default, and none changes what the others do.
//!
//! | feature | what it adds |
//! |---|---|
//! | `full` | the six that follow |
//! | `fs` | `fs`: files and directories, on the pool |
//! | `job-control` | of [`blocking`]: tokens, deadlines, limiters, waiting for room, threads of their own |
//! | `process` | `process`: child processes that the loop waits for; brings `signal` (Unix) |
//! | `signal` | `signal`: ctrl-c and other signals (Unix) |
//! | `stdio` | `io::stdin`, `stdout` and `stderr`, which hold up neither the loop nor the end; brings `job-control` along |
//! | `watchdog` | `Builder::watchdog`: polls that hold the loop are reported while they do |
//!
//! And for other crates, `full` or not:
//! * `futures-io`: `AsyncRead` and `AsyncWrite` for the stream types.
//! * `futures-task`: `Spawn` for [`Handle`] and `LocalSpawn` for [`LocalHandle`].
//! * `tracing`: a blocking job runs inside the span that was current where it was spawned.
//! * `hyper`: the runtime traits of hyper 1, so that its clients and servers run here; see the module of that name.
//! * `metrics`: [`MetricsPublisher`](https://docs.rs/sideline-blocking-pool), which passes a pool's numbers on to the facade.
//!
//! # What is left to other crates
//! What does not need the loop works on it as it is: channels (`async-channel`, `std::sync::mpsc` from a job), locks and
//! semaphores for tasks (`async-lock`), `select!`, `join!` and streams (`futures`), buffered writers and codecs
//! (`futures-lite`, or `futures`, by way of the feature `futures-io`). Any of them wakes its tasks by a
//! [`Waker`](std::task::Waker), and that is all this runtime asks for. The commonest choices are here: [`time::timeout`] between a future and a
//! time limit, with job control `CancelToken::run_until_cancelled` between a future and somebody who ends it, and [`io::BufReader`]
//! for lines.

#![deny(unsafe_code)]

pub mod blocking;
mod core;
#[cfg(feature = "fs")]
pub mod fs;
#[cfg(feature = "futures-task")]
mod futures_task;
#[cfg(feature = "hyper")]
pub mod hyper;
pub mod io;
mod join;
#[cfg(all(test, loom))]
mod models;
pub mod net;
#[cfg(all(unix, feature = "process"))]
pub mod process;
mod runtime;
#[cfg(all(unix, feature = "signal"))]
pub mod signal;
mod sync;
pub mod task;
pub mod time;
#[cfg(feature = "watchdog")]
mod watchdog;
#[cfg(not(feature = "watchdog"))]
#[path = "no_watchdog.rs"]
mod watchdog;

pub use join::abort_handle::AbortHandle;
pub use join::id::Id;
pub use join::join_error::JoinError;
pub use join::join_handle::{AbortOnDrop, JoinHandle};
pub use runtime::builder::Builder;
pub use runtime::context::NoRuntime;
pub use runtime::handle::Handle;
pub use runtime::local_handle::LocalHandle;
pub use runtime::metrics::Metrics;
pub use runtime::report::Report;
pub use runtime::spawn::{ToThread, spawn, spawn_blocking, to_thread};
pub use runtime::{Runtime, ShutdownReport, block_on};
#[cfg(feature = "watchdog")]
pub use watchdog::{Doing, Stall};

#[cfg(feature = "metrics")]
pub use sideline_blocking_pool::MetricsPublisher;
pub use sideline_blocking_pool::{Bucket, Histogram, Pool, Shutdown, Survivor};
#[cfg(feature = "job-control")]
pub use sideline_blocking_pool::{CancelToken, Limiter};

/// The README's program runs as a test.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
mod readme {}

/// So do the programs of the chapter on blocking jobs.
#[cfg(doctest)]
#[doc = include_str!("../../docs/src/blocking.md")]
mod chapter {}

/// And the one of the chapter for those who come from elsewhere.
#[cfg(doctest)]
#[doc = include_str!("../../docs/src/porting.md")]
mod porting {}

/// `cargo loom` asks for `cfg(loom)`; a RUSTFLAGS in the environment would switch it off without a word.
#[cfg(test)]
#[test]
fn loom_is_really_on() {
    let asked_for = std::env::var_os("SIDELINE_LOOM").is_some();
    assert!(cfg!(loom) || !asked_for, "cargo loom ran without cfg(loom): unset RUSTFLAGS");
}
