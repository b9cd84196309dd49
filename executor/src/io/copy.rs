//! From one stream of bytes to another.

use super::bytes::write_zero;
use super::idle::Idle;
use super::stream_traits::{ReadBytes, WriteBytes};
use crate::core::fairness;
use std::fmt;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

/// Copies everything up to the end of `reader` to `writer`, and returns how many bytes that was. `writer` stays open.
///
/// It moves at most 16 KiB at a time, to standard output 64 KiB, and 256 KiB if one of the two is a file. If the future is
/// dropped before it is ready, what has been read and not written yet is lost.
///
/// A peer may be silent for ever, unless an [`idle_timeout`](Copying::idle_timeout) is set.
///
/// # Errors
/// Those of reading and writing. [`copied`](Copying::copied) says how much was written by then.
///
/// # Example
/// ```no_run
/// use sideline::fs::File;
/// use sideline::net::TcpStream;
///
/// sideline::block_on(async {
///     let mut file = File::open("movie").await?;
///     let mut stream = TcpStream::connect("example.org:80").await?;
///     let sent = sideline::io::copy(&mut file, &mut stream).await?;
///     println!("{sent} bytes");
///     std::io::Result::Ok(())
/// })
/// # .unwrap()
/// ```
pub fn copy<'a, R, W>(reader: &'a mut R, writer: &'a mut W) -> Copying<'a, R, W>
where
    R: ReadBytes + ?Sized,
    W: WriteBytes + ?Sized,
{
    let transfer = Transfer::new(reader.portion().max(writer.portion()));
    Copying { reader, writer, transfer, idle: Idle::never() }
}

/// The future of [`copy`].
#[must_use = "a future does nothing unless it is awaited"]
pub struct Copying<'a, R: ?Sized, W: ?Sized> {
    reader: &'a mut R,
    writer: &'a mut W,
    transfer: Transfer,
    idle: Idle,
}

impl<R: ?Sized, W: ?Sized> Copying<'_, R, W> {
    /// Gives up if for this long no byte was read or written. The time counts from the first poll. Default: never.
    ///
    /// The error is `TimedOut`. The streams are as they were.
    ///
    /// # Panics
    /// With a limit, the first poll panics outside a runtime.
    ///
    /// # Example
    /// ```
    /// use sideline::io::copy;
    /// use sideline::net::UnixStream;
    /// use std::time::Duration;
    ///
    /// # sideline::block_on(async {
    /// let (client, mut server) = UnixStream::pair()?;
    /// client.write_all(b"and then?").await?; // nothing comes after that
    /// let mut received = Vec::new();
    /// let mut copying = copy(&mut server, &mut received).idle_timeout(Duration::from_millis(5));
    /// let error = (&mut copying).await.unwrap_err();
    /// assert_eq!(error.kind(), std::io::ErrorKind::TimedOut);
    /// assert_eq!(copying.copied(), 9);
    /// # drop(client);
    /// # std::io::Result::Ok(())
    /// # })
    /// # .unwrap();
    /// ```
    pub fn idle_timeout(mut self, limit: Duration) -> Self {
        self.idle = Idle::after(limit);
        self
    }

    /// How many bytes were written so far: for who awaits `&mut` of this, and has an error.
    pub fn copied(&self) -> u64 {
        self.transfer.total
    }
}

impl<R, W> Future for Copying<'_, R, W>
where
    R: ReadBytes + ?Sized,
    W: WriteBytes + ?Sized,
{
    type Output = io::Result<u64>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Self { reader, writer, transfer, idle } = &mut *self;
        let given_way = fairness::given_way();
        if transfer.poll(cx, *reader, *writer)?.is_ready() && writer.poll_flush(cx)?.is_ready() {
            return Poll::Ready(Ok(transfer.total));
        }
        idle.poll(cx, transfer.moved(), given_way).map(Err)
    }
}

impl<R: ?Sized, W: ?Sized> fmt::Debug for Copying<'_, R, W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Copying").field("copied", &self.copied()).finish_non_exhaustive()
    }
}

/// One direction.
pub(super) struct Transfer {
    buffer: Box<[u8]>,
    /// What was read and not written yet.
    rest: std::ops::Range<usize>,
    pub(super) total: u64,
    state: State,
}

#[derive(PartialEq)]
enum State {
    Copying,
    Ended,
    ShutDown,
}

impl Transfer {
    #[inline]
    pub(super) fn new(portion: usize) -> Transfer {
        Transfer { buffer: vec![0; portion].into(), rest: 0..0, total: 0, state: State::Copying }
    }

    /// Ready when the reader has ended and all is written.
    fn poll<R, W>(&mut self, cx: &mut Context<'_>, reader: &mut R, writer: &mut W) -> Poll<io::Result<()>>
    where
        R: ReadBytes + ?Sized,
        W: WriteBytes + ?Sized,
    {
        while self.state == State::Copying {
            if self.rest.is_empty() {
                let n = ready!(reader.poll_read(cx, &mut self.buffer))?;
                self.rest = 0..n;
                if n == 0 {
                    self.state = State::Ended;
                }
            } else {
                let n = ready!(writer.poll_write(cx, &self.buffer[self.rest.clone()]))?;
                if n == 0 {
                    return Poll::Ready(Err(write_zero()));
                }
                self.rest.start += n;
                self.total += n as u64;
            }
        }
        Poll::Ready(Ok(()))
    }

    /// How many bytes were read and written: it grows whenever something moves.
    #[inline]
    pub(super) fn moved(&self) -> u64 {
        2 * self.total + self.rest.len() as u64
    }

    /// [`poll`](Transfer::poll), and then ends writing.
    pub(super) fn poll_to_shutdown<R, W>(
        &mut self,
        cx: &mut Context<'_>,
        reader: &mut R,
        writer: &mut W,
    ) -> Poll<io::Result<()>>
    where
        R: ReadBytes + ?Sized,
        W: WriteBytes + ?Sized,
    {
        ready!(self.poll(cx, reader, writer))?;
        if self.state == State::Ended {
            ready!(writer.poll_shutdown(cx))?;
            self.state = State::ShutDown;
        }
        Poll::Ready(Ok(()))
    }
}
