//! When a job was submitted, and when its closure ended: one word, as the first is not needed any more when the second
//! is known. The lowest bits say to which cohort it belongs; what they replace of the submission is 64 ticks, a fraction
//! of the clock's own error. And at last it says that the outcome is gone, so that its handle need not look for it.
//!
//! It belongs to whoever the closure or its outcome belongs to ([`super::state`]): the submitter writes it, the claimer
//! replaces it, the handle (or whoever drops the outcome) takes it out. std's atomic even under loom: nothing is decided
//! by it, and its owner changes only with transitions of the state.

use std::num::NonZeroU64;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::metrics::{Cohort, Stamp};
use crate::submit::gate::MARKS;

pub(crate) struct Times(AtomicU64);

/// When a job was submitted, and in which cohort.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Submission(NonZeroU64);

const COHORT: u64 = MARKS as u64 - 1;
const NEVER_RAN: u64 = 0;
/// The outcome has been taken. No clock shows it.
const TAKEN: u64 = u64::MAX;

impl Submission {
    #[inline]
    pub(crate) fn new(at: Stamp, cohort: Cohort) -> Self {
        let at = (at.to_bits() & !COHORT).max(COHORT + 1);
        Self(NonZeroU64::new(at | u64::from(cohort.mark())).expect("a higher bit is set"))
    }

    #[inline]
    pub(crate) fn at(self) -> Stamp {
        Stamp::from_bits(self.0.get() | COHORT).expect("the lowest bits are set")
    }

    pub(crate) fn cohort(self) -> Cohort {
        Cohort::of_mark((self.0.get() & COHORT) as u8)
    }
}

impl Times {
    #[inline]
    pub(crate) fn submitted(submission: Submission) -> Self {
        Self(AtomicU64::new(submission.0.get()))
    }

    /// Of a closure that is no job of the queue.
    pub(crate) fn unmeasured() -> Self {
        Self(AtomicU64::new(NEVER_RAN))
    }

    /// By the claimer, before it has run or refused the job.
    pub(crate) fn submission(&self) -> Submission {
        // Of a closure that is no job of the queue it is never asked.
        Submission(NonZeroU64::new(self.0.load(Ordering::Relaxed)).unwrap_or(NonZeroU64::MIN))
    }

    /// By the claimer, when it has run the closure.
    pub(super) fn end(&self, at: Stamp) {
        self.0.store(at.to_bits(), Ordering::Relaxed);
    }

    /// By the claimer, when it has refused the job.
    pub(super) fn never_ran(&self) {
        self.0.store(NEVER_RAN, Ordering::Relaxed);
    }

    /// By the outcome's owner, as it takes or drops it: when the closure ended, once, if there was an end.
    #[inline]
    pub(super) fn take_out(&self) -> Option<Stamp> {
        let end = self.0.load(Ordering::Relaxed);
        self.0.store(TAKEN, Ordering::Relaxed);
        Stamp::from_bits(end).filter(|_| end != TAKEN)
    }

    /// The outcome has been taken or dropped, says its owner to itself.
    #[inline]
    pub(super) fn is_taken_out(&self) -> bool {
        self.0.load(Ordering::Relaxed) == TAKEN
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn one_word_holds_the_submission_then_the_end_then_nothing() {
        let (submitted, ended) = (Stamp::from_bits(1 << 40).unwrap(), Stamp::from_bits(1 << 41).unwrap());
        let submission = Submission::new(submitted, Cohort::of_mark(63));
        let times = Times::submitted(submission);
        assert_eq!(times.submission(), submission);
        assert_eq!(submission.cohort(), Cohort::of_mark(63));
        assert!(submission.at().to_bits() - submitted.to_bits() < 64);
        times.end(ended);
        assert!(!times.is_taken_out());
        assert_eq!(times.take_out(), Some(ended));
        assert!(times.is_taken_out());
        assert_eq!(times.take_out(), None);
    }

    #[test]
    fn the_first_moments_of_a_clock_are_moments_too() {
        for ticks in 1..200 {
            let submission = Submission::new(Stamp::from_bits(ticks).unwrap(), Cohort::of_mark(0));
            assert!(submission.at().to_bits().abs_diff(ticks) <= 127, "{ticks}");
            assert_eq!(submission.cohort(), Cohort::of_mark(0));
        }
    }
}
