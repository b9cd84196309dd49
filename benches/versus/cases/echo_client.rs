//! The one client of all echo servers: a mio loop that keeps a message in flight on each connection.

use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};
use std::io::{self, ErrorKind, Read, Write};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// Bytes in a message.
const MESSAGE: usize = 64;
const FILL: u8 = 7;
const WARM_UP: Duration = Duration::from_millis(200);

struct Connection {
    stream: TcpStream,
    /// Bytes of the current answer that have come.
    got: usize,
    /// When the events came among which the message was sent.
    sent: Instant,
}

/// What the client has seen.
pub(super) struct Seen {
    pub(super) per_second: f64,
    /// From message to answer, in microseconds. The clock is read once for all events that come together: both ends
    /// are early by as much as the client takes for those before.
    pub(super) answered_after: Vec<f64>,
}

/// Connects, exchanges messages until the time is over, closes all connections.
pub(super) fn drive(address: SocketAddr, connections: usize, time: Duration) -> io::Result<Seen> {
    let mut poll = Poll::new()?;
    let mut connections = (0..connections)
        .map(|index| {
            let stream = std::net::TcpStream::connect(address)?;
            stream.set_nodelay(true)?;
            stream.set_nonblocking(true)?;
            let mut stream = TcpStream::from_std(stream);
            poll.registry().register(&mut stream, Token(index), Interest::READABLE)?;
            Ok(Connection { stream, got: 0, sent: Instant::now() })
        })
        .collect::<io::Result<Vec<_>>>()?;
    for connection in &mut connections {
        connection.stream.write_all(&[FILL; MESSAGE])?;
    }
    exchange(&mut poll, &mut connections, WARM_UP)?;
    let start = Instant::now();
    let answered_after = exchange(&mut poll, &mut connections, time)?;
    Ok(Seen { per_second: answered_after.len() as f64 / start.elapsed().as_secs_f64(), answered_after })
}

/// Answers each answer with the next message until the time is over. Returns how long each answer took.
fn exchange(poll: &mut Poll, connections: &mut [Connection], time: Duration) -> io::Result<Vec<f64>> {
    let mut events = Events::with_capacity(1024);
    let mut took = Vec::new();
    let mut now = Instant::now();
    let end = now + time;
    while now < end {
        match poll.poll(&mut events, Some(Duration::from_secs(10))) {
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            result => result?,
        }
        if events.is_empty() {
            return Err(io::Error::new(ErrorKind::TimedOut, "no answer for 10 s"));
        }
        now = Instant::now();
        for event in &events {
            let connection = &mut connections[event.token().0];
            if connection.answer_came()? {
                took.push((now - connection.sent).as_nanos() as f64 / 1e3);
                connection.sent = now;
            }
        }
    }
    Ok(took)
}

impl Connection {
    /// Reads what is there; sends the next message if the answer is complete.
    fn answer_came(&mut self) -> io::Result<bool> {
        let mut buffer = [0; 2 * MESSAGE];
        match self.stream.read(&mut buffer) {
            Ok(0) => return Err(io::Error::new(ErrorKind::UnexpectedEof, "the server closed a connection")),
            // Shorter than the buffer, so the socket is drained and the next byte is a new edge.
            Ok(count) if buffer[..count].iter().all(|byte| *byte == FILL) => self.got += count,
            Ok(_) => return Err(io::Error::new(ErrorKind::InvalidData, "the answer is not the message")),
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(false),
            Err(error) => return Err(error),
        }
        if self.got < MESSAGE {
            return Ok(false);
        }
        if self.got > MESSAGE {
            return Err(io::Error::new(ErrorKind::InvalidData, "the answer is longer than the message"));
        }
        self.got = 0;
        // It fits: the server has read everything before.
        self.stream.write_all(&[FILL; MESSAGE])?;
        Ok(true)
    }
}
