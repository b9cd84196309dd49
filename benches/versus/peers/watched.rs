//! sideline with a watchdog: what does it cost to be watched?

use super::Loop;
use super::sideline::Sideline;
use sideline::Runtime;
use sideline::net::{TcpListener, TcpStream};
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

/// The one that finds what other tasks notice.
const THRESHOLD: Duration = Duration::from_millis(10);

pub(crate) struct Watched;

impl Loop for Watched {
    type Listener = TcpListener;
    type Stream = TcpStream;

    fn block_on<F: Future>(future: F) -> F::Output {
        // What it reports would be the machine's doing; it is not what is measured here.
        let runtime = Runtime::builder().watchdog(THRESHOLD).on_report(|_| ()).build();
        runtime.expect("the system gives an event queue and a thread").block_on(future)
    }

    fn spawn<F>(future: F) -> impl Future<Output = F::Output> + Send + 'static
    where
        F: Future<Output: Send + 'static> + Send + 'static,
    {
        Sideline::spawn(future)
    }

    fn detach<F>(future: F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        Sideline::detach(future);
    }

    fn yield_now() -> impl Future<Output = ()> + Send {
        Sideline::yield_now()
    }

    fn sleep(duration: Duration) -> impl Future<Output = ()> + Send + 'static {
        Sideline::sleep(duration)
    }

    fn listen() -> impl Future<Output = io::Result<(TcpListener, SocketAddr)>> {
        Sideline::listen()
    }

    fn accept(listener: &TcpListener) -> impl Future<Output = io::Result<TcpStream>> {
        Sideline::accept(listener)
    }

    fn read(stream: &mut TcpStream, buffer: &mut [u8]) -> impl Future<Output = io::Result<usize>> + Send {
        Sideline::read(stream, buffer)
    }

    fn write_all(stream: &mut TcpStream, bytes: &[u8]) -> impl Future<Output = io::Result<()>> + Send {
        Sideline::write_all(stream, bytes)
    }
}
