//! What do tasks cost: to make, to switch between, to wake?

use super::{Scale, micros_each, nanos_each};
use crate::peers::Loop;
use futures::channel::mpsc;
use futures::{SinkExt as _, StreamExt as _};
use sideline_benches::Metric;
use std::hint::black_box;
use std::thread;
use std::time::Instant;

/// What does it cost to spawn a task and await it?
///
/// 1,000 batches of 1,000, so that the queue is neither empty nor out of the caches. The futures are nearly empty:
/// allocation and bookkeeping are what is left.
pub(super) fn spawn_join<L: Loop>(scale: Scale) -> Vec<Metric> {
    const BATCH: usize = 1_000;
    let batches = scale.count(1_000);
    L::block_on(async {
        let mut tasks = Vec::with_capacity(BATCH);
        let mut sum = 0;
        let start = Instant::now();
        for _ in 0..batches {
            tasks.extend((0..BATCH).map(|index| L::spawn(async move { index })));
            for task in tasks.drain(..) {
                sum += task.await;
            }
        }
        let took = start.elapsed();
        assert_eq!(sum, batches * (BATCH * (BATCH - 1) / 2));
        vec![Metric::less("spawn + join", "ns", nanos_each(took, batches * BATCH))]
    })
}

/// One allocation of the size of a small task, made and freed, in the same batches.
pub(super) fn bare_spawn_join(scale: Scale) -> Vec<Metric> {
    const BATCH: usize = 1_000;
    let batches = scale.count(1_000);
    let mut boxes = Vec::with_capacity(BATCH);
    let start = Instant::now();
    for _ in 0..batches {
        boxes.extend((0..BATCH).map(|index| black_box(Box::new([index; 16]))));
        boxes.clear();
    }
    vec![Metric::less("spawn + join", "ns", nanos_each(start.elapsed(), batches * BATCH))]
}

/// What does it cost to let another task run?
///
/// 1,000 tasks that yield 2,000 times each. A lie if a yield returned without going through the queue: then tasks
/// would finish one after another, which the assertion on their progress would show.
pub(super) fn yields<L: Loop>(scale: Scale) -> Vec<Metric> {
    const TASKS: usize = 1_000;
    let yields = scale.count(2_000);
    L::block_on(async {
        let start = Instant::now();
        let tasks: Vec<_> = (0..TASKS)
            .map(|_| {
                L::spawn(async move {
                    let first = Instant::now();
                    for _ in 0..yields {
                        L::yield_now().await;
                    }
                    (first, Instant::now())
                })
            })
            .collect();
        let mut last_to_start = start;
        let mut first_to_end = None;
        for task in tasks {
            let (first, end) = task.await;
            last_to_start = last_to_start.max(first);
            first_to_end = Some(first_to_end.map_or(end, |earliest: Instant| earliest.min(end)));
        }
        let took = start.elapsed();
        assert!(first_to_end > Some(last_to_start), "the tasks did not run by turns");
        vec![Metric::less("yield", "ns", nanos_each(took, TASKS * yields))]
    })
}

/// What does it cost to go to another task and back through channels?
///
/// Two futures `mpsc::channel(1)`, a task and the main future. Two messages and at least two switches a round; the
/// channels are the same for everybody.
pub(super) fn ping_pong<L: Loop>(scale: Scale) -> Vec<Metric> {
    let rounds = scale.count(500_000);
    L::block_on(async {
        let (mut ping, mut pings) = mpsc::channel::<usize>(1);
        let (mut pong, mut pongs) = mpsc::channel::<usize>(1);
        let task = L::spawn(async move {
            while let Some(value) = pings.next().await {
                pong.send(value).await.expect("the main future listens");
            }
        });
        let start = Instant::now();
        for round in 0..rounds {
            ping.send(round).await.expect("the task listens");
            assert_eq!(pongs.next().await, Some(round));
        }
        let took = start.elapsed();
        drop(ping);
        task.await;
        vec![Metric::less("ping-pong, round", "ns", nanos_each(took, rounds))]
    })
}

/// How long does it take to wake a plain thread and be woken by it?
///
/// A std channel there, a futures channel back. Most of it is the kernel waking two idle cores, so the difference to
/// the bare round trip is what counts.
pub(super) fn thread_wake<L: Loop>(scale: Scale) -> Vec<Metric> {
    let rounds = scale.count(50_000);
    L::block_on(async {
        let (to, inbox) = std::sync::mpsc::channel::<usize>();
        let (back, mut outbox) = mpsc::unbounded::<usize>();
        let thread = thread::spawn(move || {
            for value in inbox {
                back.unbounded_send(value).expect("the main future listens");
            }
        });
        let start = Instant::now();
        for round in 0..rounds {
            to.send(round).expect("the thread is there until the channel closes");
            assert_eq!(outbox.next().await, Some(round));
        }
        let took = start.elapsed();
        drop(to);
        thread.join().expect("the thread does not panic");
        vec![Metric::less("thread wake, round trip", "us", micros_each(took, rounds))]
    })
}
