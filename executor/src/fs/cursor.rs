//! A file's position, and the one operation that may be moving it.
//!
//! Reads, writes and seeks by position are jobs, one after the other. A future that is dropped leaves its job running;
//! it is the next operation that waits for it, and what it did stands:
//!
//! | left behind | then |
//! |---|---|
//! | a read | its bytes are what the next read returns; a write or seek first goes back by as many |
//! | a write | is done; its error is that of the next write or flush |
//! | a seek | is done |
//!
//! So no byte is read twice or skipped, and nothing that was written is lost. Dropping the file leaves its last job to
//! the pool, which does it to the end.

use super::start;
use crate::JoinHandle;
use std::fs::File;
use std::future::{Future, poll_fn};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

/// The most that one job reads or writes: what is given in larger pieces would be copied as a whole.
pub(super) const CHUNK: usize = 1 << 20;

#[derive(Default)]
pub(super) struct Cursor {
    job: Option<JoinHandle<Done>>,
    /// Whether that is, or was, a write.
    writing: bool,
    /// What was read and not returned yet, from `returned` on. Kept for its capacity.
    read: Vec<u8>,
    returned: usize,
    /// How the last read went, if no caller has been told: its bytes are in `read`.
    outcome: Option<io::Result<usize>>,
    /// Of a write whose caller is gone.
    failure: Option<io::Error>,
}

pub(super) enum Done {
    Read(io::Result<usize>, Vec<u8>),
    Written(io::Result<()>, Vec<u8>),
    /// What was asked for, and what came of it.
    Sought(SeekFrom, io::Result<u64>),
}

impl Cursor {
    /// Waits for whatever was left behind.
    ///
    /// # Errors
    /// If the pool did not take it, and it was no write.
    fn poll_settle(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match ready!(self.poll_done(cx)) {
            None | Some(Ok(Done::Sought(..))) => {}
            Some(Ok(Done::Read(outcome, bytes))) => self.keep(outcome, bytes),
            Some(Ok(Done::Written(written, memory))) => {
                self.recycle(memory);
                self.failure = written.err();
            }
            Some(Err(error)) if self.writing => self.failure = Some(error),
            Some(Err(error)) => return Poll::Ready(Err(error)),
        }
        Poll::Ready(Ok(()))
    }

    /// As [`poll_settle`](Cursor::poll_settle), and then the error of a write whose caller is gone.
    pub(super) fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_settle(cx))?;
        Poll::Ready(self.failure.take().map_or(Ok(()), Err))
    }

    pub(super) async fn flush(&mut self) -> io::Result<()> {
        poll_fn(|cx| self.poll_flush(cx)).await
    }

    /// Waits for the job that the caller itself has started.
    pub(super) async fn done(&mut self) -> io::Result<Done> {
        poll_fn(|cx| self.poll_done(cx)).await.expect("the caller has started one")
    }

    /// `None` if no job is under way.
    fn poll_done(&mut self, cx: &mut Context<'_>) -> Poll<Option<io::Result<Done>>> {
        let Some(job) = &mut self.job else { return Poll::Ready(None) };
        let done = ready!(Pin::new(job).poll(cx));
        self.job = None;
        Poll::Ready(Some(super::joined(done)))
    }

    fn keep(&mut self, outcome: io::Result<usize>, bytes: Vec<u8>) {
        self.outcome = Some(outcome);
        self.read = bytes;
        self.returned = 0;
    }

    fn rest(&self) -> &[u8] {
        &self.read[self.returned..]
    }

    pub(super) fn poll_read(
        &mut self,
        file: &Arc<File>,
        cx: &mut Context<'_>,
        buf: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        loop {
            ready!(self.poll_settle(cx))?;
            if !self.rest().is_empty() || buf.is_empty() {
                let n = self.rest().len().min(buf.len());
                buf[..n].copy_from_slice(&self.rest()[..n]);
                self.returned += n;
                self.outcome = None;
                return Poll::Ready(Ok(n));
            }
            match self.outcome.take() {
                Some(Ok(0)) => return Poll::Ready(Ok(0)),
                Some(Err(error)) => return Poll::Ready(Err(error)),
                Some(Ok(_)) | None => self.start_read(file, buf.len().min(CHUNK))?,
            }
        }
    }

    fn start_read(&mut self, file: &Arc<File>, len: usize) -> io::Result<()> {
        let (file, mut bytes) = (Arc::clone(file), std::mem::take(&mut self.read));
        self.returned = 0;
        self.begin(false, move || {
            bytes.resize(len, 0);
            let outcome = retry(|| (&*file).read(&mut bytes));
            bytes.truncate(*outcome.as_ref().unwrap_or(&0));
            Done::Read(outcome, bytes)
        })
    }

    /// Waits for what was left behind, and moves what that has read to `buf`.
    pub(super) async fn take_rest(&mut self, buf: &mut Vec<u8>) -> io::Result<()> {
        poll_fn(|cx| self.poll_settle(cx)).await?;
        buf.extend_from_slice(self.rest());
        (self.returned, self.outcome) = (self.read.len(), None);
        Ok(())
    }

    /// Reads everything up to the end of the file. To be called when there is no rest.
    pub(super) async fn read_to_end(&mut self, file: &Arc<File>) -> io::Result<(io::Result<usize>, Vec<u8>)> {
        let file = Arc::clone(file);
        self.begin(false, move || {
            let mut bytes = Vec::new();
            let outcome = (&*file).read_to_end(&mut bytes).map(|_| bytes.len());
            Done::Read(outcome, bytes)
        })?;
        match self.done().await? {
            Done::Read(outcome, bytes) => Ok((outcome, bytes)),
            Done::Written(..) | Done::Sought(..) => unreachable!("the job was a read"),
        }
    }

    /// Writes a copy of `bytes`, of [`CHUNK`] at most. To be called when settled.
    pub(super) fn start_write(&mut self, file: &Arc<File>, bytes: &[u8]) -> io::Result<()> {
        let (file, back) = (Arc::clone(file), self.unread());
        let mut copy = std::mem::take(&mut self.read);
        copy.clear();
        copy.extend_from_slice(bytes);
        self.begin(true, move || {
            let written = go_back(&file, back).and_then(|()| (&*file).write_all(&copy));
            Done::Written(written, copy)
        })
    }

    /// To be called when settled.
    pub(super) fn start_seek(&mut self, file: &Arc<File>, to: SeekFrom) -> io::Result<()> {
        let (file, back) = (Arc::clone(file), self.unread());
        self.begin(false, move || Done::Sought(to, go_back(&file, back).and_then(|()| (&*file).seek(to))))
    }

    fn begin(&mut self, writing: bool, job: impl FnOnce() -> Done + Send + 'static) -> io::Result<()> {
        (self.job, self.writing) = (Some(start(job)?), writing);
        Ok(())
    }

    /// How far ahead of its caller the file's position is. Forgets what was read ahead.
    fn unread(&mut self) -> usize {
        let unread = self.rest().len();
        (self.returned, self.outcome) = (0, None);
        self.read.clear();
        unread
    }

    /// Keeps the memory of a write that is done.
    pub(super) fn recycle(&mut self, mut bytes: Vec<u8>) {
        bytes.clear();
        self.read = bytes;
    }

    /// [`File::seek`](super::File::seek) for poll functions. Who asks for something else than the last caller, which
    /// has given up, gets that.
    pub(super) fn poll_seek(
        &mut self,
        file: &Arc<File>,
        cx: &mut Context<'_>,
        to: SeekFrom,
    ) -> Poll<io::Result<u64>> {
        loop {
            match ready!(self.poll_done(cx)) {
                Some(Ok(Done::Sought(sought, position))) if sought == to => return Poll::Ready(position),
                Some(Ok(Done::Read(outcome, bytes))) => self.keep(outcome, bytes),
                Some(Ok(Done::Written(Err(error), _)) | Err(error)) => return Poll::Ready(Err(error)),
                Some(Ok(Done::Sought(..) | Done::Written(Ok(()), _))) | None => {}
            }
            self.start_seek(file, to)?;
        }
    }
}

fn go_back(mut file: &File, by: usize) -> io::Result<()> {
    if by > 0 {
        // Not the position alone: `by` bytes are in memory, so this fits.
        file.seek(SeekFrom::Current(-(by as i64)))?;
    }
    Ok(())
}

/// The standard library's `read` is the only operation here that does not go on by itself after a signal.
fn retry<T>(mut call: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    loop {
        match call() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            result => return result,
        }
    }
}
