//! Unix domain datagrams.

use super::datagram::datagrams;
use super::options;
use super::patience::Patience;
use super::socket::{readiness, socket};
use crate::core::fairness;
use crate::io::{Async, Interest};
use crate::runtime::context;
use sideline_reactor::{Handle, name_descriptor_limit};
use std::future::Future;
use std::io;
use std::net::Shutdown;
use std::os::unix::net::SocketAddr;
use std::path::Path;
use std::task::{Context, Poll};

/// A Unix domain socket for datagrams, which arrive whole and in order, or are refused. One that is longer than the buffer it is received
/// into is cut, silently.
///
/// **Dropping** it closes the socket. What it has sent still arrives. The file that [`bind`](Self::bind) has made stays.
///
/// # Example
/// ```
/// use sideline::net::UnixDatagram;
///
/// sideline::block_on(async {
///     let (left, right) = UnixDatagram::pair()?;
///     left.send(b"one").await?;
///     left.send(b"two").await?;
///     let mut buffer = [0; 16];
///     assert_eq!(right.recv(&mut buffer).await?, 3);
///     assert_eq!(&buffer[..3], b"one");
///     std::io::Result::Ok(())
/// })
/// # .unwrap()
/// ```
pub struct UnixDatagram(Async<mio::net::UnixDatagram>);

impl UnixDatagram {
    /// Makes a socket file at `path`, where there must be none: remove one that an earlier run has left behind.
    ///
    /// # Errors
    /// `AddrInUse` if there is a file already; outside a runtime.
    pub fn bind(path: impl AsRef<Path>) -> io::Result<UnixDatagram> {
        UnixDatagram::make(|| mio::net::UnixDatagram::bind(path))
    }

    /// As [`bind`](UnixDatagram::bind), to an address that need not be a path: Linux has abstract ones, which leave no
    /// file behind.
    ///
    /// # Errors
    /// As [`bind`](UnixDatagram::bind).
    #[inline]
    pub fn bind_addr(addr: &SocketAddr) -> io::Result<UnixDatagram> {
        UnixDatagram::make(|| mio::net::UnixDatagram::bind_addr(addr))
    }

    /// A socket without an address, which can send but not be answered.
    ///
    /// # Errors
    /// What the kernel says; outside a runtime.
    #[inline]
    pub fn unbound() -> io::Result<UnixDatagram> {
        UnixDatagram::make(mio::net::UnixDatagram::unbound)
    }

    /// Two connected sockets.
    ///
    /// # Errors
    /// What the kernel says; outside a runtime.
    #[inline]
    pub fn pair() -> io::Result<(UnixDatagram, UnixDatagram)> {
        let reactor = context::reactor()?;
        let (left, right) = mio::net::UnixDatagram::pair().map_err(name_descriptor_limit)?;
        Ok((UnixDatagram::register(&reactor, left)?, UnixDatagram::register(&reactor, right)?))
    }

    fn make(socket: impl FnOnce() -> io::Result<mio::net::UnixDatagram>) -> io::Result<UnixDatagram> {
        let reactor = context::reactor()?;
        UnixDatagram::register(&reactor, socket().map_err(name_descriptor_limit)?)
    }

    #[inline]
    fn register(reactor: &Handle, socket: mio::net::UnixDatagram) -> io::Result<UnixDatagram> {
        Async::register(reactor, socket, Interest::READABLE | Interest::WRITABLE).map(UnixDatagram)
    }

    /// Sets the peer for [`send`](UnixDatagram::send) and [`recv`](UnixDatagram::recv).
    ///
    /// # Errors
    /// If there is no socket at `path`.
    pub fn connect(&self, path: impl AsRef<Path>) -> io::Result<()> {
        self.0.get_ref().connect(path)
    }

    /// Sends one datagram to the connected peer, waiting for room in its queue.
    ///
    /// # Errors
    /// If there is no peer, or it is gone; if the runtime was shut down.
    #[inline]
    pub fn send(&self, buf: &[u8]) -> impl Future<Output = io::Result<usize>> {
        self.0.write_with(move |socket| socket.send(buf))
    }

    /// Sends one datagram to the socket at `path`.
    ///
    /// # Errors
    /// If there is nobody; if the runtime was shut down.
    pub async fn send_to(&self, buf: &[u8], path: impl AsRef<Path>) -> io::Result<usize> {
        let mut patience = Patience::new(self.0.reactor());
        loop {
            fairness::turn().await;
            // Not by way of readiness: the kernel reports room in our own queue, whatever the receiver's is like. And
            // a send that fails gives back the room it took for a moment, which is an event, after which to try again.
            match self.0.get_ref().send_to(buf, path.as_ref()) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => patience.pause().await?,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                result => return result,
            }
        }
    }

    /// [`send_to`](UnixDatagram::send_to) without waiting.
    ///
    /// # Errors
    /// `WouldBlock` if there is no room, in this socket or in the receiver's queue, of which
    /// [`writable`](UnixDatagram::writable) knows nothing: to wait for it is what `send_to` does. Otherwise as `send_to`.
    #[inline]
    pub fn try_send_to(&self, buf: &[u8], path: impl AsRef<Path>) -> io::Result<usize> {
        self.0.get_ref().send_to(buf, path)
    }

    /// Ends one direction, or both.
    ///
    /// # Errors
    /// What the kernel says.
    #[inline]
    pub fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        self.0.get_ref().shutdown(how)
    }
}

socket!(UnixDatagram, std::os::unix::net::UnixDatagram, UnixDatagram::register);
readiness!(UnixDatagram);
datagrams!(UnixDatagram);
options::buffer_sizes!(UnixDatagram);
