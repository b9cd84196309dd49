//! Has a worker been computing for long? Then the kernel owes it nothing, and puts it last.
//!
//! A worker is *tired* when it has computed for a millisecond or more since it last woke up. A scheduler that is fair gives
//! the next turn to somebody else: a tired worker that wakes its awaiter is put aside at once, and one that is called soon
//! after comes late. [`crate::idle`] relies on others where it can, and [`crate::time_slice`] does what can be done about it.
//!
//! A worker is *crowded* when others want its processor: it was put aside at least as often as the timer ticks. Then it
//! does not spin for the next job, for that would take from them, and from the loop that is to submit the job, what they
//! need to get there. Measured with a web service whose requests make short queries, and its load generator, on two
//! cores: medians of 51,200 requests a second with workers that spin, and 53,200 with this. A loop and a worker that have
//! a processor each are not crowded, and spin.
//!
//! Quick jobs must not pay for this: each time the worker runs out of jobs it looks whether the timer has ticked since it
//! last did, or woke up, and only then, some hundred times a second at most, it reads its CPU clock, which is a system
//! call. Nor must jobs that are long because they sleep: after each reading that finds the worker rested it passes over
//! the next 1, 3, 7 occasions. One that finds it tired, and it reads at each again. What it has computed before it last
//! woke up is known only to be no more than the time for which it was awake then. How often it was put aside it asks every
//! 50 ms, at such an occasion.

use std::cell::Cell;
use std::time::Duration;

use crate::cpu_clock;
use crate::metrics::Stamp;
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

/// Who is put aside once in this time is crowded: the timer's most common tick.
const TICK: Duration = Duration::from_millis(4);
/// So long it is counted. For less, everybody may be crowded: threads that are woken for the first time share the
/// processor of the one that woke them, until the kernel has moved them.
const COUNTED_FOR: Duration = Duration::from_millis(50);
/// How long a worker counts as crowded, unless it finds out better.
const CROWDED_FOR: Duration = Duration::from_millis(100);

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
    /// For how long it has been awake from that reading to its last sleep.
    awake: Cell<Duration>,
    /// When it woke up, or that reading if it came later.
    since: Cell<Stamp>,
    /// How often it had been put aside when that was last read, and the tick.
    put_aside: Cell<(u64, Duration)>,
    crowded_until: Cell<Duration>,
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
            awake: Cell::new(Duration::ZERO),
            since: Cell::new(Stamp::now()),
            put_aside: Cell::new((0, cpu_clock::tick().unwrap_or_default())),
            crowded_until: Cell::new(Duration::ZERO),
        }
    }

    /// Before a sleep.
    pub(crate) fn goes_to_sleep(&self) {
        if CLOCKS {
            let nanos = Stamp::now().nanos_since(self.since.get());
            self.awake.set(self.awake.get() + Duration::from_nanos(nanos));
        }
    }

    /// After a sleep, which makes nobody tired.
    pub(crate) fn woke_up(&self) {
        if CLOCKS {
            self.since.set(Stamp::now());
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
        if let Some(tick) = tick {
            self.look_around(tick);
        }
        if self.skip.get() > 0 {
            self.skip.set(self.skip.get() - 1);
            return Condition::Rested;
        }
        let Some(computed) = cpu_clock::of_current_thread() else { return Condition::Rested };
        self.since.set(Stamp::now());
        let earlier = self.awake.replace(Duration::ZERO);
        let since_it_woke_up =
            computed.saturating_sub(self.computed.replace(computed)).saturating_sub(earlier);
        let tired = since_it_woke_up >= LONG;
        self.pause.set(if tired { 0 } else { (2 * self.pause.get() + 1).min(LONGEST_PAUSE) });
        self.skip.set(self.pause.get());
        if tired { Condition::Tired } else { Condition::Rested }
    }

    fn look_around(&self, tick: Duration) {
        let (before, then) = self.put_aside.get();
        let time = tick.saturating_sub(then);
        if time < COUNTED_FOR {
            return;
        }
        let Some(count) = cpu_clock::preemptions() else { return };
        self.put_aside.set((count, tick));
        let crowded = is_crowd(count.saturating_sub(before), time);
        self.crowded_until.set(if crowded { tick + CROWDED_FOR } else { Duration::ZERO });
    }

    /// Whether others have wanted this worker's processor lately.
    pub(crate) fn is_crowded(&self) -> bool {
        CLOCKS && cpu_clock::tick().is_some_and(|now| now < self.crowded_until.get())
    }
}

/// Whether having been put aside so often, in so much time, says that others want the processor.
fn is_crowd(put_aside: u64, time: Duration) -> bool {
    u128::from(put_aside) >= time.as_nanos() / TICK.as_nanos()
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
            (rested, pause_after(2 * LONG), pause_after(2 * LONG))
        });
        let tired = (Condition::Tired, 0);
        let rested = [1, 3, 7, 7].map(|pause| (Condition::Rested, pause));
        assert_eq!(test.join().unwrap(), (rested, tired, tired));
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn what_was_computed_before_a_sleep_makes_nobody_tired() {
        let test = std::thread::spawn(|| {
            let fatigue = Fatigue::new();
            let compute = |time: Duration| {
                let end = cpu_clock::of_current_thread().unwrap() + time;
                while cpu_clock::of_current_thread().unwrap() < end {}
            };
            compute(2 * LONG);
            fatigue.goes_to_sleep();
            fatigue.woke_up();
            let tick = cpu_clock::tick();
            while cpu_clock::tick() == tick {
                std::thread::sleep(LONG);
            }
            fatigue.after_work()
        });
        assert_eq!(test.join().unwrap(), Condition::Rested);
    }

    #[test]
    fn crowded_is_who_is_put_aside_as_often_as_the_timer_ticks() {
        let crowded = |put_aside, ticks: u32| is_crowd(put_aside, ticks * TICK);
        assert!(crowded(13, 13) && crowded(100, 13) && crowded(100, 100));
        assert!(!crowded(0, 13) && !crowded(12, 13) && !crowded(100, 101));
        assert!(!is_crowd(1_000, Duration::from_secs(3600)), "a sleep counts as time without");
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
