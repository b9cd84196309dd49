//! The runtime in miniature of the examples: what does it cost to do nothing clever?

use super::{Loop, Offload};
use mio::net::{TcpListener, TcpStream};
use std::future::{Future, poll_fn};
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddr};
use std::task::Poll;
use std::time::Duration;

#[path = "../../../executor/examples/miniature/runtime.rs"]
mod runtime;

use runtime::Socket;

pub(crate) struct Miniature;

impl Loop for Miniature {
    type Listener = Socket<TcpListener>;
    type Stream = Socket<TcpStream>;

    fn block_on<F: Future>(future: F) -> F::Output {
        runtime::block_on(future).expect("the system gives an event queue")
    }

    fn spawn<F>(future: F) -> impl Future<Output = F::Output> + Send + 'static
    where
        F: Future<Output: Send + 'static> + Send + 'static,
    {
        runtime::spawn(future)
    }

    fn detach<F>(future: F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        drop(runtime::spawn(future));
    }

    fn yield_now() -> impl Future<Output = ()> + Send {
        let mut yielded = false;
        poll_fn(move |cx| {
            if std::mem::replace(&mut yielded, true) {
                return Poll::Ready(());
            }
            cx.waker().wake_by_ref();
            Poll::Pending
        })
    }

    fn sleep(duration: Duration) -> impl Future<Output = ()> + Send + 'static {
        runtime::sleep(duration)
    }

    async fn listen() -> io::Result<(Self::Listener, SocketAddr)> {
        let listener = TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))?;
        let address = listener.local_addr()?;
        Ok((Socket::new(listener)?, address))
    }

    async fn accept(listener: &Self::Listener) -> io::Result<Self::Stream> {
        Socket::new(listener.when_ready(TcpListener::accept).await?.0)
    }

    async fn read(stream: &mut Self::Stream, buffer: &mut [u8]) -> io::Result<usize> {
        stream.when_ready(|mut stream| stream.read(buffer)).await
    }

    async fn write_all(stream: &mut Self::Stream, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            let written = stream.when_ready(|mut stream| stream.write(bytes)).await?;
            bytes = &bytes[written..];
        }
        Ok(())
    }
}

impl Offload for Miniature {
    fn offload<F, T>(closure: F) -> impl Future<Output = T> + Send + 'static
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        runtime::to_thread(closure)
    }
}
