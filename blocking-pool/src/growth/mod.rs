//! When to have more threads than cores.
//!
//! [`look`] sees what the workers are at, through what [`thread_state`] can read of a thread; [`evidence`] decides, without side
//! effects; and [`monitor`] is the thread that does both while jobs wait, if the system gives one ([`refused`]). Nobody guesses at
//! submission: there, nothing is known yet about the job.

mod evidence;
mod look;
pub(crate) mod monitor;
mod refused;
pub(crate) mod thread_state;

pub(crate) use look::Seen;
pub(crate) use monitor::Monitor;
#[cfg(test)]
pub(crate) use monitor::is_needed;
