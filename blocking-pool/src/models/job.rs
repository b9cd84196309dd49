//! The job cell: completing against everything that the handle may do meanwhile.

use std::panic::Location;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use super::{Unpark, block_on, check, pool, race};
use crate::job::error::Failure;
use crate::job::{self, Aborter, Entry, JobHandle, Plain, Ran, Submission, Terms, Times, Work};
use crate::metrics::{Cohort, Stamp};
use crate::pool::account::Account;
use crate::sync::atomic::{AtomicUsize, Ordering};
use crate::sync::thread;
use crate::threads::park::Parker;
use crate::user_code::nested;

/// Counts its drops, wherever they happen.
pub(super) struct Counted(pub(super) Arc<AtomicUsize>);

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::AcqRel);
    }
}

/// What was captured or returned was dropped once, and the cell is gone, with everything in it.
fn assert_gone(drops: &Arc<AtomicUsize>) {
    assert_eq!(drops.load(Ordering::Acquire), 1);
    assert_eq!(Arc::strong_count(drops), 1, "the cell is gone, with everything in it");
}

/// A job that was never in a queue; the pool behind its account has no threads.
pub(super) fn job_with<W: Work>(work: W, terms: Option<Box<Terms>>) -> (Entry, JobHandle<W::Output>) {
    let account = Account::new(Arc::clone(pool(1, 1).shared()));
    assert!(account.enter());
    let times = Times::submitted(Submission::new(Stamp::now(), Cohort::of_mark(0)));
    let (entry, fresh) = job::new(work, Location::caller(), account, terms, times);
    (entry, fresh.into_handle())
}

pub(super) fn job<T: Send + 'static>(closure: impl FnOnce() -> T + Send + 'static) -> (Entry, JobHandle<T>) {
    job_with(Plain(closure), None)
}

pub(super) fn run(entry: Entry) {
    if let Some(job) = entry.claim() {
        let (ran, ready) = job.run();
        assert_eq!(ran, Ran::Completed);
        ready.deliver(Stamp::now(), &|| ());
    }
}

/// The awaiter's future, without the public wrapper.
pub(super) struct Await<T>(pub(super) JobHandle<T>);

impl<T> Future for Await<T> {
    type Output = Result<T, &'static str>;

    fn poll(mut self: std::pin::Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.0.poll(cx).map(|outcome| match outcome.expect("taken once") {
            Ok(value) => Ok(value),
            Err(Failure::Cancelled) => Err("cancelled"),
            Err(_) => Err("other"),
        })
    }
}

/// The worker completes while the awaiter stores its waker. A lost wake is a deadlock; a torn waker or result, a race.
#[test]
fn job_complete_against_register() {
    check(4, || {
        race();
        let (entry, handle) = job(|| 7);
        let worker = thread::spawn(move || run(entry));
        assert_eq!(block_on(Await(handle)), Ok(7));
        worker.join().unwrap();
    });
}

/// The awaiter moves to another waker while the worker completes: the second one must be woken, or find the result.
#[test]
fn job_complete_against_second_register() {
    check(4, || {
        race();
        let (entry, mut handle) = job(|| 7);
        let first = Waker::from(Arc::new(Unpark(Parker::new())));
        assert!(handle.poll(&mut Context::from_waker(&first)).is_pending());
        let worker = thread::spawn(move || run(entry));
        assert_eq!(block_on(Await(handle)), Ok(7));
        worker.join().unwrap();
    });
}

/// Looks before it waits to be woken, and then asks.
struct LookFirst<T>(Await<T>, usize);

impl<T> Future for LookFirst<T> {
    type Output = Result<T, &'static str>;

    fn poll(mut self: std::pin::Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let looks = self.1;
        self.1 += 1;
        if looks < 2 {
            let looked = self.0.0.look(looks == 1, cx);
            return looked.map(|outcome| outcome.expect("taken once").map_err(|_| "other"));
        }
        std::pin::Pin::new(&mut self.0).poll(cx)
    }
}

/// The awaiter looks, asks, and registers only then, while the worker completes and wakes nobody who looks. An awaiter that
/// does not come back is a deadlock.
#[test]
fn job_complete_against_ask() {
    check(4, || {
        race();
        let (entry, handle) = job(|| 7);
        let worker = thread::spawn(move || run(entry));
        assert_eq!(block_on(LookFirst(Await(handle), 0)), Ok(7));
        worker.join().unwrap();
    });
}

/// A handle that has asked is dropped while the worker completes: the result is dropped exactly once.
#[test]
fn job_complete_against_drop_of_an_asker() {
    check(4, || {
        race();
        let drops = Arc::new(AtomicUsize::new(0));
        let result = Counted(Arc::clone(&drops));
        let (entry, mut handle) = job(move || result);
        let worker = thread::spawn(move || run(entry));
        drop(handle.look(true, &mut Context::from_waker(Waker::noop())));
        drop(handle);
        worker.join().unwrap();
        assert_gone(&drops);
    });
}

/// Abort races the worker's claim: either the closure runs, or it is dropped; the awaiter learns which.
#[test]
fn job_abort_against_run() {
    check(4, || {
        race();
        let drops = Arc::new(AtomicUsize::new(0));
        let captured = Counted(Arc::clone(&drops));
        let (entry, handle) = job(move || drop(captured));
        let worker = thread::spawn(move || run(entry));
        let aborted = handle.cancel(Failure::Cancelled);
        assert_eq!(block_on(Await(handle)).is_err(), aborted);
        // What the closure held is gone before the outcome can be seen, even while the worker is still busy.
        assert_eq!(drops.load(Ordering::Acquire), 1);
        worker.join().unwrap();
    });
}

/// The handle is dropped, with a waker in its cell, while the worker completes: the result is dropped exactly once,
/// and the memory freed by whoever comes last.
#[test]
fn job_complete_against_handle_drop() {
    check(4, || {
        race();
        let drops = Arc::new(AtomicUsize::new(0));
        let result = Counted(Arc::clone(&drops));
        let (entry, mut handle) = job(move || result);
        let waker = Waker::from(Arc::new(Unpark(Parker::new())));
        assert!(handle.poll(&mut Context::from_waker(&waker)).is_pending());
        let worker = thread::spawn(move || run(entry));
        drop(handle);
        worker.join().unwrap();
        assert_gone(&drops);
    });
}

/// The queue gives the job up (a shutdown) while its handle aborts it: one of them wins, the closure goes once.
#[test]
fn job_abort_against_discard() {
    check(4, || {
        race();
        let drops = Arc::new(AtomicUsize::new(0));
        let captured = Counted(Arc::clone(&drops));
        let (entry, handle) = job(move || drop(captured));
        let shutdown = thread::spawn(move || drop(entry));
        let _ = handle.cancel(Failure::Cancelled);
        assert_eq!(block_on(Await(handle)), Err("cancelled"));
        assert_eq!(drops.load(Ordering::Acquire), 1);
        shutdown.join().unwrap();
    });
}

/// Somebody else aborts the job while the worker takes it and its own handle is dropped: the closure runs or goes, once,
/// and the last of the three frees the memory.
fn abort_by_another_against_run_and_handle_drop(abort: fn(Aborter)) {
    race();
    let drops = Arc::new(AtomicUsize::new(0));
    let captured = Counted(Arc::clone(&drops));
    let (entry, handle) = job(move || captured);
    let aborter = handle.aborter().expect("there is room for one");
    let worker = thread::spawn(move || run(entry));
    let other = thread::spawn(move || abort(aborter));
    drop(handle);
    worker.join().unwrap();
    other.join().unwrap();
    assert_gone(&drops);
}

#[test]
fn job_abort_by_another_against_run_and_handle_drop() {
    check(3, || {
        abort_by_another_against_run_and_handle_drop(|aborter| {
            let aborted = aborter.abort();
            assert!(!aborted || aborter.is_done());
        });
    });
}

/// Inside of as many drops as it takes for the closure's to be put off: it goes when those are over, whoever has let go by then.
#[test]
fn job_abort_put_off_against_run_and_handle_drop() {
    check(3, || {
        abort_by_another_against_run_and_handle_drop(|aborter| {
            let around: Vec<_> = std::iter::from_fn(nested::enter).collect();
            aborter.abort();
            drop(aborter);
            drop(around);
        });
    });
}
