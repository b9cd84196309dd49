//! When to have more threads than cores.
//!
//! [`sample`] looks at the workers, [`evidence`] decides, without side effects, and [`monitor`] is the thread that
//! does both while jobs wait. Nobody guesses at submission: there, nothing is known yet about the job.

pub(crate) mod evidence;
mod monitor;
pub(crate) mod sample;

pub(crate) use monitor::Monitor;
#[cfg(test)]
pub(crate) use monitor::is_needed;
