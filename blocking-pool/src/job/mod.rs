//! A job: a closure that becomes its outcome, in one allocation.
//!
//! [`state`] is the protocol, [`cell`] the memory it governs (all of this crate's pointer work), [`handle`] the
//! user's end, [`id`] the numbers.

pub(crate) mod cell;
mod handle;
mod id;
mod state;

pub use handle::JoinHandle;
pub use id::JobId;
