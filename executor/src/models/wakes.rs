//! Wakes, from the loop's thread and from others: none is lost, and what was written before one is seen by the poll that it brings about.

use super::{check, runtime};
use crate::sync::atomic::{AtomicUsize, Ordering::*};
use crate::sync::thread;
use std::future::{Future, poll_fn};
use std::sync::Arc;
use std::task::{Context, Poll};

/// Pending this many times; each time the waker goes to another thread, which uses it at once.
fn woken_from_elsewhere(times: usize) -> impl Future<Output = ()> {
    let mut polls = 0;
    poll_fn(move |cx| {
        polls += 1;
        if polls <= times {
            let waker = cx.waker().clone();
            thread::spawn(move || waker.wake());
            return Poll::Pending;
        }
        Poll::Ready(())
    })
}

/// The wake lands before, during or after the end of the poll, or while the loop parks. Twice, since the task comes to its
/// first poll by the run queue, and only to the second by the inbox.
#[test]
fn wake_during_poll_requeues_once() {
    check(3, || {
        let runtime = runtime();
        runtime.block_on(async { crate::spawn(woken_from_elsewhere(2)).await.unwrap() });
    });
}

/// The loop's own wake and one from elsewhere, during a poll.
#[test]
fn wakes_here_and_elsewhere_during_poll_lose_nothing() {
    check(3, || {
        let runtime = runtime();
        let mut polls = 0;
        let task = poll_fn(move |cx: &mut Context<'_>| {
            polls += 1;
            if polls == 1 {
                let (here, elsewhere) = (cx.waker().clone(), cx.waker().clone());
                thread::spawn(move || elsewhere.wake());
                here.wake();
                return Poll::Pending;
            }
            Poll::Ready(())
        });
        runtime.block_on(async { crate::spawn(task).await.unwrap() });
    });
}

/// The same in turns within another loop, between which the loop stands by.
#[test]
fn wake_between_turns_is_seen() {
    check(3, || {
        let runtime = runtime();
        let task = runtime.spawn(woken_from_elsewhere(1));
        while !task.is_finished() {
            runtime.turn(None).unwrap();
        }
    });
}

/// The same for the main future, whose waker is a flag and not a queue.
#[test]
fn wake_of_the_main_future_is_seen() {
    check(3, || {
        let runtime = runtime();
        runtime.block_on(woken_from_elsewhere(1));
    });
}

/// Two threads write, each before it wakes. Ready once both writes are there. The poll that a wake brings about sees what was written
/// before it, also before one that found the future woken already.
fn told_by_two() -> impl Future<Output = ()> {
    let told = Arc::new([AtomicUsize::new(0), AtomicUsize::new(0)]);
    let mut has_begun = false;
    poll_fn(move |cx| {
        if !has_begun {
            has_begun = true;
            for teller in [0, 1] {
                let (told, waker) = (Arc::clone(&told), cx.waker().clone());
                thread::spawn(move || {
                    // Relaxed: it is the wake that has to carry this along.
                    told[teller].store(1, Relaxed);
                    waker.wake();
                });
            }
        }
        if told.iter().all(|told| told.load(Relaxed) == 1) { Poll::Ready(()) } else { Poll::Pending }
    })
}

/// By wakes of the main future.
#[test]
fn what_was_written_before_a_wake_is_seen_by_the_main_future() {
    check(3, || runtime().block_on(told_by_two()));
}

/// By wakes of a future that a thread without a loop blocks on.
#[test]
fn what_was_written_before_a_wake_is_seen_by_who_blocks_elsewhere() {
    check(3, || crate::runtime::foreign::block_on(told_by_two()));
}

/// By wakes of a task, which go through the inbox.
#[test]
fn what_was_written_before_a_wake_is_seen_by_the_task() {
    check(2, || runtime().block_on(async { crate::spawn(told_by_two()).await.unwrap() }));
}
