//! What the tests of other people's software have in common.
#![forbid(unsafe_code)]

use sideline::net::{TcpListener, TcpStream};
use sideline::time::timeout;
use std::future::Future;
use std::io;
use std::time::Duration;

/// Runs a test on a runtime of its own. One that hangs fails instead, after a time that is far longer than any takes.
///
/// # Panics
/// If it hangs.
pub fn run<T>(test: impl Future<Output = T>) -> T {
    sideline::block_on(async { timeout(Duration::from_secs(120), test).await.expect("the test hangs") })
}

/// Runs a test in virtual time: hours of waiting take none. Over Unix sockets: what was written to one can be read at once,
/// and what is on its way over TCP when the machine is busy looks like nothing left to do, so that time leaps.
///
/// # Panics
/// If there is no runtime to be had.
pub fn run_paused<T>(test: impl Future<Output = T>) -> T {
    sideline::Runtime::builder().paused_clock().build().expect("a runtime").block_on(test)
}

/// Two ends of a TCP connection.
///
/// # Errors
/// What the kernel says.
pub async fn tcp_pair() -> io::Result<(TcpStream, TcpStream)> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let client = TcpStream::connect(listener.local_addr()?).await?;
    let (server, _peer) = listener.accept().await?;
    Ok((client, server))
}

/// Bytes of which no two stretches look alike, so that a mix-up shows.
pub fn pattern(len: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_u32;
    (0..len)
        .map(|_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 24) as u8
        })
        .collect()
}

/// The program of this chapter, which runs the pool under tokio, runs as a test.
#[cfg(doctest)]
#[doc = include_str!("../../../docs/src/embedding.md")]
mod chapter {}
