//! Has a worker been computing for long? Then a fair scheduler puts it last.
//!
//! A worker is *tired* when it has computed for a millisecond or more since it last woke up. A fair scheduler gives
//! the next turn to somebody else: a tired worker that wakes its awaiter is put aside at once, and one that is called soon
//! after comes late. [`crate::threads::idle`] relies on others where it can, and [`crate::worker::time_slice`] does what can be done about it.
//!
//! # How it is found out
//! A thread's CPU clock tells what it has computed. Reading it is a system call, for which quick jobs must not pay:
//!
//! * The worker looks when it runs out of jobs, and only if a millisecond has passed since it last looked or woke up.
//!   Nobody can have computed for one in less.
//! * Jobs may be long because they sleep. So after each reading that finds the worker rested, it passes over the next 1, 3, 7
//!   occasions. But not if it has been awake for more than twice as long as it was at that reading: that may have been a job of
//!   another kind.
//! * After a reading that finds it tired, it reads at each occasion again.
//! * Of what it computed before it last woke up, only this is known: it was no more than the time for which it was awake then.
//!
//! Times are nanoseconds, and moments are those that the worker has read anyway. This keeps the code short that runs after a
//! sleep: none of it is in a cache then, and each cache line of it costs time.
//!
//! Why that exception: measured with eight jobs of 50 ms outstanding on two cores and an empty call every 5 ms. When occasions
//! were passed over however long the worker had been awake, empty jobs hid the long one that came next, and the p99 of the
//! calls' round trip was 17 ms instead of 8.

use std::cell::Cell;

use crate::metrics::Stamp;
use crate::sync::CLOCKS;
use crate::sys::cpu_clock;

/// This much CPU time, in nanoseconds, makes a worker tired: about what a fair scheduler gives at a time.
const LONG: u64 = 1_000_000;
/// The longest run of occasions that are passed over.
const LONGEST_PAUSE: u32 = 7;

/// A worker's own account of what it has done.
#[derive(Debug)]
pub(crate) struct Fatigue {
    /// When it woke up, or looked last.
    looked: Cell<Stamp>,
    /// When it woke up, or its CPU clock was read if that came later.
    since: Cell<Stamp>,
    /// For how long it has been awake between the last reading of its CPU clock and its last sleep.
    awake: Cell<u64>,
    /// What its CPU clock showed at that reading.
    computed: Cell<u64>,
    /// Occasions to pass over until it is read again.
    skip: Cell<u32>,
    /// How many were to be passed over after the last reading.
    pause: Cell<u32>,
    /// For how long it had been awake when it was last found rested.
    rested_after: Cell<u64>,
}

impl Fatigue {
    pub(crate) fn new() -> Self {
        let now = Stamp::now();
        Self {
            looked: Cell::new(now),
            since: Cell::new(now),
            awake: Cell::new(0),
            computed: Cell::new(0),
            skip: Cell::new(0),
            pause: Cell::new(0),
            rested_after: Cell::new(0),
        }
    }

    /// Before a sleep.
    pub(crate) fn goes_to_sleep(&self, now: Stamp) {
        if CLOCKS {
            self.awake.set(self.awake.get() + now.nanos_since(self.since.get()));
        }
    }

    /// After a sleep, which makes nobody tired.
    pub(crate) fn woke_up(&self, now: Stamp) {
        self.looked.set(now);
        self.since.set(now);
    }

    /// After the last job in a row, which has just ended.
    pub(crate) fn is_tired(&self, now: Stamp) -> bool {
        CLOCKS && now.nanos_since(self.looked.get()) >= LONG && self.look(now)
    }

    #[inline(never)]
    fn look(&self, now: Stamp) -> bool {
        self.looked.set(now);
        let awake_for = now.nanos_since(self.since.get());
        !self.is_passed_over(awake_for) && self.ask(awake_for)
    }

    fn is_passed_over(&self, awake_for: u64) -> bool {
        let left = self.skip.get();
        let passed_over = left > 0 && awake_for <= 2 * self.rested_after.get();
        if passed_over {
            self.skip.set(left - 1);
        }
        passed_over
    }

    #[inline(never)]
    fn ask(&self, awake_for: u64) -> bool {
        let Some(computed) = cpu_clock::of_current_thread() else { return false };
        self.since.set(Stamp::now());
        let earlier = self.awake.replace(0);
        let since_it_woke_up =
            computed.saturating_sub(self.computed.replace(computed)).saturating_sub(earlier);
        let is_tired = since_it_woke_up >= LONG;
        self.pause.set(if is_tired { 0 } else { (2 * self.pause.get() + 1).min(LONGEST_PAUSE) });
        self.skip.set(self.pause.get());
        self.rested_after.set(awake_for);
        is_tired
    }
}

#[cfg(all(test, target_os = "linux", not(loom)))]
mod tests {
    use super::*;

    const LONG_TIME: std::time::Duration = std::time::Duration::from_nanos(LONG);

    /// In a thread of its own, whose CPU clock begins at nothing.
    fn as_a_worker<R: Send + 'static>(story: impl FnOnce(&Fatigue) -> R + Send + 'static) -> R {
        std::thread::spawn(|| story(&Fatigue::new())).join().unwrap()
    }

    fn compute(time: std::time::Duration) {
        let end = cpu_clock::of_current_thread().unwrap() + time.as_nanos() as u64;
        while cpu_clock::of_current_thread().unwrap() < end {}
    }

    /// Whoever has looked a moment ago looks again.
    fn look(fatigue: &Fatigue) -> bool {
        fatigue.look(Stamp::now())
    }

    #[test]
    fn computing_makes_tired_and_sleeping_does_not() {
        let story = |fatigue: &Fatigue| {
            std::thread::sleep(2 * LONG_TIME);
            let after_sleep = fatigue.is_tired(Stamp::now());
            fatigue.skip.set(0);
            compute(2 * LONG_TIME);
            let end = Stamp::now();
            (after_sleep, fatigue.is_tired(end), fatigue.is_tired(end))
        };
        assert_eq!(as_a_worker(story), (false, true, false));
    }

    #[test]
    fn a_worker_that_was_rested_is_looked_at_less_often_until_it_is_tired() {
        let story = |fatigue: &Fatigue| {
            let pause_after = |job: &dyn Fn()| {
                fatigue.skip.set(0);
                job();
                (look(fatigue), fatigue.skip.get())
            };
            let rested = [(); 4].map(|()| pause_after(&|| std::thread::sleep(2 * LONG_TIME)));
            (rested, pause_after(&|| compute(2 * LONG_TIME)), pause_after(&|| compute(2 * LONG_TIME)))
        };
        let tired = (true, 0);
        let rested = [1, 3, 7, 7].map(|pause| (false, pause));
        assert_eq!(as_a_worker(story), (rested, tired, tired));
    }

    #[test]
    fn a_long_job_after_many_that_were_none_is_noticed() {
        let story = |fatigue: &Fatigue| {
            // As after many jobs that slept for two milliseconds each.
            fatigue.pause.set(LONGEST_PAUSE);
            fatigue.skip.set(LONGEST_PAUSE);
            fatigue.rested_after.set(2 * LONG);
            let after_an_empty_one = (fatigue.is_tired(fatigue.since.get()), fatigue.skip.get());
            compute(5 * LONG_TIME);
            (after_an_empty_one, look(fatigue))
        };
        assert_eq!(as_a_worker(story), ((false, LONGEST_PAUSE), true));
    }

    #[test]
    fn jobs_that_sleep_alike_are_passed_over() {
        let story = |fatigue: &Fatigue| {
            fatigue.skip.set(1);
            // Longer than any test lasts.
            fatigue.rested_after.set(u64::MAX / 2);
            compute(2 * LONG_TIME);
            (look(fatigue), fatigue.skip.get(), look(fatigue))
        };
        assert_eq!(as_a_worker(story), (false, 0, true));
    }

    #[test]
    fn what_was_computed_before_a_sleep_makes_nobody_tired() {
        let story = |fatigue: &Fatigue| {
            compute(2 * LONG_TIME);
            fatigue.goes_to_sleep(Stamp::now());
            fatigue.woke_up(Stamp::now());
            std::thread::sleep(2 * LONG_TIME);
            look(fatigue)
        };
        assert!(!as_a_worker(story));
    }
}
