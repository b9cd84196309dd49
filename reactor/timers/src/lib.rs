//! The timers of a `sideline-reactor`: deadlines in order, wakers to be woken at them, and the clock that tells when.
//!
//! All of it is memory and arithmetic. It knows no kernel but for its clock, and no sources; whoever has a loop asks it
//! [when to wake up](timers::Timers::next) and then [who is due](timers::Timers::fire). So it is built without mio and libc,
//! and before them: a processor has nothing else to do while those are built, and the reactor is built the sooner.
//!
//! | file | what it is |
//! |---|---|
//! | `timers.rs` | all timers of one reactor: the two queues, and the moment to look at them again |
//! | `local_timers.rs`, `home.rs` | the queue of a loop that stays on its thread, without a lock |
//! | `queue.rs` | what becomes of a timer, in one of the queues |
//! | `schedule.rs`, `lane.rs`, `heap.rs`, `entry.rs` | the order of deadlines |
//! | `clock.rs`, `nanos.rs`, `epoch.rs` | where "now" comes from, and moments as numbers |
//! | `reading.rs` | the last reading of the clock, which serves many timers |
//! | `known.rs`, `contain.rs` | wakers that may be kept, and foreign ones at arm's length |
//! | `set_once.rs` | a pointer that is set once, by whoever comes first |
//! | `process.rs` | in a child of `fork`, whose the locks are |
//! | `lock.rs`, `sync.rs` | `std`'s primitives, or loom's in the reactor's models |
//!
//! What is public here is so for `sideline-reactor` alone, and changes with it: use that crate.

#![deny(unsafe_code)]
#![allow(missing_debug_implementations)] // They are the insides of a reactor, which shows itself.

pub mod clock;
pub mod contain;
mod entry;
pub mod epoch;
mod heap;
pub mod home;
pub mod known;
mod lane;
pub mod local_timers;
pub mod lock;
mod nanos;
pub mod process;
mod queue;
mod reading;
mod schedule;
pub mod set_once;
mod sync;
pub mod timers;

#[doc(hidden)]
pub use sync::left_out;
