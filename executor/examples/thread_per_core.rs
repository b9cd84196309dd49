//! How one process outgrows one loop: a loop on each thread, one port, one pool.
//!
//! ```text
//! cargo run --release --example thread_per_core -- 4
//! ```
//!
//! Every loop is a [`Runtime`] of its own with a listener of its own. The listeners share the port (`SO_REUSEPORT`), so
//! the kernel hands each new connection to one of them and the loops never meet: no task moves, no lock is shared,
//! futures need not be `Send`. What the loops do share is the pool, because processors are shared, too: eight loops
//! with a pool each would start eight times as many threads.
//!
//! The service answers each line with its checksum. Short lines are summed in place; a line `work N` computes for
//! long, on the pool. A client with some connections asks for a while, then everything stops: first the loops stop to
//! accept, then the connections end, and each runtime waits for its own jobs.

#![forbid(unsafe_code)]

#[cfg(unix)]
fn main() -> std::process::ExitCode {
    unix::main()
}

#[cfg(not(unix))]
fn main() {
    println!("SO_REUSEPORT is Unix; elsewhere accept in one loop and send the connections to the others");
}

#[cfg(unix)]
mod unix {
    use sideline::net::{TcpListener, TcpSocket, TcpStream};
    use sideline::task::JoinSet;
    use sideline::{Pool, Runtime, to_thread};
    use std::cell::Cell;
    use std::error::Error;
    use std::io;
    use std::net::{Ipv4Addr, SocketAddr};
    use std::num::NonZero;
    use std::process::ExitCode;
    use std::rc::Rc;
    use std::sync::mpsc;
    use std::thread;
    use std::time::Instant;

    const CONNECTIONS: usize = 64;
    const REQUESTS: usize = 500;

    pub(super) fn main() -> ExitCode {
        let cores = thread::available_parallelism().map_or(1, NonZero::get);
        let mut args = std::env::args().skip(1);
        let loops = args.next().map_or(Ok(cores), |loops| loops.parse());
        let (Ok(loops @ 1..=1024), None) = (loops, args.next()) else {
            eprintln!("usage: thread_per_core [LOOPS]");
            return ExitCode::from(2);
        };
        match run(loops) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                eprintln!("thread_per_core: {error}");
                ExitCode::FAILURE
            }
        }
    }

    fn run(loops: usize) -> Result<(), Box<dyn Error>> {
        let pool = Pool::builder().thread_name("shared").build()?;
        // The first one chooses the port; it never listens, so it is given no connection.
        let port = share(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))?;
        let address = port.local_addr()?;
        let (ready, is_ready) = mpsc::channel();
        let (stop, stopped) = async_channel::bounded::<()>(1);
        let servers: Vec<_> = (0..loops)
            .map(|number| {
                let (pool, ready, stopped) = (pool.clone(), ready.clone(), stopped.clone());
                let serve = move || serve(address, pool, &ready, stopped);
                thread::Builder::new().name(format!("loop-{number}")).spawn(serve)
            })
            .collect::<Result<_, _>>()?;
        for _ in 0..loops {
            is_ready.recv()??;
        }

        let start = Instant::now();
        sideline::block_on(ask(address))?;
        let seconds = start.elapsed().as_secs_f64();
        // Closed, so that every loop hears of it.
        drop(stop);
        let mut served = 0;
        for (number, server) in servers.into_iter().enumerate() {
            let Served { connections, lines } = server.join().map_err(|_| "a loop panicked")??;
            println!("loop {number}: {connections} connections, {lines} lines");
            served += lines;
        }
        println!("{loops} loops: {served} lines in {seconds:.2} s, {:.0} a second", served as f64 / seconds);
        println!("one pool: {} jobs on {} threads", pool.metrics().completed, pool.metrics().threads);
        Ok(())
    }

    /// A socket on this address, which others may share.
    fn share(address: SocketAddr) -> io::Result<TcpSocket> {
        let socket = TcpSocket::new_v4()?;
        socket.set_reuseport(true)?;
        socket.bind(address)?;
        Ok(socket)
    }

    struct Served {
        connections: u64,
        lines: u64,
    }

    /// One loop, from its first to its last moment.
    fn serve(
        address: SocketAddr,
        pool: Pool,
        ready: &mpsc::Sender<io::Result<()>>,
        stopped: async_channel::Receiver<()>,
    ) -> io::Result<Served> {
        let runtime = Runtime::builder().pool(pool).build()?;
        runtime.block_on(async {
            let listener = share(address)?.listen(1024)?;
            // Whoever waits for it may be gone, if another loop has failed.
            let _ = ready.send(Ok(()));
            // Counters of one thread: no atomics.
            let lines = Rc::new(Cell::new(0));
            let connections = Rc::new(Cell::new(0));
            let accepting =
                sideline::spawn(accept(listener, Rc::clone(&connections), Rc::clone(&lines))).abort_on_drop();
            let _closed = stopped.recv().await;
            drop(accepting);
            Ok(Served { connections: connections.get(), lines: lines.get() })
        })
    }

    async fn accept(listener: TcpListener, connections: Rc<Cell<u64>>, lines: Rc<Cell<u64>>) {
        // Dropped with this task: whoever is still connected is cut off.
        let mut clients = JoinSet::new();
        loop {
            match listener.accept().await {
                Ok((stream, _peer)) => {
                    connections.set(connections.get() + 1);
                    let lines = Rc::clone(&lines);
                    clients.spawn(async move {
                        if let Err(error) = answer(&stream, &lines).await {
                            eprintln!("thread_per_core: {error}");
                        }
                    });
                }
                Err(error) => eprintln!("thread_per_core: accept: {error}"),
            }
        }
    }

    async fn answer(stream: &TcpStream, lines: &Cell<u64>) -> io::Result<()> {
        let (mut buffer, mut filled) = ([0; 1024], 0);
        loop {
            let Some(end) = buffer[..filled].iter().position(|byte| *byte == b'\n') else {
                if filled == buffer.len() {
                    return Err(io::Error::new(io::ErrorKind::InvalidData, "a line is too long"));
                }
                match stream.read(&mut buffer[filled..]).await? {
                    0 => return Ok(()),
                    count => filled += count,
                }
                continue;
            };
            let line = buffer[..end].to_vec();
            buffer.copy_within(end + 1..filled, 0);
            filled -= end + 1;
            let work =
                line.strip_prefix(b"work ").and_then(|count| std::str::from_utf8(count).ok()?.parse().ok());
            let sum = match work {
                Some(times) => to_thread(move || (0..times).fold(0, |sum, _| checksum(sum, &line))).await,
                None => checksum(0, &line),
            };
            stream.write_all(format!("{sum:016x}\n").as_bytes()).await?;
            lines.set(lines.get() + 1);
        }
    }

    /// FNV-1a.
    fn checksum(start: u64, line: &[u8]) -> u64 {
        let start = start ^ 0xcbf2_9ce4_8422_2325;
        line.iter().fold(start, |sum, byte| (sum ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3))
    }

    /// The client: one line in flight on each connection; one in ten asks for work.
    async fn ask(address: SocketAddr) -> Result<(), Box<dyn Error>> {
        let mut connections = JoinSet::new();
        for _ in 0..CONNECTIONS {
            connections.spawn(async move {
                let stream = TcpStream::connect(address).await?;
                let mut answer = [0; 17];
                for request in 0..REQUESTS {
                    let line = if request % 10 == 0 { "work 1000\n" } else { "the quick brown fox\n" };
                    stream.write_all(line.as_bytes()).await?;
                    stream.read_exact(&mut answer).await?;
                    if answer[16] != b'\n' {
                        return Err(io::Error::new(io::ErrorKind::InvalidData, "not an answer"));
                    }
                }
                Ok(())
            });
        }
        while let Some(done) = connections.join_next().await {
            done??;
        }
        Ok(())
    }
}
