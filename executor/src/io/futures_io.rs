//! The `AsyncRead` and `AsyncWrite` of `futures-io`, for everything that reads and writes bytes: streams and their halves,
//! pipes, files, the standard streams, and any source that does so through `&T`.
//!
//! Each direction has one place for a waker: at most one task reads, and at most one writes, through these traits.

use super::Async;
#[cfg(feature = "stdio")]
use super::{Stderr, Stdin, Stdout};
#[cfg(unix)]
use crate::net::UnixStream;
use crate::net::{OwnedReadHalf, OwnedWriteHalf, ReadHalf, Stream, TcpStream, WriteHalf};
use futures_io::{AsyncRead, AsyncWrite};
use mio::event::Source;
use std::io::{self, IoSlice, IoSliceMut, Read, Write};
use std::net::Shutdown;
use std::pin::Pin;
use std::task::{Context, Poll};

/// By way of the methods of the same names, which `$stream` has on `&self`; `$this` is it, or a reference to it.
macro_rules! byte_stream {
    ($this:ty, $stream:ty) => {
        impl AsyncRead for $this {
            fn poll_read(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                buf: &mut [u8],
            ) -> Poll<io::Result<usize>> {
                <$stream>::poll_read(&self, cx, buf)
            }

            fn poll_read_vectored(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                bufs: &mut [IoSliceMut<'_>],
            ) -> Poll<io::Result<usize>> {
                <$stream>::poll_read_vectored(&self, cx, bufs)
            }
        }

        impl AsyncWrite for $this {
            fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
                <$stream>::poll_write(&self, cx, buf)
            }

            fn poll_write_vectored(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                bufs: &[IoSlice<'_>],
            ) -> Poll<io::Result<usize>> {
                <$stream>::poll_write_vectored(&self, cx, bufs)
            }

            /// Nothing is buffered on this side of the kernel.
            fn poll_flush(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
                Poll::Ready(Ok(()))
            }

            fn poll_close(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
                Poll::Ready(closed(self.shutdown(Shutdown::Write)))
            }
        }
    };
}

byte_stream!(TcpStream, TcpStream);
byte_stream!(&TcpStream, TcpStream);
#[cfg(unix)]
byte_stream!(UnixStream, UnixStream);
#[cfg(unix)]
byte_stream!(&UnixStream, UnixStream);

/// What writes on the pool.
#[cfg(any(feature = "fs", feature = "stdio"))]
macro_rules! queues {
    ($this:ty) => {
        /// A write is queued when it returns; flushing and closing wait for it.
        impl AsyncWrite for $this {
            fn poll_write(
                mut self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                buf: &[u8],
            ) -> Poll<io::Result<usize>> {
                <$this>::poll_write(&mut self, cx, buf)
            }

            fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
                <$this>::poll_flush(&mut self, cx)
            }

            fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
                <$this>::poll_flush(&mut self, cx)
            }
        }
    };
}

#[cfg(feature = "fs")]
mod file {
    use super::*;
    use crate::fs::File;
    use futures_io::AsyncSeek;
    use std::io::SeekFrom;

    impl AsyncRead for File {
        fn poll_read(
            mut self: Pin<&mut Self>,
            cx: &mut Context<'_>,
            buf: &mut [u8],
        ) -> Poll<io::Result<usize>> {
            File::poll_read(&mut self, cx, buf)
        }
    }

    queues!(File);

    impl AsyncSeek for File {
        fn poll_seek(mut self: Pin<&mut Self>, cx: &mut Context<'_>, to: SeekFrom) -> Poll<io::Result<u64>> {
            File::poll_seek(&mut self, cx, to)
        }
    }
}

#[cfg(feature = "stdio")]
impl AsyncRead for Stdin {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        Stdin::poll_read(&mut self, cx, buf)
    }
}

#[cfg(feature = "stdio")]
queues!(Stdout);
#[cfg(feature = "stdio")]
queues!(Stderr);

/// The pipes of children, by value and by reference, by way of their methods.
#[cfg(all(unix, feature = "process"))]
mod pipes {
    use super::*;
    use crate::process::{ChildStderr, ChildStdin, ChildStdout};

    macro_rules! reads {
        ($($this:ty, $pipe:ty;)*) => {$(
            impl AsyncRead for $this {
                fn poll_read(
                    self: Pin<&mut Self>,
                    cx: &mut Context<'_>,
                    buf: &mut [u8],
                ) -> Poll<io::Result<usize>> {
                    <$pipe>::poll_read(&self, cx, buf)
                }
            }
        )*};
    }

    reads! {
        ChildStdout, ChildStdout;
        &ChildStdout, ChildStdout;
        ChildStderr, ChildStderr;
        &ChildStderr, ChildStderr;
    }

    macro_rules! writes {
        ($this:ty) => {
            /// A pipe has no other end than dropping it: closing does nothing.
            impl AsyncWrite for $this {
                fn poll_write(
                    self: Pin<&mut Self>,
                    cx: &mut Context<'_>,
                    buf: &[u8],
                ) -> Poll<io::Result<usize>> {
                    ChildStdin::poll_write(&self, cx, buf)
                }

                fn poll_flush(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
                    Poll::Ready(Ok(()))
                }

                fn poll_close(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
                    Poll::Ready(Ok(()))
                }
            }
        };
    }

    writes!(ChildStdin);
    writes!(&ChildStdin);
}

/// The halves of streams.
macro_rules! halves {
    ($($reads:ty, $writes:ty;)*) => {$(
        impl<S: Stream + Unpin> AsyncRead for $reads {
            fn poll_read(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                buf: &mut [u8],
            ) -> Poll<io::Result<usize>> {
                (*self).as_ref().poll_read(cx, buf)
            }

            fn poll_read_vectored(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                bufs: &mut [IoSliceMut<'_>],
            ) -> Poll<io::Result<usize>> {
                (*self).as_ref().poll_read_vectored(cx, bufs)
            }
        }

        impl<S: Stream + Unpin> AsyncWrite for $writes {
            fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
                (*self).as_ref().poll_write(cx, buf)
            }

            fn poll_write_vectored(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                bufs: &[IoSlice<'_>],
            ) -> Poll<io::Result<usize>> {
                (*self).as_ref().poll_write_vectored(cx, bufs)
            }

            /// Nothing is buffered on this side of the kernel.
            fn poll_flush(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
                Poll::Ready(Ok(()))
            }

            fn poll_close(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
                Poll::Ready(closed((*self).as_ref().shutdown(Shutdown::Write)))
            }
        }
    )*};
}

halves! {
    ReadHalf<'_, S>, WriteHalf<'_, S>;
    OwnedReadHalf<S>, OwnedWriteHalf<S>;
}

/// A connection that the peer has reset needs no closing: those who close what they have used do not take it for a
/// failure of theirs.
fn closed(shutdown: io::Result<()>) -> io::Result<()> {
    match shutdown {
        Err(error) if error.kind() == io::ErrorKind::NotConnected => Ok(()),
        result => result,
    }
}

impl<T: Source + Unpin> AsyncRead for Async<T>
where
    for<'a> &'a T: Read,
{
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        self.poll_read_with(cx, |mut source| source.read(buf))
    }
}

/// Closing flushes; it does not shut down, which a source in general cannot.
impl<T: Source + Unpin> AsyncWrite for Async<T>
where
    for<'a> &'a T: Write,
{
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.poll_write_with(cx, |mut source| source.write(buf))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_write_with(cx, |mut source| source.flush())
    }

    fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_flush(cx)
    }
}
