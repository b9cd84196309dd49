//! The `AsyncRead` and `AsyncWrite` of `futures-io`, for everything that reads and writes bytes: streams and their halves,
//! pipes, files, the standard streams, and any source that does so through `&T`.
//!
//! Each direction has one place for a waker: at most one task reads, and at most one writes, through these traits.

use super::Async;
use super::bytes::closed;
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

/// By way of the methods of the same names, which `$stream` has on `&self`; `$this` is a reference to the reader.
macro_rules! reads {
    ([$($generics:tt)*], $reader:ty, |$this:ident| $stream:expr) => {
        impl<$($generics)*> AsyncRead for $reader {
            fn poll_read(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                buf: &mut [u8],
            ) -> Poll<io::Result<usize>> {
                let $this = &*self;
                $stream.poll_read(cx, buf)
            }

            fn poll_read_vectored(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                bufs: &mut [IoSliceMut<'_>],
            ) -> Poll<io::Result<usize>> {
                let $this = &*self;
                $stream.poll_read_vectored(cx, bufs)
            }
        }
    };
}

/// Likewise; `$close` is what closing does.
macro_rules! writes {
    ([$($generics:tt)*], $writer:ty, |$this:ident| $stream:expr, $close:expr) => {
        impl<$($generics)*> AsyncWrite for $writer {
            fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
                let $this = &*self;
                $stream.poll_write(cx, buf)
            }

            fn poll_write_vectored(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                bufs: &[IoSlice<'_>],
            ) -> Poll<io::Result<usize>> {
                let $this = &*self;
                $stream.poll_write_vectored(cx, bufs)
            }

            /// Nothing is buffered on this side of the kernel.
            fn poll_flush(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
                Poll::Ready(Ok(()))
            }

            fn poll_close(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
                let $this = &*self;
                let _ = $this; // not every stream has an end of its own
                Poll::Ready($close)
            }
        }
    };
}

macro_rules! connection {
    ($this:ty) => {
        reads!([], $this, |this| this);
        writes!([], $this, |this| this, closed(this.shutdown(Shutdown::Write)));
    };
}

connection!(TcpStream);
connection!(&TcpStream);
#[cfg(unix)]
connection!(UnixStream);
#[cfg(unix)]
connection!(&UnixStream);

reads!([S: Stream + Unpin], ReadHalf<'_, S>, |this| this.as_ref());
reads!([S: Stream + Unpin], OwnedReadHalf<S>, |this| this.as_ref());
writes!([S: Stream + Unpin], WriteHalf<'_, S>, |this| this.as_ref(), closed(this.as_ref().shutdown(Shutdown::Write)));
writes!([S: Stream + Unpin], OwnedWriteHalf<S>, |this| this.as_ref(), closed(this.as_ref().shutdown(Shutdown::Write)));

/// The pipes of children, by value and by reference.
#[cfg(all(unix, feature = "process"))]
mod pipes {
    use super::*;
    use crate::process::{ChildStderr, ChildStdin, ChildStdout};

    reads!([], ChildStdout, |this| this);
    reads!([], &ChildStdout, |this| this);
    reads!([], ChildStderr, |this| this);
    reads!([], &ChildStderr, |this| this);
    // A pipe has no other end than dropping it: closing does nothing.
    writes!([], ChildStdin, |this| this, Ok(()));
    writes!([], &ChildStdin, |this| this, Ok(()));
}

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

impl<T: Source> AsyncRead for &Async<T>
where
    for<'a> &'a T: Read,
{
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        self.poll_read_with(cx, |mut source| source.read(buf))
    }

    fn poll_read_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &mut [IoSliceMut<'_>],
    ) -> Poll<io::Result<usize>> {
        self.poll_read_with(cx, |mut source| source.read_vectored(bufs))
    }
}

/// Closing flushes; it does not shut down, which a source in general cannot.
impl<T: Source> AsyncWrite for &Async<T>
where
    for<'a> &'a T: Write,
{
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.poll_write_with(cx, |mut source| source.write(buf))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.poll_write_with(cx, |mut source| source.write_vectored(bufs))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_write_with(cx, |mut source| source.flush())
    }

    fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_flush(cx)
    }
}

impl<T: Source + Unpin> AsyncRead for Async<T>
where
    for<'a> &'a T: Read,
{
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut &*self).poll_read(cx, buf)
    }

    fn poll_read_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &mut [IoSliceMut<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut &*self).poll_read_vectored(cx, bufs)
    }
}

/// As by reference.
impl<T: Source + Unpin> AsyncWrite for Async<T>
where
    for<'a> &'a T: Write,
{
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut &*self).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut &*self).poll_write_vectored(cx, bufs)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut &*self).poll_flush(cx)
    }

    fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut &*self).poll_close(cx)
    }
}
