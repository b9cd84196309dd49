//! The I/O half of the `sideline` runtime: readiness, timers and the notifier, on `mio`.
//!
//! A [`Reactor`] belongs to the one thread that runs the loop. It knows no tasks and no threads: it waits in the
//! kernel, and it wakes [`Waker`](std::task::Waker)s. Everything else holds a [`Handle`], which is `Send + Sync`:
//!
//! ```text
//! Registration ── waiters ──┐                       ┌── readiness ── kernel
//! Timer ───────── deadline ─┼─► Handle ─► Reactor ──┼── due timers ─ clock
//! any thread ──── notify ───┘                       └── notifier ─── eventfd
//! ```
//!
//! | file | what it is |
//! |---|---|
//! | `reactor.rs` | the loop's side: one turn, and what closing does |
//! | `handle.rs` | everybody else's side |
//! | `notifier.rs` | RUNNING / PARKED / NOTIFIED, and why no wake is lost |
//! | `registration.rs`, `registration/operation.rs` | a source, and an operation under way |
//! | `timer.rs`, `reference.rs` | one deadline, and its hold on the reactor |
//! | `gathering.rs` | timers that are due in close succession share a wait |
//! | `local_reactor.rs` | a loop that stays on its thread |
//! | `errors.rs`, `platform.rs` | messages, what differs between systems |
//! | `timerfd.rs`, `wait.rs` | waits to the microsecond on Linux |
//! | `word.rs` | a sleep without the selector, while there are no sources |
//! | `queue.rs` | the event queue, opened once it is needed |
//! | `descriptor.rs` | its descriptor, for loops around this one |
//! | `sys.rs` | mio; `sync.rs` and `model.rs` swap it for a model under `cfg(loom)` |
//!
//! Two crates beside it know no kernel: `sources/`, `sideline-sources`, has what each source is ready for, and who waits for it;
//! `timers/`, `sideline-timers`, has all deadlines, their order and the clock.
//!
//! # Example
//! ```
//! use sideline_reactor::{Clock, Reactor};
//! use std::time::Duration;
//!
//! let mut reactor = Reactor::new(Clock::real())?;
//! let handle = reactor.handle().clone();
//! let waker = std::thread::spawn(move || handle.notify());
//! // Blocks until the other thread notifies, at most a second; if it was faster, `has_work` says so.
//! reactor.turn(Some(Duration::from_secs(1)), || waker.is_finished())?;
//! # std::io::Result::Ok(())
//! ```
#![deny(unsafe_code)]

use sideline_sources::{readiness, ready, table, waiters};
#[cfg(loom)]
use sideline_timers::lock;
use sideline_timers::{clock, contain, epoch, home, known, process, set_once, timers};

mod errors;
mod gathering;
mod handle;
mod local_reactor;
mod notifier;
#[macro_use]
mod platform;
mod queue;
mod reactor;
mod reference;
mod registration;
mod sync;
mod timer;
mod wait;
#[cfg(not(loom))]
mod word;

#[cfg(loom)]
mod model;
#[cfg(test)]
mod models;
#[cfg(not(loom))]
mod sys;
#[cfg(all(target_os = "linux", not(loom)))]
mod timerfd;

where_queues_report_edges! {
    #[cfg(not(loom))]
    mod descriptor;
}

pub use clock::Clock;
pub use contain::{discard, wake, wake_all};
pub use errors::{KernelError, name_descriptor_limit};
pub use handle::Handle;
pub use local_reactor::LocalReactor;
pub use reactor::Reactor;
pub use registration::Registration;
pub use sideline_sources::Direction;
pub use timer::Timer;
