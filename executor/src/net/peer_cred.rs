//! Who is at the other end of a Unix connection, as the kernel knows it.

#![allow(unsafe_code)]

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};

/// The user, the group and, where the kernel tells it, the process at the other end of a Unix connection. From
/// [`UnixStream::peer_cred`](super::UnixStream::peer_cred).
///
/// ```
/// use sideline::net::UnixStream;
///
/// # sideline::block_on(async {
/// let (here, there) = UnixStream::pair()?;
/// assert_eq!(here.peer_cred()?, there.peer_cred()?, "both are this process");
/// # std::io::Result::Ok(())
/// # })
/// # .unwrap();
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct PeerCred {
    /// Its effective user.
    pub uid: u32,
    /// Its effective group.
    pub gid: u32,
    /// Its number. `None` except on Linux. It may have ended since, and another process may have the number.
    pub pid: Option<i32>,
}

#[inline]
#[allow(unreachable_code, unused_variables, reason = "each system has one of these blocks, or none")]
pub(super) fn peer_cred(socket: BorrowedFd<'_>) -> io::Result<PeerCred> {
    let socket = socket.as_raw_fd();
    #[cfg(any(target_os = "linux", target_os = "android"))]
    {
        let mut cred = libc::ucred { pid: 0, uid: 0, gid: 0 };
        let mut len = size_of::<libc::ucred>() as libc::socklen_t;
        let (level, option) = (libc::SOL_SOCKET, libc::SO_PEERCRED);
        // SAFETY: the descriptor is open, and at most `len` bytes are written to `cred`, which has them.
        super::options::check(unsafe {
            libc::getsockopt(socket, level, option, (&raw mut cred).cast(), &raw mut len)
        })?;
        return Ok(PeerCred { uid: cred.uid, gid: cred.gid, pid: Some(cred.pid) });
    }
    #[cfg(any(
        target_vendor = "apple",
        target_os = "freebsd",
        target_os = "netbsd",
        target_os = "openbsd",
        target_os = "dragonfly",
        target_os = "aix",
        target_os = "cygwin",
        target_os = "nto",
    ))]
    {
        let (mut uid, mut gid) = (0, 0);
        // SAFETY: the descriptor is open, and both numbers are ours.
        super::options::check(unsafe { libc::getpeereid(socket, &raw mut uid, &raw mut gid) })?;
        return Ok(PeerCred { uid, gid, pid: None });
    }
    Err(io::ErrorKind::Unsupported.into())
}
