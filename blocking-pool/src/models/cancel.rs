//! Cancelling against all that ends: guards, jobs, and the wait in a queue.

use std::mem;
use std::sync::Arc;

use super::job::{Await, Counted, job_with, run};
use super::{block_on, check, race, settled};
use crate::control::cancel::CancelToken;
use crate::job::{Plain, Terms};
use crate::submit::job_builder::control::Cancellable;
use crate::sync::atomic::{AtomicUsize, Ordering};
use crate::sync::thread;

fn terms(token: &CancelToken) -> Option<Box<Terms>> {
    Some(Box::new(Terms::new(None, Some(token.clone()), None)))
}

/// A guard is dropped while its token is cancelled: whatever the hook does, it does before the guard is gone.
#[test]
fn cancel_against_guard_drop() {
    check(4, || {
        race();
        let token = CancelToken::new();
        let theirs = token.clone();
        let canceller = thread::spawn(move || theirs.cancel());
        let hits = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&hits);
        let guard = token.on_cancel(move || _ = count.fetch_add(1, Ordering::AcqRel));
        drop(guard);
        let before = hits.load(Ordering::Acquire);
        assert!(canceller.join().unwrap());
        assert_eq!(hits.load(Ordering::Acquire), before, "a hook has run after its guard was gone");
    });
}

/// The same for a job whose closure has leaked its guard: nothing runs once the job has ended.
#[test]
fn cancel_against_end_of_job() {
    check(3, || {
        race();
        let token = CancelToken::new();
        let hits = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&hits);
        let closure = move |token: &CancelToken| {
            mem::forget(token.on_cancel(move || _ = count.fetch_add(1, Ordering::AcqRel)));
        };
        let (entry, handle) = job_with(Cancellable(closure), terms(&token));
        let ended = Arc::clone(&hits);
        let worker = thread::spawn(move || {
            run(entry);
            ended.load(Ordering::Acquire)
        });
        handle.abort();
        let before = worker.join().unwrap();
        assert_eq!(hits.load(Ordering::Acquire), before, "a hook has run after its job had ended");
        assert!(matches!(block_on(Await(handle)), Ok(()) | Err("cancelled")));
    });
}

/// A job's token is cancelled while a worker starts it: it runs or is cancelled, its awaiter learns which, and the last
/// of three owners frees it.
#[test]
fn cancel_against_start() {
    check(3, || {
        race();
        let token = CancelToken::new();
        let drops = Arc::new(AtomicUsize::new(0));
        let captured = Counted(Arc::clone(&drops));
        let (entry, handle) = job_with(Plain(move || drop(captured)), terms(&token));
        let worker = thread::spawn(move || run(entry));
        token.cancel();
        assert!(matches!(block_on(Await(handle)), Ok(()) | Err("cancelled")));
        assert_eq!(drops.load(Ordering::Acquire), 1);
        worker.join().unwrap();
        drop(token);
        assert_eq!(Arc::strong_count(&drops), 1, "the cell is gone, with everything in it");
    });
}

/// A task begins to wait while the token is cancelled. A lost wake is a deadlock.
#[test]
fn cancel_against_waiting() {
    check(3, || {
        let token = CancelToken::new();
        let canceller = {
            let token = token.clone();
            thread::spawn(move || token.cancel())
        };
        race();
        block_on(token.cancelled());
        settled();
        assert!(canceller.join().unwrap());
    });
}
