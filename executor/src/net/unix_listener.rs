//! Accepting Unix domain connections.

use super::UnixStream;
use super::backoff::Backoff;
use super::socket::socket;
use crate::io::{Async, Interest};
use crate::runtime::context;
use sideline_reactor::{Handle, name_descriptor_limit};
use std::io;
use std::os::unix::net::SocketAddr;
use std::path::Path;
use std::task::{Context, Poll, ready};

/// A Unix domain socket that accepts connections. Dropping it stops listening; the file stays.
///
/// # Example
/// ```
/// use sideline::net::{UnixListener, UnixStream};
///
/// sideline::block_on(async {
///     let directory = tempfile::tempdir()?;
///     let path = directory.path().join("socket");
///     let listener = UnixListener::bind(&path)?;
///     let client = UnixStream::connect(&path).await?;
///     let (server, _peer) = listener.accept().await?;
///     server.write_all(b"welcome").await?;
///     drop(server);
///     let mut answer = Vec::new();
///     client.read_to_end(&mut answer).await?;
///     assert_eq!(answer, b"welcome");
///     std::io::Result::Ok(())
/// })
/// # .unwrap()
/// ```
pub struct UnixListener(Async<mio::net::UnixListener>, Backoff);

impl UnixListener {
    /// Makes a socket file at `path`, where there must be none, and listens on it: remove one that an earlier run has left behind.
    ///
    /// # Errors
    /// `AddrInUse` if there is a file already; outside a runtime.
    pub fn bind(path: impl AsRef<Path>) -> io::Result<UnixListener> {
        let reactor = context::reactor()?;
        let socket = mio::net::UnixListener::bind(path).map_err(name_descriptor_limit)?;
        UnixListener::register(&reactor, socket)
    }

    /// As [`bind`](UnixListener::bind), to an address that need not be a path: Linux has abstract ones, which leave no
    /// file behind.
    ///
    /// # Errors
    /// As [`bind`](UnixListener::bind).
    #[inline]
    pub fn bind_addr(addr: &SocketAddr) -> io::Result<UnixListener> {
        let reactor = context::reactor()?;
        let socket = mio::net::UnixListener::bind_addr(addr).map_err(name_descriptor_limit)?;
        UnixListener::register(&reactor, socket)
    }

    #[inline]
    fn register(reactor: &Handle, socket: mio::net::UnixListener) -> io::Result<UnixListener> {
        Ok(UnixListener(Async::register(reactor, socket, Interest::READABLE)?, Backoff::default()))
    }

    /// Waits for the next connection. Dropping the future loses none.
    ///
    /// # Errors
    /// As [`TcpListener::accept`](super::TcpListener::accept).
    pub async fn accept(&self) -> io::Result<(UnixStream, SocketAddr)> {
        let (socket, peer) = self.1.accept(&self.0, |listener| listener.accept()).await?;
        Ok((UnixStream::register(self.0.reactor(), socket)?, peer))
    }

    /// [`accept`](Self::accept) for poll functions, which share one place: the last caller is woken.
    ///
    /// # Errors
    /// As [`accept`](Self::accept).
    #[inline]
    pub fn poll_accept(&self, cx: &mut Context<'_>) -> Poll<io::Result<(UnixStream, SocketAddr)>> {
        let (socket, peer) = ready!(self.1.poll_accept(&self.0, cx, |listener| listener.accept()))?;
        Poll::Ready(UnixStream::register(self.0.reactor(), socket).map(|stream| (stream, peer)))
    }
}

socket!(UnixListener, std::os::unix::net::UnixListener, UnixListener::register);
