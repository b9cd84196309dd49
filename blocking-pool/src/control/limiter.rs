//! How many jobs of one kind run at once, on a pool that they share with others.
//!
//! A limiter has *slots*. A job of its kind gets one where it is submitted, and goes to its pool's queue like any
//! other; or there is none, and it waits in the limiter's line, where it costs its cell and no thread.
//!
//! | entry is | place in its terms | left by                                                                    |
//! |----------|--------------------|----------------------------------------------------------------------------|
//! | new      | NONE               | `admit`: gets a slot, or stands in line; or neither, if it was cancelled before |
//! | in line  | its ticket         | `release` of another's slot: gets that; `forget`, when it was cancelled; `take_out`, when its pool or tenant is abandoned |
//! | admitted | SLOT               | `give_back_slot`, once, after the closure has ended and before its outcome is delivered; or when the job is cancelled, by whoever does that; or when the entry is dropped |
//!
//! Everything in the table moves under the limiter's lock; pushing, waking and dropping happen outside it. Between "all
//! slots are taken" and "stand in line" nobody may give a slot back, or the job that stands in line then is waited for
//! by nobody: both are one critical section. (Model: `release_against_enqueue`, twin `limiter-one-look`.)
//!
//! **Fair between kinds**: a slot that is given back admits one job, to the *end* of its pool's queue, even if a worker
//! of that pool gave it back. So of a backlog of a million limited jobs at most as many as there are slots stand in
//! front of anybody else. Within a kind jobs are admitted in the order of submission: a slot is given back and then given to
//! the first in line, and one who comes in between stands in line behind it. (Model: `late_comer_against_release`, twin
//! `limiter-line-first`.)
//!
//! **The slot is free before the outcome is delivered**, so an awaiter that submits its next job when it sees the last
//! one's outcome finds the slot, and strictly sequential use never waits. That goes for a job that is cancelled, too. Its entry may lie
//! behind a job that never ends, while the next one of its kind is another pool's; so whoever cancels it gives the slot back. The bad
//! interleaving: a token that is cancelled as its job is submitted finds a job without a slot, which gets one then. So `admit` looks,
//! under the lock, whether the job was claimed; and whoever cancels it looks at its place under the lock, after the claim. (Models:
//! `cancel_against_asking_for_a_slot`, `cancel_against_standing_in_line`, twin `limiter-refuses-the-cancelled`.)
//!
//! **Jobs in line are owed** like those in the queue: the gate and the account have counted them in, they count as
//! queued, and a closed pool's workers stay until they are taken out. A pool knows the limiters in which jobs of its
//! may wait, to take them out when it, or a tenant, is abandoned. The bad interleaving: a job stands in line just after
//! that; its submitter therefore looks whether it has been abandoned after it has registered the limiter and stood in
//! line, as it does after a push. (Model: `limited_submit_against_abandon`, twin `abandon-takes-out-of-line`.)
//!
//! **In a child of `fork`** the parent's jobs hold slots that nobody gives back there, and the lock may be held by a
//! thread that is not there. So a limiter has slots of its own in each process, as many, all of them free; a job of the
//! parent's whose memory the child frees gives back none.
//!
//! If a released job finds no thread and none can be started, it is rejected, which gives back its slot, which admits
//! the next; that goes on in one loop, not in a recursion (`rejecting.rs`).

mod lines;
mod metrics;

use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Weak};

use super::line::Line;
use crate::job::Entry;
use crate::metrics::Stamp;
use crate::pool::shared::Shared;
use crate::sync::left_out;
use crate::sys::fork::{self, Inherited};
use crate::sys::lock::Mutex;

pub(crate) use lines::Lines;
pub use metrics::LimiterMetrics;
pub(crate) use metrics::Times;

/// Caps how many jobs of one kind run at the same time, on whichever pools and tenants they run.
///
/// Jobs above the limit wait without a thread, in the order in which they were spawned; other jobs pass them by. Give
/// each kind a limiter of its own: four for a database with four connections, as many as there are cores for hashing.
/// Clones are the same limiter. After a `fork` the child has as many slots for itself.
///
/// A job that waits can be aborted, cancelled and expire like any other, counts as queued in [`Metrics`](crate::Metrics)
/// and against [`Builder::queue_limit`](crate::Builder::queue_limit), and is waited for by a shutdown. A job that panics
/// gives its slot back. A job that waits for another job of the same limiter may wait for ever.
///
/// ```
/// use pollster::block_on;
/// use sideline_blocking_pool::{Limiter, Pool};
///
/// let database = Limiter::new(4);
/// let queries: Vec<_> = (0..100)
///     .map(|i| Pool::global().job().limiter(&database).spawn(move || i)) // never more than 4 at once
///     .collect();
/// for (i, query) in queries.into_iter().enumerate() {
///     assert_eq!(block_on(query).unwrap(), i);
/// }
/// assert_eq!(database.metrics().running, 0);
/// ```
#[derive(Clone)]
pub struct Limiter(Arc<Inherited<Slots>>);

struct Slots {
    list: Mutex<List>,
    times: Times,
    /// A copy of the list's limit, for a forked child, which must not take the lock.
    limit: AtomicUsize,
}

struct List {
    limit: usize,
    /// Slots that are taken; above the limit for a while after that was lowered.
    taken: usize,
    admitted: u64,
    next_ticket: u64,
    line: Line<Entry>,
    /// The pools that know of this limiter.
    known_to: Vec<Weak<Shared>>,
}

/// An entry's place before it has one.
pub(crate) const NONE: u64 = 0;
/// The place of an entry that has a slot. Everything between the two is a ticket.
pub(crate) const SLOT: u64 = u64::MAX;

impl Limiter {
    /// A limiter that lets `limit` jobs run at once.
    ///
    /// # Panics
    /// If `limit` is 0: its jobs would never run. Abort them instead, or do not spawn them.
    #[track_caller]
    pub fn new(limit: usize) -> Self {
        refuse_zero(limit);
        Self(Arc::new(Inherited::new(Slots::new(limit))))
    }

    /// The limiter's slots in this process.
    fn slots(&self) -> &Slots {
        self.0.here(|parents| Slots::new(parents.limit.load(Relaxed)))
    }

    /// Changes how many may run at once. More: as many of those that wait are admitted here. Fewer: those that run go
    /// on, and nobody is admitted until enough of them have ended.
    ///
    /// # Panics
    /// If `limit` is 0.
    ///
    /// ```
    /// let limiter = sideline_blocking_pool::Limiter::new(2);
    /// limiter.set_limit(8);
    /// assert_eq!(limiter.metrics().limit, 8);
    /// ```
    #[track_caller]
    pub fn set_limit(&self, limit: usize) {
        refuse_zero(limit);
        let slots = self.slots();
        slots.list.lock().limit = limit;
        slots.limit.store(limit, Relaxed);
        while let Some(entry) = self.admit_next() {
            push(entry);
        }
    }

    /// Gives `entry` a slot and hands it back, or keeps it in line until there is one. What was cancelled needs none.
    pub(crate) fn admit(&self, entry: Entry) -> Option<Entry> {
        let mut list = self.slots().list.lock();
        if entry.is_claimed() && !left_out("limiter-refuses-the-cancelled") {
            return Some(entry);
        }
        if list.taken < list.limit && (list.line.is_empty() || left_out("limiter-line-first")) {
            list.give_slot(&entry);
            return Some(entry);
        }
        if left_out("limiter-one-look") {
            drop(list);
            list = self.slots().list.lock();
        }
        let pool = Arc::clone(entry.account().pool());
        list.register(self, &pool);
        let ticket = list.next_ticket;
        list.next_ticket += 1;
        entry.set_place(ticket);
        list.line.join(ticket, entry);
        pool.stands_in_line();
        None
    }

    /// A slot is given back: the next in line gets it. The caller has noted already that its entry has none any more.
    pub(crate) fn release(&self) {
        self.slots().list.lock().taken -= 1;
        if let Some(entry) = self.admit_next() {
            push(entry);
        }
    }

    /// Gives the first in line a slot, if there is one; the caller pushes it.
    fn admit_next(&self) -> Option<Entry> {
        let mut list = self.slots().list.lock();
        if list.taken >= list.limit {
            return None;
        }
        let (_, entry) = list.line.take_first()?;
        list.give_slot(&entry);
        entry.account().pool().leaves_line();
        Some(entry)
    }

    /// A job was cancelled: takes it out of the line, if that is where it waits. `place` is read under the lock.
    pub(crate) fn forget(&self, place: impl FnOnce() -> u64) {
        let mut list = self.slots().list.lock();
        let entry = list.line.take(place());
        drop(list);
        if let Some(entry) = entry {
            let pool = Arc::clone(entry.account().pool());
            pool.leaves_line();
            drop(entry);
            pool.taken_out();
        }
    }
}

impl Slots {
    fn new(limit: usize) -> Self {
        // No number is given out in two processes: a job of the parent's must not be taken for one of the child's.
        let next_ticket = (u64::from(fork::note()) << 40) + 1;
        let list =
            List { limit, taken: 0, admitted: 0, next_ticket, line: Line::new(), known_to: Vec::new() };
        Self { list: Mutex::new(list), times: Times::default(), limit: AtomicUsize::new(limit) }
    }
}

impl List {
    fn give_slot(&mut self, entry: &Entry) {
        self.taken += 1;
        self.admitted += 1;
        entry.set_place(SLOT);
    }

    /// Makes the limiter known to `pool`, which may have to take its jobs out of the line.
    fn register(&mut self, limiter: &Limiter, pool: &Arc<Shared>) {
        if self.known_to.iter().any(|known| std::ptr::eq(known.as_ptr(), Arc::as_ptr(pool))) {
            return;
        }
        self.known_to.retain(|known| known.strong_count() > 0);
        self.known_to.push(Arc::downgrade(pool));
        pool.lines.learn_of(Arc::downgrade(&limiter.0));
    }
}

/// To the end of its pool's queue, outside the lock.
fn push(entry: Entry) {
    let pool = Arc::clone(entry.account().pool());
    pool.queues.push(entry);
    pool.announce_released();
}

#[track_caller]
fn refuse_zero(limit: usize) {
    assert!(limit > 0, "a limiter of 0 would hold its jobs back for ever: pass at least 1");
}

impl Shared {
    /// After a released job was pushed: somebody will look, or all that is queued is given up.
    fn announce_released(self: &Arc<Self>) {
        if self.is_being_rejected() {
            return;
        }
        if let Err(why) = self.announce_work(Stamp::now()) {
            self.reject_queued(&why.rejection());
        }
    }
}

impl fmt::Debug for Limiter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Limiter").field(&self.metrics()).finish()
    }
}
