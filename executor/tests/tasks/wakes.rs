//! Wakers: who is polled, how often and in which order.

use crate::Drops;
use sideline::task::yield_now;
use sideline::{block_on, spawn};
use std::cell::{Cell, RefCell};
use std::future::{Future, poll_fn};
use std::rc::Rc;
use std::sync::mpsc;
use std::task::{Context, Poll, Waker};
use std::thread;

#[test]
fn a_task_that_wakes_itself_twice_is_polled_once_more() {
    block_on(async {
        let polls = Rc::new(Cell::new(0));
        let counted = Rc::clone(&polls);
        spawn(poll_fn(move |cx| {
            counted.set(counted.get() + 1);
            if counted.get() == 1 {
                cx.waker().wake_by_ref();
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            Poll::Ready(())
        }))
        .await
        .unwrap();
        yield_now().await;
        assert_eq!(polls.get(), 2);
    });
}

#[test]
fn ready_tasks_run_in_the_order_in_which_they_became_so() {
    block_on(async {
        let order = Rc::new(RefCell::new(Vec::new()));
        let handles: Vec<_> = (0..100)
            .map(|number| {
                let order = Rc::clone(&order);
                spawn(async move { order.borrow_mut().push(number) })
            })
            .collect();
        for handle in handles {
            handle.await.unwrap();
        }
        assert_eq!(*order.borrow(), (0..100).collect::<Vec<_>>());
    });
}

#[test]
fn a_wake_after_completion_is_nothing() {
    let (send, receive) = mpsc::channel::<Waker>();
    block_on(async {
        spawn(poll_fn(move |cx| {
            send.send(cx.waker().clone()).unwrap();
            Poll::Ready(())
        }))
        .await
        .unwrap();
        let waker = receive.recv().unwrap();
        waker.wake_by_ref();
        yield_now().await;
        thread::spawn(move || waker.wake()).join().unwrap();
    });
}

#[test]
fn a_waker_outlives_its_runtime() {
    let (send, receive) = mpsc::channel::<Waker>();
    let drops = Drops::default();
    let guard = drops.guard();
    block_on(async move {
        drop(spawn(poll_fn(move |cx| {
            let _guard = &guard;
            send.send(cx.waker().clone()).unwrap();
            Poll::<()>::Pending
        })));
        yield_now().await;
    });
    assert_eq!(drops.count(), 1);
    let waker = receive.recv().unwrap();
    let twin = waker.clone();
    thread::spawn(move || twin.wake()).join().unwrap();
    waker.wake_by_ref();
    drop(waker);
}

#[test]
fn yield_now_works_under_a_foreign_executor() {
    let mut polls = 0;
    let mut future = std::pin::pin!(async {
        yield_now().await;
        7
    });
    loop {
        polls += 1;
        if let Poll::Ready(value) = future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            assert_eq!((value, polls), (7, 2));
            return;
        }
    }
}
