//! What is behind a descriptor: a file's path, a socket's peer.

// One system call that std offers only to those who own the descriptor.
#![allow(unsafe_code)]

use super::address;
use std::fs;

/// A path, `pipe:[1234]`, or for a socket the peer's address if it has one. `None`: not open.
pub(super) fn behind(fd: i32) -> Option<String> {
    let link = fs::read_link(format!("/proc/self/fd/{fd}")).ok()?;
    let link = link.to_string_lossy();
    if !link.starts_with("socket:") {
        return Some(link.into_owned());
    }
    Some(match peer(fd) {
        Some(peer) => format!("a socket to {peer}"),
        None => "a socket".to_owned(),
    })
}

fn peer(fd: i32) -> Option<String> {
    let mut raw = [0_u8; size_of::<libc::sockaddr_storage>()];
    let mut length = libc::socklen_t::try_from(raw.len()).ok()?;
    // SAFETY: the kernel writes at most `length` bytes to `raw`. The descriptor is not ours, and may be closed or another
    // one by now: the worst answer is that of another socket.
    let result = unsafe { libc::getpeername(fd, raw.as_mut_ptr().cast(), &raw mut length) };
    (result == 0).then(|| address::parse(raw.get(..usize::try_from(length).ok()?)?)).flatten()
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use std::net::{TcpListener, TcpStream, UdpSocket};
    use std::os::fd::AsRawFd;

    #[test]
    fn sockets_have_peers_and_files_have_paths() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let stream = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let expected = format!("a socket to {}", listener.local_addr().unwrap());
        assert_eq!(behind(stream.as_raw_fd()).unwrap(), expected);
        assert_eq!(behind(UdpSocket::bind("127.0.0.1:0").unwrap().as_raw_fd()).unwrap(), "a socket");
        assert_eq!(behind(fs::File::open("/dev/null").unwrap().as_raw_fd()).unwrap(), "/dev/null");
        assert_eq!(behind(-1), None);
    }
}
