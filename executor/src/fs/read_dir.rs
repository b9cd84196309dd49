//! What is in a directory.

use super::{joined, on_path, on_pool, runtime, start};
use crate::JoinHandle;
use std::collections::VecDeque;
use std::ffi::OsString;
use std::fmt;
use std::fs::{FileType, Metadata};
use std::future::{Future, poll_fn};
use std::io;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

/// What is in the directory at `path`, in the file system's own order. See [`std::fs::read_dir`].
///
/// # Errors
/// If it is not there, or no directory.
///
/// # Example
/// ```
/// sideline::block_on(async {
///     let mut names = Vec::new();
///     let mut entries = sideline::fs::read_dir(".").await?;
///     while let Some(entry) = entries.next_entry().await? {
///         names.push(entry.file_name());
///     }
///     assert!(names.contains(&"Cargo.toml".into()));
///     std::io::Result::Ok(())
/// })
/// # .unwrap()
/// ```
pub async fn read_dir(path: impl AsRef<Path>) -> io::Result<ReadDir> {
    let read = |path| std::fs::read_dir(path).map(|entries| read_batch(entries, FIRST_BATCH));
    on_path("read directory", path.as_ref(), read).await.map(|batch| ReadDir::new(batch, FIRST_BATCH))
}

/// The entries of a directory, read in batches. From [`read_dir`].
pub struct ReadDir {
    ready: VecDeque<io::Result<DirEntry>>,
    rest: Rest,
    /// How many the last job was to read.
    batch: usize,
}

/// What is not read yet.
enum Rest {
    Unread(std::fs::ReadDir),
    Reading(JoinHandle<Batch>),
    End,
    /// The job that had it was given up by the pool. That is not the end, and nobody must take it for that.
    Lost,
}

/// What was read, and where to read on, if that was not all.
type Batch = (VecDeque<io::Result<DirEntry>>, Option<std::fs::ReadDir>);

/// How many entries the first job reads. Each next one reads twice as many, which makes its own cost small.
const FIRST_BATCH: usize = 64;
/// And at most: about what one system call brings.
const LARGEST_BATCH: usize = 1024;

fn read_batch(mut rest: std::fs::ReadDir, batch: usize) -> Batch {
    let entries: VecDeque<_> = rest.by_ref().take(batch).map(|entry| entry.map(DirEntry::new)).collect();
    let more = (entries.len() == batch).then_some(rest);
    (entries, more)
}

impl ReadDir {
    fn new((ready, rest): Batch, batch: usize) -> ReadDir {
        ReadDir { ready, rest: rest.map_or(Rest::End, Rest::Unread), batch }
    }

    /// The next entry; `None` at the end. Dropping the future loses none.
    ///
    /// # Errors
    /// What the kernel says of this entry; there may be more. If the pool takes no job: outside a runtime the next call
    /// may do better, otherwise the rest is lost, and each further call says so.
    pub async fn next_entry(&mut self) -> io::Result<Option<DirEntry>> {
        poll_fn(|cx| self.poll_next_entry(cx)).await
    }

    /// [`next_entry`](ReadDir::next_entry) for poll functions.
    pub fn poll_next_entry(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Option<DirEntry>>> {
        loop {
            if let Some(entry) = self.ready.pop_front() {
                return Poll::Ready(entry.map(Some));
            }
            match &mut self.rest {
                Rest::End => return Poll::Ready(Ok(None)),
                Rest::Lost => return Poll::Ready(Err(lost())),
                Rest::Reading(reading) => {
                    let batch = ready!(Pin::new(reading).poll(cx));
                    self.rest = Rest::Lost;
                    *self = ReadDir::new(joined(batch)?, self.batch);
                }
                Rest::Unread(_) => {
                    let runtime = runtime()?;
                    if let Rest::Unread(rest) = std::mem::replace(&mut self.rest, Rest::Lost) {
                        let batch = (2 * self.batch).min(LARGEST_BATCH);
                        let read = move || read_batch(rest, batch);
                        self.batch = batch;
                        self.rest = Rest::Reading(start(&runtime, "fs: read directory", read));
                    }
                }
            }
        }
    }
}

fn lost() -> io::Error {
    io::Error::other("the rest of the directory was lost with a job that the pool did not run")
}

impl fmt::Debug for ReadDir {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReadDir").field("ready", &self.ready.len()).finish_non_exhaustive()
    }
}

/// One entry of a directory.
#[derive(Clone)]
pub struct DirEntry {
    entry: Arc<std::fs::DirEntry>,
    /// Most file systems give it with the name.
    file_type: Option<FileType>,
}

impl DirEntry {
    fn new(entry: std::fs::DirEntry) -> DirEntry {
        let file_type = entry.file_type().ok();
        DirEntry { entry: Arc::new(entry), file_type }
    }

    /// The directory's path, as it was given, with the name.
    pub fn path(&self) -> PathBuf {
        self.entry.path()
    }

    /// The name alone.
    pub fn file_name(&self) -> OsString {
        self.entry.file_name()
    }

    /// Whether it is a file, a directory or a symbolic link. Rarely a job: it was read with the name.
    ///
    /// # Errors
    /// If it is gone.
    pub async fn file_type(&self) -> io::Result<FileType> {
        match self.file_type {
            Some(file_type) => Ok(file_type),
            None => {
                let entry = Arc::clone(&self.entry);
                on_pool("fs: look at", move || entry.file_type()).await
            }
        }
    }

    /// What the file system knows of it; symbolic links are not followed.
    ///
    /// # Errors
    /// If it is gone.
    pub async fn metadata(&self) -> io::Result<Metadata> {
        let entry = Arc::clone(&self.entry);
        on_pool("fs: look at", move || entry.metadata()).await
    }
}

impl fmt::Debug for DirEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("DirEntry").field(&self.path()).finish()
    }
}
