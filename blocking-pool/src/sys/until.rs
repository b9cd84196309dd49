//! Something that was seen, and counts as true for a while: until a moment of the pool's clock, which is one word.
//!
//! All of these are hints, so the atomic is std's even under loom.

use std::sync::atomic::{AtomicU64, Ordering};

/// A moment up to which something holds, in nanoseconds of the pool's clock; 0 if it does not.
#[derive(Debug)]
pub(crate) struct Until(AtomicU64);

impl Until {
    pub(crate) fn never() -> Self {
        Self(AtomicU64::new(0))
    }

    pub(crate) fn set(&self, moment: u64) {
        // Relaxed, here and below: a hint.
        self.0.store(moment, Ordering::Relaxed);
    }

    /// It does not hold any more. Writes nothing if it did not hold before.
    pub(crate) fn clear(&self) {
        if self.0.load(Ordering::Relaxed) != 0 {
            self.set(0);
        }
    }

    /// Whether it still holds. The clock is read only if it ever did.
    pub(crate) fn is_to_come(&self, clock: impl FnOnce() -> u64) -> bool {
        let moment = self.0.load(Ordering::Relaxed);
        moment != 0 && clock() < moment
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn the_clock_is_read_only_if_there_is_a_moment() {
        let until = Until::never();
        assert!(!until.is_to_come(|| unreachable!("it never was")));
        until.set(5);
        assert!(until.is_to_come(|| 4));
        assert!(!until.is_to_come(|| 5));
        until.clear();
        assert!(!until.is_to_come(|| unreachable!("it is no more")));
    }
}
