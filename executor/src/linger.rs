//! Whether to stay awake for a little while before parking.
//!
//! A thread that the loop has just sent something to answers, as a rule, after some tens of microseconds, and most of
//! that is its own processor waking up. If the loop parks meanwhile, its processor falls asleep too and the answer
//! waits for it a second time. So the loop lingers: it looks for wakes from other threads, and now and then at sockets
//! and timers, for [`LIMIT`] before it parks. But only on evidence, because a loop that waits for anything else would
//! burn its processor for nothing:
//!
//! ```text
//!             parks in a row that a wake ended within SOON           times in vain outweigh
//!   park at once ───────────────────────────────────────► linger ─────────────────────────► park at once
//! ```
//!
//! One such park is enough at first. Each time that lingering is given up it takes twice as many, up to 64, and one
//! time that paid makes it one again. So in the worst case, where answers always come just too late, one park in 64
//! begins with a limit's time in vain. A process that is idle, or wakes up now and then, parks for longer than `SOON` and
//! never lingers; nor does one whose wakes are events of sockets. What evidence costs is two readings of the clock at a
//! park that follows one which a wake has ended.
//!
//! While the pool has a worker awake for each processor nobody lingers: it would take from the jobs what it waits for.
//!
//! Results of jobs have a spinner of their own in `core.rs`, which needs no evidence: there the loop knows that
//! somebody is about to answer.
//!
//! [`Builder::busy_poll`](crate::Builder::busy_poll) asks for lingering without evidence.

use crate::core::Core;
use crate::paused::Time;
use crate::sync::LINGERS;
use sideline_blocking_pool::Spinner;
use std::cell::Cell;
use std::hint::spin_loop;
use std::time::{Duration, Instant};

/// How long the loop lingers: about as long as parking takes, if it has to be woken again.
const LIMIT: Duration = Duration::from_micros(50);
/// A wake that ends a park within this time would have come within the limit, had the loop's processor been awake.
const SOON: Duration = Duration::from_micros(100);
/// How far success is remembered.
const MOST_CREDIT: u32 = 8;
const MOST_WANTED: u32 = 64;
/// Looks for wakes, some microseconds altogether, between two at the reactor.
const LOOKS: u32 = 100;

#[derive(Debug)]
pub(crate) struct Linger {
    busy_poll: Cell<Duration>,
    /// The loop lingers while there is some. A success adds one, a time in vain takes two.
    credit: Cell<u32>,
    /// Parks in a row that a wake has ended soon.
    evidence: Cell<u32>,
    /// How much evidence it takes.
    wanted: Cell<u32>,
}

/// What came of lingering.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Lingered {
    /// Another thread woke somebody.
    Woken,
    /// There is something to do, but no thread has asked for it.
    Other,
    Vain,
}

impl Default for Linger {
    fn default() -> Self {
        Self {
            busy_poll: Cell::new(Duration::ZERO),
            credit: Cell::new(0),
            evidence: Cell::new(0),
            wanted: Cell::new(1),
        }
    }
}

impl Linger {
    /// From now on the loop lingers for this long without evidence, too.
    pub(crate) fn busy_poll(&self, duration: Duration) {
        self.busy_poll.set(duration);
    }

    /// How long to linger now; zero: not at all.
    pub(crate) fn limit(&self) -> Duration {
        if !LINGERS {
            Duration::ZERO
        } else if self.credit.get() > 0 {
            self.busy_poll.get().max(LIMIT)
        } else {
            self.busy_poll.get()
        }
    }

    fn lingered(&self, outcome: Lingered) {
        let credit = self.credit.get();
        match outcome {
            _ if credit == 0 => {}
            Lingered::Woken => {
                self.credit.set((credit + 1).min(MOST_CREDIT));
                self.wanted.set(1);
            }
            Lingered::Other => {}
            Lingered::Vain => {
                self.credit.set(credit.saturating_sub(2));
                if self.credit.get() == 0 {
                    self.evidence.set(0);
                    self.wanted.set((2 * self.wanted.get()).min(MOST_WANTED));
                }
            }
        }
    }

    /// The loop has parked for this long.
    pub(crate) fn parked(&self, waited: Duration, notified: bool) {
        if !(LINGERS && notified && waited <= SOON) {
            return self.evidence.set(0);
        }
        self.evidence.set(self.evidence.get().saturating_add(1));
        if self.credit.get() == 0 && self.evidence.get() >= self.wanted.get() && Spinner::can_pay() {
            self.credit.set(2);
        }
    }
}

impl Core {
    /// Lingers, if it is time to. True if there is something to do.
    pub(crate) fn linger(&self) -> bool {
        let limit = self.linger.limit();
        if limit.is_zero() || self.time() == Time::Paused || self.shared().tenant.pool().is_saturated() {
            return false;
        }
        let outcome = self.look_around(limit);
        self.linger.lingered(outcome);
        outcome != Lingered::Vain
    }

    fn look_around(&self, limit: Duration) -> Lingered {
        let since = Instant::now();
        loop {
            for _ in 0..LOOKS {
                if self.shared().has_work() {
                    return Lingered::Woken;
                }
                spin_loop();
            }
            self.park(Some(Duration::ZERO));
            // An event may have woken the main future, which looks like work as well.
            if self.tasks.ready() > 0 || self.shared().has_work() {
                return Lingered::Other;
            }
            if since.elapsed() >= limit {
                return Lingered::Vain;
            }
        }
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    const SLOW: Duration = Duration::from_millis(5);

    fn parks_until_it_lingers(linger: &Linger) -> usize {
        let lingers_after_one_more = || {
            linger.parked(SOON, true);
            !linger.limit().is_zero()
        };
        1 + (0..1_000).take_while(|_| !lingers_after_one_more()).count()
    }

    #[test]
    fn it_takes_evidence_and_after_times_in_vain_more_of_it() {
        if !Spinner::can_pay() {
            return;
        }
        let linger = Linger::default();
        assert_eq!(linger.limit(), Duration::ZERO);
        for wanted in [1, 2, 4, 8, 16, 32, 64, 64] {
            assert_eq!(parks_until_it_lingers(&linger), wanted);
            linger.lingered(Lingered::Vain);
            assert_eq!(linger.limit(), Duration::ZERO);
        }
        parks_until_it_lingers(&linger);
        (0..100).for_each(|_| linger.lingered(Lingered::Woken));
        // Now and then in vain is no reason to give up.
        linger.lingered(Lingered::Vain);
        linger.lingered(Lingered::Other);
        assert_eq!(linger.limit(), LIMIT);
        (0..3).for_each(|_| linger.lingered(Lingered::Vain));
        assert_eq!(linger.limit(), Duration::ZERO);
        assert_eq!(parks_until_it_lingers(&linger), 2);
    }

    #[test]
    fn evidence_without_end_is_counted_without_overflow() {
        let linger = Linger { evidence: Cell::new(u32::MAX), ..Linger::default() };
        linger.parked(SOON, true);
        assert_eq!(linger.evidence.get(), u32::MAX);
    }

    #[test]
    fn wakes_now_and_then_are_no_evidence_and_neither_are_events() {
        let linger = Linger::default();
        for _ in 0..1_000 {
            linger.parked(SLOW, true);
            linger.parked(SOON, false);
            assert_eq!(linger.limit(), Duration::ZERO);
        }
    }

    #[test]
    fn busy_polling_needs_no_evidence_and_no_success() {
        let second = Duration::from_secs(1);
        let linger = Linger::default();
        linger.busy_poll(second);
        (0..100).for_each(|_| linger.lingered(Lingered::Vain));
        assert_eq!(linger.limit(), second);
    }
}
