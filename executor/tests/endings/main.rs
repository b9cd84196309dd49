//! Runtimes that end in odd places: inside async code, on a worker, while a panic unwinds, with their thread.
#![cfg(not(loom))]

mod exits;

use sideline::task::yield_now;
use sideline::{Runtime, block_on, spawn, spawn_blocking};
use std::cell::{Cell, RefCell};
use std::future::{pending, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::rc::Rc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, mpsc};
use std::task::{Poll, Waker};
use std::thread;
use std::time::Duration;

/// A runtime with a task that waits, and a waker of it.
fn with_a_task(dropped: &Arc<AtomicUsize>) -> (Runtime, Waker) {
    struct Counts(Arc<AtomicUsize>);
    impl Drop for Counts {
        fn drop(&mut self) {
            self.0.fetch_add(1, Relaxed);
        }
    }
    let runtime = Runtime::new().unwrap();
    let counts = Counts(Arc::clone(dropped));
    let mut waker = None;
    runtime.block_on(async {
        let (send, mut wakers) = (std::sync::mpsc::channel(), None);
        drop(spawn(async move {
            let _counts = counts;
            poll_fn(|cx| {
                send.0.send(cx.waker().clone()).unwrap();
                Poll::<()>::Pending
            })
            .await
        }));
        while wakers.is_none() {
            yield_now().await;
            wakers = send.1.try_recv().ok();
        }
        waker = wakers;
    });
    (runtime, waker.unwrap())
}

#[test]
fn inside_async_code_of_another_runtime_its_tasks_are_dropped() {
    let dropped = Arc::new(AtomicUsize::new(0));
    let (inner, waker) = with_a_task(&dropped);
    block_on(async {
        spawn(async move { drop(inner) }).await.unwrap();
        assert_eq!(spawn(async { 1 }).await.unwrap(), 1);
    });
    assert_eq!(dropped.load(Relaxed), 1);
    waker.wake();
}

#[test]
fn on_a_worker_it_is_made_used_and_dropped() {
    let dropped = Arc::new(AtomicUsize::new(0));
    block_on(async {
        let counted = Arc::clone(&dropped);
        let waker = spawn_blocking(move || {
            let (runtime, waker) = with_a_task(&counted);
            assert_eq!(runtime.block_on(async { spawn_blocking(|| 2).await.unwrap() }), 2);
            waker
        });
        waker.await.unwrap().wake();
    });
    assert_eq!(dropped.load(Relaxed), 1);
}

#[test]
fn while_a_panic_unwinds_it_ends_like_always() {
    let dropped = Arc::new(AtomicUsize::new(0));
    let (runtime, waker) = with_a_task(&dropped);
    let caught = catch_unwind(AssertUnwindSafe(move || {
        let _dropped_while_unwinding = runtime;
        resume_unwind(Box::new("unwinding"));
    }));
    assert_eq!(*caught.unwrap_err().downcast::<&str>().unwrap(), "unwinding");
    assert_eq!(dropped.load(Relaxed), 1);
    waker.wake();
}

#[test]
fn in_a_thread_local_it_ends_with_its_thread() {
    thread_local! {
        static RUNTIME: RefCell<Option<(Runtime, Waker)>> = const { RefCell::new(None) };
    }
    let dropped = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&dropped);
    // What is dropped first, the runtime or our own thread-locals, depends on who was used first: try both.
    let runtime_first = thread::spawn(move || {
        RUNTIME.with(|place| assert!(place.borrow().is_none()));
        let made = with_a_task(&counted);
        RUNTIME.set(Some(made));
    });
    runtime_first.join().unwrap();
    let counted = Arc::clone(&dropped);
    let ours_first = thread::spawn(move || {
        let made = with_a_task(&counted);
        RUNTIME.set(Some(made));
    });
    ours_first.join().unwrap();
    assert_eq!(dropped.load(Relaxed), 2);
}

#[test]
fn wakers_in_a_thread_local_may_outlive_their_loop() {
    thread_local! {
        static WAKER: RefCell<Option<WakesAtTheEnd>> = const { RefCell::new(None) };
    }
    struct WakesAtTheEnd(Waker);
    impl Drop for WakesAtTheEnd {
        fn drop(&mut self) {
            self.0.wake_by_ref();
        }
    }
    let dropped = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&dropped);
    let ended = thread::spawn(move || {
        WAKER.with(|_| ());
        let (runtime, waker) = with_a_task(&counted);
        WAKER.set(Some(WakesAtTheEnd(waker)));
        drop(runtime);
    });
    ended.join().unwrap();
    assert_eq!(dropped.load(Relaxed), 1);
}

#[test]
fn a_watched_one_ends_in_all_of_these_places() {
    let watched = || Runtime::builder().watchdog(Duration::from_secs(1)).build().unwrap();
    block_on(async move { drop(watched()) });
    block_on(async move { spawn_blocking(move || drop(watched())).await.unwrap() });
    assert!(
        catch_unwind(move || {
            let _watched = watched();
            resume_unwind(Box::new(()))
        })
        .is_err()
    );
    let runtime = watched();
    let caught = catch_unwind(AssertUnwindSafe(|| runtime.block_on(async { resume_unwind(Box::new(())) })));
    assert!(caught.is_err());
    // A poll that panicked is over.
    runtime.block_on(async { drop(spawn(pending::<()>())) });
}

/// A task that is woken already, and in its poll has `nest` called on its own loop. Says whether it was polled within
/// that poll, which would be a second `&mut` to one future.
fn polled_within_its_poll(outer: &Rc<Runtime>, nest: impl FnOnce(Rc<Runtime>) + 'static) -> bool {
    let (polling, again) = (Rc::new(Cell::new(false)), Rc::new(Cell::new(false)));
    let (mut nest, of_the_task, seen) = (Some(nest), Rc::clone(outer), Rc::clone(&again));
    let task = outer.spawn(poll_fn(move |cx| {
        if polling.replace(true) {
            seen.set(true);
            return Poll::Pending;
        }
        if let Some(nest) = nest.take() {
            cx.waker().wake_by_ref();
            nest(Rc::clone(&of_the_task));
        }
        polling.set(false);
        Poll::Ready(())
    }));
    // What is refused panics, in the task.
    let _ = outer.block_on(task);
    again.get()
}

struct DrivesAtTheEnd(Rc<Runtime>);

impl Drop for DrivesAtTheEnd {
    fn drop(&mut self) {
        self.0.block_on(async {
            yield_now().await;
            yield_now().await;
        });
    }
}

#[test]
fn what_ends_inside_a_task_cannot_drive_the_loop_of_that_task() {
    let outer = Rc::new(Runtime::new().unwrap());
    let again = polled_within_its_poll(&outer, |outer| {
        let inner = Runtime::new().unwrap();
        let drives = DrivesAtTheEnd(outer);
        drop(inner.spawn(async move {
            let _drives = drives;
            pending::<()>().await;
        }));
        drop(inner);
    });
    assert!(!again);
}

#[test]
fn a_thread_without_thread_locals_still_refuses_a_loop_inside_its_own_poll() {
    thread_local! {
        static LAST: RefCell<Option<DrivesATaskInItself>> = const { RefCell::new(None) };
    }
    struct DrivesATaskInItself(std::sync::mpsc::Sender<bool>);
    impl Drop for DrivesATaskInItself {
        fn drop(&mut self) {
            let outer = Rc::new(Runtime::new().unwrap());
            let again = polled_within_its_poll(&outer, |outer| drop(DrivesAtTheEnd(outer)));
            self.0.send(again).unwrap();
        }
    }
    let (send, result) = std::sync::mpsc::channel();
    thread::spawn(move || {
        // Used before the runtime's own thread-local, so dropped after it.
        LAST.set(Some(DrivesATaskInItself(send)));
        block_on(async {});
    });
    assert!(!result.recv().unwrap());
}

/// Its loop is not driven any more, nor was anybody told: it waited for ever.
#[test]
fn a_destructor_cannot_block_on_the_loop_that_ends() {
    struct Sleeps(mpsc::Sender<String>);
    impl Drop for Sleeps {
        fn drop(&mut self) {
            // Another loop is nobody's business, and the pool works.
            assert_eq!(block_on(async { spawn(async { 1 }).await.unwrap() }), 1);
            let job = spawn_blocking(|| 2);
            while !job.is_finished() {
                thread::yield_now();
            }
            let handle = sideline::Handle::current();
            let blocks = || handle.block_on(sideline::time::sleep(Duration::from_millis(1)));
            let payload = catch_unwind(AssertUnwindSafe(blocks)).unwrap_err();
            self.0.send(*payload.downcast::<String>().unwrap()).unwrap();
        }
    }
    let (tell, told) = mpsc::channel();
    thread::spawn(move || {
        let runtime = Runtime::new().unwrap();
        let sleeps = Sleeps(tell);
        drop(runtime.spawn(async move {
            let _sleeps = sleeps;
            pending::<()>().await;
        }));
        runtime.block_on(yield_now());
    });
    let message = told.recv_timeout(Duration::from_secs(30)).expect("hangs");
    assert!(message.contains(file!()) && message.contains("which is ending"), "{message}");
}

/// The destructor of a thread-local that is gone after ours: the loop runs, and whoever blocks in it is told.
#[test]
fn blocking_inside_a_loop_is_refused_when_the_thread_locals_are_gone() {
    struct Last(Runtime, mpsc::Sender<String>);
    impl Drop for Last {
        fn drop(&mut self) {
            let handle = self.0.handle().clone();
            let message = self.0.block_on(async {
                let nested = || handle.block_on(async { handle.spawn(async {}).await });
                let payload = catch_unwind(AssertUnwindSafe(nested)).unwrap_err();
                *payload.downcast::<String>().unwrap()
            });
            self.1.send(message).unwrap();
        }
    }
    // Registered first, hence dropped last.
    thread_local!(static LAST: RefCell<Option<Last>> = const { RefCell::new(None) });

    let (tell, told) = mpsc::channel();
    let thread = std::thread::spawn(move || {
        LAST.with(|_| ());
        let runtime = Runtime::new().unwrap();
        runtime.block_on(async {});
        LAST.set(Some(Last(runtime, tell)));
    });
    let message = told.recv().unwrap();
    assert!(message.contains("inside the block_on at") && message.contains(file!()), "{message}");
    thread.join().unwrap();
}
