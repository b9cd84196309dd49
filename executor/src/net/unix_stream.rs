//! A Unix domain connection.

use super::halves::{self, halves};
use super::options;
use super::patience::Patience;
use super::peer_cred::{PeerCred, peer_cred};
use super::socket::{readiness, socket};
use super::stream::byte_stream;
use super::tcp_stream::is_connected;
use crate::io::{Async, Interest};
use crate::runtime::context;
use sideline_reactor::{Handle, name_descriptor_limit};
use std::future::Future;
use std::io::{self, IoSlice, IoSliceMut};
use std::net::Shutdown;
use std::os::fd::AsFd;
use std::os::unix::net::SocketAddr;
use std::path::Path;
use std::task::{Context, Poll};

/// A connection between two processes of one machine.
///
/// All methods take `&self`. Dropping it closes the connection.
///
/// # Example
/// ```
/// use sideline::net::UnixStream;
///
/// sideline::block_on(async {
///     let (left, right) = UnixStream::pair()?;
///     left.write_all(b"hello").await?;
///     let mut buffer = [0; 5];
///     right.read_exact(&mut buffer).await?;
///     assert_eq!(&buffer, b"hello");
///     std::io::Result::Ok(())
/// })
/// # .unwrap()
/// ```
pub struct UnixStream(Async<mio::net::UnixStream>);

impl UnixStream {
    /// Connects to the socket at `path`. If its listener's queue is full, waits for room.
    ///
    /// # Errors
    /// If nobody listens there; outside a runtime.
    #[inline]
    pub fn connect(path: impl AsRef<Path>) -> impl Future<Output = io::Result<UnixStream>> {
        UnixStream::connect_with(move || mio::net::UnixStream::connect(path.as_ref()))
    }

    /// As [`connect`](UnixStream::connect), to an address that need not be a path: Linux has abstract ones.
    ///
    /// # Errors
    /// As [`connect`](UnixStream::connect).
    #[inline]
    pub fn connect_addr(addr: &SocketAddr) -> impl Future<Output = io::Result<UnixStream>> {
        UnixStream::connect_with(move || mio::net::UnixStream::connect_addr(addr))
    }

    async fn connect_with(connect: impl Fn() -> io::Result<mio::net::UnixStream>) -> io::Result<UnixStream> {
        let reactor = context::reactor()?;
        let mut patience = Patience::new(&reactor);
        let socket = loop {
            match connect() {
                // The queue is full, and the kernel has no event for when it is not: unlike TCP, nothing is under way.
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => patience.pause().await?,
                result => break result.map_err(name_descriptor_limit)?,
            }
        };
        let stream = UnixStream::register(&reactor, socket)?;
        let connected = |socket: &mio::net::UnixStream| {
            socket.try_io(|| is_connected(socket.take_error(), || socket.peer_addr()))
        };
        stream.0.write_with(connected).await?;
        Ok(stream)
    }

    /// Two connected streams.
    ///
    /// # Errors
    /// What the kernel says; outside a runtime.
    #[inline]
    pub fn pair() -> io::Result<(UnixStream, UnixStream)> {
        let reactor = context::reactor()?;
        let (left, right) = mio::net::UnixStream::pair().map_err(name_descriptor_limit)?;
        Ok((UnixStream::register(&reactor, left)?, UnixStream::register(&reactor, right)?))
    }

    #[inline]
    pub(super) fn register(reactor: &Handle, socket: mio::net::UnixStream) -> io::Result<UnixStream> {
        Async::register(reactor, socket, Interest::READABLE | Interest::WRITABLE).map(UnixStream)
    }

    /// The address of the other end.
    ///
    /// # Errors
    /// What the kernel says.
    #[inline]
    pub fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.0.get_ref().peer_addr()
    }

    /// Who is at the other end: the user, group and process that called `connect`, `listen` or `pair`, as they were then.
    /// The kernel says so, not the peer.
    ///
    /// # Errors
    /// What the kernel says.
    ///
    /// # Example
    /// ```
    /// use sideline::net::UnixStream;
    ///
    /// sideline::block_on(async {
    ///     let (left, right) = UnixStream::pair()?;
    ///     assert_eq!(left.peer_cred()?, right.peer_cred()?); // both are this process
    ///     std::io::Result::Ok(())
    /// })
    /// # .unwrap()
    /// ```
    #[inline]
    pub fn peer_cred(&self) -> io::Result<PeerCred> {
        peer_cred(self.as_fd())
    }
}

socket!(UnixStream, std::os::unix::net::UnixStream, UnixStream::register);
readiness!(UnixStream);
// A read stops short where the sender attached descriptors or credentials, so that it proves nothing.
byte_stream!(UnixStream, |_len| 0, |_len| 0);
halves!(UnixStream);
options::buffer_sizes!(UnixStream);
