//! hyper's `Read` and `Write` for our streams. hyper's buffers are mostly not initialised: a read lets the kernel
//! fill them as they are, on Unix, instead of writing zeros over them first.

use crate::io::Async;
#[cfg(unix)]
use crate::io::direct;
use crate::net::TcpStream;
#[cfg(unix)]
use crate::net::UnixStream;
use futures_io::{AsyncRead, AsyncWrite};
use hyper::rt::{Read, ReadBufCursor, Write};
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

/// `$wanted(n)` as what `net`'s macro of the same name wants to be read.
macro_rules! byte_stream {
    ($stream:ty, $wanted:expr) => {
        impl Read for $stream {
            fn poll_read(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                buf: ReadBufCursor<'_>,
            ) -> Poll<io::Result<()>> {
                read_into(self.as_async(), $wanted(buf.remaining()), cx, buf)
            }
        }

        impl Write for $stream {
            fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
                <$stream>::poll_write(&self, cx, buf)
            }

            /// Nothing is buffered on this side of the kernel.
            fn poll_flush(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
                Poll::Ready(Ok(()))
            }

            fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
                self.poll_close(cx)
            }

            fn is_write_vectored(&self) -> bool {
                true
            }

            fn poll_write_vectored(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                bufs: &[IoSlice<'_>],
            ) -> Poll<io::Result<usize>> {
                <$stream>::poll_write_vectored(&self, cx, bufs)
            }
        }
    };
}

byte_stream!(TcpStream, crate::net::wanted);
#[cfg(unix)]
byte_stream!(UnixStream, |_len| 0);

#[cfg(unix)]
fn read_into<S: mio::event::Source + direct::Stream>(
    stream: &Async<S>,
    wanted: usize,
    cx: &mut Context<'_>,
    mut buf: ReadBufCursor<'_>,
) -> Poll<io::Result<()>> {
    // SAFETY: only the kernel writes to it, and it writes bytes.
    let unfilled = unsafe { buf.as_mut() };
    let read = ready!(stream.poll_transfer(sideline_reactor::Direction::Read, cx, wanted, |socket| {
        // SAFETY: all of `unfilled` is ours, and lives during the call.
        unsafe { direct::receive_at(socket, unfilled.as_mut_ptr().cast(), unfilled.len()) }
    }))?;
    // SAFETY: the kernel has just filled this many bytes.
    unsafe { buf.advance(read) };
    Poll::Ready(Ok(()))
}

#[cfg(not(unix))]
fn read_into<S: mio::event::Source>(
    stream: &Async<S>,
    wanted: usize,
    cx: &mut Context<'_>,
    buf: ReadBufCursor<'_>,
) -> Poll<io::Result<()>>
where
    for<'a> &'a S: io::Read,
{
    fill(buf, usize::MAX, |unfilled| {
        stream.poll_transfer(sideline_reactor::Direction::Read, cx, wanted, |mut stream| {
            io::Read::read(&mut stream, unfilled)
        })
    })
}

/// Lets `read` fill what is left of `buf`, at most `limit` bytes of it, after writing zeros to it.
fn fill(
    mut buf: ReadBufCursor<'_>,
    limit: usize,
    read: impl FnOnce(&mut [u8]) -> Poll<io::Result<usize>>,
) -> Poll<io::Result<()>> {
    let unfilled = buf.initialize_unfilled_to(limit.min(buf.remaining()));
    let len = unfilled.len();
    let read = ready!(read(unfilled))?;
    // It is foreign code that counts here.
    assert!(read <= len, "a reader says that it has read {read} bytes into a buffer of {len}");
    // SAFETY: this many bytes, and more, have been initialised above.
    unsafe { buf.advance(read) };
    Poll::Ready(Ok(()))
}

/// What [`Io`](super::Io) does to read. Here, beside the other `unsafe` of its kind.
pub(super) fn read_through(
    stream: Pin<&mut impl AsyncRead>,
    cx: &mut Context<'_>,
    buf: ReadBufCursor<'_>,
) -> Poll<io::Result<()>> {
    fill(buf, PORTION, |unfilled| stream.poll_read(cx, unfilled))
}

/// The most that is read through an [`Io`](super::Io) at once: a TLS record. hyper's buffers grow far larger, and
/// writing zeros to all of one would cost more than the read.
const PORTION: usize = 16 * 1024;
