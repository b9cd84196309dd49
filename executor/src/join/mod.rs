//! Awaiting a task or a job, aborting it, and naming it: the same for both.
//!
//! | file | what it is |
//! |---|---|
//! | [`join_handle`], [`join_error`] | what becomes of it, as a future; why there is no result |
//! | [`abort_handle`] | its end, apart from the right to its result |
//! | [`id`] | its name |

pub(crate) mod abort_handle;
pub(crate) mod id;
pub(crate) mod join_error;
pub(crate) mod join_handle;
