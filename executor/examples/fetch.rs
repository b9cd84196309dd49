//! Fetches URLs at the same time, with an HTTP client that blocks.
//!
//! ```text
//! cargo run --example fetch
//! cargo run --example fetch -- http://localhost:8000/a http://localhost:8000/b
//! ```
//!
//! `ureq` knows nothing of async: a call holds its thread until the answer is there. Each call gets a thread
//! of the pool, and the loop waits for all of them together, so the whole takes as long as the slowest one.
//!
//! Without arguments the program fetches from a little server of its own, on *the same loop*. Had a call to
//! `ureq` been made on the loop, the server would never get to answer it. (This build of `ureq` has no TLS:
//! `http://` only.)

#![forbid(unsafe_code)]

use sideline::net::{TcpListener, TcpStream};
use sideline::time::sleep;
use std::io;
use std::process::ExitCode;
use std::time::{Duration, Instant};
use ureq::Agent;

fn main() -> ExitCode {
    match sideline::block_on(run(std::env::args().skip(1).collect())) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("fetch: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Fetches everything and prints a line for each. True if all went well.
async fn run(mut urls: Vec<String>) -> io::Result<bool> {
    if urls.is_empty() {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let server = listener.local_addr()?;
        sideline::spawn(serve(listener)).detach();
        urls = (1..=8).map(|page| format!("http://{server}/{page}")).collect();
    }

    // The agent is a handle: its clones share one pool of connections.
    let agent: Agent = Agent::config_builder().timeout_global(Some(Duration::from_secs(30))).build().into();
    let start = Instant::now();
    // `to_thread` queues the call at once, so all of them are on their way before the first is awaited.
    let fetches: Vec<_> = urls
        .iter()
        .map(|url| {
            let (agent, url) = (agent.clone(), url.clone());
            sideline::to_thread(move || fetch(&agent, &url))
        })
        .collect();

    let (mut all_well, mut one_by_one) = (true, Duration::ZERO);
    for (url, fetch) in urls.iter().zip(fetches) {
        let (result, took) = fetch.await;
        one_by_one += took;
        match result {
            Ok(page) => println!("{} {:>8} bytes {took:>7.0?}  {url}", page.status, page.bytes),
            Err(error) => {
                all_well = false;
                println!("failed after {took:.0?}  {url}: {error}");
            }
        }
    }
    println!("{} fetched in {:.0?}; one after another: {one_by_one:.0?}", urls.len(), start.elapsed());
    Ok(all_well)
}

struct Page {
    status: u16,
    bytes: usize,
}

/// The blocking part: an ordinary function, unchanged from a program without async.
fn fetch(agent: &Agent, url: &str) -> (Result<Page, ureq::Error>, Duration) {
    let start = Instant::now();
    let result = agent.get(url).call().and_then(|mut response| {
        let bytes = response.body_mut().read_to_vec()?.len();
        Ok(Page { status: response.status().as_u16(), bytes })
    });
    (result, start.elapsed())
}

/// A web server that thinks for 100 ms about each page, about all of them at once.
async fn serve(listener: TcpListener) {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => sideline::spawn(async move {
                if let Err(error) = answer(&stream).await {
                    eprintln!("fetch: the server could not answer: {error}");
                }
            })
            .detach(),
            Err(error) => return eprintln!("fetch: the server has stopped: {error}"),
        }
    }
}

async fn answer(stream: &TcpStream) -> io::Result<()> {
    let mut request = Vec::new();
    let mut chunk = [0; 1024];
    while !request.ends_with(b"\r\n\r\n") {
        match stream.read(&mut chunk).await? {
            0 => return Ok(()),
            n => request.extend_from_slice(&chunk[..n]),
        }
    }
    sleep(Duration::from_millis(100)).await;

    let request = String::from_utf8_lossy(&request);
    let path = request.split(' ').nth(1).unwrap_or("/");
    let body = format!("You asked for {path}.\n").repeat(50);
    let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len());
    stream.write_all(head.as_bytes()).await?;
    stream.write_all(body.as_bytes()).await
}
