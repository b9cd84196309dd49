//! What does a `block_on` cost that makes a runtime, and drops it at the end?

use super::{Scale, micros_each};
use crate::peers::{Loop, Offload};
use mio::{Poll, Token, Waker};
use sideline_benches::Metric;
use std::hint::black_box;
use std::time::Instant;

/// How long is a `block_on` of nothing, and one of a closure that does nothing?
///
/// A program pays for the first once. Who calls async code from code that is not, now and then, pays each time. Excluded: what
/// is done once in a process, by a hundredth more of them before. A lie if a peer keeps its event queue from one call to the next,
/// as smol does: then nothing is made at all.
pub(super) fn start<L: Loop, O: Offload>(scale: Scale) -> Vec<Metric> {
    let count = scale.count(20_000);
    let nothing = || L::block_on(async {});
    // A tenth as many: with some peers each of them starts a thread.
    let closure = || L::block_on(async { O::offload(|| ()).await });
    vec![
        Metric::less("block_on of nothing", "us", each(count, nothing)),
        Metric::less("block_on of a closure", "us", each(count / 10, closure)),
    ]
}

/// An event queue of mio's and its waker.
pub(super) fn bare_start(scale: Scale) -> Vec<Metric> {
    let make = || {
        let poll = Poll::new().expect("an event queue");
        black_box(Waker::new(poll.registry(), Token(0)).expect("a waker"));
    };
    vec![Metric::less("block_on of nothing", "us", each(scale.count(20_000), make))]
}

/// Microseconds.
fn each(count: usize, call: impl Fn()) -> f64 {
    (0..count / 100).for_each(|_| call());
    let start = Instant::now();
    (0..count).for_each(|_| call());
    micros_each(start.elapsed(), count)
}
