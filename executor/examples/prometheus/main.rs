//! The pool's and the loop's numbers for Prometheus, served by the program itself.
//!
//! ```text
//! cargo run --release --example prometheus -- 127.0.0.1:9100
//! curl http://127.0.0.1:9100/work/20     # twenty jobs, some of which panic
//! curl http://127.0.0.1:9100/metrics
//! ```
//!
//! What is counted is always counted; this only writes it down, in the
//! [text format](https://prometheus.io/docs/instrumenting/exposition_formats/) that Prometheus and its like read. Scraping
//! costs the loop some tens of microseconds and the workers nothing. `page.rs` can be copied into a service as it
//! is.
//!
//! The program ends when its input does (Ctrl-D on a terminal).

#![forbid(unsafe_code)]

mod page;

use page::Page;
use sideline::net::{TcpListener, TcpStream};
use sideline::task::JoinSet;
use sideline::time::timeout;
use sideline::{Handle, Metrics};
use std::io;
use std::process::ExitCode;
use std::time::Duration;

const LONGEST_HEAD: usize = 8 * 1024;
const MOST_WORK: usize = 10_000;
/// How long a client may take over its request and over the answer.
const PATIENCE: Duration = Duration::from_secs(10);

fn main() -> ExitCode {
    let mut args = std::env::args().skip(1);
    let addr = args.next().unwrap_or_else(|| "127.0.0.1:9100".to_owned());
    if args.next().is_some() {
        eprintln!("usage: prometheus [ADDRESS:PORT]");
        return ExitCode::from(2);
    }
    match sideline::block_on(run(&addr)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("prometheus: {addr}: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(addr: &str) -> io::Result<()> {
    let listener = TcpListener::bind(addr).await?;
    println!("listening on http://{}", listener.local_addr()?);
    let accepting = sideline::spawn(async move {
        loop {
            match listener.accept().await {
                Ok((stream, _)) => sideline::spawn(timeout(PATIENCE, serve(stream))).detach(),
                Err(error) => eprintln!("prometheus: cannot accept: {error}"),
            }
        }
    });
    let (mut stdin, mut unread) = (sideline::io::stdin()?, [0; 1024]);
    while stdin.read(&mut unread).await? > 0 {}
    accepting.abort();
    Ok(())
}

/// One request, one answer. An error means that the client has gone, which is its business.
async fn serve(stream: TcpStream) -> io::Result<()> {
    let mut head = Vec::new();
    let mut chunk = [0; 1024];
    while !head.windows(4).any(|four| four == b"\r\n\r\n") {
        match stream.read(&mut chunk).await? {
            0 => return Ok(()),
            n => head.extend_from_slice(&chunk[..n]),
        }
        if head.len() > LONGEST_HEAD {
            return Ok(());
        }
    }
    let head = String::from_utf8_lossy(&head);
    let mut words = head.split(' ');
    let (status, body) = match (words.next(), words.next()) {
        (Some("GET"), Some("/metrics")) => {
            ("200 OK", render(&Handle::current().metrics(), &[("service", "example")]))
        }
        (Some("GET"), Some(path)) => match path.strip_prefix("/work/").map(str::parse) {
            Some(Ok(jobs @ 0..=MOST_WORK)) => ("200 OK", work(jobs).await),
            Some(_) => ("400 Bad Request", format!("0 to {MOST_WORK} jobs, please\n")),
            None => ("404 Not Found", "try /metrics or /work/20\n".to_owned()),
        },
        _ => ("405 Method Not Allowed", "only GET is understood\n".to_owned()),
    };
    let answer = format!(
        "HTTP/1.1 {status}\r\nContent-Type: text/plain; version=0.0.4; charset=utf-8\r\n\
         Content-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(answer.as_bytes()).await
}

/// Something to be measured: jobs that sleep for a millisecond; each tenth panics.
async fn work(jobs: usize) -> String {
    let mut set = JoinSet::new();
    for job in 0..jobs {
        set.spawn_blocking(move || {
            std::thread::sleep(Duration::from_millis(1));
            if job % 10 == 9 {
                // As a panic, but without its message on the terminal.
                std::panic::resume_unwind(Box::new("the tenth"));
            }
        });
    }
    let mut panicked = 0;
    while let Some(ended) = set.join_next().await {
        panicked += usize::from(ended.is_err());
    }
    format!("{jobs} jobs, {panicked} panicked\n")
}

/// All numbers, each with `labels`, as a page of the text format.
fn render(m: &Metrics, labels: &[(&str, &str)]) -> String {
    let pool = &m.pool;
    let mut page = Page::new(labels);
    page.gauge("sideline_pool_threads", "Worker threads.", pool.threads as f64);
    page.gauge("sideline_pool_idle_threads", "Workers without a job.", pool.idle as f64);
    page.gauge("sideline_pool_queued_jobs", "Jobs that wait for a thread.", pool.queued as f64);
    page.gauge("sideline_pool_running_jobs", "Jobs whose closure is running.", pool.running as f64);
    page.gauge(
        "sideline_pool_undelivered_jobs",
        "Jobs whose awaiters were woken and have not taken the outcome yet.",
        pool.undelivered as f64,
    );
    page.gauge(
        "sideline_pool_oldest_queued_seconds",
        "How long the job that has waited longest has waited; 0 if none waits.",
        pool.oldest_queued.unwrap_or_default().as_secs_f64(),
    );
    page.counter("sideline_pool_submitted_jobs_total", "Jobs accepted.", pool.submitted);
    page.counter("sideline_pool_completed_jobs_total", "Jobs whose closure returned.", pool.completed);
    page.counter("sideline_pool_panicked_jobs_total", "Jobs whose closure panicked.", pool.panicked);
    page.counter("sideline_pool_cancelled_jobs_total", "Jobs that were never started.", pool.cancelled);
    page.counter("sideline_pool_rejected_jobs_total", "Closures that were not accepted.", pool.rejected);
    page.histogram("sideline_pool_queue_wait_seconds", "From submission to start.", &pool.queue_wait);
    page.histogram("sideline_pool_run_time_seconds", "From start to end.", &pool.run_time);
    page.histogram(
        "sideline_pool_handoff_seconds",
        "From the end of a closure to its being taken by the awaiter that was woken.",
        &pool.handoff,
    );
    page.counter("sideline_loop_turns_total", "Turns of the loop.", m.turns);
    page.counter("sideline_loop_polls_total", "Polls of tasks and of the main future.", m.polls);
    page.histogram("sideline_loop_poll_seconds", "How long polls took.", &m.poll_time);
    page.histogram("sideline_loop_park_seconds", "How long the loop had nothing to do.", &m.park_time);
    page.into_text()
}
