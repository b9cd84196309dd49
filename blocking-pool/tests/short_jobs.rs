//! Short jobs never have more threads than cores and two, on a quiet machine and on one that is busy with other things.
//! In a file of their own, so that no other test is disturbed by the crowd. On Linux only: elsewhere nobody can tell a worker
//! that waits for a processor from one that is blocked.
#![cfg(target_os = "linux")]

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use sideline_blocking_pool::{Pool, Shutdown};

include!("common/block_on.rs");
include!("common/compute.rs");

/// Two cores that compute have two threads, and at most two more on a machine that is busy with other things: a worker
/// that waits for a processor is no evidence for anything.
const MOST_FOR_SHORT_JOBS: usize = 2 + 2;

/// Threads that want all the processors for themselves, and more of them than there are, until this is dropped.
struct Crowd {
    stop: Arc<AtomicBool>,
    threads: Vec<std::thread::JoinHandle<()>>,
}

impl Crowd {
    fn new() -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let processors = std::thread::available_parallelism().map_or(2, usize::from);
        let threads = (0..3 * processors)
            .map(|_| {
                let stop = Arc::clone(&stop);
                std::thread::spawn(move || {
                    while !stop.load(Ordering::Relaxed) {
                        compute(1000);
                    }
                })
            })
            .collect();
        Self { stop, threads }
    }
}

impl Drop for Crowd {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        self.threads.drain(..).for_each(|thread| thread.join().unwrap());
    }
}

#[test]
fn computing_jobs_do_not() {
    let steps = steps_per(Duration::from_micros(20));
    for busy in [false, true] {
        let _crowd = busy.then(Crowd::new);
        let pool = Pool::builder().core_threads(2).max_threads(512).build().unwrap();
        let start = Instant::now();
        let jobs: Vec<_> = (0..20_000).map(|_| pool.spawn(move || compute(steps))).collect();
        jobs.into_iter().for_each(|job| _ = block_on(job).unwrap());
        let threads = pool.metrics().threads;
        println!("20,000 x 20 us: {:?}, {threads} threads, machine busy: {busy}", start.elapsed());
        assert!(threads <= MOST_FOR_SHORT_JOBS, "{threads}, machine busy: {busy}");
        pool.shutdown(Shutdown::Drain);
    }
}

#[test]
fn empty_jobs_do_not() {
    for busy in [false, true] {
        let _crowd = busy.then(Crowd::new);
        let pool = Pool::builder().core_threads(2).max_threads(512).build().unwrap();
        let start = Instant::now();
        let jobs: Vec<_> = (0..100_000).map(|i| pool.spawn(move || i)).collect();
        let pushed = start.elapsed();
        for (i, job) in jobs.into_iter().enumerate() {
            assert_eq!(block_on(job).unwrap(), i);
        }
        let (took, threads) = (start.elapsed(), pool.metrics().threads);
        println!(
            "100,000 empty jobs: {} ns each ({} to submit), {threads} threads, machine busy: {busy}",
            took.as_nanos() / 100_000,
            pushed.as_nanos() / 100_000
        );
        assert!(threads <= MOST_FOR_SHORT_JOBS, "{threads}, machine busy: {busy}");
        pool.shutdown(Shutdown::Drain);
    }
}
