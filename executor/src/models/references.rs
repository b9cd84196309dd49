//! Who frees a task, and when: once, and after all that others did to it.

use super::{check, runtime};
use crate::sync::thread;
use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Poll, Waker};

/// Whoever takes the entry off its queue frees the task: the loop, the closing loop, or the refused pusher. A leak
/// or a double release shows in the count of what the task refers to; a task that is freed while the closing loop is not done with it,
/// as a race for one of its cells.
#[test]
fn wake_against_loop_drop_frees_once() {
    check(3, || {
        let runtime = runtime();
        let shared = Arc::clone(runtime.handle().shared());
        let waker = Arc::new(std::sync::Mutex::new(None::<Waker>));
        let slot = Arc::clone(&waker);
        runtime.block_on(async move {
            drop(crate::spawn(poll_fn(move |cx| {
                *slot.lock().unwrap() = Some(cx.waker().clone());
                Poll::<()>::Pending
            })));
            crate::task::yield_now().await;
        });
        let waker = waker.lock().unwrap().take().unwrap();
        let before = Arc::strong_count(&shared);
        let other = thread::spawn(move || waker.wake());
        drop(runtime);
        other.join().unwrap();
        // Gone: the task's reference, the runtime's core and its handle.
        assert_eq!(Arc::strong_count(&shared), 1, "of {before}");
    });
}

/// A task wakes itself and is woken from elsewhere during its last poll, so that it may be in both queues when it
/// completes: while the loop goes on, or is dropped. A leak or a double release shows as above.
#[test]
fn completed_in_both_queues_frees_once() {
    check(3, || {
        let runtime = runtime();
        let shared = Arc::clone(runtime.handle().shared());
        let other = runtime.block_on(async {
            let (done, other) = std::sync::mpsc::channel();
            drop(crate::spawn(poll_fn(move |cx| {
                let elsewhere = cx.waker().clone();
                done.send(thread::spawn(move || elsewhere.wake())).unwrap();
                cx.waker().wake_by_ref();
                Poll::Ready(())
            })));
            crate::task::yield_now().await;
            crate::task::yield_now().await;
            other.recv().unwrap()
        });
        drop(runtime);
        other.join().unwrap();
        assert_eq!(Arc::strong_count(&shared), 1);
    });
}

/// The last reference is the loop's or that of a waker elsewhere. Whoever frees the task has seen what the other one did to it: a fault
/// shows as a race for one of its cells.
#[test]
fn last_waker_against_completion_frees_what_is_gone() {
    check(3, || {
        let runtime = runtime();
        let other = runtime.block_on(async {
            let (dropping, other) = std::sync::mpsc::channel();
            drop(crate::spawn(poll_fn(move |cx| {
                let waker = cx.waker().clone();
                dropping.send(thread::spawn(move || drop(waker))).unwrap();
                Poll::Ready(())
            })));
            crate::task::yield_now().await;
            other.recv().unwrap()
        });
        other.join().unwrap();
    });
}
