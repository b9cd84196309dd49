//! Job control: what one job or kind of job may be asked to be. With the feature of that name; without it `no_control.rs` is in its
//! place.
//!
//! | file | what it is |
//! |---|---|
//! | [`cancel`], [`deadlines`] | tokens, which tell closures that run; the thread that cancels those whose time is up |
//! | [`limiter`], [`rejecting`] | how many jobs of one kind run at once; giving up a long line of them |
//! | [`room`], [`waiting`] | room in a bounded queue; the future that waits for it |
//! | [`mod@line`] | those who wait, in order: for a slot or for room |
//! | [`dedicated`] | closures with threads of their own |
//!
//! How a job builder is asked for them is in `submit/job_builder/control.rs`.

pub(crate) mod cancel;
mod deadlines;
pub(crate) mod dedicated;
pub(crate) mod limiter;
mod line;
mod rejecting;
pub(crate) mod room;
pub(crate) mod waiting;
