//! One system call on a stream socket, without what the C library does around it.
//!
//! In glibc `recv` and `send` are points at which a thread can be cancelled. So as soon as a process has several threads,
//! each makes a locked operation before the system call and one after it, and runs through two more functions, all
//! cold after a while in the kernel. Rust cancels no thread. Without that a `recv` takes 33 ns less of 230 to 300 (glibc
//! 2.36, x86-64), and an echo server makes two such calls a request.
//!
//! Elsewhere, and where a pointer is shorter than a system call's argument (x32), it is what the standard library does, by way
//! of mio: on some systems that has to hear of `WouldBlock`, or it reports nothing more.
//!
//! And one call, [`append`](fn@append), which the standard library has not in this form.

#[cfg(unix)]
#[allow(unsafe_code)]
mod append {
    use super::calls::{Stream, watched};
    use std::io;

    /// Appends what is there to `buf`, as much as `buf` has room for and `most` bytes at most. Returns how many.
    ///
    /// The kernel writes into memory that is not initialised: it need not be filled with zeros first.
    pub(crate) fn append(stream: &impl Stream, buf: &mut Vec<u8>, most: usize) -> io::Result<usize> {
        let room = buf.spare_capacity_mut();
        let (start, len) = (room.as_mut_ptr(), room.len().min(most));
        let read = watched(stream, || {
            // SAFETY: the descriptor is open, and there is room for `len` bytes.
            let read = unsafe { libc::read(stream.as_raw_fd(), start.cast(), len) };
            usize::try_from(read).map_err(|_| io::Error::last_os_error())
        })?;
        // SAFETY: the kernel has just filled this many bytes behind those that were there before.
        unsafe { buf.set_len(buf.len() + read) };
        Ok(read)
    }
}

#[cfg(not(unix))]
mod append {
    use std::io::{self, Read};

    /// Appends what is there to `buf`, as much as `buf` has room for and `most` bytes at most. Returns how many.
    ///
    /// Not more at once than what is read as a rule: it has to be filled with zeros first.
    pub(crate) fn append<S>(mut stream: &S, buf: &mut Vec<u8>, most: usize) -> io::Result<usize>
    where
        for<'a> &'a S: Read,
    {
        let start = buf.len();
        buf.resize(start + (buf.capacity() - start).min(most).min(PORTION), 0);
        let read = stream.read(&mut buf[start..]);
        buf.truncate(start + *read.as_ref().unwrap_or(&0));
        read
    }

    const PORTION: usize = 64 * 1024;
}

pub(crate) use append::append;

/// What `sendmsg(2)` is told to send. It points to `bufs`.
#[cfg(all(unix, not(target_vendor = "apple")))]
#[allow(unsafe_code)]
#[inline]
fn message_of(bufs: &[std::io::IoSlice<'_>]) -> libc::msghdr {
    // SAFETY: integers and pointers, all of which may be zero: there is no address, and nothing beside the bytes.
    let mut message: libc::msghdr = unsafe { std::mem::zeroed() };
    // The standard library promises that an `IoSlice` is one of these.
    message.msg_iov = bufs.as_ptr().cast_mut().cast();
    message.msg_iovlen = bufs.len() as _;
    message
}

#[cfg(all(
    target_os = "linux",
    target_pointer_width = "64",
    any(target_arch = "x86_64", target_arch = "aarch64")
))]
mod calls {
    #![allow(unsafe_code)]

    use libc::{SYS_recvfrom, SYS_sendmsg, SYS_sendto, c_long, syscall};
    use std::io::{self, IoSlice};
    use std::os::fd::AsRawFd;
    pub(crate) use std::os::fd::AsRawFd as Stream;

    /// Makes a system call on this stream, which needs nobody's attention.
    #[inline]
    pub(super) fn watched(_: &impl Stream, op: impl FnOnce() -> io::Result<usize>) -> io::Result<usize> {
        op()
    }

    /// No address is asked for, and none given: the socket is connected.
    const NO_ADDRESS: c_long = 0;

    /// Receives what is there, at most `len` bytes. Returns how many.
    ///
    /// # Safety
    /// The caller lets the kernel write `len` bytes at `buf`. They need not be initialised; afterwards as many are as have
    /// been received.
    #[inline]
    pub(crate) unsafe fn receive_at(socket: &impl AsRawFd, buf: *mut u8, len: usize) -> io::Result<usize> {
        let socket = c_long::from(socket.as_raw_fd());
        // SAFETY: the descriptor is open, and the kernel writes only where the caller lets it.
        done(unsafe { syscall(SYS_recvfrom, socket, buf, len, 0 as c_long, NO_ADDRESS, NO_ADDRESS) })
    }

    /// Receives what is there, as much as there is room for.
    #[inline]
    pub(crate) fn receive(socket: &impl AsRawFd, buf: &mut [u8]) -> io::Result<usize> {
        // SAFETY: these bytes are there, and ours.
        unsafe { receive_at(socket, buf.as_mut_ptr(), buf.len()) }
    }

    /// Sends as much as the kernel takes. That the peer does not read any more is an error, and no signal.
    #[inline]
    pub(crate) fn send(socket: &impl AsRawFd, buf: &[u8]) -> io::Result<usize> {
        let (socket, flags) = (c_long::from(socket.as_raw_fd()), c_long::from(libc::MSG_NOSIGNAL));
        // SAFETY: the descriptor is open, and the kernel only reads these bytes.
        done(unsafe { syscall(SYS_sendto, socket, buf.as_ptr(), buf.len(), flags, NO_ADDRESS, NO_ADDRESS) })
    }

    /// As [`send`], from several buffers in order, as many as the kernel takes at once. `writev(2)`, which is what the standard
    /// library calls, would send the signal, and a process whose `main` is not Rust's dies of it as a rule.
    #[inline]
    pub(crate) fn send_vectored(socket: &impl AsRawFd, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
        let message = super::message_of(bufs);
        let (socket, flags) = (c_long::from(socket.as_raw_fd()), c_long::from(libc::MSG_NOSIGNAL));
        // SAFETY: the descriptor is open, and the kernel only reads the message, its list and what that points to.
        done(unsafe { syscall(SYS_sendmsg, socket, &raw const message, flags) })
    }

    #[inline]
    fn done(moved: c_long) -> io::Result<usize> {
        usize::try_from(moved).map_err(|_| io::Error::last_os_error())
    }
}

#[cfg(not(all(
    target_os = "linux",
    target_pointer_width = "64",
    any(target_arch = "x86_64", target_arch = "aarch64")
)))]
mod calls {
    use std::io::{self, Read, Write};

    #[inline]
    pub(crate) fn receive<S>(mut socket: &S, buf: &mut [u8]) -> io::Result<usize>
    where
        for<'a> &'a S: Read,
    {
        socket.read(buf)
    }

    #[inline]
    pub(crate) fn send<S>(mut socket: &S, buf: &[u8]) -> io::Result<usize>
    where
        for<'a> &'a S: Write,
    {
        socket.write(buf)
    }

    /// Windows has no signals, and Apple's sockets have been told to send none.
    #[cfg(any(not(unix), target_vendor = "apple"))]
    #[inline]
    pub(crate) fn send_vectored<S>(mut socket: &S, bufs: &[io::IoSlice<'_>]) -> io::Result<usize>
    where
        for<'a> &'a S: Write,
    {
        socket.write_vectored(bufs)
    }

    #[cfg(unix)]
    pub(crate) use unix::*;

    #[cfg(unix)]
    mod unix {
        #![allow(unsafe_code)]

        use std::io;
        use std::os::fd::AsRawFd;

        /// A stream socket of mio's.
        pub(crate) trait Stream: AsRawFd {
            /// Lets mio see how `op` ends, which is a system call on this stream.
            fn watched(&self, op: impl FnOnce() -> io::Result<usize>) -> io::Result<usize>;
        }

        #[inline]
        pub(in super::super) fn watched(
            stream: &impl Stream,
            op: impl FnOnce() -> io::Result<usize>,
        ) -> io::Result<usize> {
            stream.watched(op)
        }

        macro_rules! stream {
            ($stream:ident) => {
                impl Stream for mio::net::$stream {
                    #[inline]
                    fn watched(&self, op: impl FnOnce() -> io::Result<usize>) -> io::Result<usize> {
                        self.try_io(op)
                    }
                }
            };
        }

        stream!(TcpStream);
        stream!(UnixStream);

        /// As [`send`](super::send), from several buffers in order, as many as the kernel takes at once. `writev(2)`, which is what
        /// the standard library calls, would send the signal, and a process whose `main` is not Rust's dies of it as a rule.
        #[cfg(not(target_vendor = "apple"))]
        #[inline]
        pub(crate) fn send_vectored(socket: &impl Stream, bufs: &[io::IoSlice<'_>]) -> io::Result<usize> {
            let message = super::super::message_of(bufs);
            socket.watched(|| {
                // SAFETY: the descriptor is open, and the kernel only reads the message, its list and what that points to.
                done(unsafe { libc::sendmsg(socket.as_raw_fd(), &raw const message, libc::MSG_NOSIGNAL) })
            })
        }

        /// # Safety
        /// The caller lets the kernel write `len` bytes at `buf`. They need not be initialised; afterwards as many are as have
        /// been received.
        #[cfg(feature = "hyper")]
        #[inline]
        pub(crate) unsafe fn receive_at(socket: &impl Stream, buf: *mut u8, len: usize) -> io::Result<usize> {
            socket.watched(|| {
                // SAFETY: the descriptor is open, and the kernel writes only where the caller lets it.
                done(unsafe { libc::recv(socket.as_raw_fd(), buf.cast(), len, 0) })
            })
        }

        #[cfg(any(feature = "hyper", not(target_vendor = "apple")))]
        #[inline]
        fn done(moved: libc::ssize_t) -> io::Result<usize> {
            usize::try_from(moved).map_err(|_| io::Error::last_os_error())
        }
    }
}

pub(crate) use calls::*;
