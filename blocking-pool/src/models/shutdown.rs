//! The end of a pool: nothing that was let in is forgotten, and all threads end.

use std::sync::Arc;

use super::idle::meet;
use super::{block_on, check, ended, pool, race, settled};
use crate::shutdown::Shutdown;
use crate::sync::atomic::{AtomicUsize, Ordering};
use crate::sync::thread;
use crate::threads::park::Parker;

/// A job ends its pool, and so does somebody outside: who waits for that job, too, which waits for the other thread.
#[test]
fn outside_shutdown_against_shutdown_in_a_job() {
    check(1, || {
        let pool = pool(2, 2);
        let is_over = Arc::new(AtomicUsize::new(0));
        let (inside, mark) = (pool.clone(), Arc::clone(&is_over));
        block_on(pool.spawn(|| ())).unwrap();
        let other = pool.spawn(|| ());
        race();
        let ends = pool.spawn(move || {
            inside.shutdown(Shutdown::Drain);
            mark.store(1, Ordering::Release);
        });
        pool.shutdown(Shutdown::Drain);
        assert_eq!(is_over.load(Ordering::Acquire), 1, "it was not waited for");
        settled();
        block_on(other).unwrap();
        block_on(ends).unwrap();
    });
}

/// A job is submitted while the pool shuts down: it is run or rejected, and all threads end. A job that was let in
/// and forgotten, or a worker that nobody wakes, is a deadlock.
#[test]
fn submit_against_shutdown() {
    check(2, || {
        let pool = pool(1, 1);
        block_on(pool.spawn(|| ())).unwrap();
        let other = pool.clone();
        race();
        let submitter = thread::spawn(move || ended(block_on(other.spawn(|| ()))));
        let report = pool.shutdown(Shutdown::Drain);
        assert!(report.left_running.is_empty());
        assert_eq!(report.left_queued, 0);
        submitter.join().unwrap();
    });
}

/// The same, with everything that has not started to be cancelled.
#[test]
fn submit_against_abandon() {
    check(2, || {
        let pool = pool(1, 1);
        block_on(pool.spawn(|| ())).unwrap();
        let other = pool.clone();
        race();
        let submitter = thread::spawn(move || match block_on(other.spawn(|| ())) {
            Ok(()) => {}
            Err(error) => assert!(error.is_rejected() || error.is_cancelled(), "{error}"),
        });
        pool.shutdown(Shutdown::Abandon);
        submitter.join().unwrap();
        settled();
        pool.shutdown(Shutdown::Drain);
    });
}

/// The pool closes while one worker has taken the last entry and the other is just lying down: the last one to leave
/// has to call it. A worker that sleeps on is a deadlock.
#[test]
fn workers_leave_a_closed_pool() {
    check(2, || {
        let pool = pool(2, 2);
        // Both workers are there, and parked.
        let (a, b) = (Arc::new(Parker::new()), Arc::new(Parker::new()));
        let (a2, b2) = (Arc::clone(&a), Arc::clone(&b));
        let met = [pool.spawn(move || meet(&a, &b)), pool.spawn(move || meet(&b2, &a2))];
        met.into_iter().for_each(|job| block_on(job).unwrap());
        race();
        let job = pool.spawn(|| ());
        let report = pool.shutdown(Shutdown::Drain);
        assert_eq!(report.left_queued, 0);
        assert!(job.is_finished());
    });
}
