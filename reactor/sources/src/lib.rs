//! The sources of a `sideline-reactor`: what each is ready for, and who waits for it.
//!
//! All of it is memory and its protocols. It knows no kernel: whoever has one tells it [what the kernel has reported](table::Table::dispatch),
//! and asks it [to list those who wait](table::Table::wait). So it is built without mio and libc, and before them, as the timers are.
//!
//! | file | what it is |
//! |---|---|
//! | `table.rs` | all sources of one reactor, by tokens that cannot be mistaken for an earlier owner's |
//! | `scheduled_io.rs` | one source: its readiness and its waiters, changed under one lock |
//! | `readiness.rs` | the readiness word: what the kernel has said, and what operations have found since |
//! | `ready.rs` | the flags that it has, and reports of them |
//! | `waiters.rs` | who waits, in the order of arrival |
//! | `direction.rs` | what for |
//! | `sync.rs` | `std`'s primitives, or loom's in the reactor's models |
//!
//! What is public here is so for `sideline-reactor` alone, and changes with it: use that crate.

#![deny(unsafe_code)]
#![allow(missing_debug_implementations)] // They are the insides of a reactor, which shows itself.

mod direction;
mod many;
pub mod readiness;
pub mod ready;
mod scheduled_io;
mod sync;
pub mod table;
pub mod waiters;

pub use direction::Direction;
use sideline_timers::{contain, known, lock, process};
