//! The end of an account: it takes no more jobs, and says what became of those it had.
//!
//! A shutdown says what became of the jobs that were outstanding when it began. A job that is cancelled counts as
//! cancelled before it is delivered, since its awaiter may look at the numbers; it leaves the account afterwards. A
//! shutdown that begins in between sees it as outstanding, and as cancelled before the beginning; so it would be taken
//! for a job that has finished. Therefore those that leave after having been cancelled are counted once more, under the
//! lock that the shutdown's first look takes, too.

use std::time::Instant;

use super::{Account, PlainOrdering};
use crate::shutdown::look::Look;
use crate::shutdown::{Shutdown, ShutdownReport, Survivor};
use crate::sync::atomic::Ordering;
use crate::user_code::delivering;

impl Account {
    pub(crate) fn close(&self) {
        self.gate.close();
        // In a fork nobody is there to be told, and the locks may be held by threads that are not there.
        if self.pool.is_forked() {
            return;
        }
        self.pool.call_those_in_line();
        self.pool.dedicated.cancel(&|tenant| tenant == self.id);
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.gate.is_closed()
    }

    /// Once, without the looks that [`shutdown`](Self::shutdown) takes afterwards.
    #[inline]
    pub(crate) fn abandon(&self) {
        self.close();
        // Release: pairs with is_abandoned(): whoever sees it does not start the job.
        self.abandoned.store(true, Ordering::Release);
        self.cancel_queued();
    }

    pub(crate) fn survivors(&self) -> Vec<Survivor> {
        self.pool.survivors(&|tenant| tenant == self.id)
    }

    #[inline]
    pub(crate) fn shutdown(&self, how: Shutdown) -> ShutdownReport {
        if self.pool.is_forked() {
            self.gate.close();
            return ShutdownReport::default();
        }
        // Read before the gate shuts: whoever sees it shut may cancel a job at once, and that job belongs into the report.
        let (cancelled_before, left_before) = {
            let waiters = self.waiters.lock();
            (waiters.cancelled, self.left())
        };
        self.close();
        let outstanding = self.gate.count() - left_before;
        match how {
            Shutdown::Drain => _ = self.wait(None),
            Shutdown::Deadline(limit) => _ = self.wait(Instant::now().checked_add(limit)),
            Shutdown::Abandon => self.abandon(),
        }
        let claimed = || self.left.claimed.load(PlainOrdering::Acquire);
        let look = || {
            let (claimed_before, left_before) = (claimed(), self.left());
            let running = self.survivors();
            let queued = self.gate.count().saturating_sub(claimed_before);
            let cancelled = self.left.cancelled.load(PlainOrdering::Acquire) - cancelled_before;
            // But those that are being delivered by us, if we are called from there.
            let taken = claimed_before.saturating_sub(left_before + delivering::depth(self.id));
            let has_moved = (claimed(), self.left()) != (claimed_before, left_before);
            Look { cancelled, queued, running, taken, has_moved }
        };
        let dedicated = || self.pool.dedicated.survivors(&|tenant| tenant == self.id);
        ShutdownReport::draw_up(how, outstanding, look, || self.cancel_queued(), dedicated)
    }

    #[inline]
    fn cancel_queued(&self) {
        self.pool.cancel_queued(&|account| account.id == self.id);
    }
}
