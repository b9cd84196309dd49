//! A library whose callers are not async: its methods block, and behind them is a runtime on a thread of its own.
//!
//! ```text
//! cargo run --example sync_client
//! ```
//!
//! [`client::Client`] asks a server for lines, from any number of threads, with a time limit, and keeps connections for the
//! next who ask. Neither async code nor `sideline` is in its interface. What it takes:
//!
//! * The loop's thread makes the runtime, as a runtime does not leave its thread, and drives it until it is told to end.
//! * A call is a `Handle::block_on`: the caller's thread polls the future, and the loop wakes it.
//! * The pool is the client's own, for host names only: when the client is gone, so are all its threads.
//!
//! A caller that is itself on a loop of sideline's would stop that loop. `Handle::block_on` panics there and says what to do
//! instead; `#[track_caller]` lets it name the place in the caller's code.

#![forbid(unsafe_code)]

use client::Client;
use std::io::{self, BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

fn main() -> io::Result<()> {
    let client = Client::new(&format!("localhost:{}", start_server()?.port()))?;
    let limit = Duration::from_secs(10);
    thread::scope(|scope| {
        for caller in 1..=4 {
            let client = &client;
            scope.spawn(move || {
                for n in 1..=100 {
                    let line = format!("{n} of caller {caller}");
                    let answer = client.ask(&line, limit).unwrap_or_else(|error| panic!("{line}: {error}"));
                    assert_eq!(answer, line.to_uppercase());
                }
            });
        }
    });
    println!("400 answers, and at most 4 connections: {}", client.connections() <= 4);
    match client.ask("silence", Duration::from_millis(20)) {
        Ok(answer) => println!("the server says: {answer}"),
        Err(error) => println!("no answer: {error}"),
    }
    println!("but: {}", client.ask("still there?", limit)?);
    Ok(())
}

mod client {
    use sideline::io::BufReader;
    use sideline::net::TcpStream;
    use sideline::time::timeout;
    use sideline::{CancelToken, Handle, Pool, Runtime, Shutdown};
    use std::io;
    use std::sync::{Mutex, MutexGuard, PoisonError, mpsc};
    use std::thread::{self, JoinHandle};
    use std::time::Duration;

    /// Asks one server, and may be shared by threads. Dropping it ends its threads and closes its connections.
    pub(super) struct Client {
        server: String,
        idle: Mutex<Vec<BufReader<TcpStream>>>,
        handle: Handle,
        stop: CancelToken,
        /// `None` only while it is being dropped.
        thread: Option<JoinHandle<()>>,
    }

    impl Client {
        /// Nothing is connected yet.
        pub(super) fn new(server: &str) -> io::Result<Client> {
            let pool = Pool::builder().max_threads(1).thread_name("client-lookup").build()?;
            let stop = CancelToken::new();
            let (sender, started) = mpsc::channel();
            let thread = thread::Builder::new().name("client".to_owned()).spawn({
                let stop = stop.clone();
                move || {
                    let runtime = match Runtime::builder().pool(pool.clone()).build() {
                        Ok(runtime) => runtime,
                        Err(error) => return drop(sender.send(Err(error))),
                    };
                    // Whoever waits for this is in `new`, and does not give up.
                    _ = sender.send(Ok(runtime.handle().clone()));
                    runtime.block_on(stop.cancelled());
                    runtime.shutdown(Shutdown::Abandon);
                    // Returns when the pool's thread has ended. A name server may keep that waiting for long.
                    pool.shutdown(Shutdown::Deadline(Duration::from_secs(1)));
                }
            })?;
            let handle = started.recv().map_err(io::Error::other)??;
            Ok(Client {
                server: server.to_owned(),
                idle: Mutex::default(),
                handle,
                stop,
                thread: Some(thread),
            })
        }

        /// Sends a line, and returns the one that the server answers. After an error the connection is not used again: the
        /// answer may still come, and would be taken for the next one's.
        #[track_caller]
        pub(super) fn ask(&self, line: &str, limit: Duration) -> io::Result<String> {
            self.handle.block_on(async { timeout(limit, self.exchange(line)).await? })
        }

        /// How many are open and wait for somebody to ask.
        pub(super) fn connections(&self) -> usize {
            self.idle().len()
        }

        async fn exchange(&self, line: &str) -> io::Result<String> {
            let kept = self.idle().pop();
            let mut stream = match kept {
                Some(stream) => stream,
                None => BufReader::new(TcpStream::connect(&*self.server).await?),
            };
            stream.get_ref().write_all(format!("{line}\n").as_bytes()).await?;
            let mut answer = Vec::new();
            stream.read_until(b'\n', &mut answer).await?;
            if !answer.ends_with(b"\n") {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            self.idle().push(stream);
            Ok(String::from_utf8_lossy(&answer).trim_end().to_owned())
        }

        fn idle(&self) -> MutexGuard<'_, Vec<BufReader<TcpStream>>> {
            self.idle.lock().unwrap_or_else(PoisonError::into_inner)
        }
    }

    impl Drop for Client {
        fn drop(&mut self) {
            self.stop.cancel();
            if let Some(thread) = self.thread.take() {
                // An error is a panic of that thread, which has been printed.
                _ = thread.join();
            }
        }
    }
}

/// Answers each line in capital letters, but for one that it does not answer.
fn start_server() -> io::Result<SocketAddr> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            thread::spawn(move || serve(stream));
        }
    });
    Ok(address)
}

fn serve(mut stream: TcpStream) -> io::Result<()> {
    for line in BufReader::new(stream.try_clone()?).lines() {
        let line = line?;
        if line != "silence" {
            stream.write_all(format!("{}\n", line.to_uppercase()).as_bytes())?;
        }
    }
    Ok(())
}
