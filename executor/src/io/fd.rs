//! Any descriptor as a mio source.

use mio::event::Source;
use mio::unix::SourceFd;
use mio::{Interest, Registry, Token};
use std::io::{self, IoSlice, IoSliceMut, Read, Write};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::os::unix::net::UnixStream;

/// Makes a source of whatever owns (or borrows) a file descriptor, for [`Async`](super::Async).
///
/// The kernel has to be able to report on it: pipes, sockets, terminals, character devices, inotify, timerfd, pidfd.
/// Regular files have no readiness; on Linux `Async::new` says so, and the pool is the place for them.
///
/// Reading and writing by `&Fd` go to `&T`, if that can do so. [`Async`](super::Async) around it is then a stream of bytes, for
/// [`BufReader`](super::BufReader) and [`copy`](fn@super::copy), and has the traits of `futures-io`, behind the feature of that name.
///
/// It is there on systems with epoll or kqueue. Elsewhere (AIX, Haiku, Hurd, Solaris) mio reports more than the first event only to its
/// own types.
///
/// # Example
/// ```
/// use sideline::io::{Async, Fd};
/// use std::io::{Read, Write};
///
/// sideline::block_on(async {
///     let (reader, mut writer) = std::os::unix::net::UnixStream::pair()?;
///     let reader = Async::new(Fd::new(reader)?)?;
///     writer.write_all(b"hello")?;
///     let mut buffer = [0; 16];
///     let n = reader.read_with(|mut fd| fd.read(&mut buffer)).await?;
///     assert_eq!(&buffer[..n], b"hello");
///     std::io::Result::Ok(())
/// })
/// # .unwrap()
/// ```
#[derive(Debug)]
pub struct Fd<T>(T);

impl<T: AsFd> Fd<T> {
    /// Takes `fd` and makes it non-blocking.
    ///
    /// That is a property of the open file, not of the descriptor: whoever shares it (a duplicate, another process
    /// that has the same terminal open) gets it too, and it stays when this is dropped.
    ///
    /// # Errors
    /// If it cannot be made non-blocking, or duplicated for a moment to do so.
    pub fn new(fd: T) -> io::Result<Fd<T>> {
        // The standard library sets the mode with an ioctl that any descriptor takes, but offers it for sockets
        // only. The duplicate shares the open file, and is closed again at once.
        let duplicate = fd.as_fd().try_clone_to_owned().map_err(sideline_reactor::name_descriptor_limit)?;
        UnixStream::from(duplicate).set_nonblocking(true)?;
        Ok(Fd(fd))
    }

    /// Takes `fd`, which is non-blocking already.
    pub fn nonblocking(fd: T) -> Fd<T> {
        Fd(fd)
    }

    /// What was taken.
    pub fn get_ref(&self) -> &T {
        &self.0
    }

    /// Gives back what was taken. It stays non-blocking.
    pub fn into_inner(self) -> T {
        self.0
    }
}

impl<T: AsFd> Source for Fd<T> {
    fn register(&mut self, registry: &Registry, token: Token, interest: Interest) -> io::Result<()> {
        SourceFd(&self.as_raw_fd()).register(registry, token, interest)
    }

    fn reregister(&mut self, registry: &Registry, token: Token, interest: Interest) -> io::Result<()> {
        SourceFd(&self.as_raw_fd()).reregister(registry, token, interest)
    }

    fn deregister(&mut self, registry: &Registry) -> io::Result<()> {
        SourceFd(&self.as_raw_fd()).deregister(registry)
    }
}

impl<T: SharedRead> Read for &Fd<T> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.0.read(buf)
    }

    fn read_vectored(&mut self, bufs: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
        self.0.read_vectored(bufs)
    }
}

impl<T: SharedWrite> Write for &Fd<T> {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.0.write(buf)
    }

    fn write_vectored(&mut self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
        self.0.write_vectored(bufs)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

/// Whatever is `Read` by reference.
///
/// If `&Fd<T>` asked for `&T: Read` itself, a caller who leaves the type to the compiler would make that ask for `&Fd<_>`, which asks
/// for `&_`, which may be a `&Fd<_>`, and so on. It asks for a trait of `T` in place of that.
pub(crate) trait SharedRead {
    fn read(&self, buf: &mut [u8]) -> io::Result<usize>;
    fn read_vectored(&self, bufs: &mut [IoSliceMut<'_>]) -> io::Result<usize>;
}

impl<T> SharedRead for T
where
    for<'a> &'a T: Read,
{
    fn read(&self, buf: &mut [u8]) -> io::Result<usize> {
        Read::read(&mut &*self, buf)
    }

    fn read_vectored(&self, bufs: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
        Read::read_vectored(&mut &*self, bufs)
    }
}

/// Whatever is `Write` by reference.
pub(crate) trait SharedWrite {
    fn write(&self, buf: &[u8]) -> io::Result<usize>;
    fn write_vectored(&self, bufs: &[IoSlice<'_>]) -> io::Result<usize>;
    fn flush(&self) -> io::Result<()>;
}

impl<T> SharedWrite for T
where
    for<'a> &'a T: Write,
{
    fn write(&self, buf: &[u8]) -> io::Result<usize> {
        Write::write(&mut &*self, buf)
    }

    fn write_vectored(&self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
        Write::write_vectored(&mut &*self, bufs)
    }

    fn flush(&self) -> io::Result<()> {
        Write::flush(&mut &*self)
    }
}

impl<T: AsFd> AsFd for Fd<T> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

impl<T: AsFd> AsRawFd for Fd<T> {
    fn as_raw_fd(&self) -> RawFd {
        self.0.as_fd().as_raw_fd()
    }
}
