//! How long a turn may run tasks before it looks at sockets and timers again, and where the loop's time goes.
//!
//! The budget is [`TURN`] of time, whatever the number of polls: thousands of quick ones, or one slow one.
//! Reading the clock at every poll would cost as much as a quick poll does, so it is read once every *stride* of
//! polls. The stride adapts: it is doubled while a stride of polls is quick, halved when one is slow, and is one poll after a
//! stride that took a turn's time by itself. It is kept from turn to turn, because tasks resemble the tasks before them.
//!
//! The clock is also read on both sides of a wait. So all of the loop's time lies between two readings, and goes into
//! the [counters](crate::runtime::metrics) either as a stride of polls or as a wait. That is one reading more for each wait than
//! the budget alone would need, beside the system call that a wait is.
//!
//! Times are numbers of nanoseconds: subtracting `Instant`s was a third of what a look at the clock cost.
//!
//! A manual clock stands still during a turn. On it the budget is a number of polls, and nothing is timed.

use crate::runtime::metrics::Counters;
use sideline_reactor::Clock;
use std::cell::Cell;

/// The time after which a turn goes to the reactor although tasks are ready. Looking costs about half a
/// microsecond, so this is 0.25 %.
const TURN: u64 = 200 * MICROSECOND;
/// A stride should take about a tenth of a turn.
const QUICK: u64 = 10 * MICROSECOND;
pub(crate) const SLOW: u64 = 40 * MICROSECOND;
const MICROSECOND: u64 = 1_000;
const LONGEST_STRIDE: u32 = 32;
/// On a manual clock.
const POLLS: u32 = 128;

#[derive(Debug)]
pub(crate) struct Budget {
    clock: Clock,
    stride: Cell<u32>,
    /// Polls until the next look at the clock.
    countdown: Cell<u32>,
    /// How much of this turn's time has passed.
    passed: Cell<u64>,
    /// When the clock was last looked at.
    looked: Cell<u64>,
    spent: Cell<bool>,
}

impl Budget {
    pub(crate) fn new(clock: Clock) -> Self {
        let stride = if clock.is_manual() { POLLS } else { 1 };
        Self {
            stride: Cell::new(stride),
            countdown: Cell::new(stride),
            passed: Cell::new(0),
            looked: Cell::new(clock.nanos()),
            spent: Cell::new(false),
            clock,
        }
    }

    /// The loop's thread comes from somewhere else: what happened there is not the loop's time.
    pub(crate) fn enter(&self) {
        if !self.clock.is_manual() {
            self.looked.set(self.clock.nanos());
            self.countdown.set(self.stride.get());
        }
    }

    /// A turn begins. Its time counts from the last look at the clock.
    pub(crate) fn begin_turn(&self) {
        self.passed.set(0);
        self.spent.set(false);
        if self.clock.is_manual() {
            self.countdown.set(POLLS);
        }
    }

    /// Counts one poll. True once the turn has run for its time.
    pub(crate) fn spend(&self, counters: &Counters) -> bool {
        let countdown = self.countdown.get() - 1;
        self.countdown.set(countdown);
        if countdown == 0 {
            self.look(counters);
        }
        self.spent.get()
    }

    /// Reads the clock, after a stride of polls or as many as there were. A wait follows, or more polls.
    #[inline(never)]
    pub(crate) fn look(&self, counters: &Counters) {
        if self.clock.is_manual() {
            self.countdown.set(POLLS);
            return self.spent.set(true);
        }
        let now = self.clock.nanos();
        let took = now.saturating_sub(self.looked.get());
        let stride = self.stride.get();
        let polls = stride - self.countdown.get();
        counters.polled(polls, took);
        if took >= TURN {
            self.stride.set(1);
        } else if took > SLOW {
            self.stride.set((stride / 2).max(1));
        } else if took < QUICK && polls == stride {
            self.stride.set((stride * 2).min(LONGEST_STRIDE));
        }
        self.mark(now, took);
    }

    /// A wait that began with a [look](Self::look) is over. Returns how many nanoseconds it took.
    pub(crate) fn waited(&self, counters: &Counters) -> u64 {
        if self.clock.is_manual() {
            self.countdown.set(POLLS);
            self.spent.set(true);
            return 0;
        }
        let now = self.clock.nanos();
        let took = now.saturating_sub(self.looked.get());
        counters.parked(took);
        self.mark(now, took);
        took
    }

    fn mark(&self, now: u64, took: u64) {
        let passed = self.passed.get() + took;
        self.passed.set(passed);
        self.spent.set(passed >= TURN);
        self.looked.set(now);
        self.countdown.set(self.stride.get());
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use std::time::{Duration, Instant};

    fn polls_in_a_turn(budget: &Budget, poll: impl Fn()) -> u32 {
        budget.enter();
        budget.begin_turn();
        let mut polls = 0;
        loop {
            poll();
            polls += 1;
            if budget.spend(&Counters::default()) {
                return polls;
            }
        }
    }

    #[test]
    fn slow_polls_end_the_turn_after_one() {
        let budget = Budget::new(Clock::real());
        let slow = || {
            let start = Instant::now();
            while start.elapsed() < Duration::from_nanos(2 * TURN) {}
        };
        assert_eq!(polls_in_a_turn(&budget, slow), 1);
        polls_in_a_turn(&budget, || ());
        // However long the stride has grown, one slow stride brings it down.
        polls_in_a_turn(&budget, slow);
        assert_eq!(polls_in_a_turn(&budget, slow), 1);
    }

    #[test]
    fn a_manual_clock_counts_polls() {
        let budget = Budget::new(Clock::manual());
        assert_eq!(polls_in_a_turn(&budget, || ()), POLLS);
        assert_eq!(polls_in_a_turn(&budget, || ()), POLLS);
    }
}
