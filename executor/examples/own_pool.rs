//! A pool of your own: few threads, a short queue, and an end you can account for.
//!
//! ```text
//! cargo run --example own_pool -- /etc/*.conf
//! ```
//!
//! Some work must not share threads with everything else: a device that takes two callers at a time, say.
//! This program sends files to such a device, for which reading them slowly stands in. The pool has two
//! threads and a queue of four places. When that is full, `try_spawn` refuses the closure and *gives it
//! back*, with all that was moved into it, so that the caller can wait, drop it, or go elsewhere. Here it
//! waits until an earlier one is done.

#![forbid(unsafe_code)]

use sideline_blocking_pool::{JoinError, JoinHandle, Pool, Shutdown, SpawnErrorKind};
use std::collections::VecDeque;
use std::error::Error;
use std::io;
use std::process::ExitCode;
use std::thread;
use std::time::Duration;

fn main() -> ExitCode {
    let files: Vec<String> = std::env::args().skip(1).collect();
    if files.is_empty() {
        eprintln!("usage: own_pool FILE...");
        return ExitCode::from(2);
    }
    match run(files) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("own_pool: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(files: Vec<String>) -> Result<(), Box<dyn Error>> {
    let pool = Pool::builder()
        .thread_name("device")
        .core_threads(2)
        .max_threads(2)
        .queue_limit(4)
        .keep_alive(Duration::from_secs(1))
        .on_thread_start(|| eprintln!("own_pool: {} is up", name_of_this_thread()))
        .on_thread_stop(|| eprintln!("own_pool: {} is down", name_of_this_thread()))
        .build()?;

    // The pool's handles are plain futures: any runtime can await them.
    let (mut bytes, rest) = sideline::block_on(send_all(&pool, files))?;

    // The last ones are queued or running still. This finishes them, if five seconds are enough for that.
    let report = pool.shutdown(Shutdown::Deadline(Duration::from_secs(5)));
    println!("shutdown: {report}");
    // Results stay in their handles: the pool need not be there any more.
    bytes += sideline::block_on(async {
        let mut bytes = 0;
        for handle in rest {
            bytes += told(handle.await?);
        }
        Ok::<_, JoinError>(bytes)
    })?;
    println!("{bytes} bytes sent");

    // From here on the pool refuses everything, and says why.
    match pool.try_spawn(|| ()) {
        Ok(_) => Err("a closed pool took a job".into()),
        Err(refused) => {
            println!("one more: {refused}");
            Ok(())
        }
    }
}

type Sent = (String, io::Result<usize>);

/// Returns how many bytes are known to have been sent, and what is still under way.
async fn send_all(
    pool: &Pool,
    files: Vec<String>,
) -> Result<(usize, VecDeque<JoinHandle<Sent>>), Box<dyn Error>> {
    let (mut bytes, mut refused) = (0, 0);
    let mut under_way = VecDeque::new();
    for file in files {
        let mut job = move || send_to_device(file);
        loop {
            let error = match pool.try_spawn(job) {
                Ok(handle) => break under_way.push_back(handle),
                Err(error) => error,
            };
            match (error.kind(), under_way.pop_front()) {
                // The queue is full: make room by waiting for the oldest, then try again with the same
                // closure.
                (SpawnErrorKind::Full { .. }, Some(oldest)) => {
                    refused += 1;
                    bytes += told(oldest.await?);
                    job = error.into_closure();
                }
                _ => return Err(error.to_string().into()),
            }
        }
    }
    println!("the queue was full {refused} times");
    Ok((bytes, under_way))
}

fn told((file, result): Sent) -> usize {
    match result {
        Ok(bytes) => println!("{bytes:>8} bytes  {file}"),
        Err(ref error) => println!("{file}: {error}"),
    }
    result.unwrap_or(0)
}

fn send_to_device(file: String) -> Sent {
    let result = std::fs::read(&file).map(|bytes| {
        thread::sleep(Duration::from_millis(20));
        bytes.len()
    });
    (file, result)
}

fn name_of_this_thread() -> String {
    thread::current().name().unwrap_or("a thread without a name").to_owned()
}
