//! Do others want a worker's processor? Then it had better not spin.
//!
//! A worker is *crowded* when it was put aside by the kernel at least as often as the timer ticks. Spinning for the next
//! job would take from the others, and from the loop that is to submit the job, what they need to get there. Measured
//! with a web service whose requests make short queries, and its load generator, on two cores: medians of 51,200 requests
//! a second with workers that spin, and 53,200 with this. A loop and a worker that have a processor each are not
//! crowded, and spin.
//!
//! How often it was put aside, the kernel tells in a system call. So only a worker that is about to spin asks, and at most once in
//! 50 ms.

use std::cell::Cell;

use crate::metrics::Stamp;
use crate::sync::CLOCKS;
use crate::sys::cpu_clock;

/// A worker that is put aside once in this many nanoseconds is crowded: the most common tick of the timer.
const TICK: u64 = 4_000_000;
/// The time over which that is counted, at least. Over a shorter time every worker may seem crowded: threads that are woken for
/// the first time share the processor of the one that woke them, until the kernel has moved them.
const COUNTED_FOR: u64 = 50_000_000;

/// What a worker knows of those around it.
#[derive(Debug)]
pub(crate) struct Crowd {
    /// When the worker last asked how often it had been put aside.
    counted: Cell<Stamp>,
    /// How often that was, since the thread began.
    put_aside: Cell<u64>,
    /// Whether that was often enough.
    is_there: Cell<bool>,
}

impl Crowd {
    pub(crate) fn new() -> Self {
        Self { counted: Cell::new(Stamp::now()), put_aside: Cell::new(0), is_there: Cell::new(false) }
    }

    /// Whether others have wanted this worker's processor lately.
    pub(crate) fn is_there(&self) -> bool {
        if CLOCKS {
            let now = Stamp::now();
            let time = now.nanos_since(self.counted.get());
            if time >= COUNTED_FOR {
                self.counted.set(now);
                self.count(time);
            }
        }
        self.is_there.get()
    }

    /// The same, as of the last time it was counted: without a system call.
    pub(crate) fn was_there(&self) -> bool {
        self.is_there.get()
    }

    #[inline(never)]
    fn count(&self, time: u64) {
        let Some(count) = cpu_clock::preemptions() else { return };
        let before = self.put_aside.replace(count);
        self.is_there.set(is_crowd(count.saturating_sub(before), time));
    }
}

/// Whether having been put aside this often, in this many nanoseconds, says that others want the processor.
fn is_crowd(put_aside: u64, time: u64) -> bool {
    put_aside >= time / TICK
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn crowded_is_who_is_put_aside_as_often_as_the_timer_ticks() {
        let crowded = |put_aside, ticks: u64| is_crowd(put_aside, ticks * TICK);
        assert!(crowded(13, 13) && crowded(100, 13) && crowded(100, 100));
        assert!(!crowded(0, 13) && !crowded(12, 13) && !crowded(100, 101));
        assert!(!is_crowd(1_000, 3600 * 1_000_000_000), "a sleep counts as time without");
    }
}
