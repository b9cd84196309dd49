//! How long a turn may run tasks before it looks at sockets and timers again.
//!
//! The budget is [`TURN`] of time, whatever the number of polls: thousands of quick ones, or one slow one.
//! Reading the clock at every poll would cost as much as a quick poll does, so it is read once every *stride* of
//! polls. The stride adapts: doubled while a stride of polls is quick, halved when it is not, and one poll after a
//! stride that took a turn's time by itself. It outlives the turn, because tasks resemble the tasks before them. A
//! turn that runs fewer polls than the stride does not read the clock at all.
//!
//! A manual clock stands still during a turn. On it the budget is a number of polls.

use sideline_reactor::Clock;
use std::cell::Cell;
use std::time::{Duration, Instant};

/// The time after which a turn goes to the reactor although tasks are ready. Looking costs about half a
/// microsecond, so this is 0.25 %.
const TURN: Duration = Duration::from_micros(200);
/// A stride should take about a tenth of a turn.
const QUICK: Duration = Duration::from_micros(10);
const SLOW: Duration = Duration::from_micros(40);
const LONGEST_STRIDE: u32 = 32;
/// On a manual clock.
const POLLS: u32 = 128;

#[derive(Debug)]
pub(crate) struct Budget {
    clock: Clock,
    stride: Cell<u32>,
    /// Polls until the next look at the clock.
    countdown: Cell<u32>,
    /// When this turn first looked at the clock, and when it last did.
    looked: Cell<Option<(Instant, Instant)>>,
    spent: Cell<bool>,
}

impl Budget {
    pub(crate) fn new(clock: Clock) -> Self {
        let stride = if clock.is_manual() { POLLS } else { 1 };
        Self {
            clock,
            stride: Cell::new(stride),
            countdown: Cell::new(stride),
            looked: Cell::new(None),
            spent: Cell::new(false),
        }
    }

    pub(crate) fn begin_turn(&self) {
        self.countdown.set(self.stride.get());
        self.looked.set(None);
        self.spent.set(false);
    }

    /// Counts one poll. True once the turn has run for its time.
    pub(crate) fn spend(&self) -> bool {
        let countdown = self.countdown.get() - 1;
        self.countdown.set(countdown);
        if countdown == 0 {
            self.look();
        }
        self.spent.get()
    }

    /// Reads the clock now, after something that may have taken longer than a poll.
    pub(crate) fn look(&self) {
        if self.clock.is_manual() {
            self.countdown.set(POLLS);
            return self.spent.set(true);
        }
        let now = self.clock.now();
        if let Some((first, last)) = self.looked.get() {
            let took = now - last;
            if took < QUICK {
                self.stride.set((self.stride.get() * 2).min(LONGEST_STRIDE));
            } else if took >= TURN {
                self.stride.set(1);
            } else if took > SLOW {
                self.stride.set((self.stride.get() / 2).max(1));
            }
            self.spent.set(now - first >= TURN);
            self.looked.set(Some((first, now)));
        } else {
            self.looked.set(Some((now, now)));
        }
        self.countdown.set(self.stride.get());
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    fn polls_in_a_turn(budget: &Budget, poll: impl Fn()) -> u32 {
        budget.begin_turn();
        let mut polls = 0;
        loop {
            poll();
            polls += 1;
            if budget.spend() {
                return polls;
            }
        }
    }

    #[test]
    fn slow_polls_end_the_turn_after_two() {
        let budget = Budget::new(Clock::real());
        let slow = || {
            let start = Instant::now();
            while start.elapsed() < 2 * TURN {}
        };
        // The first look sets the mark, the second finds the time spent.
        assert_eq!(polls_in_a_turn(&budget, slow), 2);
        polls_in_a_turn(&budget, || ());
        // However long the stride has grown, one slow stride brings it down.
        polls_in_a_turn(&budget, slow);
        assert_eq!(polls_in_a_turn(&budget, slow), 2);
    }

    #[test]
    fn a_manual_clock_counts_polls() {
        let budget = Budget::new(Clock::manual());
        assert_eq!(polls_in_a_turn(&budget, || ()), POLLS);
        assert_eq!(polls_in_a_turn(&budget, || ()), POLLS);
    }
}
