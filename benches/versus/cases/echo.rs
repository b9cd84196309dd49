//! How many requests a second can a server answer in one thread?

use super::Scale;
use super::echo_client::{Seen, drive};
use crate::peers::Loop;
use futures::channel::oneshot;
use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};
use sideline_benches::{Metric, percentile};
use std::io::{self, ErrorKind, Read, Write};
use std::net::Ipv4Addr;
use std::thread;
use std::time::Duration;

const TIME: Duration = Duration::from_secs(2);

fn metrics(connections: usize, seen: &Seen) -> Vec<Metric> {
    vec![
        Metric::more(&format!("echo, {connections}"), "k req/s", seen.per_second / 1e3),
        Metric::less(&format!("echo, {connections}, p99"), "us", percentile(&seen.answered_after, 99.0)),
    ]
}

/// How many 64-byte messages a second are echoed, with one in flight on each connection, and how long does an answer take?
///
/// The server is the runtime in this thread, a task for each connection; the client is the same mio loop for everybody,
/// in another thread. Excluded: connecting, and the first 0.2 s. A lie if the client were the bottleneck: with many
/// connections and two cores it nearly is, so differences between servers show smaller than they are.
pub(super) fn echo<L: Loop>(scale: Scale, connections: usize) -> Vec<Metric> {
    L::block_on(async {
        let (listener, address) = L::listen().await.expect("a port is free");
        let (done, seen) = oneshot::channel();
        let client = thread::spawn(move || {
            let seen = drive(address, connections, scale.time(TIME)).expect("the server answers");
            assert!(done.send(seen).is_ok(), "the server waits for it");
        });
        for _ in 0..connections {
            let stream = L::accept(&listener).await.expect("the client connects");
            L::detach(serve::<L>(stream));
        }
        let seen = seen.await.expect("the client does not panic");
        client.join().expect("the client does not panic");
        metrics(connections, &seen)
    })
}

/// Until the client closes the connection.
async fn serve<L: Loop>(mut stream: L::Stream) {
    let mut buffer = [0; 1024];
    loop {
        match L::read(&mut stream, &mut buffer).await {
            Ok(0) | Err(_) => return,
            Ok(count) => {
                if L::write_all(&mut stream, &buffer[..count]).await.is_err() {
                    return;
                }
            }
        }
    }
}

/// The server as a loop written directly on mio.
pub(super) fn bare_echo(scale: Scale, connections: usize) -> Vec<Metric> {
    let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port is free");
    let address = listener.local_addr().expect("it is bound");
    let client =
        thread::spawn(move || drive(address, connections, scale.time(TIME)).expect("the server answers"));
    let streams = (0..connections)
        .map(|_| {
            let (stream, _) = listener.accept().expect("the client connects");
            stream.set_nonblocking(true).expect("a socket can be non-blocking");
            TcpStream::from_std(stream)
        })
        .collect();
    drop(listener);
    bare_serve(streams).expect("the kernel gives an event queue");
    metrics(connections, &client.join().expect("the client does not panic"))
}

/// Until the client has closed all connections.
fn bare_serve(mut streams: Vec<TcpStream>) -> io::Result<()> {
    let mut poll = Poll::new()?;
    let mut events = Events::with_capacity(1024);
    for (index, stream) in streams.iter_mut().enumerate() {
        poll.registry().register(stream, Token(index), Interest::READABLE)?;
    }
    let mut open = streams.len();
    let mut buffer = [0; 1024];
    while open > 0 {
        match poll.poll(&mut events, None) {
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            result => result?,
        }
        for event in &events {
            let stream = &mut streams[event.token().0];
            if bare_answer(stream, &mut buffer)? == Client::Closed {
                poll.registry().deregister(stream)?;
                open -= 1;
            }
        }
    }
    Ok(())
}

#[derive(PartialEq, Eq)]
enum Client {
    Open,
    Closed,
}

/// Sends back what has come.
fn bare_answer(stream: &mut TcpStream, buffer: &mut [u8]) -> io::Result<Client> {
    let answered = stream.read(buffer).and_then(|count| {
        // A read shorter than the buffer has drained the socket: the next byte is a new edge. The answer always fits
        // into the send buffer, as the client has read the one before.
        stream.write_all(&buffer[..count])?;
        Ok(count)
    });
    match answered {
        Ok(0) => Ok(Client::Closed),
        Ok(_) => Ok(Client::Open),
        Err(error) => match error.kind() {
            ErrorKind::WouldBlock => Ok(Client::Open),
            // The client closes with an answer unread.
            ErrorKind::ConnectionReset | ErrorKind::BrokenPipe => Ok(Client::Closed),
            _ => Err(error),
        },
    }
}
