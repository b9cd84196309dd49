//! Streams and datagrams at random: operations of every kind, of all lengths, given up at any moment and begun anew, on the
//! loop and on other threads, beside somebody who waits for the same and takes nothing. What is sent arrives once and in order,
//! the end comes last, and nobody waits for ever.

use super::*;
use fastrand::Rng;
use sideline::JoinHandle;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::atomic::{AtomicU32, Ordering::SeqCst};
use std::task::{Poll, ready};

type Boxed<'a, T> = Pin<Box<dyn Future<Output = io::Result<T>> + Send + 'a>>;

/// What is tried here on both kinds of streams. `how` is one of the ways to do it; all of them have done nothing if they are given
/// up.
trait Stream: Send + Sync + 'static {
    fn read<'a>(&'a self, how: u32, buf: &'a mut [u8]) -> Boxed<'a, usize>;
    fn write<'a>(&'a self, how: u32, buf: &'a [u8]) -> Boxed<'a, usize>;
    /// Takes and sends nothing.
    fn wait<'a>(&'a self, how: u32, buf: &'a mut [u8]) -> Boxed<'a, ()>;
    fn end(&self) -> io::Result<()>;
}

macro_rules! stream {
    ($stream:ty, $self:ident, $buf:ident => $peek:expr) => {
        impl Stream for $stream {
            fn read<'a>(&'a self, how: u32, buf: &'a mut [u8]) -> Boxed<'a, usize> {
                match how % 4 {
                    0 => Box::pin(<$stream>::read(self, buf)),
                    1 => Box::pin(async move {
                        let (one, two) = buf.split_at_mut(buf.len() / 3);
                        self.read_vectored(&mut [IoSliceMut::new(one), IoSliceMut::new(two)]).await
                    }),
                    2 => Box::pin(poll_fn(move |cx| self.poll_read(cx, buf))),
                    _ => Box::pin(async move {
                        loop {
                            self.readable().await?;
                            match self.try_read(buf) {
                                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                                result => return result,
                            }
                        }
                    }),
                }
            }

            fn write<'a>(&'a self, how: u32, buf: &'a [u8]) -> Boxed<'a, usize> {
                match how % 4 {
                    0 => Box::pin(<$stream>::write(self, buf)),
                    1 => Box::pin(async move {
                        let (one, two) = buf.split_at(buf.len() / 3);
                        self.write_vectored(&[IoSlice::new(one), IoSlice::new(two)]).await
                    }),
                    2 => Box::pin(poll_fn(move |cx| self.poll_write(cx, buf))),
                    _ => Box::pin(async move {
                        loop {
                            self.writable().await?;
                            match self.try_write(buf) {
                                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                                result => return result,
                            }
                        }
                    }),
                }
            }

            fn wait<'a>(&'a $self, how: u32, $buf: &'a mut [u8]) -> Boxed<'a, ()> {
                match how % 3 {
                    0 => Box::pin($self.readable()),
                    1 => Box::pin($self.writable()),
                    _ => Box::pin($peek),
                }
            }

            fn end(&self) -> io::Result<()> {
                self.shutdown(Shutdown::Write)
            }
        }
    };
}

stream!(TcpStream, self, buf => async { self.peek(buf).await.map(drop) });
stream!(UnixStream, self, _buf => self.readable());

/// `operation`, or `None` if it is given up: never begun, after a poll or two, or when some time has passed.
async fn perhaps<T>(random: &mut Rng, mut operation: Boxed<'_, T>) -> Option<io::Result<T>> {
    match random.u32(..6) {
        0 => None,
        1 | 2 => {
            let mut polls_left = random.u32(1..4);
            poll_fn(|cx| {
                polls_left -= 1;
                match operation.as_mut().poll(cx) {
                    Poll::Ready(result) => Poll::Ready(Some(result)),
                    Poll::Pending if polls_left == 0 => Poll::Ready(None),
                    Poll::Pending => {
                        cx.waker().wake_by_ref();
                        Poll::Pending
                    }
                }
            })
            .await
        }
        3 => timeout(Duration::from_micros(random.u64(..200)), operation).await.ok(),
        _ => Some(operation.await),
    }
}

/// Which byte is at this place of the stream.
fn byte(at: usize) -> u8 {
    (at ^ (at >> 8) ^ (at >> 16)) as u8
}

fn some_length(random: &mut Rng) -> usize {
    1 + match random.u32(..3) {
        0 => random.usize(..4),
        1 => random.usize(..2_000),
        _ => random.usize(..100_000),
    }
}

async fn writes<S: Stream>(stream: Arc<S>, mut random: Rng, total: usize) -> io::Result<()> {
    let mut sent = 0;
    while sent < total {
        let chunk: Vec<_> = (sent..total.min(sent + some_length(&mut random))).map(byte).collect();
        let operation = stream.write(random.u32(..), &chunk);
        if let Some(result) = perhaps(&mut random, operation).await {
            sent += result?;
        }
        if random.u32(..8) == 0 {
            sleep(Duration::from_micros(random.u64(..100))).await;
        }
    }
    stream.end()
}

async fn reads<S: Stream>(stream: Arc<S>, mut random: Rng, total: usize) -> io::Result<()> {
    let mut received = 0;
    loop {
        let mut buf = vec![0; some_length(&mut random)];
        let operation = stream.read(random.u32(..), &mut buf);
        match perhaps(&mut random, operation).await.transpose()? {
            None => {}
            Some(0) => {
                assert_eq!(received, total);
                return Ok(());
            }
            Some(n) => {
                assert!(
                    buf[..n].iter().zip(received..).all(|(&found, at)| found == byte(at)),
                    "at {received}"
                );
                received += n;
            }
        }
        if random.u32(..8) == 0 {
            sleep(Duration::from_micros(random.u64(..100))).await;
        }
    }
}

/// Until it is told that all is over.
async fn looks_on<S: Stream>(stream: Arc<S>, mut random: Rng, over: Arc<AtomicU32>) -> io::Result<()> {
    while over.load(SeqCst) < 4 {
        let mut buf = [0; 100];
        let operation = stream.wait(random.u32(..), &mut buf);
        _ = timeout(Duration::from_micros(random.u64(..100)), perhaps(&mut random, operation)).await;
        yield_now().await;
    }
    Ok(())
}

/// On the loop, or on a thread of its own.
fn somewhere(
    random: &mut Rng,
    future: impl Future<Output = io::Result<()>> + Send + 'static,
) -> JoinHandle<io::Result<()>> {
    let handle = Handle::current();
    match random.u32(..3) {
        0 => handle.spawn_blocking(move || Handle::current().block_on(future)),
        _ => handle.spawn(future),
    }
}

async fn one_connection<S: Stream>(ends: (S, S), mut random: Rng) -> io::Result<()> {
    let ends = [Arc::new(ends.0), Arc::new(ends.1)];
    let totals = [random.usize(..400_000), random.usize(..3_000)];
    let over = Arc::new(AtomicU32::new(0));
    let mut all = Vec::new();
    for (near, far) in [(0, 1), (1, 0)] {
        let looks = looks_on(Arc::clone(&ends[near]), random.fork(), Arc::clone(&over));
        all.push(somewhere(&mut random, looks));
        let writing = writes(Arc::clone(&ends[near]), random.fork(), totals[near]);
        let reading = reads(Arc::clone(&ends[far]), random.fork(), totals[near]);
        for part in [Box::pin(writing) as Boxed<'_, ()>, Box::pin(reading)] {
            let over = Arc::clone(&over);
            let part = async move {
                part.await?;
                over.fetch_add(1, SeqCst);
                Ok(())
            };
            all.push(somewhere(&mut random, part));
        }
    }
    for one in all {
        one.await.unwrap()?;
    }
    Ok(())
}

#[test]
fn of_streams_each_byte_arrives_once_and_in_order() {
    for_seeds(24, |seed| {
        let mut random = Rng::with_seed(seed);
        run(async {
            if random.bool() {
                one_connection(tcp_pair().await?, random.fork()).await
            } else {
                one_connection(UnixStream::pair()?, random.fork()).await
            }
        });
    });
}

/// As [`Stream`], of datagrams.
trait Datagrams: Send + Sync + 'static {
    fn receive<'a>(&'a self, how: u32, buf: &'a mut [u8]) -> Boxed<'a, usize>;
    fn transmit<'a>(&'a self, how: u32, buf: &'a [u8]) -> Boxed<'a, usize>;
}

macro_rules! datagrams {
    ($socket:ty) => {
        impl Datagrams for $socket {
            fn receive<'a>(&'a self, how: u32, buf: &'a mut [u8]) -> Boxed<'a, usize> {
                match how % 4 {
                    0 => Box::pin(self.recv(buf)),
                    1 => Box::pin(async { self.recv_from(buf).await.map(|(len, _)| len) }),
                    2 => Box::pin(poll_fn(move |cx| self.poll_recv(cx, buf))),
                    _ => Box::pin(poll_fn(move |cx| {
                        loop {
                            ready!(self.poll_readable(cx))?;
                            match self.try_recv(buf) {
                                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                                result => return Poll::Ready(result),
                            }
                        }
                    })),
                }
            }

            fn transmit<'a>(&'a self, how: u32, buf: &'a [u8]) -> Boxed<'a, usize> {
                match how % 3 {
                    0 => Box::pin(self.send(buf)),
                    1 => Box::pin(poll_fn(move |cx| self.poll_send(cx, buf))),
                    _ => Box::pin(poll_fn(move |cx| {
                        loop {
                            ready!(self.poll_writable(cx))?;
                            match self.try_send(buf) {
                                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                                result => return Poll::Ready(result),
                            }
                        }
                    })),
                }
            }
        }
    };
}

datagrams!(UdpSocket);
datagrams!(UnixDatagram);

/// UDP may lose what the receiver has no room for: so there are few on the way.
const ON_THE_WAY: u32 = 16;

async fn one_pair<S: Datagrams>(ends: (S, S), mut random: Rng) -> io::Result<()> {
    let received = Arc::new(AtomicU32::new(0));
    let total = random.u32(..2_000);
    let sending = {
        let (received, mut random) = (Arc::clone(&received), random.fork());
        async move {
            let mut sent = 0_u32;
            while sent < total {
                if sent - received.load(SeqCst) >= ON_THE_WAY {
                    yield_now().await;
                    continue;
                }
                let datagram = sent.to_le_bytes();
                let operation = ends.0.transmit(random.u32(..), &datagram);
                if let Some(result) = perhaps(&mut random, operation).await {
                    assert_eq!(result?, 4);
                    sent += 1;
                }
            }
            Ok(())
        }
    };
    let receiving = {
        let mut random = random.fork();
        async move {
            while received.load(SeqCst) < total {
                let mut datagram = [0; 8];
                let operation = ends.1.receive(random.u32(..), &mut datagram);
                if let Some(result) = perhaps(&mut random, operation).await {
                    assert_eq!(result?, 4);
                    let number = u32::from_le_bytes(*datagram.first_chunk().unwrap());
                    assert_eq!(received.fetch_add(1, SeqCst), number);
                }
            }
            Ok(())
        }
    };
    let sending = somewhere(&mut random, sending);
    somewhere(&mut random, receiving).await.unwrap()?;
    sending.await.unwrap()
}

#[test]
fn of_datagrams_each_arrives_once_and_in_order() {
    for_seeds(24, |seed| {
        let mut random = Rng::with_seed(seed);
        run(async {
            if random.bool() {
                return one_pair(UnixDatagram::pair()?, random.fork()).await;
            }
            let (near, far) = (UdpSocket::bind("127.0.0.1:0").await?, UdpSocket::bind("127.0.0.1:0").await?);
            near.connect(far.local_addr()?).await?;
            far.connect(near.local_addr()?).await?;
            one_pair((near, far), random.fork()).await
        });
    });
}
