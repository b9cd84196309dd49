//! Making a socket step by step, with the calls that the standard library makes all at once.

#![allow(unsafe_code)]

use super::options::check;
use libc::{c_int, sockaddr_in, sockaddr_in6, socklen_t};
use std::io;
use std::mem;
use std::net::SocketAddr;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

/// A new socket of that kind (`SOCK_STREAM`, `SOCK_DGRAM`), which children do not inherit.
#[inline]
pub(super) fn socket(family: c_int, kind: c_int) -> io::Result<OwnedFd> {
    #[cfg(not(target_vendor = "apple"))]
    let kind = kind | libc::SOCK_CLOEXEC;
    // SAFETY: takes no pointers.
    let fd = unsafe { libc::socket(family, kind, 0) };
    check(fd)?;
    // SAFETY: the call has just opened it, and nobody else knows of it.
    let socket = unsafe { OwnedFd::from_raw_fd(fd) };
    #[cfg(target_vendor = "apple")]
    {
        // SAFETY: takes no pointers.
        check(unsafe { libc::fcntl(fd, libc::F_SETFD, libc::FD_CLOEXEC) })?;
        super::options::set_flag(&socket, libc::SOL_SOCKET, libc::SO_NOSIGPIPE, true)?;
    }
    Ok(socket)
}

#[inline]
pub(super) fn listen(socket: BorrowedFd<'_>, backlog: u32) -> io::Result<()> {
    let backlog = c_int::try_from(backlog).unwrap_or(c_int::MAX);
    // SAFETY: takes no pointers.
    check(unsafe { libc::listen(socket.as_raw_fd(), backlog) })
}

#[cfg(any(target_os = "linux", target_os = "android"))]
#[inline]
pub(super) fn bind_device(socket: BorrowedFd<'_>, interface: Option<&std::ffi::CStr>) -> io::Result<()> {
    let name = interface.unwrap_or_default().to_bytes();
    let (level, option) = (libc::SOL_SOCKET, libc::SO_BINDTODEVICE);
    let len = name.len() as socklen_t;
    // SAFETY: the descriptor is open, and `len` bytes are read from `name`, which has them.
    check(unsafe { libc::setsockopt(socket.as_raw_fd(), level, option, name.as_ptr().cast(), len) })
}

/// A socket address as the kernel reads it.
pub(super) enum SocketAddress {
    V4(sockaddr_in),
    V6(sockaddr_in6),
}

impl SocketAddress {
    #[inline]
    pub(super) fn new(addr: SocketAddr) -> SocketAddress {
        match addr {
            SocketAddr::V4(addr) => {
                // SAFETY: a struct of integers; not all of its fields exist on every system.
                let mut raw: sockaddr_in = unsafe { mem::zeroed() };
                raw.sin_family = libc::AF_INET as _;
                raw.sin_port = addr.port().to_be();
                raw.sin_addr.s_addr = u32::from_ne_bytes(addr.ip().octets());
                SocketAddress::V4(raw)
            }
            SocketAddr::V6(addr) => {
                // SAFETY: a struct of integers; not all of its fields exist on every system.
                let mut raw: sockaddr_in6 = unsafe { mem::zeroed() };
                raw.sin6_family = libc::AF_INET6 as _;
                raw.sin6_port = addr.port().to_be();
                raw.sin6_addr.s6_addr = addr.ip().octets();
                raw.sin6_flowinfo = addr.flowinfo();
                raw.sin6_scope_id = addr.scope_id();
                SocketAddress::V6(raw)
            }
        }
    }

    #[inline]
    pub(super) fn bind(&self, socket: BorrowedFd<'_>) -> io::Result<()> {
        let (addr, len) = self.parts();
        // SAFETY: `len` bytes are read from the address, which has them.
        check(unsafe { libc::bind(socket.as_raw_fd(), addr, len) })
    }

    /// `EINPROGRESS` if the socket is non-blocking, and the connection is now being made.
    #[inline]
    pub(super) fn connect(&self, socket: BorrowedFd<'_>) -> io::Result<()> {
        let (addr, len) = self.parts();
        // SAFETY: `len` bytes are read from the address, which has them.
        check(unsafe { libc::connect(socket.as_raw_fd(), addr, len) })
    }

    #[inline]
    fn parts(&self) -> (*const libc::sockaddr, socklen_t) {
        match self {
            SocketAddress::V4(raw) => {
                ((raw as *const sockaddr_in).cast(), size_of::<sockaddr_in>() as socklen_t)
            }
            SocketAddress::V6(raw) => {
                ((raw as *const sockaddr_in6).cast(), size_of::<sockaddr_in6>() as socklen_t)
            }
        }
    }
}
