//! Handles on other threads: they await a task, abort it, or go, while the loop polls it and completes it.

use super::{check, runtime};
use crate::sync::atomic::{AtomicUsize, Ordering::*};
use crate::sync::thread;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};

/// A handle on another thread registers its waker while the loop completes the task.
#[test]
fn complete_against_register_wakes_or_is_seen() {
    check(3, || {
        let runtime = runtime();
        let awaiter = runtime.block_on(async {
            let task = crate::spawn(async { 7 });
            let awaiter = thread::spawn(move || crate::runtime::foreign::block_on(task).unwrap());
            crate::task::yield_now().await;
            awaiter
        });
        assert_eq!(awaiter.join().unwrap(), 7);
    });
}

/// The same by a handle that has left a waker before, which it takes back. A race for the output shows as one for its cell.
#[test]
fn complete_against_second_register_wakes_or_is_seen() {
    check(3, || {
        let runtime = runtime();
        let awaiter = runtime.block_on(async {
            let mut task = crate::spawn(async { 7 });
            let awaiter = thread::spawn(move || {
                match Pin::new(&mut task).poll(&mut Context::from_waker(Waker::noop())) {
                    Poll::Ready(output) => output.unwrap(),
                    Poll::Pending => crate::runtime::foreign::block_on(task).unwrap(),
                }
            });
            crate::task::yield_now().await;
            awaiter
        });
        assert_eq!(awaiter.join().unwrap(), 7);
    });
}

/// Abort from another thread while the task is polled to its end: cancelled or complete, dropped once, and always
/// on the loop's thread.
#[test]
fn abort_against_poll_drops_on_the_loop() {
    struct Dropped(Arc<AtomicUsize>, thread::ThreadId);
    impl Drop for Dropped {
        fn drop(&mut self) {
            assert_eq!(thread::current().id(), self.1);
            self.0.fetch_add(1, Relaxed);
        }
    }
    check(3, || {
        let runtime = runtime();
        let drops = Arc::new(AtomicUsize::new(0));
        let guard = Dropped(Arc::clone(&drops), thread::current().id());
        runtime.block_on(async move {
            let task = crate::spawn(async move {
                crate::task::yield_now().await;
                drop(guard);
            });
            let aborter = thread::spawn(move || {
                task.abort();
                task
            });
            let task = aborter.join().unwrap();
            if let Err(error) = task.await {
                assert!(error.is_cancelled());
            }
        });
        assert_eq!(drops.load(Relaxed), 1);
    });
}

/// Looks, when it is dropped, whether what it was told of has been written. A panic in there would be contained, so it leaves what it saw.
struct Reads(Arc<AtomicUsize>, Arc<AtomicBool>);

impl Drop for Reads {
    fn drop(&mut self) {
        // Relaxed: it is the abort, or the drop of the handle, that has to carry this along.
        self.1.store(self.0.load(Relaxed) == 1, Relaxed);
    }
}

/// Something to be written, something that looks whether it was, and what that has seen.
fn told() -> (Arc<AtomicUsize>, Reads, Arc<AtomicBool>) {
    let (told, seen) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicBool::new(false)));
    let reads = Reads(Arc::clone(&told), Arc::clone(&seen));
    (told, reads, seen)
}

/// What was written before an abort is seen where the future is dropped, also before one that finds the task in the inbox because
/// of a wake. (An abort that pushes the task itself carries it along by the push.)
#[test]
fn what_was_written_before_an_abort_is_seen_by_the_drop() {
    check(3, || {
        let runtime = runtime();
        let (told, reads, seen) = told();
        runtime.block_on(async move {
            let waker = Arc::new(Mutex::new(None));
            let place = Arc::clone(&waker);
            let task = crate::spawn(poll_fn(move |cx| {
                let _ = &reads;
                place.lock().unwrap().get_or_insert_with(|| cx.waker().clone());
                Poll::<()>::Pending
            }));
            crate::task::yield_now().await;
            let (waker, aborter) = (waker.lock().unwrap().take().unwrap(), task.abort_handle());
            thread::spawn(move || {
                waker.wake();
                told.store(1, Relaxed);
                aborter.abort();
            });
            assert!(task.await.unwrap_err().is_cancelled());
        });
        assert!(seen.load(Relaxed));
    });
}

/// The loop drops an output because its handle has been dropped elsewhere.
#[test]
fn what_was_written_before_a_handle_goes_is_seen_by_the_drop_of_its_output() {
    check(3, || {
        let (told, reads, seen) = told();
        runtime().block_on(async move {
            let task = crate::spawn(async move { reads });
            let other = thread::spawn(move || {
                told.store(1, Relaxed);
                drop(task);
            });
            crate::task::yield_now().await;
            other.join().unwrap();
        });
        assert!(seen.load(Relaxed));
    });
}
