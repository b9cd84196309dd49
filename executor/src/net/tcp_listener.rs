//! Accepting TCP connections.

use super::TcpStream;
use super::addrs::{ToSocketAddrs, first_that};
use super::backoff::Backoff;
use super::socket::{hops, socket};
use crate::io::{Async, Interest};
use crate::runtime::context;
use sideline_reactor::{Handle, name_descriptor_limit};
use std::future;
use std::io;
use std::net::SocketAddr;
#[cfg(unix)]
use std::os::fd::AsFd;
use std::task::{Context, Poll, ready};

/// A TCP socket that accepts connections. Dropping it stops listening.
///
/// # Example
/// ```
/// use sideline::net::{TcpListener, TcpStream};
///
/// sideline::block_on(async {
///     let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
///     let address = listener.local_addr()?;
///     sideline::spawn(async move {
///         loop {
///             match listener.accept().await {
///                 Ok((stream, _peer)) => sideline::spawn(async move { stream.write_all(b"bye").await }).detach(),
///                 Err(error) => eprintln!("{error}"),
///             }
///         }
///     }).detach();
///     let mut answer = Vec::new();
///     TcpStream::connect(address).await?.read_to_end(&mut answer).await?;
///     assert_eq!(answer, b"bye");
///     std::io::Result::Ok(())
/// })
/// # .unwrap()
/// ```
pub struct TcpListener(Async<mio::net::TcpListener>, Backoff);

/// How many connections the kernel keeps that have not been accepted. With more, it drops the first packet of each, and the client
/// tries again after a second. mio asks for 128: a burst fills that in less time than one turn of a busy loop takes.
#[cfg(unix)]
const BACKLOG: u32 = 1024;

impl TcpListener {
    /// Listens on the first address of `addr` that can be bound; port 0 lets the kernel choose.
    ///
    /// On Unix the address may be bound again at once after the listener is gone (`SO_REUSEADDR`), and the kernel keeps up to
    /// 1,024 connections that have not been accepted, or as many as the system allows if those are fewer
    /// (`net.core.somaxconn`). [`TcpSocket::listen`](super::TcpSocket::listen) takes another number.
    ///
    /// # Errors
    /// If none can be bound: of a single address its own error, of several one that names each of them with its error and
    /// has the kind of the last. If a name cannot be looked up; outside a runtime.
    pub async fn bind(addr: impl ToSocketAddrs) -> io::Result<TcpListener> {
        let reactor = context::reactor()?;
        let bind = |addr| {
            let socket = mio::net::TcpListener::bind(addr).map_err(name_descriptor_limit)?;
            // Listening again changes nothing but that number.
            #[cfg(unix)]
            super::raw::listen(socket.as_fd(), BACKLOG)?;
            TcpListener::register(&reactor, socket)
        };
        first_that(addr.to_addrs(), |addr| future::ready(bind(addr))).await
    }

    #[inline]
    fn register(reactor: &Handle, socket: mio::net::TcpListener) -> io::Result<TcpListener> {
        Ok(TcpListener(Async::register(reactor, socket, Interest::READABLE)?, Backoff::default()))
    }

    /// Waits for the next connection. Dropping the future loses none.
    ///
    /// Any number of tasks may accept at once. Connections whose peers have already given up are passed over.
    ///
    /// # Errors
    /// What the kernel says, after which accepting can go on. If no file descriptors are left, the error names the
    /// limit. Then, and if the kernel has no memory, the next accept waits 20 ms first, so that a loop which merely logs
    /// errors does not spin; if it is given up meanwhile, the one after it waits for the rest. If the runtime was shut down.
    pub async fn accept(&self) -> io::Result<(TcpStream, SocketAddr)> {
        let (socket, peer) = self.1.accept(&self.0, |listener| listener.accept()).await?;
        Ok((TcpStream::register(self.0.reactor(), socket)?, peer))
    }

    /// [`accept`](Self::accept) for poll functions, which share one place: the last caller is woken.
    ///
    /// # Errors
    /// As [`accept`](Self::accept).
    #[inline]
    pub fn poll_accept(&self, cx: &mut Context<'_>) -> Poll<io::Result<(TcpStream, SocketAddr)>> {
        let (socket, peer) = ready!(self.1.poll_accept(&self.0, cx, |listener| listener.accept()))?;
        Poll::Ready(TcpStream::register(self.0.reactor(), socket).map(|stream| (stream, peer)))
    }
}

socket!(TcpListener, std::net::TcpListener, TcpListener::register);
hops!(TcpListener);
