//! Has a worker been computing for long? Then the kernel owes it nothing, and puts it last.
//!
//! A worker is *tired* when what it has just done, from finding a job to having none left, took a millisecond or more
//! of CPU time. A scheduler that is fair gives the next turn to somebody else: a tired worker that wakes its awaiter is
//! put aside at once, and one that is called soon after comes late. [`crate::idle`] relies on others where it can, and
//! [`crate::time_slice`] does what can be done about it.
//!
//! Quick jobs must not pay for this: each time the worker runs out of jobs it looks whether the timer has ticked since,
//! and only then, some hundred times a second at most, it reads its CPU clock, which is a system call. Nor must jobs that
//! are long because they sleep: after each reading that finds the worker rested it passes over the next 1, 3, 7 occasions.
//! One that finds it tired, and it reads at each again.

use std::cell::Cell;
use std::time::Duration;

use crate::cpu_clock;
use crate::sync::CLOCKS;
use crate::sync::atomic::{AtomicU64, Ordering};

/// How the kernel is likely to see a worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Condition {
    Rested,
    Tired,
}

/// So much CPU time makes tired: about what a fair scheduler gives at a time.
const LONG: Duration = Duration::from_millis(1);

/// A worker's own account of what it has done.
#[derive(Debug)]
pub(crate) struct Fatigue {
    /// The tick in which it last woke up or ran out of jobs.
    last: Cell<Option<Duration>>,
    /// What the thread's CPU clock showed when it was last read.
    computed: Cell<Duration>,
    /// Occasions to pass over until it is read again.
    skip: Cell<u32>,
    /// How many were passed over after the last reading.
    pause: Cell<u32>,
}

/// The longest run of occasions that are passed over.
const LONGEST_PAUSE: u32 = 7;

impl Fatigue {
    pub(crate) fn new() -> Self {
        Self {
            last: Cell::new(None),
            computed: Cell::new(Duration::ZERO),
            skip: Cell::new(0),
            pause: Cell::new(0),
        }
    }

    /// After a sleep, which makes nobody tired.
    pub(crate) fn woke_up(&self) {
        if CLOCKS {
            self.last.set(cpu_clock::tick());
        }
    }

    /// After the last job in a row.
    pub(crate) fn after_work(&self) -> Condition {
        if !CLOCKS {
            return Condition::Rested;
        }
        let tick = cpu_clock::tick();
        if tick == self.last.replace(tick) {
            return Condition::Rested;
        }
        if self.skip.get() > 0 {
            self.skip.set(self.skip.get() - 1);
            return Condition::Rested;
        }
        let Some(computed) = cpu_clock::of_current_thread() else { return Condition::Rested };
        // The occasions passed over are in it, too.
        let tired = computed.saturating_sub(self.computed.replace(computed)) >= LONG * (self.pause.get() + 1);
        self.pause.set(if tired { 0 } else { (2 * self.pause.get() + 1).min(LONGEST_PAUSE) });
        self.skip.set(self.pause.get());
        if tired { Condition::Tired } else { Condition::Rested }
    }
}

/// When somebody in the pool was last tired: by the pool's clock, in nanoseconds; 0: never yet.
#[derive(Debug, Default)]
pub(crate) struct LongJobs(AtomicU64);

/// How long that counts as "lately", in nanoseconds.
const LATELY: u64 = 1_000_000_000;

impl LongJobs {
    pub(crate) fn seen(&self, now: u64) {
        // Relaxed, here and below: a hint.
        self.0.store(now.max(1), Ordering::Relaxed);
    }

    /// The clock is read only if there have ever been any.
    pub(crate) fn seen_lately(&self, clock: impl FnOnce() -> u64) -> bool {
        let last = self.0.load(Ordering::Relaxed);
        last != 0 && clock().saturating_sub(last) < LATELY
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    #[cfg(target_os = "linux")]
    fn computing_makes_tired_and_sleeping_does_not() {
        // In a thread of its own, whose CPU clock begins at nothing.
        let test = std::thread::spawn(|| {
            let fatigue = Fatigue::new();
            std::thread::sleep(2 * LONG);
            let after_sleep = fatigue.after_work();
            fatigue.skip.set(0);
            let (tick, before) = (cpu_clock::tick(), cpu_clock::of_current_thread().unwrap());
            while cpu_clock::tick() == tick || cpu_clock::of_current_thread().unwrap() < before + 2 * LONG {}
            (after_sleep, fatigue.after_work(), fatigue.after_work())
        });
        let rested = Condition::Rested;
        assert_eq!(test.join().unwrap(), (rested, Condition::Tired, rested));
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn a_worker_that_was_rested_is_looked_at_less_often_until_it_is_tired() {
        let test = std::thread::spawn(|| {
            let fatigue = Fatigue::new();
            let pause_after = |computed: Duration| {
                // Ticks have passed, and none is to be passed over.
                fatigue.last.set(None);
                fatigue.skip.set(0);
                let until = fatigue.computed.get() + computed;
                while cpu_clock::of_current_thread().unwrap() < until {}
                (fatigue.after_work(), fatigue.skip.get())
            };
            let rested = [(); 4].map(|()| pause_after(Duration::ZERO));
            // Twice a millisecond on average, over all eight occasions.
            (rested, pause_after(16 * LONG), pause_after(2 * LONG))
        });
        let tired = (Condition::Tired, 0);
        let rested = [1, 3, 7, 7].map(|pause| (Condition::Rested, pause));
        assert_eq!(test.join().unwrap(), (rested, tired, tired));
    }

    #[test]
    fn long_jobs_are_remembered_for_a_second() {
        let jobs = LongJobs::default();
        assert!(!jobs.seen_lately(|| unreachable!("there were none")));
        jobs.seen(5);
        assert!(jobs.seen_lately(|| 4 + LATELY));
        assert!(!jobs.seen_lately(|| 5 + LATELY));
    }
}
