//! How the loop feels from outside: an echo server on it, and a client in a thread of its own.

use sideline::net::{TcpListener, TcpStream};
use std::io::{self, Read, Write};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};

/// Between an answer and the next message.
const PAUSE: Duration = Duration::from_millis(2);
/// For an answer.
const PATIENCE: Duration = Duration::from_secs(60);

/// Sends back what it gets, on the loop.
pub(crate) async fn serve(listener: TcpListener) {
    while let Ok((stream, _)) = listener.accept().await {
        sideline::spawn(async move {
            // The client has gone, or says so: either way the conversation is over.
            let _ = echo(&stream).await;
        })
        .detach();
    }
}

async fn echo(stream: &TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut message = [0; 1024];
    loop {
        match stream.read(&mut message).await? {
            0 => return Ok(()),
            n => stream.write_all(&message[..n]).await?,
        }
    }
}

/// The client. Dropping it stops the thread after its current message.
pub(crate) struct Client {
    stop: Arc<AtomicBool>,
    latencies: async_channel::Receiver<io::Result<Vec<Duration>>>,
}

impl Client {
    pub(crate) fn start(server: SocketAddr) -> io::Result<Self> {
        let stop = Arc::new(AtomicBool::new(false));
        let (done, latencies) = async_channel::bounded(1);
        let stopped = Arc::clone(&stop);
        thread::Builder::new().name("echo client".to_owned()).spawn(move || {
            let _ = done.try_send(talk(server, &stopped));
        })?;
        Ok(Self { stop, latencies })
    }

    /// How long each echo took. Awaits the end of the conversation: a join would keep the loop from
    /// sending the last echo.
    pub(crate) async fn stop(self) -> io::Result<Vec<Duration>> {
        self.stop.store(true, Relaxed);
        self.latencies.recv().await.unwrap_or_else(|_| Err(io::Error::other("the echo client panicked")))
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        self.stop.store(true, Relaxed);
    }
}

fn talk(server: SocketAddr, stop: &AtomicBool) -> io::Result<Vec<Duration>> {
    let mut stream = std::net::TcpStream::connect(server)?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    let mut latencies = Vec::new();
    let mut message = [7; 64];
    while !stop.load(Relaxed) {
        let sent = Instant::now();
        stream.write_all(&message)?;
        stream.read_exact(&mut message)?;
        latencies.push(sent.elapsed());
        thread::sleep(PAUSE);
    }
    Ok(latencies)
}
