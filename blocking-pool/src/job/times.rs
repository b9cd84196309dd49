//! When a job was submitted, and when its closure ended: one word, as the first is not needed any more when the second
//! is known. The lowest bits say to which cohort it belongs; what they replace of the submission is 64 ticks, a fraction
//! of the clock's own error.
//!
//! It belongs to whoever the closure or its outcome belongs to ([`super::state`]): the submitter writes it, the claimer
//! replaces it, the handle (or whoever drops the outcome) takes it out. std's atomic even under loom: nothing is decided
//! by it, and its owner changes only with transitions of the state.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::gate::MARKS;
use crate::metrics::{Cohort, Stamp};

/// 0: the job never ran, or its outcome is gone.
pub(crate) struct Times(AtomicU64);

const COHORT: u64 = MARKS as u64 - 1;

impl Times {
    pub(crate) fn submitted(at: Stamp, cohort: Cohort) -> Self {
        Self(AtomicU64::new(at.to_bits() & !COHORT | u64::from(cohort.mark())))
    }

    /// Of a closure that is no job of the queue.
    pub(crate) fn unmeasured() -> Self {
        Self(AtomicU64::new(0))
    }

    /// By the claimer, before it has run or refused the job.
    pub(crate) fn submission(&self) -> (Stamp, Cohort) {
        let word = self.0.load(Ordering::Relaxed);
        let cohort = Cohort::of_mark((word & COHORT) as u8);
        (Stamp::from_bits(word | COHORT).expect("the lowest bits are set"), cohort)
    }

    /// By the claimer, when it has run the closure.
    pub(super) fn end(&self, at: Stamp) {
        self.0.store(at.to_bits(), Ordering::Relaxed);
    }

    /// By the claimer, when it has refused the job.
    pub(super) fn never_ran(&self) {
        self.0.store(0, Ordering::Relaxed);
    }

    /// By the outcome's owner, as it takes or drops it: when the closure ended, once, if there was an end.
    pub(super) fn take_end(&self) -> Option<Stamp> {
        let end = Stamp::from_bits(self.0.load(Ordering::Relaxed));
        self.0.store(0, Ordering::Relaxed);
        end
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn one_word_holds_the_submission_then_the_end_then_nothing() {
        let (submitted, ended) = (Stamp::from_bits(1 << 40).unwrap(), Stamp::from_bits(1 << 41).unwrap());
        let times = Times::submitted(submitted, Cohort::of_mark(63));
        let (at, cohort) = times.submission();
        assert_eq!(cohort, Cohort::of_mark(63));
        assert!(at.to_bits() - submitted.to_bits() < 64);
        times.end(ended);
        assert_eq!(times.take_end(), Some(ended));
        assert_eq!(times.take_end(), None);
    }
}
