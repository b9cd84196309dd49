//! A job: a closure that becomes its outcome, in one allocation.
//!
//! [`state`] is the protocol and [`cell`] the memory it governs. Those who own it do so through a [`hold`]: [`entry`] is
//! the queue's side, [`job_handle`] the awaiter's, [`watch`] the token's, [`aborter`] that of those who may only abort it (these hold this crate's pointer work).
//! [`handle`] and [`abort_handle`] are the user's ends, [`id`] and [`info`] tell jobs apart, [`work`] is what runs, [`terms`] what was asked for beyond
//! that, [`times`] what is measured, [`look`] how a handle may find an outcome without being woken for it,
//! and [`busy`] when it is in no hurry to.

mod abort_handle;
mod aborter;
mod busy;
mod cell;
mod entry;
mod handle;
mod hold;
mod id;
mod info;
mod job_handle;
mod look;
mod state;
mod terms;
mod times;
mod watch;
mod work;

pub use abort_handle::AbortHandle;
pub(crate) use cell::{Ran, new};
pub(crate) use entry::Entry;
pub use handle::JoinHandle;
pub(crate) use hold::{Delivery, Hold};
pub use id::JobId;
pub use info::JobInfo;
#[cfg(test)] // The models race it against its entry.
pub(crate) use job_handle::JobHandle;
pub(crate) use look::Movers;
pub(crate) use terms::Terms;
pub(crate) use times::{Submission, Times};
pub(crate) use watch::Watch;
pub use work::Around;
pub(crate) use work::{Inside, Plain, Work};
