//! One system call on a stream socket, without what the C library does around it.
//!
//! In glibc `recv` and `send` are points at which a thread can be cancelled. So as soon as a process has several threads,
//! each makes a locked operation before the system call and one after it, and runs through two more functions, all
//! cold after a while in the kernel. Rust cancels no thread. Without that a `recv` takes 33 ns less of 230 to 300 (glibc
//! 2.36, x86-64), and an echo server makes two such calls a request.
//!
//! Elsewhere, and where a pointer is shorter than a system call's argument (x32), it is what the standard library does, by way
//! of mio: on some systems that has to hear of `WouldBlock`, or it reports nothing more.

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
    #[cfg(feature = "hyper")]
    pub(crate) use std::os::fd::AsRawFd as Socket;

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

    #[cfg(all(unix, any(feature = "hyper", not(target_vendor = "apple"))))]
    pub(crate) use unix::*;

    #[cfg(all(unix, any(feature = "hyper", not(target_vendor = "apple"))))]
    mod unix {
        #![allow(unsafe_code)]

        use std::io;
        use std::os::fd::AsRawFd;

        /// A socket of mio's.
        pub(crate) trait Socket: AsRawFd {
            /// Lets mio see how `op` ends, which is a system call on this socket.
            fn watched(&self, op: impl FnOnce() -> io::Result<usize>) -> io::Result<usize>;
        }

        macro_rules! socket {
            ($socket:ident) => {
                impl Socket for mio::net::$socket {
                    #[inline]
                    fn watched(&self, op: impl FnOnce() -> io::Result<usize>) -> io::Result<usize> {
                        self.try_io(op)
                    }
                }
            };
        }

        socket!(TcpStream);
        socket!(UnixStream);

        /// As [`send`](super::send), from several buffers in order, as many as the kernel takes at once. `writev(2)`, which is what
        /// the standard library calls, would send the signal, and a process whose `main` is not Rust's dies of it as a rule.
        #[cfg(not(target_vendor = "apple"))]
        #[inline]
        pub(crate) fn send_vectored(socket: &impl Socket, bufs: &[io::IoSlice<'_>]) -> io::Result<usize> {
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
        pub(crate) unsafe fn receive_at(socket: &impl Socket, buf: *mut u8, len: usize) -> io::Result<usize> {
            socket.watched(|| {
                // SAFETY: the descriptor is open, and the kernel writes only where the caller lets it.
                done(unsafe { libc::recv(socket.as_raw_fd(), buf.cast(), len, 0) })
            })
        }

        #[inline]
        fn done(moved: libc::ssize_t) -> io::Result<usize> {
            usize::try_from(moved).map_err(|_| io::Error::last_os_error())
        }
    }
}

pub(crate) use calls::*;
