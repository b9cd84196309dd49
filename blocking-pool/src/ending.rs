//! Jobs that are given up, and the end of a pool: shut the gate, wait for the threads or cancel the queue, report.

use std::sync::Arc;
use std::time::Instant;

use crate::error::{Failure, Rejection};
use crate::shared::Shared;
use crate::shutdown::{Looks, Shutdown, ShutdownReport};
use crate::sync::atomic::{Ordering, fence};
use crate::sync::left_out;
use crate::tenant::Account;
use crate::worker;

impl Shared {
    /// Gives up everything in the queues; there is no thread to run it.
    pub(crate) fn reject_queued(&self, why: &Rejection) {
        while let Some(entry) = self.queues.pop() {
            self.queues.note_taken(None);
            if let Some(job) = entry.claim() {
                job.refuse(Failure::Rejected(why.clone()));
            }
        }
        self.call_if_drained();
    }

    /// Cancels what waits on the accounts that `whose` picks. Others' jobs go back in their order.
    pub(crate) fn cancel_queued(self: &Arc<Self>, whose: impl Fn(&Account) -> bool) {
        // Pairs with a submitter's fence: either it sees that its account is abandoned, or we see its job.
        fence(Ordering::SeqCst);
        let mut others = Vec::new();
        while let Some(entry) = self.queues.pop() {
            if !whose(entry.account()) {
                others.push(entry);
                continue;
            }
            self.queues.note_taken(None);
            if let Some(job) = entry.claim() {
                job.refuse(Failure::Cancelled);
            }
        }
        if !others.is_empty() {
            others.into_iter().for_each(|entry| self.queues.push(entry));
            if let Err(error) = self.announce_work() {
                self.reject_queued(&Rejection::NoThread(error.to_string()));
            }
        }
        self.call_if_drained();
    }

    /// Closed, and every entry that was let in has been taken out.
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
        }
    }

    pub(crate) fn is_abandoned(&self) -> bool {
        // Acquire: pairs with the Release in shutdown().
        self.abandoned.load(Ordering::Acquire)
    }

    pub(crate) fn close(&self) {
        self.gate.close();
        // Pairs with the fence of those who lie down: either they see the gate shut, or we see them on the list.
        fence(Ordering::SeqCst);
        self.call_everybody();
        self.monitor.call();
    }

    pub(crate) fn shutdown(self: &Arc<Self>, how: Shutdown) -> ShutdownReport {
        self.close();
        let before = self.metrics();
        let inside = worker::is_inside(self);
        match how {
            Shutdown::Drain => _ = self.roster.wait_gone(inside, None),
            Shutdown::Deadline(limit) => _ = self.roster.wait_gone(inside, Instant::now().checked_add(limit)),
            Shutdown::Abandon => {
                self.abandoned.store(true, Ordering::Release);
                self.cancel_queued(|_| true);
            }
        }
        if !inside {
            self.roster.join_gone();
        }
        let mut looks = Looks::default();
        loop {
            let totals = self.counters.totals();
            let survivors = self.survivors(|_| true);
            let queued = self.gate.count().saturating_sub(totals.started + totals.cancelled);
            let running = totals.started - totals.completed - totals.panicked;
            let settled = self.counters.totals() == totals && survivors.len() as u64 == running;
            if settled && (how != Shutdown::Abandon || queued == 0) || looks.are_over() {
                let outstanding = before.queued + before.running;
                return ShutdownReport::balance(
                    outstanding,
                    totals.cancelled - before.cancelled,
                    survivors,
                    queued,
                );
            }
        }
    }
}
