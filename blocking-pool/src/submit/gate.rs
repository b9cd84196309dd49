//! A counter that can be shut: whoever enters before that is counted, whoever comes after it is turned away.
//!
//! One word holds both, so that "was it accepted before the shutdown?" has one answer. The usual alternative (submit, then look
//! whether the pool has closed, then take the job back) strands an entry: a shutdown that has already emptied the queues
//! never sees the push that follows, and the entry keeps its pool alive for ever. Here an accepted job is owed, that is, it is
//! run or cancelled in any case: workers leave a closed pool only when as many entries were taken out of the queues as
//! were let in (`Shared::is_drained`), not when the queues look empty. (Model: `submit_against_shutdown`.)
//!
//! The word also holds a *mark*. Whoever enters learns, by the same operation, which mark is up; and whoever puts up another one
//! learns how many had entered before. So those who enter under one mark are counted without an addition of their own
//! (`metrics/cohorts.rs` needs that).

use crate::sync::atomic::{AtomicU64, Ordering};

#[derive(Debug)]
pub(crate) struct Gate(AtomicU64);

const CLOSED: u64 = 1 << 63;
const MARK_SHIFT: u32 = 57;
/// What is left for the count.
const COUNT: u64 = (1 << MARK_SHIFT) - 1;
/// How many different marks there are.
pub(crate) const MARKS: usize = 64;

impl Gate {
    pub(crate) fn new() -> Self {
        Self(AtomicU64::new(0))
    }

    /// Counts one in, and says under which mark; `None` if the gate is shut.
    pub(crate) fn enter(&self) -> Option<u8> {
        let mut now = self.0.load(Ordering::Relaxed);
        while now & CLOSED == 0 {
            // AcqRel: Acquire pairs with the Release in put_up(), for the numbers of a cohort, which no model has. The answer itself needs
            // no more than that the word changes in one order. What follows the entry is published by the push.
            match self.0.compare_exchange_weak(now, now + 1, Ordering::AcqRel, Ordering::Relaxed) {
                Ok(_) => return Some(mark(now)),
                Err(seen) => now = seen,
            }
        }
        None
    }

    /// Puts up another mark, below [`MARKS`]. Tells `before` how many have come in up to then; several times, if
    /// others come in meanwhile, and the last one counts.
    #[inline(never)]
    pub(crate) fn put_up(&self, mark: u8, mut before: impl FnMut(u64)) {
        let mut now = self.0.load(Ordering::Relaxed);
        loop {
            before(now & COUNT);
            let next = now & (CLOSED | COUNT) | u64::from(mark) << MARK_SHIFT;
            // AcqRel: who enters under the mark sees what was written before it was put up.
            match self.0.compare_exchange_weak(now, next, Ordering::AcqRel, Ordering::Relaxed) {
                Ok(_) => return,
                Err(seen) => now = seen,
            }
        }
    }

    /// The mark that is up, and how many have come in.
    pub(crate) fn marked(&self) -> (u8, u64) {
        let now = self.0.load(Ordering::Acquire);
        (mark(now), now & COUNT)
    }

    pub(crate) fn close(&self) {
        self.0.fetch_or(CLOSED, Ordering::AcqRel);
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.0.load(Ordering::Acquire) & CLOSED != 0
    }

    /// How many have come in; final once the gate is shut.
    #[inline]
    pub(crate) fn count(&self) -> u64 {
        self.0.load(Ordering::Acquire) & COUNT
    }
}

fn mark(word: u64) -> u8 {
    ((word & !CLOSED) >> MARK_SHIFT) as u8
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn whoever_enters_learns_which_mark_is_up_and_who_changes_it_how_many_came_before() {
        let gate = Gate::new();
        assert_eq!(gate.enter(), Some(0));
        let mut before = 0;
        gate.put_up(63, |count| before = count);
        assert_eq!((before, gate.enter(), gate.enter()), (1, Some(63), Some(63)));
        assert_eq!((gate.marked(), gate.count()), ((63, 3), 3));
        gate.close();
        gate.put_up(5, |count| before = count);
        assert_eq!((before, gate.enter(), gate.is_closed()), (3, None, true));
        assert_eq!((gate.marked(), gate.count()), ((5, 3), 3));
    }
}
