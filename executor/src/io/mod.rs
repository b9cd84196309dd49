//! Readiness for anything the kernel can report on: [`Async`] wraps a mio source, [`Fd`] makes one of any descriptor.
//!
//! The sockets of [`net`](crate::net) are built on the same two layers. An operation is first simply tried; only if
//! it would block does its task wait, and the loop wakes it when the kernel reports an event. Their operations take
//! `&self`, so one task may read while another writes; all types are `Send + Sync`.
//!
//! [`BufReader`] reads lines. [`copy`](fn@copy) and [`copy_bidirectional`](fn@copy_bidirectional) join streams of any kind. `stdin`, `stdout` and `stderr`, behind the feature
//! `stdio`, are those of the process.
//!
//! ```
//! use sideline::{io, net::TcpListener, net::TcpStream};
//!
//! sideline::block_on(async {
//!     let listener = TcpListener::bind("127.0.0.1:0").await?;
//!     let client = TcpStream::connect(listener.local_addr()?).await?;
//!     let (server, _) = listener.accept().await?;
//!     // An echo server is a copy from a connection to itself.
//!     let echo = sideline::spawn(async move { io::copy(&mut &server, &mut &server).await });
//!     client.write_all(b"hello").await?;
//!     client.shutdown(std::net::Shutdown::Write)?;
//!     let mut answer = Vec::new();
//!     client.read_to_end(&mut answer).await?;
//!     assert_eq!(answer, b"hello");
//!     assert_eq!(echo.await.unwrap()?, 5);
//!     std::io::Result::Ok(())
//! })
//! # .unwrap();
//! ```
//!
//! A task whose source is always ready would never give way to the others; so once in a while an operation lets the
//! loop turn before it starts.

mod buf_peek;
mod buf_reader;
pub(crate) mod bytes;
mod copy;
mod copy_bidirectional;
pub(crate) mod direct;
#[cfg(feature = "futures-io")]
mod futures_io;
mod idle;
#[cfg(any(feature = "fs", feature = "stdio"))]
pub(crate) mod job;
#[cfg(feature = "stdio")]
mod output;
pub(crate) mod read_to_end;
mod source;
mod source_bytes;
#[cfg(feature = "stdio")]
mod stdin;
mod stream_traits;

sideline_reactor::where_queues_report_edges! {
    mod fd;
    pub use fd::Fd;
}
pub use buf_reader::BufReader;
pub use copy::{Copying, copy};
pub use copy_bidirectional::{CopyBidirectional, copy_bidirectional};
pub use mio::Interest;
#[cfg(feature = "stdio")]
pub use output::{Stderr, Stdout, stderr, stdout};
pub use source::Async;
#[cfg(feature = "stdio")]
pub use stdin::{Stdin, stdin};
pub use stream_traits::{ReadBytes, WriteBytes};
