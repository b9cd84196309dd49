//! Files and directories, by way of the pool.
//!
//! The kernel reports no readiness for files: any of these calls may block. So each is one job on the blocking pool that
//! does what the function of the same name in [`std::fs`] does. That costs some microseconds; many small steps on one
//! file are faster as one closure for [`to_thread`](crate::to_thread).
//!
//! A job owns what it works on. Paths are copied; contents are *given*, and come back where that makes sense, so that
//! nothing is copied that need not be.
//!
//! A named pipe or a device may be silent for as long as it likes, and so keeps its thread, and the end of the runtime, waiting. The loop can wait for
//! most of them, through `io::Fd`.
//!
//! # Giving up
//! Dropping the future of a function in this module un-queues its job if that has not started; if it has, it goes on to
//! its end, and a runtime that is dropped waits for it as for all its jobs. [`File`] says what that means for its
//! position.
//!
//! The jobs have names: a report of what a runtime leaves running says `fs: read /etc/hosts`.
//!
//! # Errors
//! Besides those of `std::fs`: outside a runtime, and if the pool takes no more jobs. A lack of descriptors names the limit.
//!
//! # Example
//! ```
//! use sideline::fs;
//!
//! sideline::block_on(async {
//!     let temporary = tempfile::tempdir()?;
//!     let directory = temporary.path().join("letters");
//!     fs::create_dir(&directory).await?;
//!     let path = directory.join("greeting");
//!     fs::write(&path, "hello").await?;
//!     assert_eq!(fs::read_to_string(&path).await?, "hello");
//!     assert_eq!(fs::metadata(&path).await?.len(), 5);
//!     fs::remove_dir_all(&directory).await
//! })
//! # .unwrap()
//! ```

#[cfg(any(target_os = "linux", target_os = "android"))]
mod copying;
mod cursor;
mod file;
mod functions;
mod open_options;
mod positioned;
mod read_ahead;
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

use crate::io::job::{joined, runtime};
use crate::{Handle, JoinHandle};
use sideline_reactor::name_descriptor_limit;
use std::borrow::Cow;
use std::io;
use std::path::{Path, PathBuf};

/// Queues `call` as a job. `name` is what a report of the end calls it: its location is only this line.
fn start<T, F>(runtime: &Handle, name: impl Into<Cow<'static, str>>, call: F) -> JoinHandle<T>
where
    T: Send + 'static,
    F: FnOnce() -> T + Send + 'static,
{
    runtime.job().name(name).spawn(call)
}

/// Does `call` on the pool. If that had no descriptors left, the error says so: many functions need one for a moment.
async fn on_pool<T, F>(name: impl Into<Cow<'static, str>>, call: F) -> io::Result<T>
where
    T: Send + 'static,
    F: FnOnce() -> io::Result<T> + Send + 'static,
{
    joined(start(&runtime()?, name, call).abort_on_drop().await)?.map_err(name_descriptor_limit)
}

/// Does `call` with a copy of `path` on the pool.
fn on_path<T, F>(what: &str, path: &Path, call: F) -> impl Future<Output = io::Result<T>> + use<T, F>
where
    T: Send + 'static,
    F: FnOnce(PathBuf) -> io::Result<T> + Send + 'static,
{
    let (name, path) = (format!("fs: {what} {}", path.display()), path.to_owned());
    on_pool(name, move || call(path))
}

/// Does `call` with copies of both paths on the pool.
fn on_paths<T, F>(
    what: &str,
    from: &Path,
    to: &Path,
    call: F,
) -> impl Future<Output = io::Result<T>> + use<T, F>
where
    T: Send + 'static,
    F: FnOnce(PathBuf, PathBuf) -> io::Result<T> + Send + 'static,
{
    let name = format!("fs: {what} {} to {}", from.display(), to.display());
    let (from, to) = (from.to_owned(), to.to_owned());
    on_pool(name, move || call(from, to))
}
