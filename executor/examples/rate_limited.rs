//! At most N blocking calls at once, with all results and all errors gathered.
//!
//! ```text
//! cargo run --example rate_limited -- 3 src/*.rs no-such-file
//! ```
//!
//! Counts the lines and words of files, N files at a time. Waiting for a turn happens on the loop, where it
//! costs a few bytes; a thread is taken only by those whose turn it is. One item that fails, or even panics,
//! does not stop the others.

#![forbid(unsafe_code)]

use async_lock::Semaphore;
use sideline::{AbortOnDrop, JoinError};
use std::fmt;
use std::io;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

/// Runs closures on the pool, so many at once and no more. Clones share the limit.
#[derive(Clone)]
struct RateLimited(Arc<Semaphore>);

impl RateLimited {
    fn new(at_once: usize) -> Self {
        Self(Arc::new(Semaphore::new(at_once)))
    }

    /// Runs `f` on the pool as soon as there is room.
    async fn run<T: Send + 'static>(&self, f: impl FnOnce() -> T + Send + 'static) -> Result<T, JoinError> {
        // The permit goes into the job: should we be dropped while it runs, it keeps its place to the end.
        let permit = self.0.acquire_arc().await;
        sideline::spawn_blocking(move || {
            let _permit = permit;
            f()
        })
        .await
    }

    /// Runs `f` for each item. The results come in the order of the items.
    async fn batch<I, T, E>(
        &self,
        items: Vec<I>,
        f: impl Fn(I) -> Result<T, E> + Clone + Send + 'static,
    ) -> Vec<Result<T, BatchError<E>>>
    where
        I: Send + 'static,
        T: Send + 'static,
        E: Send + 'static,
    {
        // Dropping the batch stops what has not started.
        let tasks: Vec<AbortOnDrop<_>> = items
            .into_iter()
            .map(|item| {
                let (limit, f) = (self.clone(), f.clone());
                sideline::spawn(async move { limit.run(move || f(item)).await }).abort_on_drop()
            })
            .collect();
        let mut results = Vec::new();
        for task in tasks {
            results.push(match task.await.and_then(|finished| finished) {
                Ok(Ok(value)) => Ok(value),
                Ok(Err(error)) => Err(BatchError::Failed(error)),
                Err(error) => Err(BatchError::Died(error)),
            });
        }
        results
    }
}

/// Why an item of a batch has no result.
enum BatchError<E> {
    /// The closure said so.
    Failed(E),
    /// The closure panicked, or never ran.
    Died(JoinError),
}

impl<E: fmt::Display> fmt::Display for BatchError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            BatchError::Failed(error) => error.fmt(f),
            BatchError::Died(error) => error.fmt(f),
        }
    }
}

fn main() -> ExitCode {
    let mut args = std::env::args().skip(1);
    let (Some(Ok(at_once @ 1..)), files) =
        (args.next().map(|n| n.parse::<usize>()), args.collect::<Vec<_>>())
    else {
        eprintln!("usage: rate_limited N FILE...   (N files at once, at least 1)");
        return ExitCode::from(2);
    };
    sideline::block_on(run(at_once, files))
}

async fn run(at_once: usize, files: Vec<String>) -> ExitCode {
    let crowd = Arc::new(Crowd::default());
    let count = {
        let crowd = Arc::clone(&crowd);
        move |file: String| crowd.during(|| count_blocking(&file))
    };
    let results = RateLimited::new(at_once).batch(files.clone(), count).await;

    let mut failed = 0;
    for (file, result) in files.iter().zip(&results) {
        match result {
            Ok(Count { lines, words }) => println!("{lines:>7} lines {words:>7} words  {file}"),
            Err(error) => {
                failed += 1;
                println!("{file}: {error}");
            }
        }
    }
    println!(
        "{} files counted, {failed} failed, never more than {} at once",
        results.len() - failed,
        crowd.most.load(Relaxed)
    );
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

struct Count {
    lines: usize,
    words: usize,
}

fn count_blocking(file: &str) -> io::Result<Count> {
    let text = std::fs::read_to_string(file)?;
    Ok(Count { lines: text.lines().count(), words: text.split_whitespace().count() })
}

/// Counts how many calls were inside at the same time, to show that the limit holds.
#[derive(Default)]
struct Crowd {
    now: AtomicUsize,
    most: AtomicUsize,
}

impl Crowd {
    fn during<T>(&self, f: impl FnOnce() -> T) -> T {
        self.most.fetch_max(self.now.fetch_add(1, Relaxed) + 1, Relaxed);
        let result = f();
        self.now.fetch_sub(1, Relaxed);
        result
    }
}
