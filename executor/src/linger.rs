//! Whether to stay awake for a little while before parking.
//!
//! Somebody whom the loop has just sent something to, be it a thread or the other end of a connection, answers, as a rule,
//! after some tens of microseconds, and most of that is its own processor waking up. If the loop parks meanwhile, its
//! processor falls asleep too and the answer waits for it a second time. So the loop lingers: it looks for wakes from
//! other threads, and now and then at sockets and timers, before it parks. But only on evidence, because a loop that waits
//! for anything else would burn its processor for nothing:
//!
//! ```text
//!             parks in a row that ended within SOON              times in vain outweigh
//!   park at once ───────────────────────────────────► linger ─────────────────────────► park at once
//! ```
//!
//! There is one such [`Habit`] for wakes and one for events of sockets, as the one may pay while the other does not.
//!
//! One such park is enough at first. Each time that lingering is given up it takes twice as many, up to 64, and one
//! time that paid makes it one again. So in the worst case, where answers always come just too late, one park in 64
//! begins with a limit's time in vain. A process that is idle, or wakes up now and then, parks for longer than `SOON` and
//! never lingers. What evidence costs is two readings of the clock at a park.
//!
//! The limits are what a park costs: it is no use to look for longer than that. With a limit as high as the price of what it
//! avoids, whoever waits pays twice the price at worst, however long the wait turns out to be (Karlin, Li, Manasse and
//! Owicki, "Empirical Studies of Competitive Spinning for a Shared-Memory Multiprocessor", SOSP 1991).
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

/// How long the loop lingers for a wake: about as long as parking takes, if it has to be woken again.
const FOR_WAKES: Duration = Duration::from_micros(50);
/// How long it lingers for an event of a socket: about what a park costs the processors of both sides.
const FOR_EVENTS: Duration = Duration::from_micros(30);
/// What ends a park within this time would have come within the limit, had the loop's processor been awake.
const SOON: Duration = Duration::from_micros(100);
/// How far success is remembered.
const MOST_CREDIT: u32 = 8;
const MOST_WANTED: u32 = 64;
/// Looks for wakes, about a microsecond altogether, between two at the reactor.
const LOOKS: u32 = 20;

#[derive(Debug, Default)]
pub(crate) struct Linger {
    busy_poll: Cell<Duration>,
    wakes: Habit,
    events: Habit,
}

/// Whether lingering for one kind of thing pays.
#[derive(Debug)]
struct Habit {
    /// The loop lingers while there is some. A success adds one, a time in vain takes two.
    credit: Cell<u32>,
    /// Parks in a row that it has ended soon.
    evidence: Cell<u32>,
    /// How much evidence it takes.
    wanted: Cell<u32>,
}

/// What came of lingering.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Lingered {
    /// Another thread woke somebody.
    Woken,
    /// A source became ready.
    Event,
    /// There is something to do, but neither has asked for it.
    Other,
    Vain,
}

impl Default for Habit {
    fn default() -> Self {
        Self { credit: Cell::new(0), evidence: Cell::new(0), wanted: Cell::new(1) }
    }
}

impl Habit {
    fn is_on(&self) -> bool {
        self.credit.get() > 0
    }

    fn paid(&self) {
        if self.is_on() {
            self.credit.set((self.credit.get() + 1).min(MOST_CREDIT));
            self.wanted.set(1);
        }
    }

    fn was_in_vain(&self) {
        if self.is_on() {
            self.credit.set(self.credit.get().saturating_sub(2));
            if !self.is_on() {
                self.evidence.set(0);
                self.wanted.set((2 * self.wanted.get()).min(MOST_WANTED));
            }
        }
    }

    /// A park is over, which this has ended soon, or not.
    fn parked(&self, ended_soon: bool) {
        if !ended_soon {
            return self.evidence.set(0);
        }
        self.evidence.set(self.evidence.get().saturating_add(1));
        if !self.is_on() && self.evidence.get() >= self.wanted.get() && Spinner::can_pay() {
            self.credit.set(2);
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
        let asked = self.busy_poll.get();
        if !LINGERS {
            Duration::ZERO
        } else if self.wakes.is_on() {
            asked.max(FOR_WAKES)
        } else if self.events.is_on() {
            asked.max(FOR_EVENTS)
        } else {
            asked
        }
    }

    fn lingered(&self, outcome: Lingered) {
        match outcome {
            Lingered::Woken => self.wakes.paid(),
            Lingered::Event => self.events.paid(),
            Lingered::Other => {}
            Lingered::Vain => {
                self.wakes.was_in_vain();
                self.events.was_in_vain();
            }
        }
    }

    /// The loop has parked for this long.
    pub(crate) fn parked(&self, waited: Duration, notified: bool, had_events: bool) {
        if LINGERS {
            let soon = waited <= SOON;
            self.wakes.parked(soon && notified);
            self.events.parked(soon && had_events);
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
                return if self.had_events() { Lingered::Event } else { Lingered::Other };
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

    fn parks_until_it_is_on(habit: &Habit) -> usize {
        let is_on_after_one_more = || {
            habit.parked(true);
            habit.is_on()
        };
        1 + (0..1_000).take_while(|_| !is_on_after_one_more()).count()
    }

    #[test]
    fn it_takes_evidence_and_after_times_in_vain_more_of_it() {
        if !Spinner::can_pay() {
            return;
        }
        let habit = Habit::default();
        assert!(!habit.is_on());
        for wanted in [1, 2, 4, 8, 16, 32, 64, 64] {
            assert_eq!(parks_until_it_is_on(&habit), wanted);
            habit.was_in_vain();
            assert!(!habit.is_on());
        }
        parks_until_it_is_on(&habit);
        (0..100).for_each(|_| habit.paid());
        // Now and then in vain is no reason to give up.
        habit.was_in_vain();
        assert!(habit.is_on());
        (0..3).for_each(|_| habit.was_in_vain());
        assert!(!habit.is_on());
        assert_eq!(parks_until_it_is_on(&habit), 2);
    }

    #[test]
    fn evidence_without_end_is_counted_without_overflow() {
        let habit = Habit { evidence: Cell::new(u32::MAX), ..Habit::default() };
        habit.parked(true);
        assert_eq!(habit.evidence.get(), u32::MAX);
    }

    #[test]
    fn wakes_and_events_have_their_own_limits_and_their_own_success() {
        if !Spinner::can_pay() {
            return;
        }
        let linger = Linger::default();
        linger.parked(SOON, false, true);
        assert_eq!(linger.limit(), FOR_EVENTS);
        linger.parked(SOON, true, false);
        assert_eq!(linger.limit(), FOR_WAKES);
        // Only events come: lingering for wakes ends, as times in vain are everybody's.
        (0..10).for_each(|_| linger.lingered(Lingered::Event));
        linger.lingered(Lingered::Other);
        linger.lingered(Lingered::Vain);
        assert_eq!(linger.limit(), FOR_EVENTS);
    }

    #[test]
    fn what_comes_now_and_then_is_no_evidence_and_neither_are_timers() {
        let linger = Linger::default();
        for _ in 0..1_000 {
            linger.parked(SLOW, true, true);
            linger.parked(SOON, false, false);
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
