//! Sockets and descriptors on the loop, against a real kernel.
#![cfg(all(unix, not(loom)))]

mod at_random;
mod connecting;
mod datagrams;
mod descriptors;
mod halves;
mod options;
mod streams;
#[cfg(feature = "futures-io")]
mod traits;
mod unix;
mod waiting;

use sideline::io::{Async, Interest};
use sideline::net::{
    TcpListener, TcpSocket, TcpStream, UdpSocket, UnixDatagram, UnixListener, UnixStream, lookup_host,
};
use sideline::task::{JoinSet, yield_now};
use sideline::time::{now, sleep, timeout};
use sideline::{Handle, Pool, Runtime, block_on, spawn, to_thread};
use std::cell::Cell;
use std::future::Future;
use std::io::{self, ErrorKind, IoSlice, IoSliceMut, Write};
use std::net::{Ipv4Addr, Ipv6Addr, Shutdown, SocketAddr};
use std::os::fd::AsRawFd;
use std::rc::Rc;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;
use tempfile::tempdir;

sideline_reactor::where_queues_report_edges! {
    use sideline::io::Fd;
    use std::io::Read;
    use std::os::fd::AsFd;
}

include!("../common/descriptors.rs");
include!("../common/pattern.rs");
include!("../common/run.rs");

/// As `run`, in virtual time, which passes while all wait: for pauses, and how many there are.
fn run_paused<T>(test: impl Future<Output = io::Result<T>>) -> T {
    let runtime = Runtime::builder().paused_clock().build().unwrap();
    runtime.block_on(async { timeout(LONG, test).await.expect("hangs").unwrap() })
}

/// Bound, but not listening: it refuses connections. A listener that was dropped might still be open in a process that another
/// test is starting, and its port may be somebody else's next.
fn refusing() -> io::Result<(TcpSocket, SocketAddr)> {
    let socket = TcpSocket::new_v4()?;
    socket.bind((Ipv4Addr::LOCALHOST, 0).into())?;
    let address = socket.local_addr()?;
    Ok((socket, address))
}

async fn tcp_pair() -> io::Result<(TcpStream, TcpStream)> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let client = TcpStream::connect(listener.local_addr()?).await?;
    let (server, peer) = listener.accept().await?;
    assert_eq!(peer, client.local_addr()?);
    Ok((client, server))
}

/// The output if the future is ready now.
async fn poll_once<F: Future>(future: F) -> Option<F::Output> {
    let mut future = std::pin::pin!(future);
    std::future::poll_fn(|cx| match future.as_mut().poll(cx) {
        Poll::Ready(output) => Poll::Ready(Some(output)),
        Poll::Pending => Poll::Ready(None),
    })
    .await
}

/// Until the loop has been told of all that had happened to its sockets before: the kernel reports in that order, and of this last.
async fn events_so_far() -> io::Result<()> {
    let (near, far) = UnixStream::pair()?;
    // A new socket is tried before the kernel is asked.
    assert!(poll_once(near.read(&mut [0])).await.is_none());
    far.write_all(b"!").await?;
    near.readable().await
}

async fn echo(stream: TcpStream) -> io::Result<()> {
    let mut buffer = [0; 4096];
    loop {
        match stream.read(&mut buffer).await? {
            0 => return Ok(()),
            n => stream.write_all(&buffer[..n]).await?,
        }
    }
}

include!("../../../reactor/tests/support/alone.rs");
include!("../../../tests/support/seeds.rs");

/// How many descriptors this process has open. Means something only in a process of its own.
#[cfg(target_os = "linux")]
fn open_descriptors() -> usize {
    std::fs::read_dir("/proc/self/fd").unwrap().count()
}
