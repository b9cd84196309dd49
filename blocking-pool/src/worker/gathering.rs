//! A worker lets some jobs gather before it looks for more, if nobody is in a hurry.
//!
//! Each look at the injector, and each batch that is found there, takes cache lines from the submitter that its next push has to
//! write: some 0.5 µs of its time. If somebody waits for each outcome, that is what it costs to be quick. But if one outcome
//! after the other is published before anybody has asked for it, somebody is submitting faster than awaiting, and nobody is
//! in a hurry. Nor is anybody if the awaiter says that it has other things to do
//! ([`Tenant::set_awaiter_busy`](crate::Tenant::set_awaiter_busy)).
//!
//! Then the worker looks less and less often: it doubles its *gap* each time, up to [`LONGEST_GAP`]. It finds a dozen jobs at a
//! time instead of one or two, and leaves the submitter alone meanwhile. The first outcome that somebody has waited for ends
//! that. There is nothing to gather if a batch waits already; and if others want the processor, more jobs gather by themselves
//! while those have it.

use std::cell::Cell;
use std::hint;

use super::Worker;
use crate::job::Delivery;
use crate::threads::spin::Spinner;

/// How many times the processor pauses before the worker looks for more.
pub(super) struct Gap(Cell<u32>);

/// The most pauses before a look: 5 to 10 µs.
const LONGEST_GAP: u32 = 255;

impl Gap {
    pub(super) fn none() -> Self {
        Self(Cell::new(0))
    }

    #[inline]
    pub(super) fn pauses(&self) -> u32 {
        self.0.get()
    }

    /// After the last job in a row, whose outcome was received like this.
    #[inline]
    pub(super) fn note(&self, is_awaiter_busy: bool, last: Delivery) {
        let is_nobody_in_a_hurry = is_awaiter_busy || last == Delivery::Quiet;
        self.0.set(if is_nobody_in_a_hurry { (2 * self.pauses() + 1).min(LONGEST_GAP) } else { 0 });
    }
}

impl Worker {
    /// Before the worker looks for more.
    #[inline]
    pub(super) fn let_some_gather(&self) {
        let gap = self.gap.pauses();
        if gap > 0
            && Spinner::can_pay()
            && !self.pool.queues.is_known_to_hold_a_batch()
            && !self.crowd.was_there()
        {
            for _ in 0..gap {
                hint::spin_loop();
            }
        }
    }
}
