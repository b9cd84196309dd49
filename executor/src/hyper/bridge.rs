//! From the `futures-io` traits to hyper's, and back.

use super::stream::read_through;
use futures_io::{AsyncRead, AsyncWrite};
use hyper::rt::{Read, ReadBuf, ReadBufCursor, Write};
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

/// Gives hyper any stream that has the traits of `futures-io`: a TLS stream of futures-rustls for example. And gives
/// an upgraded connection of hyper's to those who ask for the traits of `futures-io`, a WebSocket for example.
///
/// The streams of [`net`](crate::net) are hyper's as they are, and need no wrapping.
///
/// ```
/// fn served_by_hyper(_: impl hyper::rt::Read + hyper::rt::Write) {}
///
/// # sideline::block_on(async {
/// # let (one, _other) = sideline::net::UnixStream::pair()?;
/// let stream: Box<dyn futures_io::AsyncRead + Unpin> = Box::new(one);
/// let io = sideline::hyper::Io::new(stream);
/// # fn readable(_: impl hyper::rt::Read) {}
/// readable(io);
/// # std::io::Result::Ok(())
/// # }).unwrap();
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct Io<T>(T);

impl<T> Io<T> {
    /// Wraps a stream.
    pub fn new(stream: T) -> Self {
        Self(stream)
    }

    /// The stream inside.
    pub fn get_ref(&self) -> &T {
        &self.0
    }

    /// The stream inside.
    pub fn get_mut(&mut self) -> &mut T {
        &mut self.0
    }

    /// The stream, unwrapped.
    pub fn into_inner(self) -> T {
        self.0
    }
}

impl<T: Unpin> Io<T> {
    fn stream(self: Pin<&mut Self>) -> Pin<&mut T> {
        Pin::new(&mut self.get_mut().0)
    }
}

impl<T: AsyncRead + Unpin> Read for Io<T> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: ReadBufCursor<'_>) -> Poll<io::Result<()>> {
        read_through(self.stream(), cx, buf)
    }
}

impl<T: AsyncWrite + Unpin> Write for Io<T> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.stream().poll_write(cx, buf)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stream().poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stream().poll_close(cx)
    }

    /// A stream of `futures-io` does not say whether it makes one write of several buffers. TLS streams do.
    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.stream().poll_write_vectored(cx, bufs)
    }
}

impl<T: Read + Unpin> AsyncRead for Io<T> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        let mut buf = ReadBuf::new(buf);
        ready!(self.stream().poll_read(cx, buf.unfilled()))?;
        Poll::Ready(Ok(buf.filled().len()))
    }
}

impl<T: Write + Unpin> AsyncWrite for Io<T> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.stream().poll_write(cx, buf)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.stream().poll_write_vectored(cx, bufs)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stream().poll_flush(cx)
    }

    fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stream().poll_shutdown(cx)
    }
}
