//! A web server that computes, and answers everybody else meanwhile.
//!
//! ```text
//! cargo run --release --example compute_server -- 127.0.0.1:8080
//! curl http://127.0.0.1:8080/compute/4000000000 &
//! curl http://127.0.0.1:8080/health
//! ```
//!
//! `GET /compute/{n}` adds up the squares below `n` on the pool, and `GET /health` tells how many such
//! computations are going on. Had the sum been computed in the handler, one long request would keep all
//! others waiting.
//!
//! The server ends when its input does (Ctrl-D on a terminal): it takes no new requests, finishes the ones it
//! has, and exits.

#![forbid(unsafe_code)]

use async_lock::RwLock;
use sideline::net::{TcpListener, TcpStream};
use sideline::time::timeout;
use std::cell::Cell;
use std::hint::black_box;
use std::io;
use std::process::ExitCode;
use std::rc::Rc;
use std::time::Duration;

/// Beyond this a request would hold a core for minutes.
const LARGEST: u64 = 20_000_000_000;
const LONGEST_HEAD: usize = 8 * 1024;
/// How long a connection may be silent, and how long it may take over an answer.
const IDLE: Duration = Duration::from_secs(60);
const PATIENCE: Duration = Duration::from_secs(10);

fn main() -> ExitCode {
    let mut args = std::env::args().skip(1);
    let addr = args.next().unwrap_or_else(|| "127.0.0.1:8080".to_owned());
    if args.next().is_some() {
        eprintln!("usage: compute_server [ADDRESS:PORT]");
        return ExitCode::from(2);
    }
    match sideline::block_on(run(&addr)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("compute_server: {addr}: {error}");
            ExitCode::FAILURE
        }
    }
}

/// What the connections share. All of it stays on the loop's thread, so `Rc` and `Cell` will do.
#[derive(Default)]
struct Server {
    computing: Cell<usize>,
    answered: Cell<usize>,
    /// Read-locked for each request from its head to the last byte of its answer; write-locked to stop.
    gate: RwLock<()>,
}

async fn run(addr: &str) -> io::Result<()> {
    let listener = TcpListener::bind(addr).await?;
    println!("listening on http://{}", listener.local_addr()?);

    let server = Rc::new(Server::default());
    let accepting = sideline::spawn(accept(listener, Rc::clone(&server)));
    let (mut stdin, mut unread) = (sideline::io::stdin()?, [0; 1024]);
    while stdin.read(&mut unread).await? > 0 {}

    accepting.abort();
    // Once this lock is ours, every request that was begun has its answer, and no other one begins.
    let _closed = server.gate.write().await;
    println!("stopped after {} answers", server.answered.get());
    Ok(())
}

async fn accept(listener: TcpListener, server: Rc<Server>) {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => sideline::spawn(talk(stream, Rc::clone(&server))).detach(),
            // The listener takes a break by itself when descriptors run out: this loop does not spin.
            Err(error) => eprintln!("compute_server: cannot accept: {error}"),
        }
    }
}

/// One connection: request, answer, and again. An error means that the client has gone, which is its
/// business.
async fn talk(stream: TcpStream, server: Rc<Server>) {
    let _ = stream.set_nodelay(true);
    let mut received = Vec::new();
    while let Ok(Ok(Some(request))) = timeout(IDLE, read_request(&stream, &mut received)).await {
        let _open = server.gate.read().await;
        let (status, body) = respond(&request, &server).await;
        let answer = format!(
            "HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n{}\r\n{body}",
            body.len(),
            if request.keep_alive { "" } else { "Connection: close\r\n" },
        );
        // A client that does not read its answer must not keep the server from stopping.
        let Ok(Ok(())) = timeout(PATIENCE, stream.write_all(answer.as_bytes())).await else { return };
        server.answered.set(server.answered.get() + 1);
        if !request.keep_alive {
            return;
        }
    }
}

async fn respond(request: &Request, server: &Server) -> (&'static str, String) {
    let error = |status, text: &str| (status, format!("{{\"error\":\"{text}\"}}\n"));
    if request.method != "GET" {
        return error("405 Method Not Allowed", "only GET is understood");
    }
    if request.path == "/health" {
        return ("200 OK", format!("{{\"status\":\"ok\",\"computing\":{}}}\n", server.computing.get()));
    }
    let Some(n) = request.path.strip_prefix("/compute/") else {
        return error("404 Not Found", "try /compute/{n} or /health");
    };
    let n = match n.parse() {
        Ok(n) if n <= LARGEST => n,
        _ => return error("400 Bad Request", &format!("n must be a number from 0 to {LARGEST}")),
    };
    server.computing.set(server.computing.get() + 1);
    let sum = sideline::spawn_blocking(move || sum_of_squares(n)).await;
    server.computing.set(server.computing.get() - 1);
    match sum {
        Ok(sum) => ("200 OK", format!("{{\"input\":{n},\"result\":{sum}}}\n")),
        Err(failed) => {
            eprintln!("compute_server: {failed}");
            error("500 Internal Server Error", "the computation failed")
        }
    }
}

fn sum_of_squares(n: u64) -> u128 {
    let mut sum = 0;
    for i in 0..n {
        // The black box keeps the compiler from finding the formula.
        let i = u128::from(black_box(i));
        sum += i * i;
    }
    sum
}

struct Request {
    method: String,
    path: String,
    keep_alive: bool,
}

/// The next request, without a body. `None` if the client has nothing more to say. What it has sent beyond
/// this request stays in `received`.
async fn read_request(stream: &TcpStream, received: &mut Vec<u8>) -> io::Result<Option<Request>> {
    let mut chunk = [0; 1024];
    loop {
        if let Some(end) = received.windows(4).position(|four| four == b"\r\n\r\n") {
            let head: Vec<u8> = received.drain(..end + 4).collect();
            return parse(&String::from_utf8_lossy(&head)).map(Some);
        }
        if received.len() > LONGEST_HEAD {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "the request's head is too long"));
        }
        match stream.read(&mut chunk).await? {
            0 => return Ok(None),
            n => received.extend_from_slice(&chunk[..n]),
        }
    }
}

fn parse(head: &str) -> io::Result<Request> {
    let mut lines = head.lines();
    let mut words = lines.next().unwrap_or_default().split(' ');
    let (Some(method), Some(path), Some(version)) = (words.next(), words.next(), words.next()) else {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "this is not HTTP"));
    };
    let close = lines.filter_map(|line| line.split_once(':')).any(|(name, value)| {
        name.eq_ignore_ascii_case("connection") && value.trim().eq_ignore_ascii_case("close")
    });
    Ok(Request {
        method: method.to_owned(),
        path: path.to_owned(),
        keep_alive: version == "HTTP/1.1" && !close,
    })
}
