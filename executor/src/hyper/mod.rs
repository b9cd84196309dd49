//! [hyper] on this runtime, server and client, without an adapter in between. Behind the feature `hyper`.
//!
//! | hyper asks for | here |
//! |---|---|
//! | `rt::Read`, `rt::Write` | [`TcpStream`](crate::net::TcpStream) and [`UnixStream`](crate::net::UnixStream) as they are; [`Io`] around TLS and other streams |
//! | `rt::Timer` | [`Timer`]; without it hyper has no timeouts |
//! | `rt::Executor` | [`LocalHandle`](crate::LocalHandle), for futures that need not be `Send`; [`Handle`](crate::Handle) where `Send` is asked for |
//!
//! hyper calls all of these from its connection's future, which is to run in a runtime, as everything here.
//!
//! ```
//! # // hyper's server and client are features of hyper that this crate does not turn on; tests/ecosystem runs them.
//! use hyper::rt::{Read, Timer as _, Write};
//! use sideline::net::TcpStream;
//!
//! fn serves(_: &(impl Read + Write + Unpin)) {}
//!
//! sideline::block_on(async {
//!     let listener = sideline::net::TcpListener::bind("127.0.0.1:0").await?;
//!     let stream = TcpStream::connect(listener.local_addr()?).await?;
//!     serves(&stream); // hyper::server::conn::http1::Builder::new().timer(sideline::hyper::Timer).serve_connection(stream, ...)
//!     sideline::hyper::Timer.sleep(std::time::Duration::from_millis(1)).await;
//!     std::io::Result::Ok(())
//! })
//! # .unwrap()
//! ```
//!
//! A service with timeouts, offloaded computing and a graceful end is in the repository: `tests/ecosystem/examples/http_service.rs`.
//!
//! [hyper]: https://docs.rs/hyper

mod bridge;
mod executor;
#[allow(unsafe_code, reason = "hyper's buffers are not initialised")]
mod stream;
mod timer;

pub use bridge::Io;
pub use timer::Timer;
