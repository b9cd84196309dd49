//! A runtime in miniature: some three hundred lines of safe code that have what sideline has, except for nearly everything
//! that makes it quick and sound. It is there to be read, before the real one: first `runtime.rs`, then the chapter
//! `docs/src/miniature.md`.
//!
//! ```text
//! cargo run --example miniature
//! ```
//!
//! Here it ticks, serves a socket and computes, all at once.

#![forbid(unsafe_code)]

mod runtime;

use mio::net::{TcpListener, TcpStream};
use runtime::{Socket, block_on, sleep, spawn, to_thread};
use std::error::Error;
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr};
use std::time::Duration;

fn main() -> Result<(), Box<dyn Error>> {
    block_on(async {
        let ticks = spawn(async {
            for n in 1..=3 {
                sleep(Duration::from_millis(10)).await;
                println!("tick {n}");
            }
        });

        let listener = Socket::new(TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))?)?;
        let address = listener.when_ready(TcpListener::local_addr).await?;
        let server = spawn(async move {
            let (stream, _) = listener.when_ready(TcpListener::accept).await?;
            echo(Socket::new(stream)?).await
        });

        // Two blocking calls: one waits, one computes.
        let answer = to_thread(move || ask(address, "is anybody there?"));
        let sum = to_thread(|| (1..=1_000_000_u64).sum::<u64>());
        println!("summed up to {}", sum.await);
        println!("the server said: {}", answer.await?);
        println!("it sent {} bytes", server.await?);
        ticks.await;
        Ok(())
    })?
}

/// Sends everything back until the client closes its side. Returns how much that was.
async fn echo(stream: Socket<TcpStream>) -> io::Result<usize> {
    let mut buffer = [0; 1024];
    let mut bytes = 0;
    loop {
        let read = stream.when_ready(|mut stream| stream.read(&mut buffer)).await?;
        if read == 0 {
            return Ok(bytes);
        }
        let mut rest = &buffer[..read];
        while !rest.is_empty() {
            let written = stream.when_ready(|mut stream| stream.write(rest)).await?;
            rest = &rest[written..];
        }
        bytes += read;
    }
}

/// A client of the old kind.
fn ask(address: SocketAddr, question: &str) -> io::Result<String> {
    let mut stream = std::net::TcpStream::connect(address)?;
    stream.write_all(question.as_bytes())?;
    stream.shutdown(Shutdown::Write)?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}
