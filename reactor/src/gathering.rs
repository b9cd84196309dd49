//! Timers that are due in close succession share a wait.
//!
//! A wait for a timer costs some microseconds of the processor. With 10,000 intervals of a tenth of a second, which have begun
//! at different times, a timer is due every 10 µs, and a loop that waits for each of them alone does little else. So once it
//! has waited for less than [`GAP`], [`MANY`] times in a row, it waits for all of `GAP`, and then wakes all that have
//! become due meanwhile. They are late by that much at most, no later than the kernel's slack makes a thread's sleep.
//!
//! One timer alone is never late for that, however short its sleeps: there has to be a second one that is due as soon. And
//! events end a wait when they come, whatever it is for.
//!
//! A program that has many timers and does not mind when exactly they fire can say so. Its *slack* is added to each wait for a
//! timer, so that all that are due within the slack of the first one share it. This is what the kernel does for a thread's sleeps.

use crate::epoch::Moment;
use crate::timers::Timers;
use std::time::Duration;

/// The wait that they share, in nanoseconds.
const GAP: u64 = 100_000;

/// This many short waits in a row are no accident.
const MANY: u32 = 16;

#[derive(Debug, Default)]
pub(crate) struct Gathering {
    /// How late a timer may be, in nanoseconds.
    slack: u64,
    /// How many waits in a row, up to the last one, were short.
    short: u32,
}

impl Gathering {
    pub(crate) fn set_slack(&mut self, slack: Duration) {
        self.slack = u64::try_from(slack.as_nanos()).unwrap_or(u64::MAX);
    }

    /// Until when to wait for timers, of which the first is due at `first`. If that is not after `now`, there is nothing to wait for.
    pub(crate) fn until(&mut self, first: Moment, now: Moment, timers: &Timers) -> Moment {
        let latest = first.saturating_add(self.slack);
        let shared = now.saturating_add(GAP);
        if latest <= now {
            return latest;
        }
        if latest >= shared {
            self.short = 0;
            return latest;
        }
        self.short = self.short.saturating_add(1);
        if self.short > MANY && timers.second() <= shared { shared } else { latest }
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use crate::clock::Clock;
    use crate::home::Home;
    use crate::known::KnownWakers;
    use crate::timers::State;
    use std::task::Waker;

    fn timers_at(deadlines: &[Moment]) -> Timers {
        let timers = Timers::new(&Clock::manual(), Home::this_thread(), KnownWakers::default());
        for &deadline in deadlines {
            let _ = timers.arm(&mut State::Idle, deadline, Waker::noop());
        }
        timers
    }

    #[test]
    fn many_short_waits_in_a_row_become_one_that_timers_share() {
        let timers = timers_at(&[10, 20]);
        let mut gathering = Gathering::default();
        for _ in 0..2 {
            assert!((0..MANY).all(|_| gathering.until(10, 0, &timers) == 10));
            assert_eq!(gathering.until(10, 0, &timers), GAP);
            assert_eq!(gathering.until(GAP, 0, &timers), GAP, "not short");
        }
    }

    #[test]
    fn slack_puts_a_wait_off_and_what_is_due_meanwhile_shares_it() {
        let timers = timers_at(&[10, 20]);
        let mut gathering = Gathering::default();
        gathering.set_slack(Duration::from_millis(1));
        for now in [0, 10, 500_000] {
            assert_eq!(gathering.until(10, now, &timers), 1_000_010);
        }
        assert!(gathering.until(10, 2_000_000, &timers) <= 2_000_000, "late enough");
        gathering.set_slack(Duration::MAX);
        assert_eq!(gathering.until(10, 0, &timers), u64::MAX);
    }

    #[test]
    fn a_timer_without_company_is_not_kept_waiting() {
        let mut gathering = Gathering::default();
        for timers in [timers_at(&[10]), timers_at(&[10, GAP + 1])] {
            assert!((0..3 * MANY).all(|_| gathering.until(10, 0, &timers) == 10));
        }
    }
}
