//! Standard output and standard error.
//!
//! A write to either may block: in a pipe that nobody empties, in a terminal that was stopped. Other processes have them,
//! too, and would notice if they were made non-blocking. So each write is a job on the pool. It does what [`print!`]
//! does, under the lock which that takes, and then flushes; so the two may be mixed, and writes stay whole.
//!
//! The writes of a process to one stream, in whatever runtime, are one kind of job, of which one runs at a time
//! ([`Limiter`]). So they are done in the order in which they were queued, and while one is stuck the others wait
//! without a thread.

use super::bytes::write_zero;
use super::job::{joined, runtime};
use crate::{JoinHandle, Limiter};
use sideline_blocking_pool::fork::PerProcess;
use std::fmt;
use std::future::{Future, poll_fn};
use std::io::{self, Write};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

/// The process's standard output, for the loop.
///
/// # Example
/// ```
/// sideline::block_on(async {
///     let mut out = sideline::io::stdout();
///     out.write_all(b"one line, however many tasks write\n").await?;
///     out.write_all(format!("{} more\n", 2).as_bytes()).await
/// })
/// # .unwrap()
/// ```
pub fn stdout() -> Stdout {
    Stdout(Output::new(Stream::Out))
}

/// The process's standard error, for the loop.
///
/// # Example
/// ```
/// sideline::block_on(async {
///     sideline::io::stderr().write_all(b"something to know\n").await
/// })
/// # .unwrap()
/// ```
pub fn stderr() -> Stderr {
    Stderr(Output::new(Stream::Error))
}

/// The process's standard output. From [`stdout`].
///
/// Each write is one job on the pool, and is written as a whole: what other handles, other runtimes and `print!` write
/// comes before it or after it. Writes are done in the order in which they were queued. What `print!` still held back
/// goes out before. Many small pieces are better put together first: a write costs some microseconds.
///
/// # What is written is written
/// When a write returns, the kernel has the bytes: there is no buffer on this side, and no need to flush before the
/// process exits. **Dropping the future of a write, or this, takes nothing back**: a write that was queued is done, in
/// order, and a runtime that ends waits for it as for all its jobs, up to
/// [`Builder::drop_deadline`](crate::Builder::drop_deadline). So a pipe that nobody empties holds up the end for that
/// long and no longer; what is left then is [reported](crate::Report::JobsLeft), and lost if the process exits.
/// [`process::exit`](std::process::exit) waits for nothing. [`poll_write`](Stdout::poll_write), which `copy` and
/// `futures-io` use, only queues: flushing waits.
///
/// While a write is stuck, `print!` waits for it, on whatever thread it is called.
pub struct Stdout(Output);

/// The process's standard error. From [`stderr`]. All that is said of [`Stdout`] holds for it and `eprint!`.
pub struct Stderr(Output);

macro_rules! output {
    ($output:ident) => {
        impl $output {
            /// Writes `buf`, as a whole, and returns its length.
            ///
            /// # Errors
            /// What the kernel says, of which `BrokenPipe` means that nobody reads any more; some of it may have been
            /// written. Of an earlier write whose future was dropped: then this one has not begun. Outside a runtime;
            /// if the pool takes no more jobs.
            pub async fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
                self.flush().await?;
                self.0.start(buf)?;
                self.flush().await?;
                Ok(buf.len())
            }

            /// As [`write`](Self::write), which writes everything already.
            ///
            /// # Errors
            /// As [`write`](Self::write).
            pub async fn write_all(&mut self, buf: &[u8]) -> io::Result<()> {
                self.write(buf).await.map(drop)
            }

            /// Waits for a write whose future was dropped, or that [`poll_write`](Self::poll_write) has queued. After a
            /// write that returned there is nothing to do.
            ///
            /// # Errors
            /// Of that write.
            pub async fn flush(&mut self) -> io::Result<()> {
                poll_fn(|cx| self.poll_flush(cx)).await
            }

            /// Queues a write of `buf`, as a whole, when the one before is done, and does not wait for it: a later poll
            /// could not tell whether it is asked about the same write. [`poll_flush`](Self::poll_flush) waits.
            pub fn poll_write(&mut self, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
                ready!(self.poll_flush(cx))?;
                Poll::Ready(self.0.start(buf).map(|()| buf.len()))
            }

            /// [`flush`](Self::flush) for poll functions: the last caller is woken.
            pub fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
                self.0.poll_done(cx)
            }
        }

        impl fmt::Debug for $output {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_struct(stringify!($output)).field("writing", &self.0.job.is_some()).finish()
            }
        }
    };
}

output!(Stdout);
output!(Stderr);

/// One handle's write, if there is one, and the memory for the next.
struct Output {
    stream: Stream,
    job: Option<JoinHandle<(io::Result<()>, Vec<u8>)>>,
    memory: Vec<u8>,
}

impl Output {
    fn new(stream: Stream) -> Self {
        Self { stream, job: None, memory: Vec::new() }
    }

    /// To be called when the last one is done.
    fn start(&mut self, buf: &[u8]) -> io::Result<()> {
        if buf.is_empty() {
            return Ok(());
        }
        let job = runtime()?.job().name(self.stream.name()).limiter(self.stream.writes());
        let (stream, mut copy) = (self.stream, std::mem::take(&mut self.memory));
        copy.extend_from_slice(buf);
        self.job = Some(job.spawn(move || {
            let written = stream.write(&copy);
            copy.clear();
            copy.shrink_to(MOST_MEMORY);
            (written, copy)
        }));
        Ok(())
    }

    fn poll_done(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Some(job) = &mut self.job else { return Poll::Ready(Ok(())) };
        let done = ready!(Pin::new(job).poll(cx));
        self.job = None;
        let (written, memory) = joined(done)?;
        self.memory = memory;
        Poll::Ready(written)
    }
}

#[derive(Clone, Copy)]
enum Stream {
    Out,
    Error,
}

impl Stream {
    fn name(self) -> &'static str {
        match self {
            Stream::Out => "stdout: write",
            Stream::Error => "stderr: write",
        }
    }

    /// The kind of job that its writes are.
    fn writes(self) -> &'static Limiter {
        static OUT: PerProcess<Limiter> = PerProcess::new();
        static ERROR: PerProcess<Limiter> = PerProcess::new();
        let kind = match self {
            Stream::Out => &OUT,
            Stream::Error => &ERROR,
        };
        kind.get_or_init(|_| Limiter::new(1))
    }

    fn write(self, bytes: &[u8]) -> io::Result<()> {
        match self {
            Stream::Out => {
                let mut out = io::stdout().lock();
                write_whole(&mut out, bytes, || wait_for_room(&io::stdout()))
            }
            Stream::Error => {
                let mut error = io::stderr().lock();
                write_whole(&mut error, bytes, || wait_for_room(&io::stderr()))
            }
        }
    }
}

/// Writes and flushes. Somebody else may have made the stream non-blocking, since it is shared; then what is left is kept,
/// here and in the standard library's buffer, and waits for room.
fn write_whole(
    out: &mut impl Write,
    mut bytes: &[u8],
    wait_for_room: impl Fn() -> io::Result<()>,
) -> io::Result<()> {
    loop {
        let step = if bytes.is_empty() { out.flush().map(|()| None) } else { out.write(bytes).map(Some) };
        match step {
            Ok(None) => return Ok(()),
            Ok(Some(0)) => return Err(write_zero()),
            Ok(Some(written)) => bytes = &bytes[written..],
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => wait_for_room()?,
            Err(error) => return Err(error),
        }
    }
}

/// Waits for what the loop would wait for, but on the pool's thread: it hardly ever comes to that.
#[cfg(unix)]
fn wait_for_room(stream: &impl std::os::fd::AsRawFd) -> io::Result<()> {
    use mio::unix::SourceFd;
    let mut poll = mio::Poll::new().map_err(sideline_reactor::name_descriptor_limit)?;
    let fd = stream.as_raw_fd();
    poll.registry().register(&mut SourceFd(&fd), mio::Token(0), mio::Interest::WRITABLE)?;
    match poll.poll(&mut mio::Events::with_capacity(1), None) {
        Err(error) if error.kind() != io::ErrorKind::Interrupted => Err(error),
        _ => Ok(()),
    }
}

#[cfg(not(unix))]
fn wait_for_room<T>(_stream: &T) -> io::Result<()> {
    Err(io::ErrorKind::WouldBlock.into())
}

/// How much memory a handle keeps for its next write, in bytes.
const MOST_MEMORY: usize = 64 * 1024;

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use std::cell::Cell;
    use std::io::BufWriter;

    /// Takes three bytes at a time, and has room every other time.
    struct Full<'a>(&'a Cell<bool>, Vec<u8>);

    impl Write for Full<'_> {
        fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
            if self.0.replace(true) {
                return Err(io::ErrorKind::WouldBlock.into());
            }
            let n = buf.len().min(3);
            self.1.extend_from_slice(&buf[..n]);
            Ok(n)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn what_finds_no_room_is_written_once_and_in_order() {
        let full = Cell::new(false);
        // The standard library keeps a part in a buffer of its own.
        for capacity in [0, 5, 100] {
            let mut out = BufWriter::with_capacity(capacity, Full(&full, Vec::new()));
            let wait = || {
                full.set(false);
                Ok(())
            };
            for piece in ["one ", "two, and a long one ", "three"] {
                write_whole(&mut out, piece.as_bytes(), wait).unwrap();
            }
            assert_eq!(out.get_ref().1, b"one two, and a long one three", "{capacity}");
        }
    }
}
