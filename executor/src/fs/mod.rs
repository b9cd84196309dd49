//! Files and directories, by way of the pool.
//!
//! The kernel reports no readiness for files: any of these calls may block. So each is one job on the blocking pool that
//! does what the function of the same name in [`std::fs`] does. That costs some microseconds; many small steps on one
//! file are faster as one closure for [`to_thread`](crate::to_thread).
//!
//! A job owns what it works on. Paths are copied; contents are *given*, and come back where that makes sense, so that
//! nothing is copied that need not be.
//!
//! # Giving up
//! Dropping the future of a function in this module un-queues its job if that has not started; if it has, it goes on to
//! its end, and a runtime that is dropped waits for it as for all its jobs. [`File`] says what that means for its
//! position.
//!
//! # Errors
//! Besides those of `std::fs`: outside a runtime, and if the pool takes no more jobs.
//!
//! # Example
//! ```
//! use sideline::fs;
//!
//! sideline::block_on(async {
//!     let directory = std::env::temp_dir().join(format!("sideline-fs-{}", std::process::id()));
//!     fs::create_dir_all(&directory).await?;
//!     let path = directory.join("greeting");
//!     fs::write(&path, "hello").await?;
//!     assert_eq!(fs::read_to_string(&path).await?, "hello");
//!     assert_eq!(fs::metadata(&path).await?.len(), 5);
//!     fs::remove_dir_all(&directory).await
//! })
//! # .unwrap()
//! ```

mod cursor;
mod file;
mod functions;
mod open_options;
mod positioned;
mod read_dir;
mod writing;

pub use file::File;
#[cfg(unix)]
pub use functions::symlink;
pub use functions::{
    canonicalize, copy, create_dir, create_dir_all, hard_link, metadata, read, read_link, read_to_string,
    remove_dir, remove_dir_all, remove_file, rename, set_permissions, symlink_metadata, try_exists, write,
};
pub use open_options::OpenOptions;
pub use read_dir::{DirEntry, ReadDir, read_dir};
pub use std::fs::{FileType, Metadata, Permissions};

use crate::{JoinError, JoinHandle, context};
use std::io;

/// Queues `call` as a job. The error is for a caller outside a runtime, where `spawn_blocking` would panic.
fn start<T, F>(call: F) -> io::Result<JoinHandle<T>>
where
    T: Send + 'static,
    F: FnOnce() -> T + Send + 'static,
{
    Ok(context::handle().map_err(io::Error::other)?.spawn_blocking(call))
}

/// What came of a job. A panic goes on here.
fn joined<T>(result: Result<T, JoinError>) -> io::Result<T> {
    result.map_err(|error| match error.try_into_panic() {
        Ok(payload) => std::panic::resume_unwind(payload),
        Err(error) => io::Error::other(error),
    })
}

/// Does `call` on the pool.
async fn on_pool<T, F>(call: F) -> io::Result<T>
where
    T: Send + 'static,
    F: FnOnce() -> io::Result<T> + Send + 'static,
{
    joined(start(call)?.abort_on_drop().await)?
}
