//! Operations that are jobs on the pool, because the kernel has no readiness for what they work on.

use crate::runtime::context;
use crate::{Handle, JoinError};
use std::io;

/// Where jobs go. The error is for a caller outside a runtime, where `spawn_blocking` would panic.
pub(crate) fn runtime() -> io::Result<Handle> {
    context::handle().map_err(io::Error::other)
}

/// What came of a job. A panic goes on here.
pub(crate) fn joined<T>(result: Result<T, JoinError>) -> io::Result<T> {
    result.map_err(|error| match error.try_into_panic() {
        Ok(payload) => std::panic::resume_unwind(payload),
        Err(error) => io::Error::other(error),
    })
}
