//! The lines in which jobs of one pool wait, as the pool knows them.
//!
//! A limiter may serve several pools. When one of them is abandoned, or one of its tenants, that pool takes its own jobs out of the
//! lines of all limiters that it has learnt of: see "Jobs in line are owed" in [`super`].

use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Weak};

use super::{Limiter, Slots};
use crate::job::Entry;
use crate::pool::account::Account;
use crate::pool::shared::Shared;
use crate::sys::fork::Inherited;
use crate::sys::lock::Mutex;

/// The limiters in which jobs of one pool may wait, and how many do.
pub(crate) struct Lines {
    limiters: Mutex<Vec<Weak<Inherited<Slots>>>>,
    waiting: AtomicUsize,
}

impl Lines {
    pub(crate) fn new() -> Self {
        Self { limiters: Mutex::new(Vec::new()), waiting: AtomicUsize::new(0) }
    }

    /// How many jobs wait.
    pub(crate) fn waiting(&self) -> usize {
        // Relaxed, here and where it is counted: for the monitor, which samples.
        self.waiting.load(Relaxed)
    }

    /// A job of the pool is about to wait in this limiter's line.
    pub(super) fn learn_of(&self, limiter: Weak<Inherited<Slots>>) {
        let mut limiters = self.limiters.lock();
        limiters.retain(|known| known.strong_count() > 0);
        limiters.push(limiter);
    }

    /// The jobs of `pool`, whose lines these are, on the accounts that `whose` picks.
    pub(crate) fn take_out(&self, pool: &Arc<Shared>, whose: &dyn Fn(&Account) -> bool) -> Vec<Entry> {
        let limiters: Vec<_> = self.limiters.lock().iter().filter_map(Weak::upgrade).collect();
        let mut entries = Vec::new();
        for limiter in limiters {
            entries.append(&mut Limiter(limiter).slots().take_out(pool, whose));
        }
        entries
    }
}

impl Slots {
    /// Takes all jobs of `pool` out of the line whose accounts `whose` picks.
    fn take_out(&self, pool: &Arc<Shared>, whose: &dyn Fn(&Account) -> bool) -> Vec<Entry> {
        let mut list = self.list.lock();
        let of_pool = |entry: &Entry| Arc::ptr_eq(entry.account().pool(), pool) && whose(entry.account());
        let entries = list.line.take_if(of_pool);
        drop(list);
        entries.iter().for_each(|_| pool.leaves_line());
        entries
    }
}

impl Shared {
    /// A job of this pool stands in a line from now on.
    pub(super) fn stands_in_line(&self) {
        self.lines.waiting.fetch_add(1, Relaxed);
    }

    /// A job of this pool has left its line.
    pub(super) fn leaves_line(&self) {
        self.lines.waiting.fetch_sub(1, Relaxed);
    }
}
