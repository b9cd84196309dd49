//! How many threads the pool has, and when: the growth rule and its bounds, on the real scheduler.

use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, mpsc};
use std::time::Duration;

use sideline_blocking_pool::{Pool, Shutdown};

include!("common/all_meet.rs");
include!("common/block_on.rs");
include!("common/occupy.rs");
include!("common/compute.rs");

#[test]
fn a_thousand_jobs_in_sequence_use_one_thread() {
    let pool = Pool::builder().core_threads(4).max_threads(64).build().unwrap();
    for i in 0..1000 {
        assert_eq!(block_on(pool.spawn(move || i)).unwrap(), i);
    }
    assert_eq!(pool.metrics().threads, 1);
    pool.shutdown(Shutdown::Drain);
}

/// A worker that has been computing for long relies on those who are idle; if there are none, it is as ever.
#[test]
fn long_jobs_in_sequence_use_one_thread() {
    let steps = steps_per(Duration::from_millis(2));
    let pool = Pool::builder().core_threads(4).max_threads(64).build().unwrap();
    for _ in 0..100 {
        block_on(pool.spawn(move || compute(steps))).unwrap();
    }
    assert_eq!(pool.metrics().threads, 1);
    pool.shutdown(Shutdown::Drain);
}

/// One worker is stuck, and the jobs of the other come and go within moments. That is no reason not to make up for the first.
/// Elsewhere nobody can see that it is stuck.
#[test]
#[cfg(target_os = "linux")]
fn a_stuck_worker_is_made_up_for_while_jobs_flow() {
    let steps = steps_per(Duration::from_micros(5));
    let pool = Pool::builder().core_threads(2).max_threads(3).build().unwrap();
    let stuck = occupy(pool.job());
    while pool.metrics().threads < 3 {
        let flow: Vec<_> = (0..1_000).map(|_| pool.spawn(move || compute(steps))).collect();
        for job in flow {
            block_on(job).unwrap();
        }
    }
    drop(stuck);
    pool.shutdown(Shutdown::Drain);
}

/// A worker takes a batch, and the first job of it never seems to end; there is always another one from outside. The
/// rest of the batch does not wait for either.
#[test]
fn a_batch_behind_a_long_job_does_not_starve() {
    let pool = Pool::builder().core_threads(2).max_threads(2).build().unwrap();
    let (first, second) = (occupy(pool.job()), occupy(pool.job()));
    let (long_started, long_has_started) = mpsc::channel();
    let (release_long, long_released) = mpsc::channel::<()>();
    let long = pool.spawn(move || {
        long_started.send(()).unwrap();
        _ = long_released.recv();
    });
    let (in_batch, batch_ran) = mpsc::channel();
    let rest: Vec<_> = (0..3)
        .map(|_| {
            let ran = in_batch.clone();
            pool.spawn(move || ran.send(()).unwrap())
        })
        .collect();
    drop(first);
    long_has_started.recv().unwrap();
    // Each of these ends only when there is one more: the queue from outside is never empty.
    let (ask, asked) = mpsc::channel();
    let (answer, answered) = mpsc::channel::<()>();
    let answered = Arc::new(std::sync::Mutex::new(answered));
    let another = || {
        let (ask, answered) = (ask.clone(), Arc::clone(&answered));
        drop(pool.spawn(move || {
            ask.send(()).unwrap();
            _ = answered.lock().unwrap().recv();
        }));
    };
    (0..2).for_each(|_| another());
    drop(second);
    let mut ran = 0;
    while ran < rest.len() {
        asked.recv().unwrap();
        another();
        answer.send(()).unwrap();
        ran += batch_ran.try_iter().count();
    }
    drop((answer, release_long));
    block_on(long).unwrap();
    pool.shutdown(Shutdown::Drain);
}

/// Each of a family spawns the next, so that the worker always finds one of its own. What came from outside before has its turn.
#[test]
fn a_family_of_nested_jobs_does_not_starve_others() {
    const LAST: usize = 10_000;
    fn spawn_next(pool: &Pool, born: usize, latest: Arc<AtomicUsize>) {
        latest.store(born, Relaxed);
        if born < LAST {
            let inner = pool.clone();
            drop(pool.spawn(move || spawn_next(&inner, born + 1, latest)));
        }
    }
    let pool = Pool::builder().core_threads(1).max_threads(1).build().unwrap();
    let latest = Arc::new(AtomicUsize::new(0));
    let (started, has_started) = mpsc::channel();
    let (begin, wait_begin) = mpsc::channel::<()>();
    let (inner, family) = (pool.clone(), Arc::clone(&latest));
    drop(pool.spawn(move || {
        started.send(()).unwrap();
        wait_begin.recv().unwrap();
        spawn_next(&inner, 1, family);
    }));
    has_started.recv().unwrap();
    let other = pool.spawn(move || latest.load(Relaxed));
    begin.send(()).unwrap();
    let born = block_on(other).unwrap();
    assert!((1..1_000).contains(&born), "it came after {born} of the family");
    pool.shutdown(Shutdown::Drain);
}

#[test]
fn blocked_jobs_open_a_thread_each() {
    let pool = Pool::builder().core_threads(2).max_threads(512).build().unwrap();
    // How long it takes to get there is measured by the bench `sleep-burst`.
    all_meet(&pool, 200);
    pool.shutdown(Shutdown::Drain);
}

#[test]
fn jobs_that_wait_for_jobs_do_not_deadlock_below_the_cap() {
    let pool = Pool::builder().core_threads(2).max_threads(20).build().unwrap();
    all_meet(&pool, 16);
    pool.shutdown(Shutdown::Drain);
}

#[test]
fn a_chain_of_nested_waits_does_not_deadlock_below_the_cap() {
    fn nest(pool: Pool, depth: usize) -> usize {
        if depth == 0 {
            return 0;
        }
        let inner = pool.clone();
        1 + block_on(pool.spawn(move || nest(inner, depth - 1))).unwrap()
    }
    let pool = Pool::builder().core_threads(1).max_threads(40).build().unwrap();
    let inner = pool.clone();
    assert_eq!(block_on(pool.spawn(move || nest(inner, 30))).unwrap(), 30);
    pool.shutdown(Shutdown::Drain);
}

#[test]
fn a_short_call_does_not_wait_for_long_ones() {
    let pool = Pool::builder().core_threads(1).max_threads(8).build().unwrap();
    let (release, released) = mpsc::channel::<()>();
    let long = pool.spawn(move || _ = released.recv());
    assert_eq!(block_on(pool.spawn(|| 1)).unwrap(), 1);
    drop(release);
    block_on(long).unwrap();
    pool.shutdown(Shutdown::Drain);
}

#[test]
fn saturated_is_a_pool_with_a_worker_awake_for_each_processor() {
    let processors = std::thread::available_parallelism().unwrap().get();
    let pool = Pool::builder().core_threads(processors).build().unwrap();
    assert!(!pool.is_saturated());
    let mut busy: Vec<_> = (1..processors).map(|_| occupy(pool.job())).collect();
    assert!(!pool.is_saturated());
    busy.push(occupy(pool.job()));
    assert!(pool.is_saturated());
    drop(busy);
    // They lie down at last.
    while pool.is_saturated() {
        std::thread::yield_now();
    }
    pool.shutdown(Shutdown::Drain);
}
