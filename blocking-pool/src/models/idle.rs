//! The idle protocol, run by real workers: no job may wait with everybody asleep.

use std::io;
use std::sync::Arc;

use super::{block_on, check, config, ended, pool, race, settled};
use crate::growth::is_needed;
use crate::pool::Pool;
use crate::shutdown::Shutdown;
use crate::sync::atomic::{AtomicUsize, Ordering};
use crate::sync::thread;
use crate::threads::idle::{Idle, Summon};
use crate::threads::park::Parker;
use crate::worker::Found;

/// One thread, which is all there may be. It has done its first job and lies down while the second is submitted.
/// A lost job is a deadlock.
#[test]
fn submit_against_going_idle() {
    check(3, || {
        let pool = pool(1, 1);
        block_on(pool.spawn(race)).unwrap();
        let job = pool.spawn(|| 2);
        settled();
        assert_eq!(block_on(job).unwrap(), 2);
        pool.shutdown(Shutdown::Drain);
    });
}

/// Two jobs in a row, one thread, which is being called for the first: the second relies on that call.
#[test]
fn second_submit_against_waking() {
    check(2, || {
        let pool = pool(1, 1);
        block_on(pool.spawn(|| ())).unwrap();
        race();
        let (first, second) = (pool.spawn(|| 1), pool.spawn(|| 2));
        settled();
        assert_eq!(block_on(first).unwrap(), 1);
        assert_eq!(block_on(second).unwrap(), 2);
        pool.shutdown(Shutdown::Drain);
    });
}

/// The worker takes the second job before its submitter has looked who is awake: no second thread for it.
#[test]
fn jobs_in_sequence_use_one_thread() {
    check(3, || {
        let pool = pool(2, 2);
        block_on(pool.spawn(race)).unwrap();
        let job = pool.spawn(|| 2);
        settled();
        assert_eq!(block_on(job).unwrap(), 2);
        assert_eq!(pool.metrics().threads, 1);
        pool.shutdown(Shutdown::Drain);
    });
}

/// Two jobs, both of which must run at the same time, handed in with only one of two workers awake: the searcher
/// that took the first has to hand over the search. Lost hand-over: a deadlock.
#[test]
fn last_searcher_hands_over() {
    check(2, || {
        let pool = pool(2, 2);
        let (a, b) = (Arc::new(Parker::new()), Arc::new(Parker::new()));
        let (a2, b2) = (Arc::clone(&a), Arc::clone(&b));
        race();
        let first = pool.spawn(move || meet(&a, &b));
        let second = pool.spawn(move || meet(&b2, &a2));
        settled();
        block_on(first).unwrap();
        block_on(second).unwrap();
        pool.shutdown(Shutdown::Drain);
    });
}

/// Ends only if two jobs are in here at the same time.
pub(super) fn meet(mine: &Parker, theirs: &Parker) {
    theirs.unpark();
    mine.park();
}

/// Two sleepers and a thread that counts as searching but never comes. It is relied on for one job, not for two; and
/// one who was called for the first, and sees the second, does not rely on it at all.
#[test]
fn a_searcher_that_does_not_come_holds_up_one_job() {
    check(1, || {
        let pool = pool(3, 3);
        let (shared, sleepers) = (pool.shared(), [(); 2].map(|()| Arc::new(Parker::new())));
        let was_called = |sleeper: &Parker| sleeper.park_for(std::time::Duration::ZERO);
        for parker in &sleepers {
            assert!(shared.idle.reserve(3));
            shared.idle.lie_down(parker);
        }
        assert!(shared.idle.reserve(3));
        let mut jobs = vec![pool.spawn(|| ())];
        assert!(!was_called(&sleepers[0]) && !was_called(&sleepers[1]), "one who searches has to do for one");
        // Nor for two, for longer than those who are quick would need; in a model that is no time at all.
        while !was_called(&sleepers[1]) {
            jobs.push(pool.spawn(|| ()));
            assert!(!cfg!(loom) || jobs.len() < 4);
        }
        assert!(!was_called(&sleepers[0]));
        let entry = shared.queues.take_injected(None);
        shared.found(Found::WhenCalled);
        assert!(was_called(&sleepers[0]));
        drop(entry);
        // There never was a thread: whoever takes the jobs out ends the pool.
        pool.shutdown(Shutdown::Abandon);
    });
}

/// A nested job in one worker's deque, popped by its owner while the other worker steals: it runs once.
#[test]
fn popped_against_stolen() {
    check(2, || {
        let pool = pool(2, 2);
        let runs = Arc::new(AtomicUsize::new(0));
        let (inner, count) = (pool.clone(), Arc::clone(&runs));
        let nested = pool.spawn(move || {
            race();
            inner.spawn(move || _ = count.fetch_add(1, Ordering::AcqRel))
        });
        let nested = block_on(nested).unwrap();
        settled();
        block_on(nested).unwrap();
        assert_eq!(runs.load(Ordering::Acquire), 1);
        pool.shutdown(Shutdown::Drain);
    });
}

/// A worker above the core whose keep-alive runs out (in a model: at once) while a job comes in, with the core
/// worker blocked until that job is done. Whoever calls somebody that leaves nevertheless: a deadlock.
#[test]
fn retire_against_submit() {
    check(2, || {
        let pool = pool(1, 2);
        let gate = Arc::new(Parker::new());
        let opened = Arc::clone(&gate);
        let started = Arc::new(Parker::new());
        let starting = Arc::clone(&started);
        let blocked = pool.spawn(move || {
            starting.unpark();
            opened.park();
        });
        started.park();
        race();
        // Growth, by hand: this worker finds the next job, or nothing, and then its keep-alive runs out.
        pool.shared().grow(1);
        let quick = pool.spawn(|| 2);
        // What the monitor would do if it was poked, which it was if everybody was running.
        if is_needed(pool.shared()) {
            pool.shared().grow(1);
        }
        settled();
        assert_eq!(block_on(quick).unwrap(), 2);
        gate.unpark();
        block_on(blocked).unwrap();
        pool.shutdown(Shutdown::Drain);
    });
}

/// The same on the bare protocol, without bound: whoever was called stays, and whoever left was not called.
#[test]
fn keep_alive_against_call() {
    check(8, || {
        race();
        let idle = Arc::new(Idle::new());
        assert!(idle.reserve(1));
        let theirs = Arc::clone(&idle);
        let worker = thread::spawn(move || {
            let parker = Arc::new(Parker::new());
            theirs.lie_down(&parker);
            let left = theirs.retire(&parker);
            if !left {
                parker.park();
            }
            left
        });
        let called = match idle.summon(0, |_| true, || 0, |_| false) {
            Summon::Call(parker) => {
                parker.unpark();
                true
            }
            // It was still searching, or has left.
            _ => false,
        };
        assert!(!(worker.join().unwrap() && called), "one who was called has left");
        let census = idle.census();
        assert_eq!((census.threads(), census.idle()), (usize::from(called), 0));
    });
}

/// Jobs are submitted while the only thread start fails: each of them is run, or its submitter is told.
#[test]
fn failed_start_against_submit() {
    check(2, || {
        let failing = std::sync::atomic::AtomicBool::new(true);
        let fault = move || match failing.swap(false, std::sync::atomic::Ordering::Relaxed) {
            true => Err(io::Error::other("no more threads")),
            false => Ok(()),
        };
        let pool =
            Pool::with(crate::pool::builder::Config { start_fault: Some(Box::new(fault)), ..config(1, 1) });
        let other = pool.clone();
        race();
        let submitter = thread::spawn(move || other.spawn(|| ()));
        let mine = pool.spawn(|| ());
        let theirs = submitter.join().unwrap();
        settled();
        ended(block_on(mine));
        ended(block_on(theirs));
        pool.shutdown(Shutdown::Drain);
    });
}

/// A job is submitted while a thread is started, which fails: whoever relied on that thread is not forgotten, and somebody who sleeps is
/// called. The sleeper is played here.
#[test]
fn start_that_fails_against_who_relies_on_it() {
    check(3, || {
        let fault = || Err(io::Error::other("no more threads"));
        let pool =
            Pool::with(crate::pool::builder::Config { start_fault: Some(Box::new(fault)), ..config(2, 2) });
        let (shared, sleeper) = (Arc::clone(pool.shared()), Arc::new(Parker::new()));
        assert!(shared.idle.reserve(2));
        shared.idle.lie_down(&sleeper);
        race();
        let starter = thread::spawn(move || assert_eq!(shared.grow(1), 0));
        let job = pool.spawn(|| ());
        starter.join().unwrap();
        settled();
        assert!(sleeper.park_for(std::time::Duration::ZERO), "nobody was called");
        pool.shutdown(Shutdown::Abandon);
        assert!(block_on(job).unwrap_err().is_cancelled());
    });
}
