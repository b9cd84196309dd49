//! What is reported where nobody has asked to hear it: a line on stderr each.
#![cfg(not(loom))]

use sideline::task::yield_now;
use sideline::{Runtime, block_on, spawn, spawn_blocking};
use std::io::{BufRead, BufReader, Read, stdin};
use std::process::{Child, Stdio};
use std::sync::atomic::{AtomicI32, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::Duration;

/// Only a test that fails waits this long.
const PATIENCE: Duration = Duration::from_secs(20);

include!("../../reactor/tests/support/again.rs");

/// Runs one of these tests once more, in a process of its own. `None` in that process.
fn alone(test: &str) -> Option<Child> {
    let mut again = again(test, None)?;
    Some(again.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap())
}

/// What it reports. Its standard input ends with the first report.
fn reports(mut child: Child) -> Vec<String> {
    let (tell, told) = mpsc::channel();
    let (goes_on, stderr) = (child.stdin.take(), BufReader::new(child.stderr.take().unwrap()));
    let reader = thread::spawn(move || {
        for line in stderr.lines().map(Result::unwrap) {
            if line.starts_with("sideline") {
                tell.send(line).unwrap();
            }
        }
    });
    let mut reports = vec![told.recv_timeout(PATIENCE).expect("nothing was reported")];
    drop(goes_on);
    reports.extend(told);
    reader.join().unwrap();
    assert!(child.wait().unwrap().success(), "{reports:?}");
    reports.sort();
    reports
}

/// Until standard input ends.
fn wait_for_the_end() {
    assert_eq!(stdin().read(&mut [0]).unwrap(), 0);
}

fn panic_where_nobody_awaits() {
    block_on(async {
        drop(spawn_blocking(|| panic!("in a job")));
        drop(spawn(async { panic!("in a task") }));
        yield_now().await;
    });
}

#[track_caller]
fn is_one(report: &str, begins: &str, ends: &str) {
    assert!(report.starts_with(begins) && report.ends_with(ends), "{report}");
    assert!(report.contains(file!()), "it names the place: {report}");
}

#[test]
fn panics_that_nobody_awaits() {
    let Some(child) = alone("panics_that_nobody_awaits") else {
        // `std`'s own message comes in pieces, and a line of ours from the other thread may stand between two of them.
        std::panic::set_hook(Box::new(|_| ()));
        return panic_where_nobody_awaits();
    };
    let reports = reports(child);
    assert_eq!(reports.len(), 2, "{reports:?}");
    is_one(&reports[0], "sideline-blocking-pool: job ", "panicked and nobody awaits it: in a job");
    is_one(&reports[1], "sideline: task ", "panicked and nobody awaited it: in a task");
}

#[test]
fn a_job_that_outlives_its_runtime() {
    let Some(child) = alone("a_job_that_outlives_its_runtime") else {
        let (runs, is_running) = mpsc::channel();
        let runtime = Runtime::builder().drop_deadline(Duration::ZERO).build().unwrap();
        let job = runtime.spawn_blocking(move || {
            runs.send(()).unwrap();
            wait_for_the_end();
        });
        is_running.recv().unwrap();
        drop(runtime);
        return block_on(job).unwrap();
    };
    let reports = reports(child);
    assert_eq!(reports.len(), 1, "{reports:?}");
    is_one(&reports[0], "sideline: the runtime is gone while 1 of its jobs runs on; job ", "");
}

#[test]
fn a_poll_that_holds_the_loop_and_its_end() {
    let Some(child) = alone("a_poll_that_holds_the_loop_and_its_end") else {
        let runtime = Runtime::builder().watchdog(Duration::from_millis(5)).build().unwrap();
        return runtime.block_on(async { wait_for_the_end() });
    };
    let reports = reports(child);
    assert_eq!(reports.len(), 2, "{reports:?}");
    let who = "sideline: the main future (block_on at ";
    is_one(&reports[0], who, ": use spawn_blocking for what blocks or computes for long");
    is_one(&reports[1], who, " ms");
}

/// The report panicked then, and where a panic aborts that was the end of the process.
#[test]
fn a_stderr_that_nobody_reads_is_no_reason_to_panic() {
    let Some(mut child) = alone("a_stderr_that_nobody_reads_is_no_reason_to_panic") else {
        wait_for_the_end();
        let panics = Arc::new(AtomicI32::new(0));
        let counted = Arc::clone(&panics);
        std::panic::set_hook(Box::new(move |_| _ = counted.fetch_add(1, Ordering::SeqCst)));
        panic_where_nobody_awaits();
        std::process::exit(panics.load(Ordering::SeqCst));
    };
    drop(child.stderr.take());
    drop(child.stdin.take());
    assert_eq!(child.wait().unwrap().code(), Some(2), "not the number of panics that were to be");
}
