//! The program that `tests/stdio.rs` runs with one kind of standard input after another.

use sideline::time::{sleep, timeout};
use sideline::{block_on, io::stdin, spawn};
use std::io::Write;
use std::time::Duration;

fn main() {
    let mode = std::env::args().nth(1).expect("a mode");
    block_on(async {
        match mode.as_str() {
            "copy" => copy().await,
            "lines" => lines().await,
            "ticks" => ticks().await,
            // The read is never done: neither the runtime's end nor the process's waits for it.
            "leave" => {
                let mut input = stdin().unwrap();
                assert!(timeout(Duration::from_millis(5), input.read(&mut [0; 8])).await.is_err());
            }
            other => panic!("no mode is called {other}"),
        }
    });
    std::io::stdout().flush().unwrap();
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
