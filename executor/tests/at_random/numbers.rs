//! Connections that are closed, taken off the loop, put back, duplicated and opened anew all the time, so that the same few numbers
//! of descriptors are used again and again, by one who waits and by the next. Each knows how much is on its way to it: so a read that
//! has something to read ends, and one that has not does not.

use super::*;
use sideline::net::UnixStream;
use sideline::{JoinHandle, spawn};
use std::collections::HashSet;
use std::net::Shutdown;
use std::os::fd::AsRawFd;
use std::sync::Arc;

/// A socket of either kind, since each has its own conversions.
enum Socket {
    Tcp(Arc<TcpStream>),
    Unix(Arc<UnixStream>),
}

macro_rules! on {
    ($socket:expr, $stream:ident => $body:expr) => {
        match $socket {
            Socket::Tcp($stream) => $body,
            Socket::Unix($stream) => $body,
        }
    };
}

macro_rules! rebuilt {
    ($stream:expr, $kind:ident, $type:ident, $random:expr) => {{
        // Somebody may be waiting for it still: then it stays as it is.
        let stream = match Arc::try_unwrap($stream) {
            Ok(stream) => stream,
            Err(shared) => return Ok(Socket::$kind(shared)),
        };
        let stream = match $random.u32(..3) {
            0 => {
                let (reader, writer) = stream.into_split();
                reader.reunite(writer).expect("they are of one stream")
            }
            1 => $type::from_std(stream.into_std()?)?,
            // The loop knows the duplicate before it forgets the original.
            _ => {
                let standard = stream.into_std()?;
                let duplicate = $type::from_std(standard.try_clone()?)?;
                let original = $type::from_std(standard)?;
                // It leaves a waiter and readiness behind.
                _ = timeout(Duration::ZERO, original.readable()).await;
                drop(original);
                duplicate
            }
        };
        Ok(Socket::$kind(Arc::new(stream)))
    }};
}

impl Socket {
    /// The same connection, off the loop and on it again.
    async fn again(self, random: &mut Rng) -> io::Result<Socket> {
        match self {
            Socket::Tcp(stream) => rebuilt!(stream, Tcp, TcpStream, random),
            Socket::Unix(stream) => rebuilt!(stream, Unix, UnixStream, random),
        }
    }

    fn number(&self) -> i32 {
        on!(self, stream => stream.as_raw_fd())
    }

    /// Somebody who waits for it, and so has it open for as long.
    fn waiter(&self) -> JoinHandle<io::Result<()>> {
        on!(self, stream => {
            let stream = Arc::clone(stream);
            spawn(async move { stream.readable().await })
        })
    }
}

/// One end, and what it is to receive.
struct End {
    socket: Option<Socket>,
    sent_to_it: usize,
    received: usize,
    /// The other end will send nothing more.
    has_ended: bool,
    /// And this one neither.
    has_shut_down: bool,
}

/// Which byte is at this place of a stream.
fn byte(at: usize) -> u8 {
    (at ^ (at >> 8)) as u8
}

impl End {
    fn new(socket: Socket) -> End {
        End { socket: Some(socket), sent_to_it: 0, received: 0, has_ended: false, has_shut_down: false }
    }

    fn socket(&self) -> &Socket {
        self.socket.as_ref().expect("it is only ever away for a moment")
    }

    async fn receives(&mut self, random: &mut Rng) -> io::Result<()> {
        let mut buf = vec![0; 1 + some_length(random, 10_000)];
        let there = self.sent_to_it - self.received;
        let n = if there > 0 || self.has_ended {
            on!(self.socket(), stream => timeout(LONG, stream.read(&mut buf)).await.expect("it was forgotten")?)
        } else {
            // For a turn or two, and then it is given up.
            let reading = on!(self.socket(), stream => timeout(Duration::ZERO, stream.read(&mut buf)).await);
            assert!(reading.is_err(), "nobody has sent anything: {reading:?}");
            return Ok(());
        };
        assert!(n <= there && (n > 0 || self.has_ended && there == 0), "{n} of {there}");
        assert!(buf[..n].iter().zip(self.received..).all(|(&found, at)| found == byte(at)));
        self.received += n;
        Ok(())
    }
}

/// More than that a socket might have to wait before it can send.
const ON_THE_WAY: usize = 20_000;

async fn send(from: &mut End, to: &mut End, random: &mut Rng) -> io::Result<()> {
    let room = ON_THE_WAY - (to.sent_to_it - to.received);
    if from.has_shut_down || room == 0 {
        return Ok(());
    }
    let len = 1 + random.usize(..room);
    let bytes: Vec<u8> = (to.sent_to_it..).take(len).map(byte).collect();
    let written = on!(from.socket(), stream => perhaps(random, stream.write(&bytes)).await);
    to.sent_to_it += written.transpose()?.unwrap_or(0);
    Ok(())
}

async fn one_run(mut random: Rng) -> io::Result<()> {
    let mut links: Vec<[End; 2]> = Vec::new();
    let mut waiters = Vec::new();
    let (mut numbers, mut opened) = (HashSet::new(), 0);
    for _ in 0..400 {
        let random = &mut random;
        if links.len() < 3 {
            let [near, far] = if random.bool() {
                let (near, far) = tcp_pair().await?;
                [near, far].map(|end| Socket::Tcp(Arc::new(end)))
            } else {
                let (near, far) = UnixStream::pair()?;
                [near, far].map(|end| Socket::Unix(Arc::new(end)))
            };
            numbers.extend([near.number(), far.number()]);
            opened += 2;
            links.push([End::new(near), End::new(far)]);
        }
        let at = random.usize(..links.len());
        let [one, other] = &mut links[at];
        let (one, other) = if random.bool() { (one, other) } else { (other, one) };
        match random.u32(..16) {
            0..5 => send(one, other, random).await?,
            5..9 => one.receives(random).await?,
            9..12 => {
                let socket = one.socket.take().expect("it is only ever away for a moment");
                one.socket = Some(socket.again(random).await?);
            }
            12 if !one.has_shut_down => {
                on!(one.socket(), stream => stream.shutdown(Shutdown::Write))?;
                (one.has_shut_down, other.has_ended) = (true, true);
            }
            13 => waiters.push(one.socket().waiter()),
            14 if !waiters.is_empty() => {
                drop(waiters.swap_remove(random.usize(..waiters.len())).abort_on_drop())
            }
            _ => drop(links.swap_remove(at)),
        }
    }
    assert!(numbers.len() < opened / 2, "they are not used again: {} of {opened}", numbers.len());
    // What is still on its way arrives.
    for [one, other] in &mut links {
        for end in [one, other] {
            while end.received < end.sent_to_it {
                end.receives(&mut random).await?;
            }
        }
    }
    Ok(())
}

#[test]
fn that_are_used_again_belong_to_whoever_has_them_now() {
    for_seeds(40, |seed| run(one_run(Rng::with_seed(seed))));
}
