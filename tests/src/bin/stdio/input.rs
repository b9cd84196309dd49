//! Standard input.

use sideline::time::{sleep, timeout};
use sideline::{io::stdin, spawn};
use std::io::Write;
use std::time::Duration;

pub(crate) async fn run(mode: &str) {
    match mode {
        "copy" => copy().await,
        "lines" => lines().await,
        "bytes" => bytes().await,
        "ticks" => ticks().await,
        #[cfg(unix)]
        "two" => two().await,
        // The read is never done: neither the runtime's end nor the process's waits for it.
        "leave" => {
            let mut input = stdin().unwrap();
            assert!(timeout(Duration::from_millis(5), input.read(&mut [0; 8])).await.is_err());
        }
        other => panic!("no mode is called {other}"),
    }
}

/// To the end, in pieces that no read fits, with a reader that gives up now and then.
async fn copy() {
    let mut input = stdin().unwrap();
    let mut buffer = [0; 777];
    loop {
        let read = timeout(Duration::from_micros(50), input.read(&mut buffer)).await;
        match read {
            Err(_) => continue,
            Ok(Ok(0)) => break,
            Ok(n) => std::io::stdout().write_all(&buffer[..n.unwrap()]).unwrap(),
        }
    }
}

/// The first line by one `Stdin`, what follows by another.
async fn lines() {
    let mut line = String::new();
    stdin().unwrap().read_line(&mut line).await.unwrap();
    print!("first: {line}");
    let mut rest = Vec::new();
    let n = stdin().unwrap().read_to_end(&mut rest).await.unwrap();
    print!("then {n}: {}", String::from_utf8(rest).unwrap());
}

/// Byte by byte, with what was read at once: another task has its turn all the same.
async fn bytes() {
    let mut input = stdin().unwrap();
    input.read_exact(&mut [0]).await.unwrap();
    let other = spawn(async {});
    let mut bytes = 0;
    while !other.is_finished() {
        input.read_exact(&mut [0]).await.unwrap();
        bytes += 1;
    }
    println!("{}", if bytes < 1_000 { "in turn" } else { "starved" });
}

/// The loop goes on while somebody waits for input; then says what came.
async fn ticks() {
    let reader = spawn(async {
        let mut line = String::new();
        let mut input = stdin().unwrap();
        println!("{input:?}");
        input.read_line(&mut line).await.map(|_| line)
    });
    for _ in 0..10 {
        sleep(Duration::from_millis(1)).await;
    }
    println!("ticked");
    print!("{}", reader.await.unwrap().unwrap());
}

/// One waits; another takes all there is, uses a part of it, and leaves the rest to the one that waits.
#[cfg(unix)]
async fn two() {
    let mut waits = stdin().unwrap();
    let waiting = spawn(async move {
        let mut line = String::new();
        waits.read_line(&mut line).await.map(|_| line)
    });
    sideline::task::yield_now().await;
    println!("waiting");
    // On the loop's thread: nobody is told by the kernel before the other has read.
    wait_for_input();
    let mut line = String::new();
    stdin().unwrap().read_line(&mut line).await.unwrap();
    print!("here: {line}");
    print!("there: {}", waiting.await.unwrap().unwrap());
}

/// Blocks until there is input, and takes none of it.
#[cfg(unix)]
fn wait_for_input() {
    let mut input = libc::pollfd { fd: 0, events: libc::POLLIN, revents: 0 };
    // SAFETY: it is one, and ours.
    assert_eq!(unsafe { libc::poll(&mut input, 1, -1) }, 1);
}
