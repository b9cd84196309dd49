//! A job: a closure that becomes its outcome, in one allocation.
//!
//! [`state`] is the protocol and [`cell`] the memory it governs. Two own it, each through a [`hold`]: [`entry`] is the
//! queue's side and [`job_handle`] the awaiter's (these four hold this crate's pointer work). [`handle`] is the user's
//! end, [`id`] the numbers.

mod cell;
mod entry;
mod handle;
mod hold;
mod id;
mod job_handle;
mod state;

pub(crate) use cell::{Ran, new};
pub(crate) use entry::Entry;
pub use handle::JoinHandle;
pub use id::JobId;
pub(crate) use job_handle::Fresh;
#[cfg(test)] // The models race it against its entry.
pub(crate) use job_handle::JobHandle;
