//! What a worker does that has found nothing: it spins for a moment if that has been paying off, lies down, looks a last time, and
//! sleeps. Why it has to look once more is in [`crate::threads::idle`].

use std::time::Duration;

use super::{Found, Worker};
use crate::metrics::Stamp;
use crate::sync::left_out;
use crate::threads::spin::Spinner;

pub(super) enum Rest {
    /// There may be something to do.
    Search,
    /// Off the count: end the thread.
    Leave,
}

impl Worker {
    /// Nothing found: waits a little for the next job without parking, if that has been paying off, nobody else does, and
    /// nobody else wants the processor. Submitters see a searcher meanwhile, and have nothing to do but push.
    ///
    /// It does not look at the gate, whose line every submission writes, too: a pool that is closed is noticed after this.
    #[inline]
    pub(super) fn spin(&self, spinner: &mut Spinner) -> bool {
        self.pool.idle.census().searching() == 1
            && spinner.is_an_occasion()
            && Spinner::can_pay()
            && !self.crowd.is_there()
            && spinner.look(Spinner::LIMIT, || self.pool.queues.has_injected())
    }

    /// Nothing found: lies down, looks a last time, sleeps. Searching before; searching again after, or gone.
    #[inline]
    pub(super) fn rest(&self, spinner: &mut Spinner) -> Rest {
        let (idle, pool) = (&self.pool.idle, &self.pool);
        let now = Stamp::now();
        now.refine();
        idle.lie_down(&self.parker);
        // The last look: a submitter that saw us searching has called nobody.
        if !left_out("idle-last-look") && (pool.queues.has_work() || pool.is_drained()) {
            if !idle.get_up(&self.parker) {
                self.parker.park();
            }
            if pool.is_drained() {
                idle.leave();
                if !left_out("last-leaver-calls") {
                    // A worker that lay down before the last entry was taken hears of it from nobody else.
                    pool.call_everybody();
                }
                return Rest::Leave;
            }
            return Rest::Search;
        }
        self.slice.restore();
        self.fatigue.goes_to_sleep(now);
        if self.seat.is_some() {
            self.parker.park();
        } else if !self.parker.park_for(pool.config.keep_alive) {
            if idle.retire(&self.parker) {
                return Rest::Leave;
            }
            // Called in the last moment: the token is there or about to be.
            self.parker.park();
        }
        let woken = Stamp::now();
        spinner.slept(Duration::from_nanos(woken.nanos_since(now)));
        self.woke_up(woken);
        Rest::Search
    }

    fn woke_up(&self, now: Stamp) {
        self.found.set(Found::WhenCalled);
        self.fatigue.woke_up(now);
        if self.pool.long_jobs_until.is_to_come(|| self.pool.clock()) {
            self.slice.lengthen();
        }
    }
}
