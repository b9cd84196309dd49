//! What [`copy`](fn@super::copy) copies from and to.

use super::bytes::closed;
#[cfg(feature = "stdio")]
use super::{Stderr, Stdin, Stdout};
#[cfg(feature = "fs")]
use crate::fs::File;
use crate::net::{OwnedReadHalf, OwnedWriteHalf, ReadHalf, Stream, TcpStream, WriteHalf};
use std::io;
use std::net::Shutdown;
use std::task::{Context, Poll};

/// A stream of bytes to be read: a connection, a half of one, a pipe, a file, standard input; an [`Async`](super::Async) around what reads
/// through `&T`; or memory, `&[u8]`, which is ready at once.
///
/// It is implemented for these types and cannot be implemented for others: `AsyncRead` of `futures-io`, behind the
/// feature of that name, is what the ecosystem shares.
///
/// # Example
/// A function that takes any of them:
/// ```
/// use sideline::io::ReadBytes;
/// use sideline::net::{TcpListener, TcpStream};
/// use std::future::poll_fn;
/// use std::io;
///
/// async fn count(mut stream: impl ReadBytes) -> io::Result<usize> {
///     let (mut bytes, mut buffer) = (0, [0; 4096]);
///     loop {
///         match poll_fn(|cx| stream.poll_read(cx, &mut buffer)).await? {
///             0 => return Ok(bytes),
///             n => bytes += n,
///         }
///     }
/// }
///
/// # sideline::block_on(async {
/// let listener = TcpListener::bind("127.0.0.1:0").await?;
/// let client = TcpStream::connect(listener.local_addr()?).await?;
/// let (server, _) = listener.accept().await?;
/// client.write_all(b"seven b").await?;
/// drop(client);
/// assert_eq!(count(server).await?, 7);
/// assert_eq!(count(&b"eight by"[..]).await?, 8);
/// # io::Result::Ok(())
/// # })
/// # .unwrap();
/// ```
pub trait ReadBytes: Sealed {
    /// Reads at least one byte into `buf`. `Ok(0)` is the end. The last caller is woken.
    fn poll_read(&mut self, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>>;
}

/// A stream of bytes to be written: a connection, a half of one, a pipe, a file, standard output; an [`Async`](super::Async) around what
/// writes through `&T`; or a `Vec<u8>`, which grows. See [`ReadBytes`].
pub trait WriteBytes: Sealed {
    /// Writes at least one byte of `buf`, and returns how many. The last caller is woken.
    fn poll_write(&mut self, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>>;

    /// Waits until the kernel has all that was written. Only files, standard output and standard error ever have to wait.
    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let _ = cx;
        Poll::Ready(Ok(()))
    }

    /// Ends writing: the peer of a connection reads the end. Others end when they are dropped; this flushes them.
    fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_flush(cx)
    }
}

/// Out of reach, so that the traits can grow.
pub trait Sealed {
    /// How much to read or write at once, in bytes: more where each operation is dear.
    #[doc(hidden)]
    fn portion(&self) -> usize {
        16 * 1024
    }
}

impl<T: Sealed + ?Sized> Sealed for &mut T {
    fn portion(&self) -> usize {
        (**self).portion()
    }
}

impl<T: ReadBytes + ?Sized> ReadBytes for &mut T {
    fn poll_read(&mut self, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        (**self).poll_read(cx, buf)
    }
}

impl<T: WriteBytes + ?Sized> WriteBytes for &mut T {
    fn poll_write(&mut self, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        (**self).poll_write(cx, buf)
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        (**self).poll_flush(cx)
    }

    fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        (**self).poll_shutdown(cx)
    }
}

/// By way of the methods of the same names, which `$stream` has on `&self`; `$this` is it, or a reference to it.
macro_rules! connection {
    ($this:ty, $stream:ty) => {
        impl Sealed for $this {}

        impl ReadBytes for $this {
            #[inline]
            fn poll_read(&mut self, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
                <$stream>::poll_read(self, cx, buf)
            }
        }

        impl WriteBytes for $this {
            #[inline]
            fn poll_write(&mut self, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
                <$stream>::poll_write(self, cx, buf)
            }

            #[inline]
            fn poll_shutdown(&mut self, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
                Poll::Ready(closed(self.shutdown(Shutdown::Write)))
            }
        }
    };
}

connection!(TcpStream, TcpStream);
connection!(&TcpStream, TcpStream);

impl Sealed for &[u8] {}

impl ReadBytes for &[u8] {
    #[inline]
    fn poll_read(&mut self, _cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        Poll::Ready(io::Read::read(self, buf))
    }
}

impl Sealed for Vec<u8> {}

impl WriteBytes for Vec<u8> {
    #[inline]
    fn poll_write(&mut self, _cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.extend_from_slice(buf);
        Poll::Ready(Ok(buf.len()))
    }
}

macro_rules! reads {
    ([$($generics:tt)*] $reader:ty) => {
        impl<$($generics)*> Sealed for $reader {}

        impl<$($generics)*> ReadBytes for $reader {
            fn poll_read(&mut self, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
                <$reader>::poll_read(self, cx, buf)
            }
        }
    };
}

reads!(['a, S: Stream] ReadHalf<'a, S>);
reads!([S: Stream] OwnedReadHalf<S>);
#[cfg(feature = "stdio")]
reads!([] Stdin);

/// What writes on the pool. Each write is a job: with 16 KiB its way there and back takes as long as the copying.
#[cfg(any(feature = "fs", feature = "stdio"))]
macro_rules! queues {
    ($writer:ty, $portion:expr) => {
        impl Sealed for $writer {
            #[inline]
            fn portion(&self) -> usize {
                $portion
            }
        }

        impl WriteBytes for $writer {
            #[inline]
            fn poll_write(&mut self, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
                <$writer>::poll_write(self, cx, buf)
            }

            #[inline]
            fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
                <$writer>::poll_flush(self, cx)
            }
        }
    };
}

#[cfg(feature = "fs")]
queues!(File, 256 * 1024);
#[cfg(feature = "stdio")]
queues!(Stdout, 64 * 1024); // as much as fits a pipe
#[cfg(feature = "stdio")]
queues!(Stderr, 64 * 1024);

#[cfg(feature = "fs")]
impl ReadBytes for File {
    #[inline]
    fn poll_read(&mut self, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        File::poll_read(self, cx, buf)
    }
}

macro_rules! write_half {
    ([$($generics:tt)*] $half:ty) => {
        impl<$($generics)*> Sealed for $half {}

        impl<$($generics)*> WriteBytes for $half {
            fn poll_write(&mut self, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
                <$half>::poll_write(self, cx, buf)
            }

            fn poll_shutdown(&mut self, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
                Poll::Ready(closed(self.shutdown()))
            }
        }
    };
}

write_half!(['a, S: Stream] WriteHalf<'a, S>);
write_half!([S: Stream] OwnedWriteHalf<S>);

#[cfg(unix)]
mod unix {
    use super::*;
    use crate::net::UnixStream;

    connection!(UnixStream, UnixStream);
    connection!(&UnixStream, UnixStream);
}

#[cfg(all(unix, feature = "process"))]
mod pipes {
    use super::*;
    use crate::process::{ChildStderr, ChildStdin, ChildStdout};

    reads!([] ChildStdout);
    reads!([] ChildStderr);

    impl Sealed for ChildStdin {}

    impl WriteBytes for ChildStdin {
        #[inline]
        fn poll_write(&mut self, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
            ChildStdin::poll_write(self, cx, buf)
        }
    }
}
