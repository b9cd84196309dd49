//! Calls that may fail, panic or never come back, and what to tell the user about each.
//!
//! ```text
//! cargo run --example robust_call -- Cargo.toml
//! ```
//!
//! [`robust`] gives a blocking call a name and a time limit, and turns every way in which it can go wrong
//! into an error with that name in it. The program makes four calls: one that works, one that fails, one that
//! panics, and one that waits for a server that never says a word.
//!
//! A closure that is running cannot be stopped from outside, but it can be told: the one that waits for the silent
//! server registers a hook, which shuts its socket down when its time is up. Then its thread is free again. Without
//! the hook it would stay busy until the call returns, and the runtime would wait for it at the end.

#![forbid(unsafe_code)]

use sideline::blocking;
use sideline::time::timeout;
use sideline::{CancelToken, JoinError, Runtime, Shutdown};
use std::error::Error;
use std::fmt;
use std::io::{self, Read};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::ExitCode;
use std::time::Duration;

/// Runs `f` on the pool, for no longer than `limit`. When time is up, its token is cancelled.
async fn robust<T, E>(
    what: &str,
    limit: Duration,
    f: impl FnOnce(&CancelToken) -> Result<T, E> + Send + 'static,
) -> Result<T, CallError>
where
    T: Send + 'static,
    E: Into<Box<dyn Error + Send + Sync>> + Send + 'static,
{
    // The timeout is for calls that do not heed their token: those are not awaited any longer. Dropping the job takes
    // it out of the queue if it has not even started.
    let job = blocking::job().name(what.to_owned()).cancellable().spawn(f).abort_on_drop();
    let cause = match timeout(limit, job).await {
        Ok(Ok(Ok(value))) => return Ok(value),
        Ok(Ok(Err(error))) => Cause::Failed(error.into()),
        Ok(Err(error)) => Cause::Died(error),
        Err(_elapsed) => Cause::TimedOut(limit),
    };
    Err(CallError { what: what.to_owned(), cause })
}

/// What was being done, and what became of it.
#[derive(Debug)]
struct CallError {
    what: String,
    cause: Cause,
}

#[derive(Debug)]
enum Cause {
    Failed(Box<dyn Error + Send + Sync>),
    Died(JoinError),
    TimedOut(Duration),
}

impl fmt::Display for CallError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { what, cause } = self;
        match cause {
            Cause::Failed(error) => write!(f, "{what} failed: {error}"),
            Cause::Died(error) => write!(f, "{what} did not survive: {error}"),
            Cause::TimedOut(limit) => write!(f, "{what} took longer than {limit:?}"),
        }
    }
}

impl Error for CallError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match &self.cause {
            Cause::Failed(error) => Some(&**error),
            Cause::Died(error) => Some(error),
            Cause::TimedOut(_) => None,
        }
    }
}

fn main() -> ExitCode {
    let mut args = std::env::args().skip(1);
    let (Some(file), None) = (args.next(), args.next()) else {
        eprintln!("usage: robust_call FILE");
        return ExitCode::from(2);
    };
    match run(file) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("robust_call: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(file: String) -> io::Result<()> {
    // The kernel accepts connections for it, and nobody ever answers them.
    let silent = TcpListener::bind("127.0.0.1:0")?;
    let addr = silent.local_addr()?;

    let runtime = Runtime::new()?;
    runtime.block_on(async {
        let limit = Duration::from_millis(500);
        let size = |bytes: Vec<u8>| format!("{} bytes", bytes.len());

        let name = format!("reading {file}");
        let copy = file.clone();
        print(robust(&name, limit, move |_| std::fs::read(copy).map(size)).await);

        let missing = format!("{file}.missing");
        let name = format!("reading {missing}");
        print(robust(&name, limit, move |_| std::fs::read(missing).map(size)).await);

        let name = format!("parsing {file}");
        print(robust(&name, limit, move |_| std::fs::read_to_string(file).map(|text| parse(&text))).await);

        print(robust("asking the silent server", limit, move |token| ask(addr, token)).await);
    });

    let report = runtime.shutdown(Shutdown::Drain);
    println!("at the end: {report}");
    Ok(())
}

fn print(result: Result<String, CallError>) {
    match result {
        Ok(answer) => println!("ok: {answer}"),
        Err(error) => println!("error: {error}"),
    }
}

/// A parser that knows only one answer to what it does not expect.
fn parse(text: &str) -> String {
    let first = text.lines().next().unwrap_or_default();
    let number: u64 = first.parse().unwrap_or_else(|error| panic!("{first:?} is no number: {error}"));
    format!("the number {number}")
}

fn ask(addr: SocketAddr, token: &CancelToken) -> io::Result<String> {
    let mut server = TcpStream::connect(addr)?;
    let hung_up = server.try_clone()?;
    // From here on, to be cancelled is to be hung up on. The hook is gone before the socket is.
    let _hook = token.on_cancel(move || _ = hung_up.shutdown(std::net::Shutdown::Both));
    let mut answer = String::new();
    server.read_to_string(&mut answer)?;
    token.check()?;
    Ok(answer)
}
