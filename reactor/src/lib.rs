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
//! | `registration.rs`, `scheduled_io.rs`, `waiters.rs`, `readiness.rs` | a source, who waits for it, its readiness word |
//! | `table.rs` | tokens that cannot be mistaken for an earlier owner's |
//! | `timer.rs`, `timers.rs`, `queue.rs`, `heap.rs` | one deadline, all of them, and their order |
//! | `local_reactor.rs`, `local_timers.rs`, `home.rs`, `reference.rs` | a loop that stays on its thread, and its timers without a lock |
//! | `clock.rs`, `nanos.rs`, `epoch.rs` | where "now" comes from, and moments as numbers |
//! | `contain.rs`, `errors.rs`, `platform.rs` | foreign panics, messages, what differs between systems |
//! | `timerfd.rs`, `wait.rs` | waits to the microsecond on Linux |
//! | `descriptor.rs` | the event queue, for loops around this one |
//! | `sys.rs` | mio; `sync.rs` and `model.rs` swap it for a model under `cfg(loom)` |
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

mod clock;
mod contain;
#[cfg(all(unix, not(loom)))]
mod descriptor;
mod epoch;
mod errors;
mod handle;
mod heap;
mod home;
mod local_reactor;
mod local_timers;
mod lock;
mod nanos;
mod notifier;
mod platform;
mod queue;
mod reactor;
mod readiness;
mod reference;
mod registration;
mod scheduled_io;
mod sync;
mod table;
mod timer;
mod timers;
mod wait;
mod waiters;

#[cfg(loom)]
mod model;
#[cfg(test)]
mod models;
#[cfg(not(loom))]
mod sys;
#[cfg(all(target_os = "linux", not(loom)))]
mod timerfd;

pub use clock::Clock;
pub use contain::wake_all;
pub use errors::name_descriptor_limit;
pub use handle::Handle;
pub use local_reactor::LocalReactor;
pub use reactor::Reactor;
pub use registration::{Direction, Registration};
pub use timer::Timer;
