//! A TCP proxy: each connection is one to the server behind it, and bytes go both ways.
//!
//! ```text
//! cargo run --example tcp_proxy -- 127.0.0.1:7002 example.org:80
//! cargo run --example tcp_proxy -- 127.0.0.1:7002 example.org:80 60 100   # the same: 60 s idle, 100 connections
//! ```
//!
//! What a proxy has to bear:
//!
//! * **One side ends first.** The end is passed on, and the other direction goes on: `copy_bidirectional` does so.
//! * **Both are silent for ever**, or one takes nothing any more. Nothing moves in either direction for a minute: that is the end.
//! * **More clients than it may have**: they wait in the kernel's queue, since the proxy accepts one only when there is room.
//! * **A server that does not answer**: connecting has a limit of its own.
//! * **The end.** On ctrl-c nobody new is let in, and those who are there may finish. A second ctrl-c, or ten seconds, ends them.

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
    use async_lock::Semaphore;
    use sideline::io::copy_bidirectional;
    use sideline::net::{TcpListener, TcpStream};
    use sideline::signal::unix::{Signal, SignalKind, signal};
    use sideline::task::JoinSet;
    use sideline::time::timeout;
    use sideline::{CancelToken, block_on};
    use std::io;
    use std::net::SocketAddr;
    use std::sync::Arc;
    use std::time::Duration;

    /// How long connecting to the server may take.
    const CONNECT: Duration = Duration::from_secs(5);
    /// How long connections may go on after the first ctrl-c.
    const GRACE: Duration = Duration::from_secs(10);

    #[derive(Clone)]
    struct Proxy {
        /// The server behind: looked up for each connection, so that it may move.
        target: Arc<str>,
        idle: Duration,
    }

    pub(super) fn main() -> io::Result<()> {
        let mut args = std::env::args().skip(1);
        let usage = || io::Error::other("usage: tcp_proxy ADDRESS TARGET [IDLE SECONDS] [CONNECTIONS]");
        let (address, target) = args.next().zip(args.next()).ok_or_else(usage)?;
        let seconds = args.next().map_or(Ok(60.0), |text| text.parse()).map_err(io::Error::other)?;
        let most = args.next().map_or(Ok(100), |text| text.parse()).map_err(io::Error::other)?;
        let idle = Duration::try_from_secs_f64(seconds).map_err(io::Error::other)?;
        block_on(run(&address, Proxy { target: target.into(), idle }, most))
    }

    async fn run(address: &str, proxy: Proxy, most: usize) -> io::Result<()> {
        // Before the first client: a signal that comes from now on is not lost.
        let mut interrupt = signal(SignalKind::interrupt())?;
        let listener = TcpListener::bind(address).await?;
        println!("listening on {}", listener.local_addr()?);
        let (stop, mut connections) = (CancelToken::new(), JoinSet::new());
        let told = sideline::spawn({
            let stop = stop.clone();
            async move { tell(&mut interrupt, &stop).await }
        });
        _ = stop.run_until_cancelled(accept(&listener, &proxy, most, &mut connections)).await;

        // Clients that wait in the queue are refused with the listener.
        drop(listener);
        println!("stopping: {} connections", connections.len());
        let all = async { while connections.join_next().await.is_some() {} };
        // Whichever is first: all have ended, or somebody has lost patience.
        let give_up = CancelToken::new();
        let impatient = sideline::spawn({
            let give_up = give_up.clone();
            async move {
                _ = timeout(GRACE, told).await;
                give_up.cancel();
            }
        });
        if give_up.run_until_cancelled(all).await.is_none() {
            println!("giving up: {} connections", connections.len());
            connections.abort_all();
            while connections.join_next().await.is_some() {}
        }
        impatient.abort();
        Ok(())
    }

    /// Cancels `stop` with the first signal, and is ready with the second.
    async fn tell(interrupt: &mut Signal, stop: &CancelToken) {
        // An error says that the runtime is going down: that is a reason to end, too.
        _ = interrupt.recv().await;
        stop.cancel();
        _ = interrupt.recv().await;
    }

    /// Lets in as many as there is room for. Never ends by itself.
    async fn accept(listener: &TcpListener, proxy: &Proxy, most: usize, connections: &mut JoinSet<()>) {
        let room = Arc::new(Semaphore::new(most));
        loop {
            let place = room.acquire_arc().await;
            match listener.accept().await {
                Ok((client, peer)) => {
                    let proxy = proxy.clone();
                    connections.spawn(async move {
                        proxy.serve(client, peer).await;
                        drop(place);
                    });
                }
                // No descriptors left, say. The next accept waits a moment by itself.
                Err(error) => eprintln!("tcp_proxy: cannot accept: {error}"),
            }
            // Those that have ended need not be remembered.
            while connections.try_join_next().is_some() {}
        }
    }

    impl Proxy {
        /// One connection, from its first byte to its last, and a line about it.
        async fn serve(&self, mut client: TcpStream, peer: SocketAddr) {
            let mut server = match self.connect().await {
                Ok(server) => server,
                Err(error) => return println!("{peer}: {}: {error}", self.target),
            };
            // Small pieces go on at once: what is worth waiting for, the peers have waited for.
            _ = client.set_nodelay(true).and_then(|()| server.set_nodelay(true));
            let mut copying = copy_bidirectional(&mut client, &mut server).idle_timeout(self.idle);
            let outcome = (&mut copying).await;
            let (forth, back) = copying.copied();
            let end = outcome.map_or_else(|error| format!("ended: {error}"), |_| "ended".to_owned());
            println!("{peer}: {forth} bytes there, {back} back, {end}");
        }

        async fn connect(&self) -> io::Result<TcpStream> {
            timeout(CONNECT, TcpStream::connect(&*self.target)).await?
        }
    }
}
