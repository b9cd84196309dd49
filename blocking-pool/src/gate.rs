//! A counter that can be shut: who is in before is counted, who comes after is turned away.
//!
//! One word holds both, so that "was it accepted before the shutdown?" has one answer. The described alternative
//! (submit, then look whether the pool has closed, then take the job back) strands an entry: a shutdown that has
//! already emptied the queues never sees the push that follows, and the entry keeps its pool alive for ever. Here
//! an accepted job is owed: workers leave a closed pool only when as many entries were taken out of the queues as
//! were let in (`Shared::is_drained`), not when the queues look empty. (Model: `submit_against_shutdown`.)

use crate::sync::atomic::{AtomicU64, Ordering};

#[derive(Debug)]
pub(crate) struct Gate(AtomicU64);

const CLOSED: u64 = 1 << 63;

impl Gate {
    pub(crate) fn new() -> Self {
        Self(AtomicU64::new(0))
    }

    /// Counts one in; false if the gate is shut.
    pub(crate) fn enter(&self) -> bool {
        let mut now = self.0.load(Ordering::Relaxed);
        while now & CLOSED == 0 {
            // AcqRel: part of one order of entering and closing; what follows the entry is published by the push.
            match self.0.compare_exchange_weak(now, now + 1, Ordering::AcqRel, Ordering::Relaxed) {
                Ok(_) => return true,
                Err(seen) => now = seen,
            }
        }
        false
    }

    pub(crate) fn close(&self) {
        self.0.fetch_or(CLOSED, Ordering::AcqRel);
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.0.load(Ordering::Acquire) & CLOSED != 0
    }

    /// How many have come in; final once the gate is shut.
    pub(crate) fn count(&self) -> u64 {
        self.0.load(Ordering::Acquire) & !CLOSED
    }
}
