//! The examples that serve: each is started, asked by clients, and told to stop.

use crate::process::{self, PATIENCE, Run, example};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;

#[test]
fn compute_server_answers_others_while_it_computes_and_finishes_before_it_stops() {
    let mut server = example("compute_server").arg("127.0.0.1:0").start();
    let addr = address_in(&server.line());
    assert!(get(&addr, "/compute/10").ends_with("{\"input\":10,\"result\":285}\n"));
    assert!(get(&addr, "/compute/ten").starts_with("HTTP/1.1 400"));
    assert!(get(&addr, "/nothing").starts_with("HTTP/1.1 404"));

    // How fast this machine is, nobody knows: the number grows until somebody else gets an answer meanwhile.
    let mut n = 1_000_000_u128;
    let long = loop {
        n *= 10;
        let url = format!("/compute/{n}");
        let long = thread::spawn({
            let addr = addr.clone();
            move || get(&addr, &url)
        });
        let mut answered = false;
        while !answered && !long.is_finished() {
            answered = get(&addr, "/health").contains("\"computing\":1");
        }
        if answered {
            break long;
        }
        assert!(n < 10_000_000_000, "nobody gets an answer during a long computation");
    };
    // The end of its input ends the server, but not before the long one has its answer.
    server.close_stdin();
    let sum = (n - 1) * n * (2 * n - 1) / 6;
    assert!(long.join().unwrap().ends_with(&format!("\"result\":{sum}}}\n")));
    let run = server.finish();
    run.succeeded();
    assert!(run.out.contains("stopped after"), "{run:?}");
}

#[test]
fn echo_server_serves_clients_side_by_side() {
    let mut server = example("echo_server").arg("127.0.0.1:0").start();
    let addr = address_in(&server.line());
    let silent = TcpStream::connect(&addr).unwrap();
    let mut client = TcpStream::connect(&addr).unwrap();
    client.write_all(b"hello").unwrap();
    client.shutdown(std::net::Shutdown::Write).unwrap();
    let mut back = String::new();
    client.read_to_string(&mut back).unwrap();
    assert_eq!(back, "hello");
    assert!(server.line().ends_with(": 5 bytes\n"));
    drop(silent);
    assert!(server.line().ends_with(": 0 bytes\n"));
    #[cfg(unix)]
    {
        server.terminate();
        server.finish();
    }
}

/// A server, a client of it, and the request of that, which has reached a backend that answers when the test does.
#[cfg(unix)]
fn request_in_flight(question: &[u8]) -> (process::Running, TcpStream, TcpStream) {
    let backend = TcpListener::bind("127.0.0.1:0").unwrap();
    let backend_addr = backend.local_addr().unwrap().to_string();
    let mut server = example("graceful_shutdown").arg("127.0.0.1:0").arg(&backend_addr).start();
    let addr = address_in(&server.line());
    let mut client = TcpStream::connect(&addr).unwrap();
    client.set_read_timeout(Some(PATIENCE)).unwrap();
    client.write_all(question).unwrap();
    let (asked, _) = backend.accept().unwrap();
    let mut line = Vec::new();
    BufReader::new(&asked).read_until(b'\n', &mut line).unwrap();
    assert_eq!(line, question);
    (server, client, asked)
}

#[cfg(unix)]
#[test]
fn graceful_shutdown_answers_what_is_in_flight_and_takes_nothing_new() {
    let (mut server, mut client, mut asked) = request_in_flight(b"question\n");
    server.interrupt();
    assert_eq!(server.line(), "stopping\n");
    asked.write_all(b"answer\n").unwrap();
    // The answer, and the end of the connection: no second request is read.
    let mut answer = String::new();
    client.read_to_string(&mut answer).unwrap();
    assert_eq!(answer, "answer\n");
    let run = server.finish();
    run.succeeded();
    assert!(!run.out.contains("giving up"), "{run:?}");
    assert!(nothing_is_left(&run), "{run:?}");
}

/// Its connection ended without a word.
#[cfg(unix)]
#[test]
fn graceful_shutdown_passes_on_what_is_no_text() {
    let (server, client, mut asked) = request_in_flight(b"caf\xe9\n");
    asked.write_all(b"\xff\n").unwrap();
    let mut answer = Vec::new();
    BufReader::new(client).read_until(b'\n', &mut answer).unwrap();
    assert_eq!(answer, b"\xff\n");
    server.interrupt();
    server.finish().succeeded();
}

#[cfg(unix)]
#[test]
fn graceful_shutdown_hangs_up_on_a_silent_backend_when_told_twice() {
    let (mut server, mut client, _never_answers) = request_in_flight(b"question\n");
    server.interrupt();
    assert_eq!(server.line(), "stopping\n");
    server.interrupt();
    let mut answer = String::new();
    client.read_to_string(&mut answer).unwrap();
    assert_eq!(answer, "error: the server is shutting down\n");
    let run = server.finish();
    run.succeeded();
    assert!(run.out.contains("giving up on what is left\n"), "{run:?}");
    assert!(nothing_is_left(&run), "{run:?}");
}

/// A proxy before a server that the test is.
#[cfg(unix)]
fn proxy(idle: &str, most: &str) -> (process::Running, String, TcpListener) {
    let server = TcpListener::bind("127.0.0.1:0").unwrap();
    let (proxy, addr) = proxy_to(server.local_addr().unwrap(), idle, most);
    (proxy, addr, server)
}

#[cfg(unix)]
fn proxy_to(target: std::net::SocketAddr, idle: &str, most: &str) -> (process::Running, String) {
    let target = target.to_string();
    let mut proxy = example("tcp_proxy").arg("127.0.0.1:0").arg(target).arg(idle).arg(most).start();
    let addr = address_in(&proxy.line());
    (proxy, addr)
}

#[cfg(unix)]
fn connect(addr: &str) -> TcpStream {
    let client = TcpStream::connect(addr).unwrap();
    client.set_read_timeout(Some(PATIENCE)).unwrap();
    client
}

/// Whether the other end has, without a word. One `read` with a limit is interrupted if this process is stopped and goes on.
#[cfg(unix)]
fn has_hung_up(stream: &mut TcpStream) -> bool {
    stream.read_to_end(&mut Vec::new()).unwrap() == 0
}

#[cfg(unix)]
#[test]
fn tcp_proxy_passes_the_end_of_one_side_on_and_finishes_before_it_stops() {
    let (mut proxy, addr, server) = proxy("60", "100");
    let mut client = connect(&addr);
    client.write_all(b"question").unwrap();
    client.shutdown(std::net::Shutdown::Write).unwrap();
    let (mut asked, _) = server.accept().unwrap();
    let mut question = String::new();
    asked.read_to_string(&mut question).unwrap();
    assert_eq!(question, "question");
    proxy.interrupt();
    assert_eq!(proxy.line(), "stopping: 1 connections\n");
    asked.write_all(b"the answer").unwrap();
    drop(asked);
    let mut answer = String::new();
    client.read_to_string(&mut answer).unwrap();
    assert_eq!(answer, "the answer");
    assert!(proxy.line().ends_with(": 8 bytes there, 10 back, ended\n"));
    let run = proxy.finish();
    run.succeeded();
    assert!(!run.out.contains("giving up"), "{run:?}");
}

#[cfg(unix)]
#[test]
fn tcp_proxy_lets_in_as_many_as_it_may_and_ends_who_is_silent() {
    let (mut proxy, addr, server) = proxy("0.05", "1");
    let mut first = connect(&addr);
    let mut second = connect(&addr);
    first.write_all(b"first").unwrap();
    second.write_all(b"second").unwrap();
    for client in [&mut first, &mut second] {
        // One after the other: the second is let in when the first has been idle for too long.
        let (_silent, _) = server.accept().unwrap();
        assert!(has_hung_up(client));
        assert!(proxy.line().contains(" 0 back, ended: no byte has moved for 50ms"));
    }
    proxy.interrupt();
    proxy.finish().succeeded();
}

#[cfg(unix)]
#[test]
fn tcp_proxy_ends_all_when_told_twice() {
    let (mut proxy, addr, server) = proxy("60", "100");
    let client = connect(&addr);
    let (mut asked, _) = server.accept().unwrap();
    proxy.interrupt();
    assert_eq!(proxy.line(), "stopping: 1 connections\n");
    proxy.interrupt();
    assert_eq!(proxy.line(), "giving up: 1 connections\n");
    asked.set_read_timeout(Some(PATIENCE)).unwrap();
    assert!(has_hung_up(&mut asked));
    drop(client);
    proxy.finish().succeeded();
}

#[cfg(unix)]
#[test]
fn tcp_proxy_names_a_server_it_cannot_reach_and_serves_on() {
    // Bound, so that the port is nobody else's, and nobody listens.
    let nobody = sideline::net::TcpSocket::new_v4().unwrap();
    nobody.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let (mut proxy, addr) = proxy_to(nobody.local_addr().unwrap(), "60", "1");
    for _ in 0..2 {
        let answer = connect(&addr).read(&mut [0]);
        assert!(matches!(answer, Ok(0) | Err(_)), "{answer:?}");
        assert!(proxy.line().contains("refused"));
    }
    proxy.interrupt();
    proxy.finish().succeeded();
}

#[test]
fn compute_server_names_an_address_it_cannot_have() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = taken.local_addr().unwrap().to_string();
    let run = example("compute_server").arg(&addr).finish();
    assert_eq!(run.status.code(), Some(1));
    assert!(run.err.contains(&addr) && run.err.contains("in use"), "{run:?}");
}

#[test]
fn prometheus_serves_numbers_that_add_up() {
    let mut server = example("prometheus").arg("127.0.0.1:0").start();
    let addr = address_in(&server.line());
    assert!(get(&addr, "/work/30").ends_with("30 jobs, 3 panicked\n"));
    assert!(get(&addr, "/work/many").starts_with("HTTP/1.1 400"));
    let page = get(&addr, "/metrics");
    assert!(page.contains("Content-Type: text/plain; version=0.0.4"), "{page}");
    let value = |name: &str| -> f64 {
        let sample = format!("{name} ");
        let line = page.lines().find_map(|line| line.strip_prefix(sample.as_str()));
        line.unwrap_or_else(|| panic!("{name} in {page}")).parse().unwrap()
    };
    let pool = |name: &str| value(&format!("sideline_pool_{name}{{service=\"example\"}}"));
    assert_eq!((pool("submitted_jobs_total"), pool("completed_jobs_total")), (30.0, 27.0));
    assert_eq!((pool("panicked_jobs_total"), pool("queued_jobs")), (3.0, 0.0));
    assert_eq!((pool("run_time_seconds_count"), pool("queue_wait_seconds_count")), (30.0, 30.0));
    assert!(pool("run_time_seconds_sum") >= 0.03);
    // Cumulative: no bucket counts less than the one before, and the last one everything.
    let prefix = "sideline_pool_run_time_seconds_bucket{service=\"example\",le=\"";
    let buckets: Vec<(&str, u64)> = page
        .lines()
        .filter_map(|line| line.strip_prefix(prefix)?.split_once("\"} "))
        .map(|(le, count)| (le, count.parse().unwrap()))
        .collect();
    assert!(buckets.is_sorted_by_key(|&(_, count)| count), "{page}");
    assert_eq!(buckets.last(), Some(&("+Inf", 30)));
    // Every family is announced before its samples.
    let families = page.lines().filter(|line| line.starts_with("# TYPE sideline_")).count();
    assert_eq!(page.lines().filter(|line| line.starts_with("# HELP sideline_")).count(), families);
    server.close_stdin();
    server.finish().succeeded();
}

/// By its report. (A job of which the awaiter has heard may still be on its way out: then it counts as finished.)
#[cfg(unix)]
fn nothing_is_left(run: &Run) -> bool {
    let report = run.lines().last().unwrap_or_default();
    report.starts_with("0 tasks dropped; jobs: ") && report.ends_with(" finished, 0 cancelled")
}

/// What a server says of where it listens.
fn address_in(line: &str) -> String {
    let addr = line.trim().strip_prefix("listening on ").expect("the address");
    addr.trim_start_matches("http://").to_owned()
}

/// One HTTP request on a connection of its own; head and body of the answer.
fn get(addr: &str, path: &str) -> String {
    let mut stream = TcpStream::connect(addr).expect("the server accepts");
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nHost: {addr}\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("the server answers");
    answer
}
