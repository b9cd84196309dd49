//! Every example, run as its user would run it: as a process, on real files, sockets and databases.
//!
//! `cargo test` has built the examples when it runs this. Nothing here waits for a time to pass: a test waits
//! for output, and a process that hangs is killed after a minute.

#![cfg(not(loom))]
#![forbid(unsafe_code)]

/// With its tests of the text format.
#[path = "../../examples/prometheus/page.rs"]
#[allow(dead_code)] // The example uses it.
mod page;
mod process;
mod scratch;
mod servers;

use process::{Run, example};
use scratch::{file, scratch};
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;

#[test]
fn fetch_gets_eight_pages_from_its_own_server_at_once() {
    let run = example("fetch").finish();
    run.succeeded();
    assert_eq!(run.lines().filter(|line| line.starts_with("200")).count(), 8, "{run:?}");
    assert!(run.out.contains("8 fetched in"), "{run:?}");
}

#[test]
fn fetch_reports_each_url_that_fails_and_gets_the_others() {
    let server = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = server.local_addr().unwrap();
    thread::spawn(move || {
        for stream in server.incoming() {
            let mut stream = stream.unwrap();
            let request = read_head(&mut stream);
            let status = if request.starts_with("GET /there ") { "200 OK" } else { "404 Not Found" };
            write!(stream, "HTTP/1.1 {status}\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello")
                .unwrap();
        }
    });
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let run = example("fetch")
        .arg(format!("http://{addr}/there"))
        .arg(format!("http://{addr}/missing"))
        .arg(format!("http://{closed}/"))
        .finish();
    assert_eq!(run.status.code(), Some(1), "{run:?}");
    let lines: Vec<_> = run.lines().collect();
    assert!(lines[0].starts_with("200") && lines[0].contains("5 bytes"), "{run:?}");
    assert!(lines[1].contains("/missing") && lines[1].contains("404"), "{run:?}");
    assert!(lines[2].starts_with("failed") && lines[2].contains("refused"), "{run:?}");
}

#[cfg(unix)]
#[test]
fn embed_poll_serves_both_loops_and_never_turns_for_nothing() {
    let run = example("embed_poll").finish();
    run.succeeded();
    for line in ["tick 1", "tick 2", "tick 3", "summed up to 500000500000"] {
        assert!(run.out.contains(line), "{run:?}");
    }
    assert_eq!(run.lines().filter(|line| line.starts_with("program: ")).count(), 1, "{run:?}");
    let turns = run.lines().find_map(|line| line.strip_suffix(" turns of the runtime")).unwrap();
    // The spawn, the job, three ticks, and as many again for timers that end a wait a moment early.
    assert!(turns.parse::<u32>().unwrap() <= 12, "{run:?}");
}

#[test]
fn sync_client_is_shared_by_threads_and_survives_an_answer_that_does_not_come() {
    let run = example("sync_client").finish();
    run.succeeded();
    let wanted = [
        "400 answers, and at most 4 connections: true",
        "no answer: the time limit was reached",
        "but: STILL THERE?",
    ];
    assert_eq!(run.lines().collect::<Vec<_>>(), wanted, "{run:?}");
}

#[test]
fn miniature_ticks_serves_and_computes() {
    let run = example("miniature").finish();
    run.succeeded();
    let wanted =
        ["tick 3", "summed up to 500000500000", "the server said: is anybody there?", "it sent 17 bytes"];
    for line in wanted {
        assert!(run.lines().any(|printed| printed == line), "{run:?}");
    }
}

#[cfg(unix)]
#[test]
fn thread_per_core_serves_one_port_with_all_its_loops() {
    let run = example("thread_per_core").arg("3").finish();
    run.succeeded();
    let lines: Vec<_> = run.lines().collect();
    assert_eq!(lines.iter().filter(|line| line.starts_with("loop ")).count(), 3, "{run:?}");
    // 64 connections with 500 lines each; how the kernel spreads them is its own business.
    assert!(lines[3].starts_with("3 loops: 32000 lines in"), "{run:?}");
    assert!(lines[4].starts_with("one pool: 3200 jobs on"), "{run:?}");
}

#[test]
fn hash_files_prints_what_sha256sum_prints() {
    let dir = scratch();
    file(&dir, "abc", "abc");
    file(&dir, "empty", "");
    file(&dir, "sub/deeper/million", &"a".repeat(1_000_000));
    let run = example("hash_files").arg(dir.path()).finish();
    run.succeeded();
    // The test vectors of FIPS 180.
    let expected = [
        ("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad", "abc"),
        ("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", "empty"),
        ("cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0", "sub/deeper/million"),
    ];
    let expected: Vec<_> =
        expected.iter().map(|(sum, name)| format!("{sum}  {}", dir.path().join(name).display())).collect();
    assert_eq!(run.lines().collect::<Vec<_>>(), expected);
}

#[test]
fn hash_files_names_a_directory_it_cannot_read() {
    let run = example("hash_files").arg("no/such/directory").finish();
    assert_eq!(run.status.code(), Some(2));
    assert!(run.err.contains("cannot read no/such/directory"), "{run:?}");
    let run = example("hash_files").finish();
    assert_eq!(run.status.code(), Some(2));
    assert!(run.err.starts_with("usage:"), "{run:?}");
}

#[test]
fn sqlite_makes_the_database_and_answers_the_same_from_it_later() {
    let dir = scratch();
    let db = dir.path().join("shop.db");
    let first = example("sqlite").arg(&db).finish();
    first.succeeded();
    assert!(first.out.contains("made "), "{first:?}");
    assert!(fs::read(&db).unwrap().starts_with(b"SQLite format 3\0"));

    let second = example("sqlite").arg(&db).finish();
    second.succeeded();
    let rows =
        |run: &Run| run.lines().filter(|line| line.starts_with("  ")).map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(rows(&first), rows(&second));
    assert!(first.out.contains("counting all numbers: interrupted"), "{first:?}");
    // 20,000 orders, of which one in five is pending; their quantities average 2.5.
    assert!(rows(&first).contains(&"  4000  10000".to_owned()), "{first:?}");
    assert!(rows(&first).contains(&"  user 1  Oslo".to_owned()), "{first:?}");
}

#[test]
fn sqlite_says_what_is_wrong_with_a_file_that_is_no_database() {
    let dir = scratch();
    let path = file(&dir, "letter.txt", &"Dear reader, this is no database. ".repeat(40));
    let run = example("sqlite").arg(&path).finish();
    assert_eq!(run.status.code(), Some(1));
    assert!(run.err.contains("letter.txt: file is not a database"), "{run:?}");
}

#[test]
fn rate_limited_keeps_to_its_limit_and_gathers_results_and_errors_in_order() {
    let dir = scratch();
    let mut files: Vec<_> =
        (0..40).map(|n| file(&dir, format!("{n}.txt"), &"two words\n".repeat(n))).collect();
    files.insert(7, dir.path().join("missing.txt"));
    let mut command = example("rate_limited").arg("3");
    for file in &files {
        command = command.arg(file);
    }
    let run = command.finish();
    assert_eq!(run.status.code(), Some(1), "{run:?}");
    let lines: Vec<_> = run.lines().collect();
    for (line, file) in lines.iter().zip(&files) {
        assert!(line.contains(&file.display().to_string()), "{line}");
    }
    assert!(lines[7].contains("No such file") || lines[7].contains("cannot find"), "{run:?}");
    assert_eq!(words(lines[40]), ["39", "lines", "78", "words", files[40].to_str().unwrap()]);

    let summary = words(lines[41]);
    assert_eq!(summary[..5], ["40", "files", "counted,", "1", "failed,"]);
    let most: usize = summary[8].parse().unwrap();
    assert!((1..=3).contains(&most), "{run:?}");
}

#[test]
fn background_processor_finishes_everything_before_it_stops() {
    let run =
        example("background_processor").arg("1000").arg("banana").arg("4000000000").arg("100000").finish();
    assert_eq!(run.status.code(), Some(1), "{run:?}");
    let lines: Vec<_> = run.lines().collect();
    assert_eq!(lines[0], "stopped: 3 workers have run 4 closures");
    assert_eq!(lines[1], "another one is refused: the processor has stopped");
    assert_eq!(lines[2], "168 primes below 1000");
    assert!(lines[3].starts_with("banana: not a number"), "{run:?}");
    assert!(lines[4].contains("panicked: a sieve for 4000000000 numbers would not fit"), "{run:?}");
    assert_eq!(lines[5], "9592 primes below 100000");
}

#[cfg(unix)]
#[test]
fn supervisor_starts_again_what_fails_and_ends_what_runs() {
    let mut run = example("supervisor")
        .arg("echo works; echo and warns >&2")
        .arg("printf unfinished; exit 3")
        .arg("trap 'echo told; exit 0' TERM; echo up; while :; do sleep 0.01; done")
        .start();
    let mut awaited = vec!["[2] ended for good, exit status: 3", "[3] up"];
    while !awaited.is_empty() {
        let line = run.line();
        assert!(!line.is_empty(), "it has ended before {awaited:?}");
        awaited.retain(|awaited| *awaited != line.trim_end());
    }
    run.interrupt();
    let run = run.finish();
    run.succeeded();
    let count = |line: &str| run.lines().filter(|is| *is == line).count();
    assert_eq!((count("[1] works"), count("[1] and warns")), (1, 1), "{run:?}");
    assert_eq!((count("[2] unfinished"), count("[2] ended for good, exit status: 3")), (4, 1), "{run:?}");
    assert_eq!((count("[3] up"), count("[3] told")), (1, 1), "{run:?}");
    assert_eq!(run.lines().last(), Some("[3] ended for good, exit status: 0"), "{run:?}");
}

#[test]
fn monitored_pool_ends_with_sums_that_reconcile() {
    let run = example("monitored_pool").arg("30").finish();
    run.succeeded();
    assert!(run.out.trim_start().starts_with("threads"), "{run:?}");
    let last = run.lines().last().unwrap();
    assert_eq!(last, "30 submitted = 0 queued + 0 running + 30 completed + 0 panicked + 0 cancelled");
    // At least the last line of statistics has been printed, with all jobs completed.
    assert!(run.lines().any(|line| words(line).last() == Some(&"30")), "{run:?}");
}

#[test]
fn own_pool_sends_every_byte_and_accounts_for_every_job() {
    let dir = scratch();
    let mut command = example("own_pool");
    for n in 1..=15 {
        command = command.arg(file(&dir, format!("{n}"), &"x".repeat(n * 100)));
    }
    let run = command.arg(dir.path().join("missing")).finish();
    run.succeeded();
    assert_eq!(run.lines().filter(|line| line.contains("00 bytes  ")).count(), 15, "{run:?}");
    assert!(run.out.contains("12000 bytes sent"), "{run:?}");
    assert!(run.out.contains("0 cancelled"), "{run:?}");
    assert!(run.lines().last().unwrap().contains("the pool is shut down"), "{run:?}");
    let count = |what: &str| run.err.lines().filter(|line| line.ends_with(what)).count();
    assert_eq!((count(" is up"), count(" is down")), (2, 2), "{run:?}");
}

#[test]
fn robust_call_has_one_clear_line_for_each_way_to_fail() {
    let dir = scratch();
    let file = file(&dir, "letters", "not a number");
    let run = example("robust_call").arg(&file).finish();
    run.succeeded();
    let lines: Vec<_> = run.lines().collect();
    let name = file.display();
    assert_eq!(lines[0], "ok: 12 bytes");
    assert!(lines[1].starts_with(&format!("error: reading {name}.missing failed: ")), "{run:?}");
    assert!(lines[2].starts_with(&format!("error: parsing {name} did not survive: ")), "{run:?}");
    assert!(lines[2].contains("\"not a number\" is no number"), "{run:?}");
    assert_eq!(lines[3], "error: asking the silent server took longer than 500ms");
    // The server's silence holds up nobody: the call was hung up on.
    assert!(lines[4].contains("0 cancelled") && !lines[4].contains("still running"), "{run:?}");
}

#[test]
fn showcase_measures_both_runs_and_draws_them() {
    let dir = scratch();
    for n in 0..20 {
        file(&dir, format!("input/{n}"), &"to be hashed\n".repeat(n * 50));
    }
    file(&dir, "input/target/skipped", "a build left this behind");
    let run = example("showcase").arg("--calls").arg("3").arg("input").current_dir(dir.path()).finish();
    run.succeeded();
    assert!(run.out.starts_with("20 files (0.1 MB), 3 SQLite queries"), "{run:?}");
    for row in [
        "total time",
        "heartbeat lateness p50",
        "heartbeat lateness p99",
        "heartbeat lateness max",
        "echo latency p99",
        "threads used",
    ] {
        assert_eq!(run.lines().filter(|line| line.starts_with(row)).count(), 1, "{row}: {run:?}");
    }
    assert!(run.out.contains("Both runs came to the same results"), "{run:?}");
    // Where stderr is no terminal, progress is a few plain lines.
    assert!(run.err.contains("inline   : 29 of 29") && run.err.contains("offloaded: 29 of 29"), "{run:?}");

    let svg = fs::read_to_string(dir.path().join("showcase.svg")).unwrap();
    assert!(svg.starts_with("<svg ") && svg.ends_with("</svg>\n"));
    // An area and a line for each run.
    assert_eq!(svg.matches("<path ").count(), 4);
    assert!(!svg.contains("NaN") && !svg.contains("inf"), "{svg}");
}

#[test]
fn showcase_says_in_one_line_what_is_wrong_with_its_directory() {
    let dir = scratch();
    let file = file(&dir, "file", "not a directory");
    for wrong in [dir.path().join("missing"), file] {
        let run = example("showcase").arg(&wrong).current_dir(dir.path()).finish();
        assert_eq!(run.status.code(), Some(2), "{run:?}");
        assert_eq!(run.err.lines().count(), 1, "{run:?}");
        assert!(run.err.starts_with(&format!("showcase: cannot read {}: ", wrong.display())), "{run:?}");
    }
    let run = example("showcase").arg("one").arg("two").finish();
    assert_eq!(run.status.code(), Some(2));
    assert!(run.err.starts_with("usage:"), "{run:?}");
}

fn words(line: &str) -> Vec<&str> {
    line.split_whitespace().collect()
}

fn read_head(stream: &mut TcpStream) -> String {
    let mut lines = BufReader::new(stream).lines().map(Result::unwrap);
    let request = lines.next().unwrap_or_default();
    while lines.next().is_some_and(|line| !line.is_empty()) {}
    request
}
