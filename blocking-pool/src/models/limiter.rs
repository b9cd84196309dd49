//! Slots: given back while somebody wants one, and abandoned while somebody waits for one.

use std::sync::Arc;

use super::job::job_with;
use super::{block_on, check, pool, race, settled};
use crate::control::cancel::CancelToken;
use crate::control::limiter::Limiter;
use crate::job::{Entry, JobHandle, Plain, Terms};
use crate::shutdown::Shutdown;
use crate::sync::atomic::{AtomicUsize, Ordering};
use crate::sync::thread;

/// Its only slot is taken until the first of these is dropped, by a job that never runs.
fn held(limiter: &Limiter) -> (Entry, JobHandle<()>) {
    let terms = Terms::new(None, None, Some(limiter.clone()));
    let (entry, handle) = job_with(Plain(|| ()), Some(Box::new(terms)));
    (limiter.admit(entry).expect("the slot is free"), handle)
}

/// The only slot is given back while the next job asks for it: it gets it, or is admitted from the line. A job that is
/// waited for by nobody is a deadlock.
#[test]
fn release_against_enqueue() {
    check(2, || {
        let pool = pool(1, 1);
        let limiter = Limiter::new(1);
        block_on(pool.spawn(|| ())).unwrap();
        race();
        let first = pool.job().limiter(&limiter).spawn(|| ());
        let second = pool.job().limiter(&limiter).spawn(|| 2);
        settled();
        block_on(first).unwrap();
        assert_eq!(block_on(second).unwrap(), 2);
        pool.shutdown(Shutdown::Drain);
        let m = limiter.metrics();
        assert_eq!((m.running, m.waiting, m.admitted), (0, 0, 2));
    });
}

/// The only slot is given back while one job stands in line and another one comes: first come, first served.
#[test]
fn late_comer_against_release() {
    check(2, || {
        let pool = pool(1, 1);
        let limiter = Limiter::new(1);
        let (holder, _handle) = held(&limiter);
        let has_run = Arc::new(AtomicUsize::new(0));
        let (mine, theirs) = (Arc::clone(&has_run), Arc::clone(&has_run));
        block_on(pool.spawn(|| ())).unwrap();
        let first = pool.job().limiter(&limiter).spawn(move || mine.store(1, Ordering::Release));
        race();
        let releaser = thread::spawn(move || drop(holder));
        let late = pool.job().limiter(&limiter).spawn(move || theirs.load(Ordering::Acquire));
        settled();
        releaser.join().unwrap();
        assert_eq!(block_on(late).unwrap(), 1, "the late comer passed by");
        block_on(first).unwrap();
        pool.shutdown(Shutdown::Drain);
    });
}

/// Two at once, one slot, by two submitters: never both inside.
#[test]
fn slots_are_exclusive() {
    check(2, || {
        let pool = pool(2, 2);
        let limiter = Limiter::new(1);
        let inside = Arc::new(AtomicUsize::new(0));
        let job = |inside: &Arc<AtomicUsize>| {
            let inside = Arc::clone(inside);
            move || {
                assert_eq!(inside.fetch_add(1, Ordering::AcqRel), 0);
                inside.fetch_sub(1, Ordering::AcqRel);
            }
        };
        block_on(pool.spawn(|| ())).unwrap();
        race();
        let first = pool.job().limiter(&limiter).spawn(job(&inside));
        let second = pool.job().limiter(&limiter).spawn(job(&inside));
        settled();
        block_on(first).unwrap();
        block_on(second).unwrap();
        pool.shutdown(Shutdown::Drain);
    });
}

/// A job stands in a line that never moves while its tenant is abandoned: it is cancelled by one or the other. One that
/// is overlooked is a deadlock.
#[test]
fn limited_submit_against_abandon() {
    check(3, || {
        let pool = pool(1, 1);
        let limiter = Limiter::new(1);
        let (holder, _handle) = held(&limiter);
        let tenant = pool.tenant();
        let theirs = tenant.clone();
        let line = limiter.clone();
        race();
        let submitter = thread::spawn(move || {
            let outcome = block_on(theirs.job().limiter(&line).spawn(|| ()));
            assert!(outcome.unwrap_err().is_cancelled() || theirs.try_spawn(|| ()).is_err());
        });
        tenant.shutdown(Shutdown::Abandon);
        submitter.join().unwrap();
        settled();
        assert_eq!(limiter.metrics().waiting, 0);
        drop(holder);
        pool.shutdown(Shutdown::Drain);
    });
}

/// A job in line is aborted while it is admitted: it runs or not, and the slot is free afterwards.
#[test]
fn abort_in_line_against_release() {
    check(2, || {
        let pool = pool(1, 1);
        let limiter = Limiter::new(1);
        block_on(pool.spawn(|| ())).unwrap();
        race();
        let first = pool.job().limiter(&limiter).spawn(|| ());
        let second = pool.job().limiter(&limiter).spawn(|| 2);
        let aborted = second.abort();
        settled();
        block_on(first).unwrap();
        assert_eq!(block_on(second).is_err(), aborted);
        let third = pool.job().limiter(&limiter).spawn(|| 3);
        assert_eq!(block_on(third).unwrap(), 3);
        pool.shutdown(Shutdown::Drain);
        assert_eq!(limiter.metrics().running, 0);
    });
}

/// The only job of a pool stands in a line, so the pool has no thread, and is aborted while somebody waits for the pool's
/// end. One who is not told of it is a deadlock.
#[test]
fn drain_without_a_thread_against_abort() {
    check(3, || {
        let pool = pool(1, 1);
        let limiter = Limiter::new(1);
        let (holder, _handle) = held(&limiter);
        let waiting = pool.job().limiter(&limiter).spawn(|| ());
        race();
        let aborter = thread::spawn(move || assert!(waiting.abort()));
        let report = pool.shutdown(Shutdown::Drain);
        aborter.join().unwrap();
        settled();
        assert_eq!(report.left_queued, 0);
        drop(holder);
    });
}

/// A job is cancelled while it asks for a slot. In the end it has none, and stands in no line, although its entry is still there.
fn cancelled_while_it_asks(limiter: &Limiter) {
    let numbers = || {
        let m = limiter.metrics();
        (m.running, m.waiting)
    };
    let before = numbers();
    let token = CancelToken::new();
    let terms = Terms::new(None, Some(token.clone()), Some(limiter.clone()));
    let (entry, _handle) = job_with(Plain(|| ()), Some(Box::new(terms)));
    race();
    let canceller = thread::spawn(move || token.cancel());
    let entry = limiter.admit(entry);
    assert!(canceller.join().unwrap());
    settled();
    assert_eq!(numbers(), before);
    drop(entry);
    assert_eq!(numbers(), before);
}

#[test]
fn cancel_against_asking_for_a_slot() {
    check(3, || cancelled_while_it_asks(&Limiter::new(1)));
}

#[test]
fn cancel_against_standing_in_line() {
    check(3, || {
        let limiter = Limiter::new(1);
        let (_holder, _handle) = held(&limiter);
        cancelled_while_it_asks(&limiter);
    });
}
