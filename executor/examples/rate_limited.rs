//! At most N blocking calls at once, with all results and all errors gathered.
//!
//! ```text
//! cargo run --example rate_limited -- 3 src/*.rs no-such-file
//! ```
//!
//! Counts the lines and words of files, N files at a time. Those whose turn it is not wait in a `Limiter`, where
//! they cost a few bytes; a thread is taken only by those whose turn it is. One item that fails, or even panics,
//! does not stop the others.

#![forbid(unsafe_code)]

use sideline::blocking::{self, Limiter};
use sideline::{AbortOnDrop, JoinError};
use std::fmt;
use std::io;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

/// Runs `f` on the pool for each item, so many at once as `limit` says. The results come in the order of the items.
async fn batch<I, T, E>(
    limit: &Limiter,
    items: Vec<I>,
    f: impl Fn(I) -> Result<T, E> + Clone + Send + 'static,
) -> Vec<Result<T, BatchError<E>>>
where
    I: Send + 'static,
    T: Send + 'static,
    E: Send + 'static,
{
    let each = blocking::job().limiter(limit);
    // Dropping the batch stops what has not started.
    let jobs: Vec<AbortOnDrop<_>> = items
        .into_iter()
        .map(|item| {
            let f = f.clone();
            each.clone().spawn(move || f(item)).abort_on_drop()
        })
        .collect();
    let mut results = Vec::new();
    for job in jobs {
        results.push(match job.await {
            Ok(Ok(value)) => Ok(value),
            Ok(Err(error)) => Err(BatchError::Failed(error)),
            Err(error) => Err(BatchError::Died(error)),
        });
    }
    results
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
    let results = batch(&Limiter::new(at_once), files.clone(), count).await;

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
