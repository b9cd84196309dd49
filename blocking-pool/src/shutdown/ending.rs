//! The end of a pool: shut the gate, wait for the threads or cancel the queue, report.

use std::sync::Arc;
use std::time::Instant;

use super::look::Look;
use super::{Shutdown, ShutdownReport};
use crate::pool::shared::Shared;
use crate::sync::atomic::{Ordering, fence};
use crate::sync::left_out;
use crate::worker;

impl Shared {
    /// Whether the pool is closed, and every entry that was let in has been taken out.
    pub(crate) fn is_drained(&self) -> bool {
        if left_out("drained-counts-entries") {
            return self.gate.is_closed() && !self.queues.has_work();
        }
        self.gate.is_closed() && self.queues.taken() == self.gate.count()
    }

    pub(super) fn call_if_drained(&self) {
        // Pairs with the fence of those who lie down.
        fence(Ordering::SeqCst);
        if self.is_drained() {
            self.call_everybody();
            if !left_out("drain-is-told") {
                self.roster.ring();
            }
        }
    }

    pub(crate) fn is_abandoned(&self) -> bool {
        // Acquire: pairs with the fence before the store in shutdown().
        self.abandoned.load(Ordering::Acquire)
    }

    #[inline(never)]
    pub(crate) fn close(&self) {
        self.gate.close();
        // Pairs with the fence of those who lie down: either they see the gate shut, or we see them on the list.
        fence(Ordering::SeqCst);
        self.call_everybody();
        self.monitor.call();
        self.call_those_in_line();
        self.call_those_in_slow_line();
        self.dedicated.cancel(&|_| true);
    }

    #[inline]
    pub(crate) fn shutdown(self: &Arc<Self>, how: Shutdown) -> ShutdownReport {
        // In a fork nobody is there to be told or waited for, and the locks may be held by threads that are not there.
        if self.is_forked() {
            return ShutdownReport::default();
        }
        // Read before the gate shuts: whoever sees it shut may cancel a job at once, and that job belongs into the report.
        let before = self.counters.totals();
        self.close();
        let outstanding = self.gate.count().saturating_sub(before.ended + before.cancelled);
        let wait = |until| self.roster.wait_gone(worker::is_inside(self), || self.is_drained(), until);
        match how {
            Shutdown::Drain => _ = wait(None),
            Shutdown::Deadline(limit) => _ = wait(Instant::now().checked_add(limit)),
            Shutdown::Abandon => {
                // Relaxed: the fence in close() has released what came before.
                self.abandoned.store(true, Ordering::Relaxed);
                self.cancel_queued(&|_| true);
            }
        }
        // A thread that is ending may be here, in a destructor of the user's: it must not be joined by itself, nor by
        // another one that it joins.
        if !worker::is_or_was_of(self) {
            self.roster.join_gone();
        }
        let look = || {
            let totals = self.counters.totals();
            let running = self.survivors(&|_| true);
            let queued = self.gate.count().saturating_sub(totals.started + totals.cancelled);
            let cancelled = totals.cancelled - before.cancelled;
            let taken = totals.started - totals.ended;
            let has_moved = self.counters.totals() != totals;
            Look { cancelled, queued, running, taken, has_moved }
        };
        let dedicated = || self.dedicated.survivors(&|_| true);
        ShutdownReport::draw_up(how, outstanding, look, || self.cancel_queued(&|_| true), dedicated)
    }
}
