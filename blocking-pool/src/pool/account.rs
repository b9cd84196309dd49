//! The account of a tenant's jobs: how many are outstanding, and waiting for them. How it ends is told in `account/ending.rs`.
//!
//! It counts what came in ([`Gate`]), what was claimed, and what has left. A job leaves when it has been
//! delivered: its outcome is in place and its awaiter woken. So "nothing outstanding" means that no wake of this
//! tenant is still on its way; an awaiter that is quicker than that may see its own finished job for a moment.
//!
//! Waiting: a waiter sets WATCHED in the very word that counts those who have left, and sleeps under the lock. Whoever
//! leaves later reads the bit with its own increment and rings the bell under the same lock; whoever left before is
//! in the count that the waiter got. One word, so no fences. (Model: `tenant_wait_against_leave`.)
//!
//! # Waiting from inside a job
//!
//! Whoever waits from inside a job must not wait for that job. A closure is inside while it runs. So is other code of the
//! user's that runs before the job has left: the awaiter's waker, the drop of a result that nobody reads, and the drop
//! of a closure that is refused. All of it goes through [`delivering`]. Those who wait inside do not wait for each
//! other either. Whoever waits outside waits for them all. (Model: `outside_wait_against_wait_inside`, twin
//! `outside-waits-for-jobs`.)

mod ending;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool as PlainBool, AtomicU64 as PlainU64, Ordering as PlainOrdering};
use std::time::Instant;

use super::shared::Shared;
use crate::job::error::Failure;
use crate::metrics::Cohort;
use crate::submit::gate::Gate;
use crate::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use crate::sync::left_out;
use crate::sys::lock::{Condvar, Mutex};
use crate::sys::padded::Padded;
use crate::threads::spin::Spinner;
use crate::user_code::delivering;
use crate::user_code::nested;
use crate::worker;

/// Somebody waits for the count.
const WATCHED: u64 = 1 << 63;

pub(crate) struct Account {
    pub(crate) id: u64,
    pool: Arc<Shared>,
    gate: Padded<Gate>,
    left: Padded<Left>,
    abandoned: AtomicBool,
    /// Whoever awaits its jobs has other things to do. A hint, so std's even under loom.
    is_awaiter_busy: PlainBool,
    /// Whether this is the account of one dedicated closure, which is in no queue and not among the pool's jobs.
    is_apart: bool,
    /// Whether handles look for outcomes themselves before they wait to be woken. They do unless a loop does so for them.
    is_looked_for: bool,
    waiters: Mutex<Waiters>,
    bell: Condvar,
}

struct Waiters {
    all: usize,
    /// Jobs of this tenant that they are inside of: they wait for the rest, not for each other.
    inside: u64,
    /// How many of those who have left had been cancelled. It is under the lock because it has to agree with the count of those
    /// who have left.
    cancelled: u64,
}

/// What the workers write; submitters keep to the gate.
struct Left {
    /// Delivered, and WATCHED.
    count: AtomicU64,
    claimed: PlainU64,
    cancelled: PlainU64,
}

impl Account {
    #[inline(never)]
    pub(crate) fn new(pool: Arc<Shared>) -> Arc<Self> {
        Arc::new(Self { is_looked_for: Spinner::can_pay(), ..Self::make(pool, false) })
    }

    /// For a loop that looks for its results itself.
    #[inline(never)]
    pub(crate) fn of_loop(pool: Arc<Shared>) -> Arc<Self> {
        Arc::new(Self::make(pool, false))
    }

    /// For one closure with a thread of its own.
    pub(crate) fn apart(pool: Arc<Shared>) -> Arc<Self> {
        let account = Self::make(pool, true);
        account.enter();
        Arc::new(account)
    }

    fn make(pool: Arc<Shared>, is_apart: bool) -> Self {
        static NEXT: PlainU64 = PlainU64::new(1);
        Self {
            id: NEXT.fetch_add(1, PlainOrdering::Relaxed),
            pool,
            gate: Padded(Gate::new()),
            left: Padded(Left {
                count: AtomicU64::new(0),
                claimed: PlainU64::new(0),
                cancelled: PlainU64::new(0),
            }),
            abandoned: AtomicBool::new(false),
            is_awaiter_busy: PlainBool::new(false),
            is_apart,
            is_looked_for: false,
            waiters: Mutex::new(Waiters { all: 0, inside: 0, cancelled: 0 }),
            bell: Condvar::new(),
        }
    }

    pub(crate) fn pool(&self) -> &Arc<Shared> {
        &self.pool
    }

    /// Whether a handle should look for its outcome before it waits to be woken.
    pub(crate) fn is_looked_for(&self) -> bool {
        self.is_looked_for
    }

    pub(crate) fn set_awaiter_busy(&self, busy: bool) {
        self.is_awaiter_busy.store(busy, PlainOrdering::Relaxed);
    }

    pub(crate) fn is_awaiter_busy(&self) -> bool {
        self.is_awaiter_busy.load(PlainOrdering::Relaxed)
    }

    /// Counts a job in. False if the account is closed.
    pub(crate) fn enter(&self) -> bool {
        self.gate.enter().is_some()
    }

    /// The job has been claimed: it is about to run, or is being cancelled.
    pub(crate) fn unqueued(&self) {
        self.left.claimed.fetch_add(1, PlainOrdering::Release);
        if !self.is_apart {
            self.pool.make_room();
        }
    }

    /// A job that was let in here was turned away by the pool.
    pub(crate) fn leave_unqueued(&self) {
        self.left.claimed.fetch_add(1, PlainOrdering::Release);
        self.leave();
    }

    /// A claimed job will not run: counts it as cancelled.
    #[inline(never)]
    pub(crate) fn refused(&self, why: &Failure, cohort: Cohort) {
        if self.is_apart {
            return;
        }
        self.left.cancelled.fetch_add(1, PlainOrdering::Release);
        self.pool.counters.cancelled(cohort);
        if matches!(why, Failure::Expired) {
            self.pool.counters.expired();
        }
    }

    /// Calls a piece of the user's code that belongs to a job of this account which has not left yet: a waker, a drop.
    pub(crate) fn delivering<R>(&self, user: impl FnOnce() -> R) -> R {
        delivering::inside(self.id, user)
    }

    /// The job was cancelled, and that has been delivered.
    #[inline(never)]
    pub(crate) fn leave_cancelled(&self) {
        if self.pool.is_forked() {
            return self.leave();
        }
        let mut waiters = self.waiters.lock();
        waiters.cancelled += 1;
        // Release: as in leave().
        let before = self.left.count.fetch_add(1, Ordering::Release);
        if before & WATCHED != 0 {
            self.bell.notify_all();
        }
    }

    /// The job has run, and was delivered.
    #[inline]
    pub(crate) fn leave(&self) {
        // Release: whoever counts us sees all that the job did, and that it came in. (Models:
        // `who_waits_for_a_tenant_sees_what_its_job_did`, `outstanding_against_jobs_that_come_and_leave`.)
        let before = self.left.count.fetch_add(1, Ordering::Release);
        if before & WATCHED != 0 && !left_out("leaver-rings") {
            self.ring();
        }
    }

    #[cold]
    #[inline(never)]
    fn ring(&self) {
        // In a fork nobody waits, and the lock may be held by a thread that is not there.
        if self.pool.is_forked() {
            return;
        }
        // Under the lock: the waiter is in its wait, or has not read the count yet.
        let _waiters = self.waiters.lock();
        self.bell.notify_all();
    }

    pub(crate) fn is_abandoned(&self) -> bool {
        // Acquire: pairs with the Release in abandon().
        self.abandoned.load(Ordering::Acquire) || self.pool.is_abandoned()
    }

    #[inline]
    fn left(&self) -> u64 {
        // Acquire: pairs with the Release of those who leave. Whoever asks the gate afterwards sees that they had come.
        let order = if left_out("left-have-come") { Ordering::Relaxed } else { Ordering::Acquire };
        self.left.count.load(order) & !WATCHED
    }

    #[inline]
    pub(crate) fn outstanding(&self) -> u64 {
        let left = self.left();
        self.gate.count() - left
    }

    /// Blocks until no job is outstanding; false if that took longer than `until`. See "Waiting from inside a job".
    pub(crate) fn wait(&self, until: Option<Instant>) -> bool {
        if self.pool.is_forked() {
            // Nobody is there to wait for.
            return self.outstanding() == 0;
        }
        nested::catch_up();
        let running = worker::running_tenant(&self.pool) == Some(self.id);
        let inside = u64::from(running) + delivering::depth(self.id);
        let mut waiters = self.waiters.lock();
        waiters.all += 1;
        if inside > 0 {
            waiters.inside += inside;
            self.bell.notify_all();
        }
        // Whoever waits outside waits for those inside as for all others.
        let but = |waiters: &Waiters| {
            if inside > 0 || left_out("outside-waits-for-jobs") { waiters.inside } else { 0 }
        };
        let quiet = loop {
            // The count is read by the same operation that asks to be told of the next. Acquire: pairs with the Release of those
            // who leave. Who leaves later learns nothing from the bit but that it has to take the lock.
            let order =
                if left_out("counted-show-what-they-did") { Ordering::Relaxed } else { Ordering::Acquire };
            let left = self.left.count.fetch_or(WATCHED, order) & !WATCHED;
            if self.gate.count() - left <= but(&waiters) {
                break true;
            }
            let (again, is_over) = self.bell.wait_until(waiters, until);
            waiters = again;
            if is_over {
                break self.outstanding() <= but(&waiters);
            }
        };
        waiters.inside -= inside;
        waiters.all -= 1;
        if waiters.all == 0 {
            // Relaxed: set and cleared under the lock. It carries on what those who left have released, as a read-modify-write does.
            self.left.count.fetch_and(!WATCHED, Ordering::Relaxed);
        }
        quiet
    }
}
