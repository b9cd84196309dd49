//! Whether lingering for one kind of thing pays, and for how long to do it.
//!
//! ```text
//!             parks in a row that ended within SOON              times in vain outweigh
//!   park at once ───────────────────────────────────► linger ─────────────────────────► park at once
//! ```
//!
//! **For how long.** A park takes as long as the answer and then the wake-up of a processor. To linger is worth a processor's time
//! if that makes a wait half as long. So the limit is half of what parks have been taking; what has not come by then
//! comes too late, and the time was in vain. Where requests come at random moments, whether they are answered or not, a
//! park takes hardly longer than a look, most looks are in vain by this rule, and the loop parks. Now and then a wait parks although
//! lingering pays, to see what parks take by now: when lingering has taken [`SAMPLE`] times as long as a park, so that this costs
//! a small part of the time, however soon answers come.
//!
//! **On how much evidence.** One such park is enough at first. Each time that lingering is given up it takes twice as many, up to 64, and
//! when it has been paying for a while, one again. So in the worst case, where answers always come just too late, one park in 64
//! begins with a limit's time in vain. A process that is idle, or wakes up now and then, parks for longer than `SOON` and
//! never lingers. What evidence costs is two readings of the clock at a park.

use sideline_blocking_pool::Spinner;
use std::cell::Cell;

/// What ends a park within this time, in nanoseconds, is an answer. So the loop lingers for half of it at most.
pub(super) const SOON: u64 = 100_000;
/// How far success is remembered.
const MOST_CREDIT: u32 = 8;
const MOST_WANTED: u32 = 64;
/// How many times as long as a park lingering may take until one wait parks at once.
pub(super) const SAMPLE: u64 = 32;

/// Whether lingering for one kind of thing pays.
pub(super) struct Habit {
    /// The loop lingers while there is some. A success adds one, a time in vain takes two.
    credit: Cell<u32>,
    /// Parks in a row that it has ended soon.
    evidence: Cell<u32>,
    /// How much evidence it takes.
    wanted: Cell<u32>,
    /// How many nanoseconds such a park has been taking, on average, the last ones above all.
    park: Cell<u64>,
}

impl Default for Habit {
    fn default() -> Self {
        Self { credit: Cell::new(0), evidence: Cell::new(0), wanted: Cell::new(1), park: Cell::new(0) }
    }
}

impl Habit {
    pub(super) fn is_on(&self) -> bool {
        self.credit.get() > 0
    }

    /// In nanoseconds. Zero: not at all.
    pub(super) fn limit(&self) -> u64 {
        if self.is_on() { self.park.get() / 2 } else { 0 }
    }

    /// Whether the next wait is to be the one that parks although lingering pays. The loop has lingered for `lingered` nanoseconds since
    /// the last one.
    pub(super) fn wants_sample(&self, lingered: u64) -> bool {
        self.is_on() && lingered / SAMPLE >= self.park.get()
    }

    pub(super) fn paid(&self) {
        if self.is_on() {
            self.credit.set((self.credit.get() + 1).min(MOST_CREDIT));
            if self.credit.get() == MOST_CREDIT {
                self.wanted.set(1);
            }
        }
    }

    pub(super) fn was_in_vain(&self) {
        if self.is_on() {
            self.credit.set(self.credit.get().saturating_sub(2));
            if !self.is_on() {
                self.evidence.set(0);
                self.wanted.set((2 * self.wanted.get()).min(MOST_WANTED));
            }
        }
    }

    /// A park is over, after `nanos`. `ended_it`: with what this is the habit for.
    pub(super) fn parked(&self, nanos: u64, ended_it: bool) {
        if !ended_it || nanos > SOON {
            return self.evidence.set(0);
        }
        let park = self.park.get();
        self.park.set(if self.evidence.get() == 0 { nanos } else { park - park / 8 + nanos / 8 });
        self.evidence.set(self.evidence.get().saturating_add(1));
        if !self.is_on() && self.evidence.get() >= self.wanted.get() && Spinner::can_pay() {
            self.credit.set(2);
        }
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    fn parks_until_it_is_on(habit: &Habit) -> usize {
        let is_on_after_one_more = || {
            habit.parked(SOON, true);
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
            // Once is no reason to want less.
            habit.paid();
            habit.was_in_vain();
            habit.was_in_vain();
            assert!(!habit.is_on());
        }
        parks_until_it_is_on(&habit);
        (0..10).for_each(|_| habit.paid());
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
        habit.parked(SOON, true);
        assert_eq!(habit.evidence.get(), u32::MAX);
    }
}
