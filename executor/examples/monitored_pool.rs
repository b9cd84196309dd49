//! What the pool is doing, while it does it.
//!
//! ```text
//! cargo run --release --example monitored_pool -- 200
//! ```
//!
//! Runs a mixture of calls that compute and calls that sleep, and prints the pool's counters ten times a
//! second, with the age of the oldest job in the queue and how long jobs waited lately. Counting costs next to nothing and
//! is always on; a service would export the same numbers (see the example `prometheus`).
//! [`monitored`] is for a closer look at single calls: how long each waited for a thread, and how long it
//! ran.

#![forbid(unsafe_code)]

use sideline::task::JoinSet;
use sideline::{Handle, Histogram, JoinError, Pool, Runtime};
use std::hint::black_box;
use std::process::ExitCode;
use std::thread;
use std::time::{Duration, Instant};

fn main() -> ExitCode {
    let mut args = std::env::args().skip(1);
    let (Ok(jobs), None) = (args.next().map_or(Ok(200), |jobs| jobs.parse()), args.next()) else {
        eprintln!("usage: monitored_pool [JOBS]");
        return ExitCode::from(2);
    };
    match run(jobs) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("monitored_pool: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(jobs: usize) -> Result<(), Box<dyn std::error::Error>> {
    // A pool of our own, so that the numbers are about these jobs and nobody else's.
    let pool = Pool::builder().thread_name("monitored").max_threads(32).build()?;
    let runtime = Runtime::builder().pool(pool).build()?;
    runtime.block_on(async {
        println!(
            "{:>8} {:>8} {:>8} {:>8} {:>10} {:>10} {:>10}",
            "threads", "idle", "queued", "running", "oldest", "wait p99", "completed"
        );
        let statistics = sideline::spawn(print_statistics()).abort_on_drop();

        let mut set = JoinSet::new();
        for job in 0..jobs {
            set.spawn(async move {
                if job % 2 == 0 {
                    let (_sum, call) = monitored("compute", || sum_of_squares(3_000_000)).await?;
                    Ok::<Call, JoinError>(call)
                } else {
                    let ((), call) = monitored("sleep", || thread::sleep(Duration::from_millis(40))).await?;
                    Ok(call)
                }
            });
        }
        let mut slowest: Option<Call> = None;
        while let Some(call) = set.join_next().await {
            let call = call??;
            if slowest.as_ref().is_none_or(|slowest| call.total() > slowest.total()) {
                slowest = Some(call);
            }
        }
        drop(statistics);
        print_line(&Histogram::new());

        if let Some(call) = slowest {
            println!(
                "slowest of {jobs}: {}, {:.0?} in the queue and {:.0?} running",
                call.name, call.waited, call.ran
            );
        }
        let m = Handle::current().metrics().pool;
        for (name, took) in [("waited", &m.queue_wait), ("ran", &m.run_time), ("lay ready", &m.handoff)] {
            if let (Some(half), Some(most)) = (took.quantile(0.5), took.quantile(0.99)) {
                println!(
                    "{} {name} for about {half:.0?}, one in a hundred for about {most:.0?} or more",
                    took.count()
                );
            }
        }
        // Every job is in exactly one class, so the sum is always right.
        println!(
            "{} submitted = {} queued + {} running + {} completed + {} panicked + {} cancelled",
            m.submitted, m.queued, m.running, m.completed, m.panicked, m.cancelled
        );
        Ok(())
    })
}

async fn print_statistics() {
    let mut interval = sideline::time::interval(Duration::from_millis(100));
    let mut before = Histogram::new();
    loop {
        interval.tick().await;
        before = print_line(&before);
    }
}

/// The quantile is of the jobs that were started since `before` was returned; histograms themselves only grow.
fn print_line(before: &Histogram) -> Histogram {
    let m = Handle::current().metrics().pool;
    let ms = |time: Option<Duration>| {
        time.map_or("-".to_owned(), |time| format!("{:.1} ms", 1e3 * time.as_secs_f64()))
    };
    let (oldest, wait) = (ms(m.oldest_queued), ms(m.queue_wait.since(before).quantile(0.99)));
    println!(
        "{:>8} {:>8} {:>8} {:>8} {oldest:>10} {wait:>10} {:>10}",
        m.threads, m.idle, m.queued, m.running, m.completed
    );
    m.queue_wait
}

/// What one call cost.
struct Call {
    name: &'static str,
    waited: Duration,
    ran: Duration,
}

impl Call {
    fn total(&self) -> Duration {
        self.waited + self.ran
    }
}

/// Runs a closure on the pool and measures it. The closure itself stays as it is.
async fn monitored<T, F>(name: &'static str, f: F) -> Result<(T, Call), JoinError>
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    let submitted = Instant::now();
    sideline::spawn_blocking(move || {
        let started = Instant::now();
        let result = f();
        (result, Call { name, waited: started - submitted, ran: started.elapsed() })
    })
    .await
}

fn sum_of_squares(n: u64) -> u64 {
    (0..n).fold(0, |sum, i| sum.wrapping_add(black_box(i) * i))
}
