//! A job: a closure that becomes its outcome, in one allocation.
//!
//! [`state`] is the protocol and [`cell`] the memory it governs. Two own it, each through a [`hold`]: [`entry`] is the
//! queue's side and [`job_handle`] the awaiter's (these four hold this crate's pointer work). [`handle`] is the user's
//! end, [`id`] and [`info`] tell jobs apart, [`work`] is what runs, [`terms`] what was asked for beyond that.

mod cell;
mod entry;
mod handle;
mod hold;
mod id;
mod info;
mod job_handle;
mod state;
mod terms;
mod work;

pub(crate) use cell::{Ran, new};
pub(crate) use entry::Entry;
pub use handle::JoinHandle;
pub use id::JobId;
pub use info::JobInfo;
pub(crate) use job_handle::Fresh;
#[cfg(test)] // The models race it against its entry.
pub(crate) use job_handle::JobHandle;
pub(crate) use terms::Terms;
pub use work::Around;
pub(crate) use work::{Inside, Plain, Work};
