//! What does a pool do with many closures at once: does it start the threads that help, and only those?

use super::{Scale, cores, millis};
use crate::peers::{Loop, Offload};
use sideline_benches::{Cpu, Metric, threads};
use std::thread;
use std::time::{Duration, Instant};

const SHORT: Duration = Duration::from_micros(20);
const LONG: Duration = Duration::from_millis(50);

/// How long do 20,000 closures of 20 us CPU take, all submitted at once?
///
/// More threads than cores cannot help. A lie if the work were "until 20 us have passed": see
/// [`Cpu`].
pub(super) fn short<L: Loop, O: Offload>(scale: Scale) -> Vec<Metric> {
    let count = scale.count(20_000);
    let steps = Cpu::calibrate().steps(SHORT);
    L::block_on(async {
        let start = Instant::now();
        let jobs: Vec<_> = (0..count).map(|_| O::offload(move || Cpu::burn(steps))).collect();
        for job in jobs {
            job.await;
        }
        let took = start.elapsed();
        vec![
            Metric::less("short burst", "ms", millis(took)),
            Metric::said("short burst, threads", "", threads()),
        ]
    })
}

/// One thread per core, each with its share of the work.
pub(super) fn bare_short(scale: Scale) -> Vec<Metric> {
    let share = scale.count(20_000) / cores();
    let steps = Cpu::calibrate().steps(SHORT);
    let start = Instant::now();
    thread::scope(|scope| {
        for _ in 0..cores() {
            scope.spawn(move || (0..share).for_each(|_| Cpu::burn(steps)));
        }
    });
    vec![Metric::less("short burst", "ms", millis(start.elapsed()))]
}

/// How long do 200 closures take that each sleep for 50 ms, all submitted at once?
///
/// As many threads as closures would be ideal. Included: starting them. Not smaller in a quick run: whether the
/// pool grows is the question.
pub(super) fn sleeping<L: Loop, O: Offload>(_: Scale) -> Vec<Metric> {
    L::block_on(async {
        let start = Instant::now();
        let jobs: Vec<_> = (0..200).map(|_| O::offload(|| thread::sleep(LONG))).collect();
        for job in jobs {
            job.await;
        }
        let took = start.elapsed();
        vec![
            Metric::less("sleep burst", "ms", millis(took)),
            Metric::said("sleep burst, threads", "", threads()),
        ]
    })
}

/// One thread per closure, started and joined.
pub(super) fn bare_sleeping(_: Scale) -> Vec<Metric> {
    let start = Instant::now();
    thread::scope(|scope| {
        for _ in 0..200 {
            scope.spawn(|| thread::sleep(LONG));
        }
    });
    vec![Metric::less("sleep burst", "ms", millis(start.elapsed()))]
}
