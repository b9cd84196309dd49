//! What does it cost to send an empty closure to another thread and get its result back?

use super::{Scale, micros_each};
use crate::peers::{Loop, Offload};
use sideline_benches::{Metric, threads};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::thread;
use std::time::Instant;

/// How long is one offload if the caller waits for it before the next?
///
/// Excluded: the start of threads (2,000 to warm up). A lie if more than one thread takes part, which spreads the
/// cost of waking them; so the threads are said.
pub(super) fn round_trip<L: Loop, O: Offload>(scale: Scale) -> Vec<Metric> {
    let count = scale.count(20_000);
    L::block_on(async {
        let mut sum = 0;
        for _ in 0..scale.count(2_000) {
            sum += O::offload(|| 1).await;
        }
        let start = Instant::now();
        for _ in 0..count {
            sum += O::offload(|| 1).await;
        }
        let took = start.elapsed();
        assert_eq!(sum, count + scale.count(2_000));
        vec![Metric::less("round trip", "us", micros_each(took, count)), round_trip_threads()]
    })
}

fn round_trip_threads() -> Metric {
    Metric::said("round trip, threads", "", threads())
}

/// Two channels and a thread, each side parking in `recv`; then two sides that spin on an atomic.
pub(super) fn bare_round_trip(scale: Scale) -> Vec<Metric> {
    let count = scale.count(20_000);
    let parked = {
        let (to, inbox) = mpsc::channel::<usize>();
        let (back, outbox) = mpsc::channel::<usize>();
        let worker = thread::spawn(move || {
            for value in inbox {
                back.send(value).expect("the other side waits for it");
            }
        });
        let start = Instant::now();
        for value in 0..count {
            to.send(value).expect("the worker is there until the channel closes");
            assert_eq!(outbox.recv(), Ok(value));
        }
        let took = start.elapsed();
        drop(to);
        worker.join().expect("the worker does not panic");
        took
    };
    // Odd: the worker's turn. Even: ours.
    static BALL: AtomicUsize = AtomicUsize::new(0);
    let wait_for = |value| {
        // Acquire: pairs with the Release of the other side's store.
        while BALL.load(Ordering::Acquire) != value {
            std::hint::spin_loop();
        }
    };
    let worker = thread::spawn(move || {
        for value in 0..count {
            wait_for(2 * value + 1);
            // Release: pairs with the Acquire in `wait_for`.
            BALL.store(2 * value + 2, Ordering::Release);
        }
    });
    let start = Instant::now();
    for value in 0..count {
        // Release: pairs with the Acquire in `wait_for`.
        BALL.store(2 * value + 1, Ordering::Release);
        wait_for(2 * value + 2);
    }
    let spinning = start.elapsed();
    worker.join().expect("the worker does not panic");
    vec![
        Metric::less("round trip", "us", micros_each(parked, count)),
        Metric::less("round trip, spinning", "us", micros_each(spinning, count)),
    ]
}

/// What does each of 100,000 offloads cost if all are in flight at once?
///
/// Included: the threads that a peer thinks it needs, and its queue growing. The handles are awaited in the order of
/// submission. A lie if the closures could be skipped; so their results are added up.
pub(super) fn fan_out<L: Loop, O: Offload>(scale: Scale) -> Vec<Metric> {
    let count = scale.count(100_000);
    L::block_on(async {
        let start = Instant::now();
        let jobs: Vec<_> = (0..count).map(|index| O::offload(move || index)).collect();
        let mut sum = 0;
        for job in jobs {
            sum += job.await;
        }
        let took = start.elapsed();
        assert_eq!(sum, count * (count - 1) / 2);
        vec![
            Metric::less("fan-out, each", "us", micros_each(took, count)),
            Metric::said("fan-out, threads", "", threads()),
        ]
    })
}

/// What does an offload cost if 64 tasks each wait for their own, one after another?
///
/// Between the two above: the loop always has something to do, and the pool too. Excluded: nothing.
pub(super) fn window<L: Loop, O: Offload>(scale: Scale) -> Vec<Metric> {
    const TASKS: usize = 64;
    let share = scale.count(200_000) / TASKS;
    L::block_on(async {
        let start = Instant::now();
        let tasks: Vec<_> = (0..TASKS)
            .map(|_| {
                L::spawn(async move {
                    let mut sum = 0;
                    for _ in 0..share {
                        sum += O::offload(|| 1).await;
                    }
                    sum
                })
            })
            .collect();
        let mut sum = 0;
        for task in tasks {
            sum += task.await;
        }
        let took = start.elapsed();
        assert_eq!(sum, TASKS * share);
        vec![
            Metric::less("window, each", "us", micros_each(took, TASKS * share)),
            Metric::said("window, threads", "", threads()),
        ]
    })
}
