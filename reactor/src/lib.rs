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
//! | `registration.rs`, `registration/operation.rs`, `scheduled_io.rs`, `waiters.rs`, `readiness.rs` | a source, an operation under way, who waits for it, its readiness word |
//! | `table.rs` | tokens that cannot be mistaken for an earlier owner's |
//! | `timer.rs`, `reference.rs` | one deadline, and its hold on the reactor |
//! | `local_reactor.rs` | a loop that stays on its thread |
//! | `errors.rs`, `platform.rs` | messages, what differs between systems |
//! | `timerfd.rs`, `wait.rs` | waits to the microsecond on Linux |
//! | `word.rs` | a sleep without the selector, while there are no sources |
//! | `descriptor.rs` | the event queue, for loops around this one |
//! | `sys.rs` | mio; `sync.rs` and `model.rs` swap it for a model under `cfg(loom)` |
//!
//! All deadlines, their order and the clock are a crate of their own, which knows no kernel: `timers/`, `sideline-timers`.
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

use sideline_timers::{clock, contain, epoch, home, known, lock, timers};

mod errors;
mod gathering;
mod handle;
mod local_reactor;
mod notifier;
#[macro_use]
mod platform;
mod reactor;
mod readiness;
mod reference;
mod registration;
mod scheduled_io;
mod sync;
mod table;
mod timer;
mod wait;
mod waiters;
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
pub use contain::{discard, wake_all};
pub use errors::{KernelError, name_descriptor_limit};
pub use handle::Handle;
pub use local_reactor::LocalReactor;
pub use reactor::Reactor;
pub use registration::{Direction, Registration};
pub use timer::Timer;
