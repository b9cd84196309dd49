//! Many of everything at once. Bounded: each finishes within seconds, and a lost job hangs it.

use fastrand::Rng;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Barrier};
use std::thread;
use std::time::Duration;

use sideline_blocking_pool::{Pool, Shutdown};

include!("common/all_meet.rs");
include!("common/block_on.rs");

#[test]
fn mixed_jobs_of_four_submitters_add_up() {
    let pool = Pool::builder().core_threads(2).max_threads(8).on_report(|_| ()).build().unwrap();
    let ran = Arc::new(AtomicU64::new(0));
    let submitters: Vec<_> = (1..=4)
        .map(|seed| {
            let (pool, ran) = (pool.clone(), Arc::clone(&ran));
            thread::spawn(move || {
                let mut random = Rng::with_seed(0x9E37_79B9_7F4A_7C15_u64.wrapping_mul(seed));
                let mut held = Vec::new();
                let mut aborted = 0;
                for _ in 0..50_000 {
                    let ran = Arc::clone(&ran);
                    let kind = random.u64(..1000);
                    let inner = (kind < 50).then(|| pool.clone());
                    let job = pool.spawn(move || {
                        ran.fetch_add(1, Ordering::Relaxed);
                        match inner {
                            Some(pool) => drop(pool.spawn(move || _ = ran.fetch_add(1, Ordering::Relaxed))),
                            // A panic that the test output need not show.
                            None if kind == 999 => std::panic::resume_unwind(Box::new(())),
                            None => {}
                        }
                    });
                    match random.u64(..4) {
                        0 => drop(job),
                        1 => aborted += u64::from(job.abort()),
                        _ => held.push(job),
                    }
                    if held.len() > 500 {
                        held.drain(..).for_each(|job| drop(block_on(job)));
                    }
                }
                held.into_iter().for_each(|job| drop(block_on(job)));
                aborted
            })
        })
        .collect();
    while submitters.iter().any(|submitter| !submitter.is_finished()) {
        adds_up(&pool);
        thread::yield_now();
    }
    let aborted: u64 = submitters.into_iter().map(|submitter| submitter.join().unwrap()).sum();
    pool.shutdown(Shutdown::Drain);
    let m = adds_up(&pool);
    assert_eq!((m.queued, m.running, m.threads, m.idle), (0, 0, 0, 0));
    assert_eq!(m.cancelled, aborted);
    assert_eq!(m.completed + m.panicked, ran.load(Ordering::Relaxed));
    assert!(m.submitted > 200_000 && m.panicked > 0);
}

fn adds_up(pool: &Pool) -> sideline_blocking_pool::Metrics {
    let m = pool.metrics();
    assert_eq!(m.submitted, m.queued + m.running + m.completed + m.panicked + m.cancelled, "{m:?}");
    m
}

/// Threads retire after a millisecond while jobs arrive about as often: whoever relies on one that leaves, hangs.
#[test]
fn retiring_threads_lose_nothing() {
    let pool = Pool::builder()
        .core_threads(1)
        .max_threads(16)
        .keep_alive(Duration::from_micros(500))
        .build()
        .unwrap();
    let mut random = Rng::with_seed(42);
    for round in 0..300 {
        let count = 2 + random.usize(..6);
        // All of them must run at once, so the pool has to grow again and again.
        all_meet(&pool, count);
        if round % 3 == 0 {
            block_on(pool.spawn(move || thread::sleep(Duration::from_micros(700)))).unwrap();
        }
    }
    let report = pool.shutdown(Shutdown::Drain);
    assert_eq!((report.left_queued, report.left_running.len()), (0, 0));
    assert_eq!(pool.metrics().threads, 0);
}

/// Pools come and go, with jobs in every stage; whatever was accepted is run.
#[test]
fn pools_come_and_go() {
    let ran = Arc::new(AtomicU64::new(0));
    let mut accepted = 0;
    for round in 0..500 {
        let pool = Pool::builder().core_threads(2).max_threads(3).build().unwrap();
        for _ in 0..round % 7 {
            let ran = Arc::clone(&ran);
            drop(pool.spawn(move || _ = ran.fetch_add(1, Ordering::Relaxed)));
            accepted += 1;
        }
        match round % 2 {
            0 => drop(pool),
            _ => _ = pool.shutdown(Shutdown::Drain),
        }
    }
    // Dropped pools run what is queued, in their own time; each job holds `ran` until it is over.
    while Arc::strong_count(&ran) > 1 {
        thread::yield_now();
    }
    assert_eq!(ran.load(Ordering::Relaxed), accepted);
}

/// Submitters and a shutdown meet: every handle resolves, and what was accepted was run.
#[test]
fn shutdown_in_the_middle_of_submits() {
    for round in 0..200 {
        let pool = Pool::builder().core_threads(2).max_threads(4).build().unwrap();
        let start = Arc::new(Barrier::new(3));
        let submitters: Vec<_> = (0..2)
            .map(|_| {
                let (pool, start) = (pool.clone(), Arc::clone(&start));
                thread::spawn(move || {
                    start.wait();
                    (0..100).filter(|_| block_on(pool.spawn(|| ())).is_ok()).count() as u64
                })
            })
            .collect();
        start.wait();
        pool.shutdown(if round % 2 == 0 { Shutdown::Drain } else { Shutdown::Abandon });
        let ran: u64 = submitters.into_iter().map(|submitter| submitter.join().unwrap()).sum();
        pool.shutdown(Shutdown::Drain);
        let m = adds_up(&pool);
        assert_eq!((m.completed, m.queued, m.running, m.threads), (ran, 0, 0, 0));
    }
}
