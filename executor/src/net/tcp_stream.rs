//! A TCP connection.

use super::addrs::{Addrs, ToSocketAddrs, first_that, resolve};
use super::halves::{self, halves};
use super::happy_eyeballs::race;
#[cfg(unix)]
use super::options;
use super::socket::{hops, readiness, socket};
use super::stream::byte_stream;
use crate::io::{Async, Interest};
use crate::runtime::context;
use sideline_reactor::{Handle, name_descriptor_limit};
use std::future::Future;
use std::io::{self, IoSlice, IoSliceMut};
use std::net::{Shutdown, SocketAddr};
use std::task::{Context, Poll};
#[cfg(unix)]
use std::time::Duration;

/// A TCP connection between a local and a remote address.
///
/// All methods take `&self`: put it into an `Rc` or `Arc` to read in one task and write in another. Dropping it
/// closes the connection; [`shutdown`](TcpStream::shutdown) ends one direction.
///
/// # Example
/// ```
/// use sideline::net::{TcpListener, TcpStream};
/// use std::net::Shutdown;
///
/// sideline::block_on(async {
///     let listener = TcpListener::bind("127.0.0.1:0").await?;
///     let client = TcpStream::connect(listener.local_addr()?).await?;
///     let (server, _) = listener.accept().await?;
///
///     client.write_all(b"over and out").await?;
///     client.shutdown(Shutdown::Write)?;
///     let mut received = Vec::new();
///     server.read_to_end(&mut received).await?;
///     assert_eq!(received, b"over and out");
///     std::io::Result::Ok(())
/// })
/// # .unwrap()
/// ```
pub struct TcpStream(Async<mio::net::TcpStream>);

/// Urgent data (TCP's out-of-band byte) makes a read stop short with more to come; to hear of it keeps the reactor
/// from taking the short read for a drained socket. Where mio does not report it, a short read proves nothing.
#[cfg(any(target_os = "linux", target_os = "android"))]
const INTEREST: Interest = Interest::READABLE.add(Interest::WRITABLE).add(Interest::PRIORITY);
#[cfg(not(any(target_os = "linux", target_os = "android")))]
const INTEREST: Interest = Interest::READABLE.add(Interest::WRITABLE);

/// What a read of `len` bytes has to move to leave the proof that there is nothing left to it; 0: there is none.
#[inline]
pub(crate) fn wanted(len: usize) -> usize {
    if INTEREST.is_priority() { len } else { 0 }
}

impl TcpStream {
    /// Connects to the first address of `addr` that answers.
    ///
    /// A host name is looked up on the blocking pool, and its addresses are then tried in a staggered race (RFC 8305,
    /// "Happy Eyeballs"): IPv6 and IPv4 in turn, the next as soon as one has failed or been silent for 250 ms. A list
    /// of addresses is the caller's own order of preference: each is tried until it fails, and only then the next.
    ///
    /// There is no time limit but the kernel's, which is minutes: wrap it in [`timeout`](crate::time::timeout).
    /// Dropping the future closes all sockets that it has opened.
    ///
    /// # Errors
    /// If none answers, what each of them said; outside a runtime.
    ///
    /// # Example
    /// ```no_run
    /// use sideline::net::TcpStream;
    /// use sideline::time::timeout;
    /// use std::time::Duration;
    ///
    /// sideline::block_on(async {
    ///     let stream = timeout(Duration::from_secs(5), TcpStream::connect("example.org:80")).await??;
    ///     println!("{} was the fastest", stream.peer_addr()?);
    ///     std::io::Result::Ok(())
    /// })
    /// # .unwrap()
    /// ```
    pub async fn connect(addr: impl ToSocketAddrs) -> io::Result<TcpStream> {
        let reactor = context::reactor()?;
        let connect = |addr| TcpStream::connect_to(&reactor, addr);
        match addr.to_addrs() {
            Ok(name @ Addrs::LookUp { .. }) => race(&reactor, resolve(Ok(name)).await?, connect).await,
            addrs => first_that(addrs, connect).await,
        }
    }

    async fn connect_to(reactor: &Handle, addr: SocketAddr) -> io::Result<TcpStream> {
        let socket = mio::net::TcpStream::connect(addr).map_err(name_descriptor_limit)?;
        TcpStream::established(reactor, socket).await
    }

    /// Waits for a connection that is being made.
    pub(super) async fn established(reactor: &Handle, socket: mio::net::TcpStream) -> io::Result<TcpStream> {
        let stream = TcpStream::register(reactor, socket)?;
        let connected = |socket: &mio::net::TcpStream| {
            socket.try_io(|| is_connected(socket.take_error(), || socket.peer_addr()))
        };
        stream.0.write_with(connected).await?;
        Ok(stream)
    }

    #[inline]
    pub(super) fn register(reactor: &Handle, socket: mio::net::TcpStream) -> io::Result<TcpStream> {
        Async::register(reactor, socket, INTEREST).map(TcpStream)
    }

    /// Reads into `buf` without taking the bytes from the stream. `Ok(0)` is its end.
    ///
    /// # Errors
    /// As [`read`](TcpStream::read).
    #[inline]
    pub fn peek(&self, buf: &mut [u8]) -> impl Future<Output = io::Result<usize>> {
        self.0.read_with(move |stream| stream.peek(buf))
    }

    /// The address of the other end.
    ///
    /// # Errors
    /// What the kernel says, such as that the connection is gone.
    #[inline]
    pub fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.0.get_ref().peer_addr()
    }

    /// Whether small writes are sent at once (`TCP_NODELAY`).
    ///
    /// # Errors
    /// What the kernel says.
    #[inline]
    pub fn nodelay(&self) -> io::Result<bool> {
        self.0.get_ref().nodelay()
    }

    /// Sets whether small writes are sent at once, instead of being held back until the ones before are acknowledged.
    ///
    /// # Errors
    /// What the kernel says.
    #[inline]
    pub fn set_nodelay(&self, nodelay: bool) -> io::Result<()> {
        self.0.get_ref().set_nodelay(nodelay)
    }
}

/// `WouldBlock` while a non-blocking connect is under way. A fresh socket is tried before it is writable, so that
/// not having a peer yet is no failure.
pub(super) fn is_connected<A>(
    failure: io::Result<Option<io::Error>>,
    peer: impl FnOnce() -> io::Result<A>,
) -> io::Result<()> {
    if let Some(error) = failure? {
        return Err(error);
    }
    match peer() {
        Err(error) if error.kind() == io::ErrorKind::NotConnected => Err(io::ErrorKind::WouldBlock.into()),
        result => result.map(drop),
    }
}

socket!(TcpStream, std::net::TcpStream, TcpStream::register);
readiness!(TcpStream);
hops!(TcpStream);
byte_stream!(TcpStream, wanted, |len| len);
halves!(TcpStream);
#[cfg(unix)]
options::buffer_sizes!(TcpStream);
#[cfg(unix)]
options::type_of_service!(TcpStream);
#[cfg(unix)]
options::tcp_options!(TcpStream);
