//! Jobs that are given up: rejected, as there is no thread, or cancelled, as their pool or tenant was abandoned.

use std::sync::Arc;

use crate::job::Entry;
use crate::job::error::{Failure, Rejection};
use crate::metrics::Stamp;
use crate::pool::account::Account;
use crate::pool::shared::Shared;
use crate::sync::atomic::{Ordering, fence};
use crate::sync::left_out;

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
        // The deques first: what a worker has taken there in a batch has come before what is in the injector.
        let in_deques = std::iter::from_fn(|| self.queues.steal_from(0));
        let all = in_deques.chain(std::iter::from_fn(|| self.queues.pop()));
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
}
