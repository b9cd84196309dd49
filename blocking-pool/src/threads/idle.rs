//! Who is awake: the protocol that never leaves a job in a queue with everybody asleep.
//!
//! A thread of the pool is *running* a job, *searching* the queues for one, or *idle*: parked, and on the list of
//! sleepers. One word counts all threads, those that are idle, and those that are searching.
//!
//! **A submitter** pushes, then looks at the word and at how much waits. It does the first of these that applies:
//!
//! | it sees | it does |
//! |---|---|
//! | as many searching as jobs waiting | nothing: they will find them |
//! | somebody idle | takes a sleeper off the list and calls it; it counts as searching from here on |
//! | fewer threads than cores | starts one; it counts as a thread, and as searching, before it exists |
//! | somebody searching | nothing: there is nobody else |
//! | everybody running a job | tells the monitor ([`crate::growth`]): each worker looks at the queues when its job ends, but a job may never end |
//!
//! **A searcher that finds a job** stops searching. Somebody may have relied on it for a second job. So it looks at the
//! queues once more, and if something is there it acts as a submitter does. Thus one call becomes a chain that wakes as many as
//! there is work for.
//!
//! **A searcher that finds nothing** puts itself on the list (idle + 1, searching - 1), and only then looks at all
//! queues for the last time.
//!
//! # Searchers that are not running
//!
//! A searcher will look, but nobody knows when. On a busy machine it may wait for a processor for many milliseconds: it has
//! just been called, or the kernel has put it aside in the moment in which its last job was done (often for the very loop that
//! it has just woken). Three rules keep jobs from waiting with it while somebody else is idle:
//!
//! - **One searcher is relied on for one job.** Hence "as many as wait", above. It is relied on for more only within 50 µs
//!   (`PATIENCE`) of a submission that saw no more than one job for each searcher. Those who are quick have had no time yet
//!   then, and a burst would call everybody at once. (Twin: `summon-counts-jobs`.)
//! - **Being called takes microseconds.** A worker that has just been called, has found a job and sees another one,
//!   concludes that whoever else counts as searching is not running, or would have taken that job. So it calls the next
//!   sleeper, whatever the word says. (Twin: `called-one-calls`.)
//! - **A *tired* worker**, one that has been computing for long (`worker/fatigue.rs`), is likely to be put aside when it
//!   wakes its awaiter. If somebody is idle, it counts as searching only when it really searches.
//!
//! Model: `a_searcher_that_does_not_come_holds_up_one_job`.
//!
//! # The bad interleaving
//!
//! The searcher looks: nothing. The submitter pushes, and sees a searcher: nothing to do. The searcher lies down.
//! The job waits for ever. The last look after lying down prevents it, but only with both fences:
//!
//! ```text
//!   submitter:  push;      fence(SeqCst);  read word
//!   sleeper:    lie down;  fence(SeqCst);  read queues
//! ```
//!
//! One of the two fences comes first in the one order of SeqCst fences. If the submitter's does, the sleeper sees
//! the push; if the sleeper's does, the submitter sees it idle. Without either fence both may read old values
//! (a store may still sit in each one's store buffer). The same pair, with "stop searching" in place of "lie down",
//! guards the hand-over.
//!
//! A push to the injector has happened when its place is claimed. On x86-64 the read-modify-write that claims it is such a
//! fence (`sync::fence_after_rmw`). A push to a deque is a store, and needs a fence of its own.
//!
//! # Who changes the idle count
//!
//! Only whoever changes the list, in the same critical section: the sleeper when it lies down, the caller when it
//! takes a sleeper off, the sleeper when it takes itself off. (tokio#7922: sleeper and notifier both subtracted.)
//! Whether a sleeper whose keep-alive has run out may leave is therefore decided by the list alone: if it is still
//! on it, nobody has called, and from then on nobody can. A submitter that read "one idle" before that finds the
//! list empty and reads the word again (tokio#1560: the thread that had timed out still counted).
//!
//! # Free before delivered
//!
//! A worker that has nothing left in its own deque counts as searching *before* it publishes its job's outcome. So
//! an awaiter that submits its next job as soon as it sees the last one's outcome finds a searcher, and a thousand
//! jobs in strict sequence use one thread. The searcher may even take the job between the submitter's push and its
//! look at the word, which then shows nobody: so before anybody is called or started, the submitter looks whether
//! there is still something to take. (Model: `jobs_in_sequence_use_one_thread`, twin `summon-looks-at-queues`.)
//! A tired worker may leave that out if somebody is idle: who is called then is a thread that is there already.
//!
//! Models also: `submit_against_going_idle`, `popped_against_stolen`, `retire_against_submit`,
//! `failed_start_against_submit`, `start_that_fails_against_who_relies_on_it`, `submit_against_shutdown`; twins: `idle-last-look`,
//! `idle-fence`, `searcher-hands-over`, `retire-by-the-list`, `failed-start-fence`.

use std::fmt;
use std::sync::Arc;

use super::park::Parker;
use crate::sync::atomic::{AtomicU64, Ordering, fence};
use crate::sync::{CLOCKS, left_out};
use crate::sys::lock::Mutex;
use crate::sys::padded::Padded;
use crate::sys::until::Until;

/// Three counts of 20 bits each.
const THREAD: u64 = 1;
const IDLE: u64 = 1 << 20;
const SEARCHING: u64 = 1 << 40;
const MASK: u64 = IDLE - 1;
/// How long a searcher may take before others are called, in nanoseconds. One that runs takes a fraction of one
/// microsecond, one that has been called some tens.
const PATIENCE: u64 = 50_000;

/// The word, read once.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Census(u64);

impl Census {
    pub(crate) fn threads(self) -> usize {
        (self.0 & MASK) as usize
    }

    pub(crate) fn idle(self) -> usize {
        (self.0 >> 20 & MASK) as usize
    }

    pub(crate) fn searching(self) -> usize {
        (self.0 >> 40 & MASK) as usize
    }
}

impl fmt::Debug for Census {
    #[inline]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} threads, {} idle, {} searching", self.threads(), self.idle(), self.searching())
    }
}

#[derive(Debug)]
pub(crate) struct Idle {
    word: AtomicU64,
    /// Until when those who search are relied on: each has been left one job a moment ago.
    relied_until: Padded<Until>,
    /// Last in, first out: the one with the warmest cache is called first, the others age until their keep-alive.
    sleepers: Mutex<Vec<Arc<Parker>>>,
}

/// What a submitter has to do for its job to be found.
#[must_use]
#[derive(Debug)]
pub(crate) enum Summon {
    /// Nothing: somebody is searching, or the job has been taken.
    Enough,
    /// Unpark this one; it has been taken off the list and counts as searching.
    Call(Arc<Parker>),
    /// Start a thread; it counts already, as a thread and as searching.
    Start,
    /// Everybody is running a job.
    Busy(Census),
}

impl Idle {
    pub(crate) fn new() -> Self {
        Self {
            word: AtomicU64::new(0),
            relied_until: Padded(Until::never()),
            sleepers: Mutex::new(Vec::new()),
        }
    }

    pub(crate) fn census(&self) -> Census {
        // Acquire: pairs with the Release in stop_searching().
        Census(self.word.load(Ordering::Acquire))
    }

    /// After a push and a fence: who will find it? Threads may be started while there are fewer than `core`.
    /// `more_wait_than(n)` looks whether more than `n` jobs wait, `clock` tells the time in nanoseconds. `is_watched` says
    /// whether somebody who may add threads knows already that everybody is busy, or that nobody may.
    #[inline(never)]
    pub(crate) fn summon(
        &self,
        core: usize,
        more_wait_than: impl Fn(usize) -> bool,
        clock: impl Fn() -> u64,
        is_watched: impl Fn(Census) -> bool,
    ) -> Summon {
        loop {
            let now = self.census();
            let nobody_else = now.idle() == 0 && now.threads() >= core;
            if now.searching() > 0 && (nobody_else || left_out("summon-counts-jobs")) {
                return Summon::Enough;
            }
            // This is nearly always so while jobs come faster than they are run. The queues are not looked at then, since those
            // who take jobs out are writing to them.
            if nobody_else && is_watched(now) {
                return Summon::Enough;
            }
            // The most common case with searchers, again without a look at queues that others are writing to.
            if now.searching() > 0 && self.have_had_no_time_yet(&clock) {
                return Summon::Enough;
            }
            // A searcher that was quick has taken the job and stopped searching: nobody else is needed for it.
            let looks = now.searching() > 0 || !left_out("summon-looks-at-queues");
            if looks && !more_wait_than(now.searching()) {
                if now.searching() > 0 {
                    self.relied_until.set(clock() + PATIENCE);
                }
                return Summon::Enough;
            }
            if now.idle() > 0 {
                // None: somebody else has called it, or it has left; the word has changed, so read it again.
                let Some(sleeper) = self.take_sleeper() else { continue };
                return Summon::Call(sleeper);
            }
            if now.threads() >= core {
                return if now.searching() > 0 { Summon::Enough } else { Summon::Busy(now) };
            }
            if self.replace(now, now.0 + THREAD + SEARCHING) {
                return Summon::Start;
            }
        }
    }

    /// Whether those who search have been left one job each so lately that they cannot have taken it yet.
    fn have_had_no_time_yet(&self, clock: impl Fn() -> u64) -> bool {
        CLOCKS && self.relied_until.is_to_come(clock)
    }

    /// Counts one more thread, searching, if there are fewer than `max`.
    pub(crate) fn reserve(&self, max: usize) -> bool {
        loop {
            let now = self.census();
            if now.threads() >= max {
                return false;
            }
            if self.replace(now, now.0 + THREAD + SEARCHING) {
                return true;
            }
        }
    }

    /// Replaces the word. False: it is not `now` any more, or the exchange has failed spuriously; read it and try again.
    fn replace(&self, now: Census, next: u64) -> bool {
        // AcqRel, as every change of the word. One needs it: see stop_searching(). What the others say of the queues is told by fences,
        // and of the list by its lock; but without it models have more interleavings to try.
        self.word.compare_exchange_weak(now.0, next, Ordering::AcqRel, Ordering::Relaxed).is_ok()
    }

    /// A searching thread is gone, or never came to be. Returns what is left.
    pub(crate) fn leave(&self) -> Census {
        Census(self.word.fetch_sub(THREAD + SEARCHING, Ordering::AcqRel) - THREAD - SEARCHING)
    }

    /// Before publishing an outcome, with nothing left to do.
    pub(crate) fn start_searching(&self) {
        // Release through the outcome published next: whoever sees that sees a searcher.
        self.word.fetch_add(SEARCHING, Ordering::AcqRel);
    }

    /// A job was found: then look at the queues again, and act as a submitter if something is there.
    pub(crate) fn stop_searching(&self) {
        // Release: whoever finds nobody searching sees that the job has been taken. (Model: `jobs_in_sequence_use_one_thread`.)
        let before = Census(self.word.fetch_sub(SEARCHING, Ordering::AcqRel));
        if before.searching() == 1 {
            // Pairs with a submitter's fence: either it sees that nobody searches, or we see its job.
            fence(Ordering::SeqCst);
        }
    }

    /// Announces the caller as idle. It has to look at all queues once more before it parks.
    #[inline(never)]
    pub(crate) fn lie_down(&self, parker: &Arc<Parker>) {
        let mut sleepers = self.sleepers.lock();
        sleepers.push(Arc::clone(parker));
        self.word.fetch_add(IDLE.wrapping_sub(SEARCHING), Ordering::AcqRel);
        drop(sleepers);
        if !left_out("idle-fence") {
            // Pairs with a submitter's fence: either it sees us idle, or we see its job.
            fence(Ordering::SeqCst);
        }
    }

    /// Takes the caller back off the list, searching again. False: somebody has called it, and its token is there
    /// or about to be.
    #[must_use]
    pub(crate) fn get_up(&self, parker: &Arc<Parker>) -> bool {
        self.take_off(parker, SEARCHING.wrapping_sub(IDLE))
    }

    /// Takes the caller off the list and out of the threads. False: somebody has called it.
    #[must_use]
    pub(crate) fn retire(&self, parker: &Arc<Parker>) -> bool {
        self.take_off(parker, 0u64.wrapping_sub(IDLE + THREAD))
    }

    fn take_off(&self, parker: &Arc<Parker>, change: u64) -> bool {
        let mut sleepers = self.sleepers.lock();
        // From the top, where those are who have just lain down.
        let mut place = sleepers.len();
        while place > 0 {
            place -= 1;
            if Arc::ptr_eq(&sleepers[place], parker) {
                _ = sleepers.remove(place);
                self.word.fetch_add(change, Ordering::AcqRel);
                return true;
            }
        }
        left_out("retire-by-the-list")
    }

    /// Takes the last sleeper off the list, searching from now on; the caller unparks it.
    #[inline(never)]
    pub(crate) fn take_sleeper(&self) -> Option<Arc<Parker>> {
        let mut sleepers = self.sleepers.lock();
        let parker = sleepers.pop()?;
        self.word.fetch_add(SEARCHING.wrapping_sub(IDLE), Ordering::AcqRel);
        Some(parker)
    }
}
