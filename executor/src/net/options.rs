//! Socket options that the standard library has no stable name for, asked of the C library.

#![allow(unsafe_code)]

mod methods;

pub(super) use methods::{buffer_sizes, options_before_binding, tcp_options, type_of_service};

use libc::{c_int, socklen_t};
use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd, AsRawFd};
use std::time::Duration;

/// The types that options have: integers and structs of integers, for which every pattern of bits is a value.
pub(super) trait Value: Copy {}
impl Value for c_int {}
impl Value for libc::linger {}
impl Value for libc::in_addr {}

pub(super) fn get<V: Value>(socket: &dyn AsFd, level: c_int, name: c_int) -> io::Result<V> {
    let mut value = std::mem::MaybeUninit::<V>::zeroed();
    let mut len = size_of::<V>() as socklen_t;
    let fd = socket.as_fd().as_raw_fd();
    // SAFETY: the descriptor is open, and at most `len` bytes are written to `value`, which has them.
    let result = unsafe { libc::getsockopt(fd, level, name, value.as_mut_ptr().cast(), &raw mut len) };
    check(result)?;
    // SAFETY: all of it was set, to zero or by the call, and every pattern of bits is a value.
    Ok(unsafe { value.assume_init() })
}

pub(super) fn set<V: Value>(socket: &dyn AsFd, level: c_int, name: c_int, value: V) -> io::Result<()> {
    let len = size_of::<V>() as socklen_t;
    let fd = socket.as_fd().as_raw_fd();
    // SAFETY: the descriptor is open, and `len` bytes are read from `value`, which has them.
    check(unsafe { libc::setsockopt(fd, level, name, (&raw const value).cast(), len) })
}

#[inline]
pub(super) fn flag(socket: &dyn AsFd, level: c_int, name: c_int) -> io::Result<bool> {
    get::<c_int>(socket, level, name).map(|value| value != 0)
}

#[inline]
pub(super) fn set_flag(socket: &dyn AsFd, level: c_int, name: c_int, on: bool) -> io::Result<()> {
    set(socket, level, name, c_int::from(on))
}

#[inline]
pub(super) fn size(socket: &dyn AsFd, name: c_int) -> io::Result<usize> {
    get::<c_int>(socket, libc::SOL_SOCKET, name).map(|bytes| usize::try_from(bytes).unwrap_or(0))
}

#[inline]
pub(super) fn set_size(socket: &dyn AsFd, name: c_int, bytes: usize) -> io::Result<()> {
    set(socket, libc::SOL_SOCKET, name, c_int::try_from(bytes).unwrap_or(c_int::MAX))
}

/// The system's own number for "linger, in seconds".
#[cfg(not(target_vendor = "apple"))]
const LINGER: c_int = libc::SO_LINGER;
#[cfg(target_vendor = "apple")]
const LINGER: c_int = libc::SO_LINGER_SEC;

#[inline]
pub(super) fn linger(socket: &dyn AsFd) -> io::Result<Option<Duration>> {
    let linger: libc::linger = get(socket, libc::SOL_SOCKET, LINGER)?;
    Ok((linger.l_onoff != 0).then(|| Duration::from_secs(u64::try_from(linger.l_linger).unwrap_or(0))))
}

#[inline]
pub(super) fn set_linger(socket: &dyn AsFd, linger: Option<Duration>) -> io::Result<()> {
    let value =
        libc::linger { l_onoff: c_int::from(linger.is_some()), l_linger: linger.map_or(0, whole_seconds) };
    set(socket, libc::SOL_SOCKET, LINGER, value)
}

#[cfg(target_vendor = "apple")]
const KEEPALIVE_IDLE: c_int = libc::TCP_KEEPALIVE;
#[cfg(not(any(target_vendor = "apple", target_os = "openbsd")))]
const KEEPALIVE_IDLE: c_int = libc::TCP_KEEPIDLE;

#[inline]
pub(super) fn keepalive(socket: &dyn AsFd) -> io::Result<Option<Duration>> {
    if !flag(socket, libc::SOL_SOCKET, libc::SO_KEEPALIVE)? {
        return Ok(None);
    }
    // OpenBSD has one idle time for the whole system.
    #[cfg(target_os = "openbsd")]
    let seconds: c_int = 7_200;
    #[cfg(not(target_os = "openbsd"))]
    let seconds: c_int = get(socket, libc::IPPROTO_TCP, KEEPALIVE_IDLE)?;
    Ok(Some(Duration::from_secs(u64::try_from(seconds).unwrap_or(0))))
}

#[inline]
pub(super) fn set_keepalive(socket: &dyn AsFd, idle: Option<Duration>) -> io::Result<()> {
    #[cfg(not(target_os = "openbsd"))]
    if let Some(idle) = idle {
        set(socket, libc::IPPROTO_TCP, KEEPALIVE_IDLE, whole_seconds(idle).max(1))?;
    }
    set_flag(socket, libc::SOL_SOCKET, libc::SO_KEEPALIVE, idle.is_some())
}

#[inline]
pub(super) fn tos(socket: &dyn AsFd, own: SocketAddr) -> io::Result<u8> {
    let (level, name) = if own.is_ipv4() { IPV4_TOS } else { IPV6_TCLASS };
    // The kernel has eight bits of it.
    get::<c_int>(socket, level, name).map(|tos| tos as u8)
}

#[inline]
pub(super) fn set_tos(socket: &dyn AsFd, own: SocketAddr, tos: u8) -> io::Result<()> {
    if own.is_ipv4() {
        return set(socket, IPV4_TOS.0, IPV4_TOS.1, c_int::from(tos));
    }
    set(socket, IPV6_TCLASS.0, IPV6_TCLASS.1, c_int::from(tos))?;
    // What it sends to IPv4 addresses, which not every system lets it have.
    _ = set(socket, IPV4_TOS.0, IPV4_TOS.1, c_int::from(tos));
    Ok(())
}

const IPV4_TOS: (c_int, c_int) = (libc::IPPROTO_IP, libc::IP_TOS);
#[cfg(not(any(target_os = "haiku", target_os = "redox")))]
const IPV6_TCLASS: (c_int, c_int) = (libc::IPPROTO_IPV6, libc::IPV6_TCLASS);
/// Their C library has no name for it.
#[cfg(any(target_os = "haiku", target_os = "redox"))]
const IPV6_TCLASS: (c_int, c_int) = IPV4_TOS;

/// Rounded up, so that a short time is not none at all.
#[inline]
fn whole_seconds(time: Duration) -> c_int {
    let seconds = time.as_secs().saturating_add(u64::from(time.subsec_nanos() > 0));
    c_int::try_from(seconds).unwrap_or(c_int::MAX)
}

/// The error that a call of the C library has left, if it says that there is one.
#[inline]
pub(super) fn check(result: c_int) -> io::Result<()> {
    if result == -1 { Err(io::Error::last_os_error()) } else { Ok(()) }
}
