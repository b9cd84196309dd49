//! Sockets. All methods take `&self`, so that one task may read while another writes; all types are `Send + Sync`.
//!
//! A socket belongs to the runtime in which it was made, and works as long as that runtime's loop runs. Dropping a
//! socket closes it; dropping a future that waits for one cancels it, and what it has not reported is not done,
//! except where a method says otherwise.
//!
//! Addresses are anything that is [`ToSocketAddrs`]. Host names are looked up on the blocking pool, by half of its threads at most;
//! addresses in numbers never touch it. [`TcpStream::connect`] to a name races its addresses. Time limits are made with
//! [`timeout`](crate::time::timeout) around any of these futures.
//!
//! `&TcpStream` is all it takes to read in one place and write in another; `split` and `into_split` are for code that
//! wants each direction to have one owner.
//!
//! ```
//! use sideline::net::{TcpListener, TcpStream};
//!
//! sideline::block_on(async {
//!     let listener = TcpListener::bind("127.0.0.1:0").await?;
//!     let address = listener.local_addr()?;
//!     let server = sideline::spawn(async move {
//!         let (stream, _peer) = listener.accept().await?;
//!         let mut line = [0; 5];
//!         stream.read_exact(&mut line).await?;
//!         stream.write_all(&line).await
//!     });
//!     let stream = TcpStream::connect(address).await?;
//!     stream.write_all(b"hello").await?;
//!     let mut echo = Vec::new();
//!     stream.read_to_end(&mut echo).await?;
//!     assert_eq!(echo, b"hello");
//!     server.await.unwrap()
//! })
//! # .unwrap()
//! ```

mod addrs;
mod backoff;
mod datagram;
mod failures;
mod halves;
mod happy_eyeballs;
#[cfg(unix)]
mod options;
#[cfg(unix)]
mod patience;
#[cfg(unix)]
mod peer_cred;
#[cfg(unix)]
mod raw;
mod socket;
mod stream;
mod tcp_listener;
#[cfg(unix)]
mod tcp_socket;
mod tcp_stream;
mod udp;
mod udp_options;
#[cfg(unix)]
mod udp_unbound;
#[cfg(unix)]
mod unix_datagram;
#[cfg(unix)]
mod unix_listener;
#[cfg(unix)]
mod unix_stream;

pub use addrs::{ToSocketAddrs, lookup_host};
pub(crate) use halves::Stream;
pub use halves::{OwnedReadHalf, OwnedWriteHalf, ReadHalf, ReuniteError, WriteHalf};
#[cfg(unix)]
pub use peer_cred::PeerCred;
pub use tcp_listener::TcpListener;
#[cfg(unix)]
pub use tcp_socket::TcpSocket;
pub use tcp_stream::TcpStream;
#[cfg(feature = "hyper")]
pub(crate) use tcp_stream::wanted;
pub use udp::UdpSocket;
#[cfg(unix)]
pub use unix_datagram::UnixDatagram;
#[cfg(unix)]
pub use unix_listener::UnixListener;
#[cfg(unix)]
pub use unix_stream::UnixStream;
