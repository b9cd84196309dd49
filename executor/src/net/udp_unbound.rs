//! A UDP socket before it has an address.

use super::UdpSocket;
use super::options;
use super::raw::{self, SocketAddress};
use sideline_reactor::name_descriptor_limit;
use std::io;
use std::net::SocketAddr;
use std::os::fd::AsFd;

/// Step by step, for options that have to be set before the socket is bound. Unix only. [`bind`](UdpSocket::bind) is all that
/// most programs need.
///
/// # Example
/// Several programs of one machine receive what is sent to a multicast group:
/// ```
/// use sideline::net::UdpSocket;
/// use std::net::Ipv4Addr;
///
/// fn listen(port: u16) -> std::io::Result<UdpSocket> {
///     let socket = UdpSocket::new_v4()?;
///     socket.set_reuseaddr(true)?;
///     socket.bind_to((Ipv4Addr::UNSPECIFIED, port).into())?;
///     Ok(socket) // and now join_multicast_v4
/// }
///
/// sideline::block_on(async {
///     let first = listen(0)?;
///     let second = listen(first.local_addr()?.port())?;
///     assert_eq!(first.local_addr()?, second.local_addr()?);
///     std::io::Result::Ok(())
/// })
/// # .unwrap()
/// ```
impl UdpSocket {
    /// A socket for IPv4 that is not bound. If it sends before [`bind_to`](UdpSocket::bind_to), the kernel chooses its address.
    ///
    /// # Errors
    /// What the kernel says; a lack of descriptors names the limit. Outside a runtime.
    #[inline]
    pub fn new_v4() -> io::Result<UdpSocket> {
        UdpSocket::unbound(libc::AF_INET)
    }

    /// A socket for IPv6 that is not bound. See [`new_v4`](UdpSocket::new_v4).
    ///
    /// # Errors
    /// What the kernel says; a lack of descriptors names the limit. Outside a runtime.
    #[inline]
    pub fn new_v6() -> io::Result<UdpSocket> {
        UdpSocket::unbound(libc::AF_INET6)
    }

    #[inline]
    fn unbound(family: libc::c_int) -> io::Result<UdpSocket> {
        let fd = raw::socket(family, libc::SOCK_DGRAM).map_err(name_descriptor_limit)?;
        UdpSocket::from_std(fd.into())
    }

    /// Gives a socket that is not bound an address of its own; port 0 lets the kernel choose.
    ///
    /// # Errors
    /// `AddrInUse`, `InvalidInput` if it has one, and what else the kernel says.
    #[inline]
    pub fn bind_to(&self, addr: SocketAddr) -> io::Result<()> {
        SocketAddress::new(addr).bind(self.as_fd())
    }

    /// Sets, before it is bound, whether the socket may share its address with others that all ask for it (`SO_REUSEADDR`). Some
    /// systems want [`set_reuseport`](UdpSocket::set_reuseport) for that. Each then receives what is sent to a multicast group, if
    /// it has joined that; what is sent to a single address goes to one of them, on Linux the last that was bound.
    ///
    /// # Errors
    /// What the kernel says.
    #[inline]
    pub fn set_reuseaddr(&self, on: bool) -> io::Result<()> {
        options::set_flag(self, libc::SOL_SOCKET, libc::SO_REUSEADDR, on)
    }

    /// Sets, before it is bound, whether the socket may share its address with others of this user's that all ask for it
    /// (`SO_REUSEPORT`). On Linux the kernel spreads what comes over them, by a hash of the addresses: one loop per core may have
    /// one each.
    ///
    /// # Errors
    /// What the kernel says.
    #[inline]
    pub fn set_reuseport(&self, on: bool) -> io::Result<()> {
        options::set_flag(self, libc::SOL_SOCKET, libc::SO_REUSEPORT, on)
    }
}

options::options_before_binding!(UdpSocket);
