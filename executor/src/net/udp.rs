//! UDP.

use super::addrs::{ToSocketAddrs, first_that};
use super::datagram::datagrams;
use super::socket::{hops, readiness, socket};
use crate::io::{Async, Interest};
use crate::runtime::context;
use sideline_reactor::{Handle, name_descriptor_limit};
use std::future::{Future, ready};
use std::io;
use std::net::SocketAddr;
use std::task::{Context, Poll};

/// A UDP socket.
///
/// A datagram that is longer than the buffer it is received into is cut, silently. All methods take `&self`. **Dropping** it closes it.
///
/// # Example
/// ```
/// use sideline::net::UdpSocket;
///
/// sideline::block_on(async {
///     let alice = UdpSocket::bind("127.0.0.1:0").await?;
///     let bob = UdpSocket::bind("127.0.0.1:0").await?;
///     alice.send_to(b"hi", bob.local_addr()?).await?;
///     let mut buffer = [0; 16];
///     let (n, from) = bob.recv_from(&mut buffer).await?;
///     assert_eq!((&buffer[..n], from), (&b"hi"[..], alice.local_addr()?));
///     std::io::Result::Ok(())
/// })
/// # .unwrap()
/// ```
pub struct UdpSocket(pub(super) Async<mio::net::UdpSocket>);

impl UdpSocket {
    /// Binds the first address of `addr` that can be bound; port 0 lets the kernel choose.
    ///
    /// # Errors
    /// If none can be bound: of a single address its own error, of several one that names each of them with its error and
    /// has the kind of the last. If a name cannot be looked up; outside a runtime.
    pub async fn bind(addr: impl ToSocketAddrs) -> io::Result<UdpSocket> {
        let reactor = context::reactor()?;
        let bind = |addr| {
            let socket = mio::net::UdpSocket::bind(addr).map_err(name_descriptor_limit)?;
            UdpSocket::register(&reactor, socket)
        };
        first_that(addr.to_addrs(), |addr| ready(bind(addr))).await
    }

    #[inline]
    fn register(reactor: &Handle, socket: mio::net::UdpSocket) -> io::Result<UdpSocket> {
        Async::register(reactor, socket, Interest::READABLE | Interest::WRITABLE).map(UdpSocket)
    }

    /// Sets the peer for [`send`](UdpSocket::send) and [`recv`](UdpSocket::recv): datagrams of others are dropped. Of
    /// several addresses it is the first that the kernel takes, for example one of this socket's own family; nothing is
    /// sent, so nobody knows whether somebody is there.
    ///
    /// # Errors
    /// If the kernel takes none, as of [`bind`](UdpSocket::bind).
    #[inline]
    pub fn connect(&self, addr: impl ToSocketAddrs) -> impl Future<Output = io::Result<()>> {
        first_that(addr.to_addrs(), move |addr| ready(self.0.get_ref().connect(addr)))
    }

    /// Sends one datagram to the connected peer.
    ///
    /// # Errors
    /// What the kernel says, such as that an earlier datagram found nobody (`ConnectionRefused`), or that this one is
    /// too long; if the runtime was shut down.
    #[inline]
    pub fn send(&self, buf: &[u8]) -> impl Future<Output = io::Result<usize>> {
        self.0.write_with(move |socket| socket.send(buf))
    }

    /// Sends one datagram, to the first address of `addr` for which the kernel takes it: one of another family than this
    /// socket's, for example, is passed over. That it was taken does not say that it arrives. A name is looked up each
    /// time; [`lookup_host`](super::lookup_host) does it once.
    ///
    /// # Errors
    /// If the kernel takes it for none: of a single address its own error, of several one that names each of them with its
    /// error and has the kind of the last. If the runtime was shut down.
    #[inline]
    pub fn send_to(&self, buf: &[u8], addr: impl ToSocketAddrs) -> impl Future<Output = io::Result<usize>> {
        let send = move |addr| self.0.write_with(move |socket| socket.send_to(buf, addr));
        first_that(addr.to_addrs(), send)
    }

    /// As [`recv`](UdpSocket::recv), leaving the datagram where it is.
    ///
    /// # Errors
    /// As [`send`](UdpSocket::send).
    #[inline]
    pub fn peek(&self, buf: &mut [u8]) -> impl Future<Output = io::Result<usize>> {
        self.0.read_with(move |socket| socket.peek(buf))
    }

    /// As [`recv_from`](UdpSocket::recv_from), leaving the datagram where it is.
    ///
    /// # Errors
    /// As [`send`](UdpSocket::send).
    #[inline]
    pub fn peek_from(&self, buf: &mut [u8]) -> impl Future<Output = io::Result<(usize, SocketAddr)>> {
        self.0.read_with(move |socket| socket.peek_from(buf))
    }

    /// [`send_to`](UdpSocket::send_to) without waiting.
    ///
    /// # Errors
    /// `WouldBlock` if there is no room; otherwise as `send_to`.
    #[inline]
    pub fn try_send_to(&self, buf: &[u8], addr: SocketAddr) -> io::Result<usize> {
        self.0.try_write_with(|socket| socket.send_to(buf, addr))
    }

    /// [`send_to`](UdpSocket::send_to) for poll functions: the last caller is woken.
    #[inline]
    pub fn poll_send_to(
        &self,
        cx: &mut Context<'_>,
        buf: &[u8],
        addr: SocketAddr,
    ) -> Poll<io::Result<usize>> {
        self.0.poll_write_with(cx, |socket| socket.send_to(buf, addr))
    }
}

socket!(UdpSocket, std::net::UdpSocket, UdpSocket::register);
readiness!(UdpSocket);
datagrams!(UdpSocket);
hops!(UdpSocket);
