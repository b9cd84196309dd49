//! The service on sideline, driven from outside: curl, wrk and h2load, from Debian's packages of these names (h2load is
//! in nghttp2-client).

mod server;

use server::Server;
use std::process::Command;

/// Runs a program, and returns what it printed.
fn run(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output().unwrap_or_else(|error| {
        panic!("{program} is not there ({error}): install Debian's curl, wrk and nghttp2-client")
    });
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{program} {arguments:?}: {}\n{out}\n{err}", output.status);
    out.into_owned()
}

fn curl(server: &Server, arguments: &[&str]) -> String {
    let trust = ["--silent", "--show-error", "--fail", "--max-time", "60", "--cacert"];
    let certificate = server.certificate.to_str().unwrap();
    run("curl", &[&trust[..], &[certificate], arguments].concat())
}

/// The four ways to speak HTTP to it, and what curl calls the version.
fn ways(server: &Server) -> [(&str, &'static str, &'static str); 4] {
    [
        (&server.http, "--http1.1", "1.1"),
        (&server.http, "--http2-prior-knowledge", "2"),
        (&server.https, "--http1.1", "1.1"),
        (&server.https, "--http2", "2"),
    ]
}

#[test]
fn curl_speaks_every_version_in_the_clear_and_over_tls() {
    let server = Server::start("sideline");
    for (base, option, version) in ways(&server) {
        let said = curl(&server, &[option, "--write-out", " %{http_version}", &format!("{base}/hello")]);
        assert_eq!(said, format!("hello, world {version}"));
        let total = curl(&server, &[option, &format!("{base}/items")]);
        assert_eq!(total, (10_000_i64 * 10_001 / 2 * 3).to_string());
        assert_eq!(curl(&server, &[option, &format!("{base}/size/7")]), "21");
        assert_eq!(
            curl(&server, &[option, &format!("{base}/items/7")]),
            r#"{"id":7,"name":"item 7","size":21}"#
        );
    }
}

#[test]
fn what_diesel_writes_rusqlite_and_diesel_read() {
    let server = Server::start("sideline");
    let (base, option, _) = ways(&server)[3];
    let new = r#"{"name":"new","size":-5}"#;
    let json = "content-type: application/json";
    let status = ["--write-out", " %{http_code}"];
    let url = format!("{base}/items");
    let inserted = curl(&server, &[&[option, "--json", new, "-H", json, &url], &status[..]].concat());
    assert_eq!(inserted, r#"{"id":10001,"name":"new","size":-5} 201"#);
    assert_eq!(curl(&server, &[&format!("{base}/size/10001")]), "-5");
    assert!(curl(&server, &[&format!("{base}/items/10001")]).contains("new"));
    let missing =
        run("curl", &["-sk", "-o", "/dev/null", "-w", "%{http_code}", &format!("{base}/items/99999")]);
    assert_eq!(missing, "404");
}

#[test]
fn curl_sends_and_receives_large_bodies() {
    let server = Server::start("sideline");
    let content: Vec<u8> = (0..20_000_000_u32).map(|n| (n ^ (n >> 8) ^ (n >> 16)) as u8).collect();
    let (sent, received) = (server.directory.path().join("sent"), server.directory.path().join("received"));
    std::fs::write(&sent, &content).unwrap();
    for (base, option, _) in ways(&server) {
        let data = format!("@{}", sent.display());
        let output = received.to_str().unwrap();
        let echo = format!("{base}/echo");
        curl(&server, &[option, "--data-binary", &data, "-H", "Expect:", "--output", output, &echo]);
        assert!(std::fs::read(&received).unwrap() == content, "{option} {base}");
    }
}

#[test]
fn curl_keeps_its_connection_for_many_requests_and_asks_for_many_at_once() {
    let server = Server::start("sideline");
    // Debian 12's curl fails with "error in the HTTP2 framing layer" when it uses a connection in the clear again, on
    // any server.
    let ways = ways(&server).into_iter().filter(|(_, option, _)| *option != "--http2-prior-knowledge");
    for (base, option, _) in ways {
        let sizes = format!("{base}/size/[1-200]");
        let separate = "--write-out";
        let one_after_the_other = curl(&server, &[option, separate, " %{num_connects}\n", &sizes]);
        let connects: u32 = one_after_the_other
            .lines()
            .map(|line| line.split_once(' ').unwrap().1.parse::<u32>().unwrap())
            .sum();
        assert_eq!((one_after_the_other.lines().count(), connects), (200, 1), "{option} {base}");
        let files = format!("{}/#1", server.directory.path().display());
        curl(&server, &[option, "--parallel", "--parallel-max", "50", "--output", &files, &sizes]);
        for id in 1..=200 {
            let answer = std::fs::read_to_string(server.directory.path().join(id.to_string())).unwrap();
            assert_eq!(answer, (id * 3).to_string(), "{option} {base}");
        }
    }
}

#[test]
fn clients_that_go_away_in_the_middle_leave_nothing_behind() {
    let server = Server::start("sideline");
    // SQLite opens some of its files at a connection's first query.
    curl(&server, &[&format!("{}/size/[1-8]", server.http)]);
    let before = server.descriptors();
    for (base, option, _) in ways(&server) {
        for _ in 0..10 {
            // curl gives up after the first 64 KiB of 1 GiB that comes far slower than it could.
            let url = format!("{base}/bytes/100000000");
            let limited =
                ["-sk", option, "--limit-rate", "64k", "--max-time", "0.2", "-o", "/dev/null", &url];
            let status = Command::new("curl").args(limited).status().unwrap();
            assert_eq!(status.code(), Some(28), "it is to run out of time");
        }
    }
    assert_eq!(curl(&server, &[&format!("{}/size/1", server.http)]), "3");
    // The last of them may still be on their way out.
    let gone = (0..100).any(|_| {
        std::thread::sleep(std::time::Duration::from_millis(50));
        server.descriptors() <= before
    });
    assert!(gone, "{} descriptors, {before} before", server.descriptors());
}

#[test]
fn wrk_and_h2load_see_no_request_fail() {
    let server = Server::start("sideline");
    for path in ["/hello", "/items/7", "/size/7", "/bytes/100000"] {
        for base in [&server.http, &server.https] {
            let url = format!("{base}{path}");
            let wrk = run("wrk", &["-t1", "-c50", "-d1", &url]);
            assert!(wrk.contains("Requests/sec"), "{wrk}");
            assert!(!wrk.contains("Non-2xx") && !wrk.contains("Socket errors"), "{url}: {wrk}");
            let h2load = run("h2load", &["-t1", "-c10", "-m20", "-n2000", &url]);
            let all = "2000 total, 2000 started, 2000 done, 2000 succeeded, 0 failed, 0 errored, 0 timeout";
            assert!(h2load.contains(all), "{url}: {h2load}");
        }
    }
}
