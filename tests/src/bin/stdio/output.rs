//! Standard output and standard error.

use sideline::io::{stderr, stdout};
use sideline::task::yield_now;
use sideline::{Handle, Report, Runtime, block_on, spawn};
use std::future::poll_fn;
use std::io::ErrorKind;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

/// False if it is none of these modes.
pub(crate) fn run(mode: &str) -> bool {
    match mode {
        "mixed" => mixed(),
        "large" => block_on(large()),
        "print" => block_on(print()),
        "closed" => block_on(closed()),
        "queued" => queued(),
        "stuck" => stuck(),
        "copied" => block_on(copied()),
        _ => return false,
    }
    true
}

/// Many handles, two runtimes, and `print!`.
fn mixed() {
    let other = thread::spawn(|| block_on(lines("there")));
    block_on(async {
        let tasks: Vec<_> = ["one", "two", "three"].map(|name| spawn(lines(name))).into();
        for number in 0..100 {
            println!("print {number} {}", "x".repeat(100));
            yield_now().await;
        }
        for task in tasks {
            task.await.unwrap();
        }
    });
    other.join().unwrap();
}

async fn lines(name: &str) {
    let mut out = stdout();
    for number in 0..100 {
        out.write_all(format!("{name} {number} {}\n", "x".repeat(100)).as_bytes()).await.unwrap();
    }
}

/// More than any pipe holds, without an end of a line.
async fn large() {
    assert_eq!(stdout().write(&vec![b'x'; 300_000]).await.unwrap(), 300_000);
    stderr().write_all(&vec![b'y'; 300_000]).await.unwrap();
}

/// `print!` holds back what is no line.
async fn print() {
    let mut out = stdout();
    print!("1 ");
    out.write_all(b"2 ").await.unwrap();
    print!("3 ");
    assert!(poll_fn(|cx| out.poll_write(cx, b"4 ")).await.is_ok());
    out.flush().await.unwrap();
    print!("5");
}

/// Nobody reads.
async fn closed() {
    let mut out = stdout();
    assert_eq!(out.write(b"lost").await.unwrap_err().kind(), ErrorKind::BrokenPipe);
    // Of one that was only queued.
    assert!(poll_fn(|cx| out.poll_write(cx, b"lost")).await.is_ok());
    assert_eq!(out.flush().await.unwrap_err().kind(), ErrorKind::BrokenPipe);
    out.flush().await.unwrap();
    // The standard library would have another try at it when the process exits, and say nothing.
    stderr().write_all(b"noticed").await.unwrap();
}

/// Queued, and never waited for; the second by a handle of its own.
fn queued() {
    let outside = std::pin::pin!(async { stdout().write_all(b"nowhere").await });
    let outside = outside.poll(&mut std::task::Context::from_waker(std::task::Waker::noop()));
    assert!(matches!(outside, std::task::Poll::Ready(Err(_))), "outside a runtime");
    block_on(async {
        for text in ["never ", "waited ", "for"] {
            let mut out = stdout();
            assert!(poll_fn(|cx| out.poll_write(cx, text.as_bytes())).await.is_ok());
        }
    });
}

/// The pipe is full, and nobody empties it: the loop goes on, and the end comes.
fn stuck() {
    let (tell, told) = mpsc::channel();
    let builder = Runtime::builder().drop_deadline(Duration::from_millis(5));
    let builder = builder.on_report(move |report| {
        let Report::JobsLeft { running, queued } = report else { return };
        tell.send((running[0].name.clone(), running.len(), *queued)).unwrap();
    });
    let runtime = builder.build().unwrap();
    runtime.block_on(async {
        let writers = (0..10).map(|_| spawn(async { stdout().write_all(&vec![b'x'; 1 << 20]).await }));
        writers.for_each(drop);
        while Handle::current().metrics().pool.running == 0 {
            yield_now().await;
        }
    });
    drop(runtime);
    // One has a thread, the others are in line.
    let (name, running, queued) = told.recv().unwrap();
    assert_eq!((name.as_deref(), running, queued), (Some("stdout: write"), 1, 9));
    block_on(async { stderr().write_all(b"the end").await.unwrap() });
}

async fn copied() {
    let copied = sideline::io::copy(&mut sideline::io::stdin().unwrap(), &mut stdout()).await;
    stderr().write_all(copied.unwrap().to_string().as_bytes()).await.unwrap();
}
