//! A TCP socket before it connects or listens.

use super::options;
use super::raw::{self, SocketAddress};
use super::{TcpListener, TcpStream};
use crate::runtime::context;
use sideline_reactor::name_descriptor_limit;
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::time::Duration;

/// A TCP socket that is neither connected nor listening yet, for options that have to be set before. Unix only.
///
/// [`TcpStream::connect`] and [`TcpListener::bind`] are all that most programs need. What has no method here can be
/// set with any library that takes a descriptor.
///
/// # Example
/// Listening as one of several loops on the same port: the kernel spreads the connections.
/// ```
/// use sideline::net::{TcpListener, TcpSocket};
/// use std::net::SocketAddr;
///
/// fn listen(address: SocketAddr) -> std::io::Result<TcpListener> {
///     let socket = TcpSocket::new_v4()?;
///     socket.set_reuseport(true)?;
///     socket.bind(address)?;
///     socket.listen(1024)
/// }
///
/// sideline::block_on(async {
///     let first = listen("127.0.0.1:0".parse().unwrap())?;
///     let second = listen(first.local_addr()?)?;
///     assert_eq!(first.local_addr()?, second.local_addr()?);
///     std::io::Result::Ok(())
/// })
/// # .unwrap()
/// ```
// The standard library's stream serves as the socket: it closes it, and knows some of the options.
pub struct TcpSocket(std::net::TcpStream);

impl TcpSocket {
    /// A socket for IPv4.
    ///
    /// # Errors
    /// What the kernel says; a lack of descriptors names the limit.
    #[inline]
    pub fn new_v4() -> io::Result<TcpSocket> {
        TcpSocket::new(libc::AF_INET)
    }

    /// A socket for IPv6.
    ///
    /// # Errors
    /// What the kernel says; a lack of descriptors names the limit.
    #[inline]
    pub fn new_v6() -> io::Result<TcpSocket> {
        TcpSocket::new(libc::AF_INET6)
    }

    #[inline]
    fn new(family: libc::c_int) -> io::Result<TcpSocket> {
        let fd = raw::socket(family, libc::SOCK_STREAM).map_err(name_descriptor_limit)?;
        let socket = std::net::TcpStream::from(fd);
        socket.set_nonblocking(true)?;
        Ok(TcpSocket(socket))
    }

    /// Gives the socket an address of its own; port 0 lets the kernel choose.
    ///
    /// # Errors
    /// `AddrInUse`, and what else the kernel says.
    #[inline]
    pub fn bind(&self, addr: SocketAddr) -> io::Result<()> {
        SocketAddress::new(addr).bind(self.as_fd())
    }

    /// Connects to `addr`. Dropping the future closes the socket.
    ///
    /// # Errors
    /// If nobody listens there, or what else the kernel says; outside a runtime.
    pub async fn connect(self, addr: SocketAddr) -> io::Result<TcpStream> {
        let reactor = context::reactor()?;
        match SocketAddress::new(addr).connect(self.as_fd()) {
            Err(error) if error.raw_os_error() == Some(libc::EINPROGRESS) => {}
            result => result?,
        }
        TcpStream::established(&reactor, mio::net::TcpStream::from_std(self.0)).await
    }

    /// Listens on the address of [`bind`](TcpSocket::bind). The kernel keeps up to about `backlog` connections that
    /// have not been accepted.
    ///
    /// # Errors
    /// `AddrInUse`, and what else the kernel says; outside a runtime.
    #[inline]
    pub fn listen(self, backlog: u32) -> io::Result<TcpListener> {
        raw::listen(self.as_fd(), backlog)?;
        TcpListener::from_std(std::net::TcpListener::from(OwnedFd::from(self.0)))
    }

    /// Takes over a socket from elsewhere, and makes it non-blocking.
    ///
    /// # Errors
    /// What the kernel says. The socket is closed then.
    #[inline]
    pub fn from_fd(socket: OwnedFd) -> io::Result<TcpSocket> {
        let socket = std::net::TcpStream::from(socket);
        socket.set_nonblocking(true)?;
        Ok(TcpSocket(socket))
    }

    /// The address of this end.
    ///
    /// # Errors
    /// What the kernel says.
    #[inline]
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.0.local_addr()
    }

    /// Sets whether the address may be bound although earlier connections of it still linger (`SO_REUSEADDR`).
    ///
    /// # Errors
    /// What the kernel says.
    #[inline]
    pub fn set_reuseaddr(&self, on: bool) -> io::Result<()> {
        options::set_flag(self, libc::SOL_SOCKET, libc::SO_REUSEADDR, on)
    }

    /// Sets whether several sockets may listen on the same address (`SO_REUSEPORT`). All of them must ask for it.
    ///
    /// On Linux the kernel then spreads new connections over them, by a hash of the addresses.
    ///
    /// # Errors
    /// What the kernel says.
    #[inline]
    pub fn set_reuseport(&self, on: bool) -> io::Result<()> {
        options::set_flag(self, libc::SOL_SOCKET, libc::SO_REUSEPORT, on)
    }

    /// Sets whether small writes are sent at once (`TCP_NODELAY`).
    ///
    /// # Errors
    /// What the kernel says.
    #[inline]
    pub fn set_nodelay(&self, nodelay: bool) -> io::Result<()> {
        self.0.set_nodelay(nodelay)
    }

    /// Sets how many hops a packet may take (`IP_TTL`).
    ///
    /// # Errors
    /// What the kernel says.
    #[inline]
    pub fn set_ttl(&self, ttl: u32) -> io::Result<()> {
        self.0.set_ttl(ttl)
    }
}

options::options_before_binding!(TcpSocket);
options::buffer_sizes!(TcpSocket);
options::type_of_service!(TcpSocket);
options::tcp_options!(TcpSocket);

impl AsFd for TcpSocket {
    #[inline]
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

impl AsRawFd for TcpSocket {
    #[inline]
    fn as_raw_fd(&self) -> RawFd {
        self.0.as_raw_fd()
    }
}

impl fmt::Debug for TcpSocket {
    #[inline]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TcpSocket").field("fd", &self.as_raw_fd()).finish()
    }
}
