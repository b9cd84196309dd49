//! A server that ends well: on ctrl-c it takes nothing new, finishes what it has begun, and does not wait for ever.
//!
//! ```text
//! cargo run --example graceful_shutdown
//! nc 127.0.0.1 7001       # each line is answered after two seconds
//! ```
//!
//! The server passes each line on to a *backend* that is slow and has a client that blocks, so each request is a job on
//! the pool. Without a second address the program is its own backend. It ends in four steps:
//!
//! 1. Ctrl-c (or SIGTERM, as `docker stop` and systemd send it): the listener closes, and connections that wait for a
//!    request end.
//! 2. Requests in flight get their answers, as long as the grace period lasts.
//! 3. What is left is cancelled. A hook shuts down the socket that the job is blocked in, so its thread is free at
//!    once and the client gets an error. A second ctrl-c comes to this at once.
//! 4. The runtime waits for its jobs for another second, and reports those that would not end.

#![forbid(unsafe_code)]

#[cfg(unix)]
fn main() -> std::io::Result<()> {
    unix::main()
}

#[cfg(not(unix))]
fn main() {
    println!("this example waits for Unix signals");
}

#[cfg(unix)]
mod unix {
    use sideline::net::{TcpListener, TcpStream};
    use sideline::signal::unix::{Signal, SignalKind, signal};
    use sideline::task::JoinSet;
    use sideline::time::timeout;
    use sideline::{CancelToken, Runtime, Shutdown, blocking};
    use std::future::{Future, poll_fn};
    use std::io::{self, BufRead, BufReader, Write};
    use std::net::{Shutdown as Close, SocketAddr};
    use std::pin::pin;
    use std::task::Poll;
    use std::thread;
    use std::time::Duration;

    /// How long requests in flight may take from the moment of the first ctrl-c.
    const GRACE: Duration = Duration::from_secs(10);
    /// How long a client may take to read its answer.
    const PATIENCE: Duration = Duration::from_secs(5);
    /// How long a request may be.
    const LONGEST: usize = 64 * 1024;

    pub(super) fn main() -> io::Result<()> {
        let mut args = std::env::args().skip(1);
        let address = args.next().unwrap_or_else(|| "127.0.0.1:7001".to_owned());
        let backend = match args.next() {
            Some(address) => address.parse().map_err(io::Error::other)?,
            None => slow_backend()?,
        };
        let runtime = Runtime::new()?;
        runtime.block_on(run(&address, backend))?;
        // Step 4.
        println!("{}", runtime.shutdown(Shutdown::Deadline(Duration::from_secs(1))));
        Ok(())
    }

    async fn run(address: &str, backend: SocketAddr) -> io::Result<()> {
        // Before the first client: a signal that comes from now on is not lost.
        let mut interrupt = signal(SignalKind::interrupt())?;
        let mut terminate = signal(SignalKind::terminate())?;
        let listener = TcpListener::bind(address).await?;
        println!("listening on {}", listener.local_addr()?);

        let server = Server { backend, stop: CancelToken::new(), give_up: CancelToken::new() };
        let mut connections = JoinSet::new();
        let accepting = accept(&listener, &server, &mut connections);
        // Ready with the signal only: accepting never ends.
        _ = first(told_to_end(&mut interrupt, &mut terminate), accepting).await;

        // Step 1: new clients are refused by the kernel, and connections that are waiting for a line end.
        drop(listener);
        server.stop.cancel();
        println!("stopping");
        // Step 2.
        let again = told_to_end(&mut interrupt, &mut terminate);
        let in_time = timeout(GRACE, first(again, all(&mut connections))).await;
        // Step 3. Nothing happens here if all have ended.
        if !matches!(in_time, Ok(First::Second(()))) {
            println!("giving up on what is left");
            server.give_up.cancel();
            all(&mut connections).await;
        }
        Ok(())
    }

    #[derive(Clone)]
    struct Server {
        backend: SocketAddr,
        /// No new requests.
        stop: CancelToken,
        /// No more waiting for the requests in flight.
        give_up: CancelToken,
    }

    async fn accept(listener: &TcpListener, server: &Server, connections: &mut JoinSet<()>) {
        loop {
            match listener.accept().await {
                Ok((stream, _)) => drop(connections.spawn(server.clone().talk(stream))),
                Err(error) => eprintln!("graceful_shutdown: cannot accept: {error}"),
            }
            // Those that have ended need not be remembered.
            while connections.try_join_next().is_some() {}
        }
    }

    async fn all(connections: &mut JoinSet<()>) {
        while connections.join_next().await.is_some() {}
    }

    impl Server {
        /// One connection: a line, its answer, and again. An error means that the client has gone.
        async fn talk(self, stream: TcpStream) {
            let mut stream = sideline::io::BufReader::new(stream).max_line(LONGEST);
            loop {
                // The wait for a request is what `stop` ends. A request that has begun is not given up by that.
                let mut line = Vec::new();
                match self.stop.run_until_cancelled(stream.read_until(b'\n', &mut line)).await {
                    Some(Ok(n)) if n > 0 => {}
                    _ => return,
                }
                let answer = self.answer(line).await;
                let Ok(Ok(())) = timeout(PATIENCE, stream.get_ref().write_all(&answer)).await else {
                    return;
                };
            }
        }

        async fn answer(&self, line: Vec<u8>) -> Vec<u8> {
            let backend = self.backend;
            let job = blocking::job()
                .name("ask the backend")
                .cancel_with(&self.give_up)
                .cancellable()
                .spawn(move |token| ask(backend, &line, token));
            match job.await {
                Ok(Ok(answer)) => answer,
                Ok(Err(error)) => format!("error: {error}\n").into_bytes(),
                // It panicked, or was cancelled while it still waited for a thread.
                Err(error) => format!("error: {error}\n").into_bytes(),
            }
        }
    }

    /// The client of the backend, which blocks. What a line says is between the two others: it need not be text.
    fn ask(backend: SocketAddr, line: &[u8], token: &CancelToken) -> io::Result<Vec<u8>> {
        let mut socket = std::net::TcpStream::connect(backend)?;
        let other = socket.try_clone()?;
        // While this guard lives, cancelling the token ends whatever the socket is blocked in.
        let _hook = token.on_cancel(move || _ = other.shutdown(Close::Both));
        socket.write_all(&[line.trim_ascii_end(), b"\n"].concat())?;
        let mut answer = Vec::new();
        BufReader::new(socket).read_until(b'\n', &mut answer)?;
        // Was that the end of the stream, or were we told to give up?
        token.check().map_err(|_| io::Error::other("the server is shutting down"))?;
        Ok(answer)
    }

    async fn told_to_end(interrupt: &mut Signal, terminate: &mut Signal) {
        // An error says that the runtime is going down: that is a reason to end, too.
        _ = first(interrupt.recv(), terminate.recv()).await;
    }

    enum First<A, B> {
        First(A),
        Second(B),
    }

    /// Waits for whichever is ready first, and drops the other. (`futures::future::select` is the same for every day.)
    async fn first<A: Future, B: Future>(a: A, b: B) -> First<A::Output, B::Output> {
        let (mut a, mut b) = (pin!(a), pin!(b));
        poll_fn(|cx| {
            if let Poll::Ready(a) = a.as_mut().poll(cx) {
                return Poll::Ready(First::First(a));
            }
            b.as_mut().poll(cx).map(First::Second)
        })
        .await
    }

    /// Answers each connection's line after two seconds, on a thread for each.
    fn slow_backend() -> io::Result<SocketAddr> {
        let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
        let address = listener.local_addr()?;
        thread::spawn(move || {
            for mut socket in listener.incoming().flatten() {
                thread::spawn(move || {
                    let mut line = Vec::new();
                    BufReader::new(&socket).read_until(b'\n', &mut line)?;
                    thread::sleep(Duration::from_secs(2));
                    socket.write_all(&[b"answer to ", &*line].concat())
                });
            }
        });
        Ok(address)
    }
}
