//! Join handles: aborting, detaching, and what comes back.

use crate::Drops;
use sideline::task::yield_now;
use sideline::{JoinHandle, Pool, Runtime, block_on, spawn, spawn_blocking};
use std::cell::{Cell, RefCell};
use std::future::{Future, pending, poll_fn};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::mpsc::channel;
use std::task::{Context, Poll, Waker};
use std::thread;

#[test]
fn abort_drops_the_future_on_the_loop_even_from_another_thread() {
    block_on(async {
        let drops = Drops::default();
        let guard = drops.guard();
        // The future is Send here, so that its handle may travel; what counts is where it is dropped.
        let task: JoinHandle<()> = spawn(async move {
            let _guard = guard;
            pending::<()>().await;
        });
        yield_now().await;
        let task = spawn_blocking(move || {
            task.abort();
            task
        })
        .await
        .unwrap();
        assert!(task.await.unwrap_err().is_cancelled());
        assert_eq!(drops.count(), 1);
        assert_eq!(drops.thread(), Some(thread::current().id()));
    });
}

#[test]
fn an_abort_handle_ends_a_task_that_is_not_send_from_anywhere() {
    block_on(async {
        let drops = Drops::default();
        let guard = (drops.guard(), Rc::new(()));
        let task = spawn(async move {
            let _guard = guard;
            pending::<Rc<()>>().await
        });
        let abort = task.abort_handle();
        assert_eq!((abort.id(), abort.is_finished()), (task.id(), false));
        let theirs = abort.clone();
        spawn_blocking(move || theirs.abort()).await.unwrap();
        assert!(task.await.unwrap_err().is_cancelled());
        assert_eq!(drops.thread(), Some(thread::current().id()));
        assert!(abort.is_finished());
        abort.abort();
    });
}

#[test]
fn an_abort_handle_outlives_the_handle_and_the_loop() {
    let abort = block_on(async {
        let drops = Drops::default();
        let guard = drops.guard();
        let detached = spawn(async move {
            let _guard = guard;
            pending::<()>().await;
        });
        let abort = detached.abort_handle();
        drop(detached);
        yield_now().await;
        assert_eq!(drops.count(), 0);
        abort.abort();
        while drops.count() == 0 {
            yield_now().await;
        }
        assert!(abort.is_finished());
        spawn(pending::<()>()).abort_handle()
    });
    assert!(abort.is_finished(), "dropped with its loop");
    abort.abort();
}

#[test]
fn an_abort_handle_of_a_job_works_for_one_that_has_been_detached() {
    let pool = Pool::builder().core_threads(1).max_threads(1).build().unwrap();
    let runtime = Runtime::builder().pool(pool).build().unwrap();
    runtime.block_on(async {
        let (go, gone) = channel::<()>();
        let running = spawn_blocking(move || gone.recv());
        let drops = Drops::default();
        let guard = drops.guard();
        let queued = spawn_blocking(move || drop(guard));
        let (running_abort, queued_abort) = (running.abort_handle(), queued.abort_handle());
        assert_eq!(queued_abort.id(), queued.id());
        drop(queued);
        assert!(!queued_abort.is_finished());
        queued_abort.abort();
        assert!(queued_abort.is_finished());
        assert_eq!(drops.count(), 1);
        assert!(!running_abort.is_finished());
        go.send(()).unwrap();
        running.await.unwrap().unwrap();
        assert!(running_abort.is_finished());
    });
}

#[test]
fn abort_in_every_state() {
    block_on(async {
        // Before the first poll.
        let task = spawn(async { unreachable!("aborted before it ran") });
        task.abort();
        task.abort();
        assert!(task.await.unwrap_err().is_cancelled());
        // By itself, while it is polled: the result stands if that was the last poll.
        let slot: Rc<RefCell<Option<JoinHandle<i32>>>> = Rc::default();
        let own = Rc::clone(&slot);
        *slot.borrow_mut() = Some(spawn(async move {
            own.borrow().as_ref().unwrap().abort();
            5
        }));
        yield_now().await;
        let handle = slot.borrow_mut().take().unwrap();
        assert_eq!(handle.await.unwrap(), 5);
        // By itself, and then pending.
        let own = Rc::clone(&slot);
        *slot.borrow_mut() = Some(spawn(async move {
            own.borrow().as_ref().unwrap().abort();
            pending::<i32>().await
        }));
        yield_now().await;
        yield_now().await;
        let handle = slot.borrow_mut().take().unwrap();
        assert!(handle.await.unwrap_err().is_cancelled());
        // After the end.
        let task = spawn(async { 1 });
        yield_now().await;
        task.abort();
        assert_eq!(task.await.unwrap(), 1);
    });
}

#[test]
fn abort_on_drop_aborts_and_plain_drop_detaches() {
    block_on(async {
        let drops = Drops::default();
        let (first, second) = (drops.guard(), drops.guard());
        drop(
            spawn(async move {
                let _first = first;
                pending::<()>().await
            })
            .abort_on_drop(),
        );
        let ran = Rc::new(Cell::new(false));
        let seen = Rc::clone(&ran);
        drop(spawn(async move {
            yield_now().await;
            seen.set(true);
            drop(second);
        }));
        for _ in 0..4 {
            yield_now().await;
        }
        assert!(ran.get());
        assert_eq!(drops.count(), 2);
    });
}

#[test]
fn an_unread_output_is_dropped_once_wherever_the_handle_goes() {
    let drops = Drops::default();
    block_on(async {
        // Read, dropped after completion, dropped before.
        let guard = drops.guard();
        drop(spawn(async move { guard }).await.unwrap());
        assert_eq!(drops.count(), 1);
        let guard = drops.guard();
        let task = spawn(async move { guard });
        yield_now().await;
        assert!(task.is_finished());
        drop(task);
        assert_eq!(drops.count(), 2);
        let guard = drops.guard();
        drop(spawn(async move { guard }));
        yield_now().await;
        assert_eq!(drops.count(), 3);
        // Completed here, dropped on another thread.
        let guard = drops.guard();
        let task = spawn(async move { guard });
        yield_now().await;
        let other = thread::spawn(move || {
            drop(task);
            thread::current().id()
        });
        assert_eq!(Some(other.join().unwrap()), drops.thread());
        assert_eq!(drops.count(), 4);
    });
}

#[test]
fn a_moved_handle_wakes_the_waker_it_was_polled_with_last() {
    block_on(async {
        let gate = Rc::new(Cell::new(false));
        let open = Rc::clone(&gate);
        let mut task = spawn(poll_fn(move |cx| {
            if open.get() {
                return Poll::Ready(3);
            }
            cx.waker().wake_by_ref();
            Poll::Pending
        }));
        // A first waker that goes nowhere, then the real one.
        assert!(Pin::new(&mut task).poll(&mut Context::from_waker(Waker::noop())).is_pending());
        gate.set(true);
        assert_eq!(task.await.unwrap(), 3);
    });
}

#[test]
#[should_panic(expected = "polled after it had returned its result")]
fn a_handle_polled_after_its_result_says_so() {
    block_on(async {
        let mut task = spawn(async {});
        (&mut task).await.unwrap();
        let _ = task.await;
    });
}
