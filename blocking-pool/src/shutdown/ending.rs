//! Jobs that are given up, and the end of a pool: shut the gate, wait for the threads or cancel the queue, report.

use std::sync::Arc;
use std::time::Instant;

use super::{Look, Shutdown, ShutdownReport};
use crate::job::Entry;
use crate::job::error::{Failure, Rejection};
use crate::metrics::Stamp;
use crate::pool::account::Account;
use crate::pool::shared::Shared;
use crate::sync::atomic::{Ordering, fence};
use crate::sync::left_out;
use crate::worker;

impl Shared {
    /// Gives up everything in the queues; there is no thread to run it.
    pub(crate) fn reject_all(&self, why: &Rejection) {
        while let Some(entry) = self.queues.pop() {
            self.give_up(entry, Failure::rejected(why.clone()));
        }
        self.call_if_drained();
    }

    /// Gives up a job whose entry has been taken out of its queue or line, unless it was cancelled before.
    #[inline]
    fn give_up(&self, entry: Entry, why: Failure) {
        self.queues.note_taken(None);
        if let Some(job) = entry.claim() {
            job.refuse(why);
        }
    }

    /// One entry was taken out of a limiter's line for good.
    pub(crate) fn taken_out(&self) {
        self.queues.note_taken(None);
        self.call_if_drained();
    }

    /// Cancels what waits on the accounts that `whose` picks. Others' jobs go back in their order.
    ///
    /// Those are back before the first closure is dropped, since the drop is the user's code, and may take long, or wait for one
    /// of them. And only one thread does this at a time: another one that abandons another tenant meanwhile would not see
    /// the jobs that are out of the queues.
    #[inline]
    pub(crate) fn cancel_queued(self: &Arc<Self>, whose: &dyn Fn(&Account) -> bool) {
        // Pairs with a submitter's fence: either it sees that its account is abandoned, or we see its job. (Model:
        // `submit_against_abandon_behind_a_job_that_does_not_end`, twin `abandon-fence`.)
        if !left_out("abandon-fence") {
            fence(Ordering::SeqCst);
        }
        if !left_out("abandon-takes-out-of-line") {
            for entry in self.lines.take_out(self, whose) {
                self.give_up(entry, Failure::Cancelled);
            }
        }
        for entry in self.take_out_of_queues(whose) {
            self.give_up(entry, Failure::Cancelled);
        }
        self.call_if_drained();
    }

    /// Takes the jobs on the accounts that `whose` picks out of the queues. Runs none of the user's code. When it returns, all other
    /// jobs are in a queue again.
    #[inline]
    fn take_out_of_queues(self: &Arc<Self>, whose: &dyn Fn(&Account) -> bool) -> Vec<Entry> {
        let sweeping = self.sweep.lock();
        let all = std::iter::from_fn(|| self.queues.pop());
        let (theirs, others): (Vec<_>, Vec<_>) = all.partition(|entry| whose(entry.account()));
        let some_went_back = !others.is_empty();
        others.into_iter().for_each(|entry| self.queues.push(entry));
        drop(sweeping);
        if some_went_back {
            if let Err(why) = self.announce_work(Stamp::now()) {
                self.reject_queued(&why.rejection());
            }
        }
        theirs
    }

    /// Whether the pool is closed, and every entry that was let in has been taken out.
    pub(crate) fn is_drained(&self) -> bool {
        if left_out("drained-counts-entries") {
            return self.gate.is_closed() && !self.queues.has_work();
        }
        self.gate.is_closed() && self.queues.taken() == self.gate.count()
    }

    fn call_if_drained(&self) {
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
