//! An open file.

use super::cursor::{CHUNK, Cursor, Done};
use super::{Metadata, OpenOptions, Permissions, on_pool};
use crate::io::bytes;
use sideline_reactor::name_descriptor_limit;
use std::fmt;
use std::future::poll_fn;
use std::io::{self, SeekFrom};
use std::path::Path;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

/// An open file, each of whose operations is a job on the pool.
///
/// Operations by position take `&mut self` and come one after the other, through a buffer that the file keeps.
/// Operations at an offset take `&self`, any number at once, and work on the caller's own memory, without a copy: see
/// [`read_at`](File::read_at).
///
/// # What is written is written
/// When a write returns, the kernel has the bytes: there is no buffer on this side, and no need to flush.
/// [`sync_all`](File::sync_all) waits until the disk has them. **Dropping the future of a write, or the file, takes
/// nothing back**: a job that was queued is done, in order, and a runtime that is dropped waits for it. Only an error
/// may have nobody to go to then: the next write or [`flush`](File::flush) returns it. ([`poll_write`](File::poll_write), which
/// `futures-io` uses, only queues. Flushing waits, and so does whatever else is done with the file, except at an offset.)
///
/// A read that is dropped loses no bytes: they are what the next read returns.
///
/// Dropping the file closes it, on this thread unless a job still has it.
///
/// # Example
/// ```
/// use sideline::fs::File;
/// use std::io::SeekFrom;
///
/// sideline::block_on(async {
///     let directory = tempfile::tempdir()?;
///     let path = directory.path().join("greeting");
///     let mut file = File::options().read(true).write(true).create(true).open(path).await?;
///     file.write_all(b"hello, world").await?;
///     file.seek(SeekFrom::Start(7)).await?;
///     let mut rest = String::new();
///     file.read_to_string(&mut rest).await?;
///     assert_eq!(rest, "world");
///     std::io::Result::Ok(())
/// })
/// # .unwrap()
/// ```
pub struct File {
    pub(super) file: Arc<std::fs::File>,
    pub(super) cursor: Cursor,
}

impl File {
    /// Opens a file for reading.
    ///
    /// # Errors
    /// If it is not there or may not be read; a lack of descriptors names the limit.
    pub async fn open(path: impl AsRef<Path>) -> io::Result<File> {
        File::options().read(true).open(path).await
    }

    /// Opens a file for writing, empty, whether it is there or not.
    ///
    /// # Errors
    /// If it may not be made or written; a lack of descriptors names the limit.
    pub async fn create(path: impl AsRef<Path>) -> io::Result<File> {
        File::options().write(true).create(true).truncate(true).open(path).await
    }

    /// Makes a file that is not there yet, and opens it for reading and writing.
    ///
    /// # Errors
    /// `AlreadyExists` if anything of that name is there. If it may not be made; a lack of descriptors names the limit.
    ///
    /// ```
    /// use sideline::fs::{File, remove_file};
    ///
    /// # sideline::block_on(async {
    /// # let directory = tempfile::tempdir()?;
    /// let path = directory.path().join("only-one-of-us");
    /// let lock = File::create_new(&path).await?;
    /// assert!(File::create_new(&path).await.is_err());
    /// # drop(lock);
    /// remove_file(&path).await
    /// # })
    /// # .unwrap();
    /// ```
    #[inline]
    pub async fn create_new(path: impl AsRef<Path>) -> io::Result<File> {
        File::options().read(true).write(true).create_new(true).open(path).await
    }

    /// To open a file in another way.
    pub fn options() -> OpenOptions {
        OpenOptions::new()
    }

    /// Takes over a file from the standard library.
    pub fn from_std(file: std::fs::File) -> File {
        File { file: Arc::new(file), cursor: Cursor::default() }
    }

    /// Gives the file back to the standard library, after what is under way. Bytes that a dropped read has left are
    /// read again there, unless it is a file without a position, such as a pipe: there they are lost.
    ///
    /// # Errors
    /// Of a write whose future was dropped. If operations at an offset are still under way, so that the file is not ours
    /// alone, a duplicate of the descriptor is made, which may fail.
    pub async fn into_std(mut self) -> io::Result<std::fs::File> {
        self.seek(SeekFrom::Current(0)).await.or_else(not_seekable)?;
        let duplicate = |shared: Arc<std::fs::File>| shared.try_clone().map_err(name_descriptor_limit);
        Arc::try_unwrap(self.file).or_else(duplicate)
    }

    /// Reads at least one byte into `buf`, 1 MiB at most. `Ok(0)` is the end of the file (or of `buf`).
    ///
    /// # Errors
    /// What the kernel says.
    pub async fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        poll_fn(|cx| self.poll_read(cx, buf)).await
    }

    /// [`read`](File::read) for poll functions.
    pub fn poll_read(&mut self, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        self.cursor.poll_read(&self.file, cx, buf)
    }

    /// Fills `buf`. If the future is dropped before, the bytes it has read so far are lost.
    ///
    /// # Errors
    /// `UnexpectedEof` if the file ends before; otherwise as [`read`](File::read).
    pub fn read_exact(&mut self, buf: &mut [u8]) -> impl Future<Output = io::Result<()>> {
        bytes::read_exact(self, buf)
    }

    /// Appends everything up to the end of the file to `buf`, and returns how much that was. An empty `buf` gets it
    /// without a copy. One job; if the future is dropped, what that reads is what the next read returns, and `buf` is as it was.
    ///
    /// # Errors
    /// What the kernel says. What came before is in `buf`.
    pub async fn read_to_end(&mut self, buf: &mut Vec<u8>) -> io::Result<usize> {
        let start = buf.len();
        let (outcome, bytes) = self.cursor.read_to_end(&self.file).await?;
        if buf.is_empty() {
            *buf = bytes;
        } else {
            buf.extend_from_slice(&bytes);
        }
        outcome.map(|_| buf.len() - start)
    }

    /// As [`read_to_end`](File::read_to_end), for text.
    ///
    /// # Errors
    /// `InvalidData` if it is not UTF-8, and then `text` is as it was; otherwise as [`read_to_end`](File::read_to_end).
    pub async fn read_to_string(&mut self, text: &mut String) -> io::Result<usize> {
        let mut bytes = Vec::new();
        let n = self.read_to_end(&mut bytes).await?;
        let read =
            String::from_utf8(bytes).map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
        text.push_str(&read);
        Ok(n)
    }

    /// Writes `buf`, 1 MiB of it at most, and returns how much.
    ///
    /// # Errors
    /// What the kernel says; some of it may have been written. Of an earlier write whose future was dropped: then this
    /// one has not begun.
    pub async fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.cursor.flush().await?;
        let chunk = &buf[..buf.len().min(CHUNK)];
        self.cursor.start_write(&self.file, chunk)?;
        if let Done::Written(written, rest) = self.cursor.done().await? {
            self.cursor.put_back(rest);
            written?;
        }
        Ok(chunk.len())
    }

    /// Queues a write of `buf`, 1 MiB of it at most, after the one before, and does not wait for it: a later poll could
    /// not tell whether it is asked about the same write. [`poll_flush`](File::poll_flush) waits, and so does the next
    /// operation.
    pub fn poll_write(&mut self, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        ready!(self.cursor.poll_flush(cx))?;
        let chunk = &buf[..buf.len().min(CHUNK)];
        Poll::Ready(self.cursor.start_write(&self.file, chunk).map(|()| chunk.len()))
    }

    /// Writes all of `buf`.
    ///
    /// # Errors
    /// As [`write`](File::write).
    pub async fn write_all(&mut self, mut buf: &[u8]) -> io::Result<()> {
        while !buf.is_empty() {
            let n = self.write(buf).await?;
            buf = &buf[n..];
        }
        Ok(())
    }

    /// [`seek`](File::seek) for poll functions. A poll with another target is another seek.
    pub fn poll_seek(&mut self, cx: &mut Context<'_>, to: SeekFrom) -> Poll<io::Result<u64>> {
        self.cursor.poll_seek(&self.file, cx, to)
    }

    /// Waits for an operation whose future was dropped, or that was queued through `futures-io`. After a write that
    /// returned there is nothing to do.
    ///
    /// # Errors
    /// Of that operation, if it was a write.
    pub async fn flush(&mut self) -> io::Result<()> {
        self.cursor.flush().await
    }

    /// Moves the position, and returns where it is then, from the beginning.
    ///
    /// # Errors
    /// If the file cannot do that, or the position would be before the beginning; of an earlier write whose future was
    /// dropped.
    pub async fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.cursor.flush().await?;
        self.cursor.start_seek(&self.file, to)?;
        match self.cursor.done().await? {
            Done::Sought(_, position, rest) => {
                self.cursor.put_back(rest);
                position
            }
            Done::Read(..) | Done::Written(..) => unreachable!("the job was a seek"),
        }
    }

    /// [`flush`](File::flush) for poll functions.
    pub fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.cursor.poll_flush(cx)
    }

    /// Waits until the disk has all that writes have returned for, contents and metadata.
    ///
    /// # Errors
    /// What the kernel says: something may be lost. That of a write which was only queued is for
    /// [`flush`](File::flush) to return.
    pub async fn sync_all(&self) -> io::Result<()> {
        self.on_pool("fs: sync", |file| file.sync_all()).await
    }

    /// As [`sync_all`](File::sync_all), without metadata that reading the contents does not need.
    ///
    /// # Errors
    /// What the kernel says: something may be lost.
    pub async fn sync_data(&self) -> io::Result<()> {
        self.on_pool("fs: sync", |file| file.sync_data()).await
    }

    /// Cuts the file to `len` bytes, or fills it with zeros up to there. The position stays.
    ///
    /// # Errors
    /// What the kernel says.
    pub async fn set_len(&self, len: u64) -> io::Result<()> {
        self.on_pool("fs: set length", move |file| file.set_len(len)).await
    }

    /// What the file system knows of it.
    ///
    /// # Errors
    /// What the kernel says.
    pub async fn metadata(&self) -> io::Result<Metadata> {
        self.on_pool("fs: look at", |file| file.metadata()).await
    }

    /// Sets who may do what.
    ///
    /// # Errors
    /// What the kernel says.
    pub async fn set_permissions(&self, permissions: Permissions) -> io::Result<()> {
        self.on_pool("fs: set permissions", |file| file.set_permissions(permissions)).await
    }

    /// Another descriptor for the same open file: they share the position.
    ///
    /// # Errors
    /// A lack of descriptors names the limit.
    pub async fn try_clone(&self) -> io::Result<File> {
        self.on_pool("fs: duplicate", |file| file.try_clone()).await.map(File::from_std)
    }

    /// Does `call` with the file on the pool, after a write that is still queued.
    async fn on_pool<T: Send + 'static>(
        &self,
        name: &'static str,
        call: impl FnOnce(&std::fs::File) -> io::Result<T> + Send + 'static,
    ) -> io::Result<T> {
        self.cursor.write_over().await;
        let file = Arc::clone(&self.file);
        on_pool(name, move || call(&file)).await
    }
}

/// A pipe has no position that could be wrong.
fn not_seekable(error: io::Error) -> io::Result<u64> {
    if error.kind() == io::ErrorKind::NotSeekable { Ok(0) } else { Err(error) }
}

impl From<std::fs::File> for File {
    fn from(file: std::fs::File) -> File {
        File::from_std(file)
    }
}

impl fmt::Debug for File {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.file, f)
    }
}

#[cfg(unix)]
impl std::os::fd::AsFd for File {
    fn as_fd(&self) -> std::os::fd::BorrowedFd<'_> {
        self.file.as_fd()
    }
}

#[cfg(unix)]
impl std::os::fd::AsRawFd for File {
    fn as_raw_fd(&self) -> std::os::fd::RawFd {
        self.file.as_raw_fd()
    }
}
