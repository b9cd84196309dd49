//! A file's position, and the one operation that may be moving it.
//!
//! Reads, writes and seeks by position are jobs, one after the other. A future that is dropped leaves its job running;
//! it is the next operation that waits for it, and what it did stands:
//!
//! | left behind | then |
//! |---|---|
//! | a read | its bytes are what the next read returns; a write or seek first goes back by as many (in a file without a position, such as a pipe, they stay what the next read returns) |
//! | a write | is done; its error is that of the next write or flush |
//! | a seek | is done |
//!
//! So no byte is read twice or skipped, and nothing that was written is lost. Dropping the file leaves its last job to
//! the pool, which does it to the end.

use super::read_ahead::{ReadAhead, go_back};
use super::writing::Writing;
use super::{runtime, start};
use crate::{Handle, JoinHandle};
use std::fs::File;
use std::future::{Future, poll_fn};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

/// The most that one job reads or writes: what is given in larger pieces would be copied as a whole.
pub(super) const CHUNK: usize = 1 << 20;

/// The name of a job that writes.
const WRITE: &str = "fs: write";

#[derive(Default)]
pub(super) struct Cursor {
    job: Option<JoinHandle<Done>>,
    /// Whether that is, or was, a write.
    writing: bool,
    ahead: ReadAhead,
    /// For those who ask the file as a whole.
    writing_over: Arc<Writing>,
    /// Of a write whose caller is gone.
    failure: Option<io::Error>,
}

pub(super) enum Done {
    Read(io::Result<usize>, Vec<u8>),
    /// And what is still to be returned to readers: memory without contents, as a rule.
    Written(io::Result<()>, Vec<u8>),
    /// What was asked for, what came of it, and as of a write.
    Sought(SeekFrom, io::Result<u64>, Vec<u8>),
}

impl Cursor {
    /// Waits for whatever was left behind.
    ///
    /// # Errors
    /// If the pool did not take it, and it was no write.
    fn poll_settle(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match ready!(self.poll_done(cx)) {
            None => {}
            Some(Ok(Done::Read(outcome, bytes))) => self.ahead.keep(outcome, bytes),
            Some(Ok(Done::Written(written, rest))) => {
                self.ahead.put_back(rest);
                self.failure = written.err();
            }
            Some(Ok(Done::Sought(_, _, rest))) => self.ahead.put_back(rest),
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

    /// Waits for a write that is queued or under way, and leaves its error where it is.
    pub(super) async fn write_over(&self) {
        poll_fn(|cx| self.writing_over.poll_over(cx)).await;
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
        let done = super::joined(done);
        if done.is_err() {
            // It never started, and never will.
            self.ahead.take_back();
        }
        Poll::Ready(Some(done))
    }

    pub(super) fn poll_read(
        &mut self,
        file: &Arc<File>,
        cx: &mut Context<'_>,
        buf: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        loop {
            ready!(self.poll_settle(cx))?;
            if !self.ahead.is_empty() || buf.is_empty() {
                return Poll::Ready(Ok(self.ahead.read(buf)));
            }
            match self.ahead.take_outcome() {
                Some(Ok(0)) => return Poll::Ready(Ok(0)),
                Some(Err(error)) => return Poll::Ready(Err(error)),
                Some(Ok(_)) | None => self.start_read(file, buf.len().min(CHUNK))?,
            }
        }
    }

    fn start_read(&mut self, file: &Arc<File>, len: usize) -> io::Result<()> {
        let runtime = runtime()?;
        let (file, mut bytes) = (Arc::clone(file), self.ahead.take_memory());
        self.begin(&runtime, "fs: read", move || {
            bytes.resize(len, 0);
            let outcome = retry(|| (&*file).read(&mut bytes));
            bytes.truncate(*outcome.as_ref().unwrap_or(&0));
            Done::Read(outcome, bytes)
        });
        Ok(())
    }

    /// Everything up to the end of the file, with what was left behind. If this is given up, too, that stays with the
    /// rest.
    pub(super) async fn read_to_end(&mut self, file: &Arc<File>) -> io::Result<(io::Result<usize>, Vec<u8>)> {
        poll_fn(|cx| self.poll_settle(cx)).await?;
        let runtime = runtime()?;
        let (file, lent) = (Arc::clone(file), self.ahead.lend());
        self.begin(&runtime, "fs: read", move || {
            let mut bytes = lent.take();
            let outcome = (&*file).read_to_end(&mut bytes).map(|_| bytes.len());
            Done::Read(outcome, bytes)
        });
        match self.done().await? {
            Done::Read(outcome, bytes) => Ok((outcome, bytes)),
            Done::Written(..) | Done::Sought(..) => unreachable!("the job was a read"),
        }
    }

    /// Writes a copy of `bytes`, of [`CHUNK`] at most. To be called when settled.
    pub(super) fn start_write(&mut self, file: &Arc<File>, bytes: &[u8]) -> io::Result<()> {
        let runtime = runtime()?;
        // In the memory of what was read ahead, if there is nothing in it.
        let mut copy = if self.ahead.is_empty() { self.ahead.take_memory() } else { Vec::new() };
        copy.clear();
        copy.extend_from_slice(bytes);
        let (file, lent) = (Arc::clone(file), self.ahead.lend());
        let under_way = self.writing_over.begin();
        self.begin(&runtime, WRITE, move || {
            // Over before the handle says so.
            let _under_way = under_way;
            let mut rest = lent.take();
            let written = go_back(&file, &mut rest).and_then(|()| (&*file).write_all(&copy));
            if rest.is_empty() {
                copy.clear();
                rest = copy;
            }
            Done::Written(written, rest)
        });
        Ok(())
    }

    /// To be called when settled.
    pub(super) fn start_seek(&mut self, file: &Arc<File>, to: SeekFrom) -> io::Result<()> {
        let runtime = runtime()?;
        let (file, lent) = (Arc::clone(file), self.ahead.lend());
        self.begin(&runtime, "fs: seek", move || {
            let mut rest = lent.take();
            let position = go_back(&file, &mut rest).and_then(|()| (&*file).seek(to));
            Done::Sought(to, position, rest)
        });
        Ok(())
    }

    /// Whoever takes something along that is not to be lost has made sure of the runtime first.
    fn begin(&mut self, runtime: &Handle, name: &'static str, job: impl FnOnce() -> Done + Send + 'static) {
        (self.job, self.writing) = (Some(start(runtime, name, job)), name == WRITE);
    }

    /// What the job that the caller has started has left of what was read ahead.
    pub(super) fn put_back(&mut self, rest: Vec<u8>) {
        self.ahead.put_back(rest);
    }

    /// [`File::seek`](super::File::seek) for poll functions. Whoever asks for something else than the last caller, which
    /// has given up, gets that.
    pub(super) fn poll_seek(
        &mut self,
        file: &Arc<File>,
        cx: &mut Context<'_>,
        to: SeekFrom,
    ) -> Poll<io::Result<u64>> {
        loop {
            match ready!(self.poll_done(cx)) {
                Some(Ok(Done::Sought(sought, position, rest))) => {
                    self.ahead.put_back(rest);
                    if sought == to {
                        return Poll::Ready(position);
                    }
                }
                Some(Ok(Done::Read(outcome, bytes))) => self.ahead.keep(outcome, bytes),
                Some(Ok(Done::Written(written, rest))) => {
                    self.ahead.put_back(rest);
                    written?;
                }
                Some(Err(error)) => return Poll::Ready(Err(error)),
                None => {}
            }
            self.start_seek(file, to)?;
        }
    }
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
