//! Do others want a worker's processor? Then it had better not spin.
//!
//! A worker is *crowded* when it was put aside by the kernel at least as often as the timer ticks. Spinning for the next
//! job would take from the others, and from the loop that is to submit the job, what they need to get there. Measured
//! with a web service whose requests make short queries, and its load generator, on two cores: medians of 51,200 requests
//! a second with workers that spin, and 53,200 with this. A loop and a worker that have a processor each are not
//! crowded, and spin.
//!
//! How often it was put aside the kernel tells, in a system call: it is asked every 50 ms, when the worker has run out of
//! jobs in a new tick ([`crate::fatigue`]).

use std::cell::Cell;
use std::time::Duration;

use crate::cpu_clock;
use crate::sync::CLOCKS;

/// Who is put aside once in this time is crowded: the timer's most common tick.
const TICK: Duration = Duration::from_millis(4);
/// So long it is counted. For less, everybody may be crowded: threads that are woken for the first time share the
/// processor of the one that woke them, until the kernel has moved them.
const COUNTED_FOR: Duration = Duration::from_millis(50);
/// How long a worker counts as crowded, unless it finds out better.
const CROWDED_FOR: Duration = Duration::from_millis(100);

/// What a worker knows of those around it.
#[derive(Debug)]
pub(crate) struct Crowd {
    /// How often it had been put aside when that was last read, and the tick.
    put_aside: Cell<(u64, Duration)>,
    until: Cell<Duration>,
}

impl Crowd {
    pub(crate) fn new() -> Self {
        Self {
            put_aside: Cell::new((0, cpu_clock::tick().unwrap_or_default())),
            until: Cell::new(Duration::ZERO),
        }
    }

    /// In a new tick.
    pub(crate) fn look_around(&self, tick: Duration) {
        let (before, then) = self.put_aside.get();
        let time = tick.saturating_sub(then);
        if time < COUNTED_FOR {
            return;
        }
        let Some(count) = cpu_clock::preemptions() else { return };
        self.put_aside.set((count, tick));
        let crowded = is_crowd(count.saturating_sub(before), time);
        self.until.set(if crowded { tick + CROWDED_FOR } else { Duration::ZERO });
    }

    /// Whether others have wanted this worker's processor lately.
    pub(crate) fn is_there(&self) -> bool {
        let until = self.until.get();
        // Not even the time is asked for by who has never been crowded, or has found out better.
        CLOCKS && !until.is_zero() && cpu_clock::tick().is_some_and(|now| now < until)
    }
}

/// Whether having been put aside so often, in so much time, says that others want the processor.
fn is_crowd(put_aside: u64, time: Duration) -> bool {
    u128::from(put_aside) >= time.as_nanos() / TICK.as_nanos()
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn crowded_is_who_is_put_aside_as_often_as_the_timer_ticks() {
        let crowded = |put_aside, ticks: u32| is_crowd(put_aside, ticks * TICK);
        assert!(crowded(13, 13) && crowded(100, 13) && crowded(100, 100));
        assert!(!crowded(0, 13) && !crowded(12, 13) && !crowded(100, 101));
        assert!(!is_crowd(1_000, Duration::from_secs(3600)), "a sleep counts as time without");
    }
}
