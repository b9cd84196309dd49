//! The smallest server: what a client sends comes back, for any number of clients at once, on one thread.
//!
//! ```text
//! cargo run --example echo_server -- 127.0.0.1:7000
//! nc 127.0.0.1 7000
//! ```
//!
//! Each connection is a task of its own. Tasks cost some hundred bytes, so a thousand silent clients cost no thread.
//! A client that says nothing for a minute is hung up on. The server has no state to lose, so ctrl-c simply ends it;
//! the example `graceful_shutdown` is a server that has.

#![forbid(unsafe_code)]

use sideline::net::{TcpListener, TcpStream};
use sideline::time::timeout;
use std::io;
use std::time::Duration;

/// How long a client may be silent.
const IDLE: Duration = Duration::from_secs(60);

fn main() -> io::Result<()> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:7000".to_owned());
    sideline::block_on(serve(&address))
}

async fn serve(address: &str) -> io::Result<()> {
    let listener = TcpListener::bind(address).await?;
    println!("listening on {}", listener.local_addr()?);
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => {
                // Nobody awaits the task: it goes on by itself.
                sideline::spawn(async move {
                    match echo(&stream).await {
                        Ok(bytes) => println!("{peer}: {bytes} bytes"),
                        Err(error) => println!("{peer}: {error}"),
                    }
                })
                .detach();
            }
            // Such as: no file descriptor is left. The listener takes a break by itself, so this loop does not spin.
            Err(error) => eprintln!("echo_server: cannot accept: {error}"),
        }
    }
}

/// Sends everything back until the client closes its side. Returns how much that was.
async fn echo(stream: &TcpStream) -> io::Result<u64> {
    let mut buffer = [0; 4096];
    let mut bytes = 0;
    loop {
        // One `?` is for the time limit, the other for the socket.
        match timeout(IDLE, stream.read(&mut buffer)).await?? {
            0 => return Ok(bytes),
            n => {
                stream.write_all(&buffer[..n]).await?;
                bytes += n as u64;
            }
        }
    }
}
