//! A job: a closure that becomes its outcome, in one allocation.
//!
//! | file | what it is |
//! |---|---|
//! | [`state`] | the protocol: one word, and every way it may change |
//! | [`cell`] | the memory that it governs |
//! | [`hold`] | a share in that memory: what all owners can do |
//! | [`entry`], [`job_handle`], [`watch`], [`aborter`] | the owners: the queue's side, the awaiter's, the token's, and that of those who may only abort |
//! | [`join_handle`], [`abort_handle`], [`abort_on_drop`] | the user's ends |
//! | [`id`], [`info`] | which job it is |
//! | [`work`], [`terms`] | what runs, and what was asked for beyond that |
//! | [`times`] | what is measured |
//! | [`error`] | why there is no result |
//! | [`look`], [`busy`] | how a handle finds an outcome without being woken for it, and when it is in no hurry to |
//!
//! The pointer work is in `cell` and in the owners.

mod abort_handle;
mod abort_on_drop;
mod aborter;
mod busy;
mod cell;
mod entry;
pub(crate) mod error;
mod hold;
mod id;
mod info;
mod job_handle;
mod join_handle;
mod look;
mod state;
mod terms;
mod times;
mod watch;
mod work;

pub use abort_handle::AbortHandle;
pub use abort_on_drop::AbortOnDrop;
#[cfg(test)] // The models race it against the other owners.
pub(crate) use aborter::Aborter;
pub(crate) use cell::{Ran, new};
pub(crate) use entry::{Claimed, Entry, Ready};
pub(crate) use hold::{Delivery, Hold};
pub use id::JobId;
pub use info::JobInfo;
pub(crate) use info::name_job;
#[cfg(test)] // The models race it against its entry.
pub(crate) use job_handle::JobHandle;
pub use join_handle::JoinHandle;
pub(crate) use terms::Terms;
pub(crate) use times::{Submission, Times};
pub(crate) use watch::Watch;
pub use work::Around;
pub(crate) use work::{Inside, Plain, Work};
