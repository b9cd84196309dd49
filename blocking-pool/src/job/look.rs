//! Looking for an outcome before waiting to be woken for it.
//!
//! An executor that has nothing to do parks. To be woken costs a system call on the other side and microseconds on this
//! one, tens of them if its processor has gone idle. An empty job takes a fraction of one. Sideline's loop knows that it has jobs
//! outstanding, and looks for a while before it parks. Other executors know nothing of jobs. So under them the handle does the
//! looking:
//!
//! ```text
//!         not done                  not done                         still not done
//!   poll ----------> ask, and spin ----------> wake own task, pending ----------> ... ----> register
//!                    if alone                  (others are polled, I/O is done)    no time left: to be woken
//! ```
//!
//! A handle spins inside its poll for [`IN_POLL`] at most, and only if it is *alone*: if since its last poll no
//! other handle has been looking on this thread. Otherwise it comes back at once, by waking its own task. The
//! executor then polls what else is ready, and its sockets, before it polls us again.
//!
//! All of that lasts as long as a thread of ours spins ([`Spinner`]), and is left out in the same way after it has been in vain:
//! what does not pay is done once in 64 times. While the pool wants all processors, it lasts for [`Spinner::SHORT_LIMIT`].
//!
//! Amid other handles a look is no spinning: the thread does what it has to do anyway. So there a handle gives up after
//! [`FEW`] looks at the earliest, however long the others' turns took.
//!
//! **Others have their turn.** A task that awaits one short job after the other would find each within its poll, and
//! never be pending. So it gives way, as often as that costs a sixteenth of its time ([`SHARE`]), and after 10 µs at
//! the latest. The time from being pending to being polled again is measured. A future in `block_on` is back when the
//! kernel has been asked for events, which takes smol some microseconds. A spawned task is back after a fraction of one, and
//! never spins: executors ask the kernel once in 61 or 200 polls, and that must not have to wait for us.
//!
//! **Executors with several threads** are left alone: a task that wakes itself there wakes another thread, which is to
//! take it over. If a handle that is looking is polled by another thread than before, that is such an executor, and
//! no handle of the pool begins to look for [`SETTLE`].
//!
//! **Who has many jobs out** waits for none of them, and does not ask: see [`super::busy`].
//!
//! What a handle owes when it looks is told in [`super::state`]: to come back. All else here is a matter of speed.

use std::cell::Cell;
use std::hint::spin_loop;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;

use super::busy::Busy;
use super::cell::Header;
use super::state::Register;
use crate::metrics::Stamp;
use crate::shared::Shared;
use crate::spin::Spinner;

/// How long a poll may take for it: less than what the executor does between two of them, if it asks the kernel.
const IN_POLL: u64 = 4_000;
/// Where giving way takes less than this the kernel is not asked, and to come back is as good as to spin. Nanoseconds.
const CHEAP: u64 = 500;
/// Elsewhere a thread may go on without for so many times what it takes, and for as long as this at most.
const SHARE: u64 = 16;
const LONGEST_SHARE: u64 = 10_000;
/// For how long nobody looks after a handle has been seen to move between threads, in nanoseconds.
const SETTLE: u64 = 100_000_000;
/// Amid others it is so many looks at least, however long it takes until it has its turn again.
const FEW: u8 = 16;
/// Looks between two readings of the clock, some hundred nanoseconds.
const LOOKS: u32 = 16;

/// What a handle knows of its own looking. Eight bytes, of which one has room for what encloses a handle to tell it from
/// something else.
pub(super) struct Looking {
    phase: Phase,
    /// How often it has looked since it began.
    looks: u8,
    /// On which thread it looks.
    thread: u16,
    /// Since when: the lower half of a [`Stamp`].
    began: u32,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Phase {
    /// It has not begun.
    Fresh,
    /// It is to look again, on a busy thread. It has not asked, and no clock was read.
    Unasked,
    /// It looks.
    Looking,
    /// It registers its waker.
    Over,
}

/// What came of a look.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Looked {
    /// The job is done.
    Found,
    /// Come back.
    Again,
    /// Be woken.
    NoMore,
}

impl Looking {
    pub(super) const fn new() -> Self {
        Self { phase: Phase::Fresh, looks: 0, thread: 0, began: 0 }
    }

    /// Whether the handle may have given its waker away.
    #[inline]
    pub(super) fn is_over(&self) -> bool {
        self.phase == Phase::Over
    }

    /// The job is done, as a poll has found before it looked.
    #[inline]
    pub(super) fn found(&self, header: &Header) {
        if self.phase != Phase::Fresh {
            _ = LOOKER.try_with(|looker| looker.back_and_found(self.phase, header.state.id().get()));
        }
    }

    /// The job was not done when this poll began.
    #[inline]
    pub(super) fn look(&mut self, header: &Header) -> Looked {
        let looked = if header.account.is_looked_for() { self.look_here(header) } else { Looked::NoMore };
        if looked == Looked::NoMore {
            self.phase = Phase::Over;
        }
        looked
    }

    #[inline(never)] // Out of the way of those who do not.
    fn look_here(&mut self, header: &Header) -> Looked {
        LOOKER.try_with(|looker| looker.look(self, header)).unwrap_or(Looked::NoMore)
    }

    fn has_time(&self, pool: &Shared, now: Stamp) -> bool {
        let spent = Duration::from_nanos(now.nanos_since_lower_half(self.began));
        spent < Spinner::SHORT_LIMIT || spent < Spinner::LIMIT && !pool.is_saturated()
    }
}

/// What a thread knows of the looking that is done on it.
struct Looker {
    /// Its number; 0 while it has none.
    thread: Cell<u16>,
    spinner: Cell<Spinner>,
    /// The job whose handle has come back last, or will, and has not found it since; 0 if there is none.
    last: Cell<u64>,
    /// When the last poll became pending; or, if it found its outcome, since when all have. The bits of a [`Stamp`], or 0.
    since: Cell<u64>,
    found_last: Cell<bool>,
    /// How long it took to be polled again when a handle came back, in nanoseconds.
    away: Cell<u64>,
    /// When an outcome was found last.
    found_at: Cell<Stamp>,
    /// Another one was found since then, and no clock was read.
    found_since: Cell<bool>,
    busy: Busy,
}

thread_local! {
    static LOOKER: Looker = const {
        Looker {
            thread: Cell::new(0),
            spinner: Cell::new(Spinner::new()),
            last: Cell::new(0),
            since: Cell::new(0),
            found_last: Cell::new(false),
            away: Cell::new(0),
            found_at: Cell::new(Stamp::ZERO),
            found_since: Cell::new(false),
            busy: Busy::new(),
        }
    };
}

impl Looker {
    fn look(&self, looking: &mut Looking, header: &Header) -> Looked {
        let (job, pool) = (header.state.id().get(), header.account.pool());
        if looking.phase != Phase::Fresh {
            self.busy.waits();
        } else if self.busy.is_now() && !pool.movers_until.is_to_come(|| pool.clock()) {
            *looking = Looking { phase: Phase::Unasked, looks: 0, thread: self.number(), began: 0 };
            self.last.set(job);
            return Looked::Again;
        }
        let now = Stamp::now();
        if self.found_since.replace(false) {
            self.found_at.set(now);
        }
        let nanos = if looking.phase == Phase::Fresh {
            if pool.movers_until.is_to_come(|| pool.clock_at(now)) || !self.spinner(Spinner::is_an_occasion) {
                return self.no_more(job);
            }
            let began = now.lower_half();
            *looking = Looking { phase: Phase::Looking, looks: 0, thread: self.number(), began };
            if self.last.get() == 0 { self.share(now) } else { 0 }
        } else if looking.thread != self.number() {
            pool.movers_until.set(pool.clock_at(now) + SETTLE);
            return Looked::NoMore;
        } else if looking.phase == Phase::Unasked {
            *looking = Looking { phase: Phase::Looking, began: now.lower_half(), ..*looking };
            0
        } else if looking.has_time(pool, now) || self.last.get() != job && looking.looks < FEW {
            looking.looks = looking.looks.saturating_add(1);
            if self.is_back(job, now) { self.share(now) } else { 0 }
        } else {
            return self.time_is_up(job, looking, now);
        };
        if header.state.ask() == Register::Finished {
            self.found(job, now);
            return Looked::Found;
        }
        let mut later = now;
        if nanos > 0 {
            match spin(now, nanos.min(IN_POLL), || header.state.is_done()) {
                None => {
                    self.found(job, now);
                    if !self.found_last.replace(true) {
                        self.since.set(now.to_bits());
                    }
                    return Looked::Found;
                }
                Some(end) => later = end,
            }
            if !looking.has_time(pool, later) {
                return self.time_is_up(job, looking, later);
            }
        }
        self.last.set(job);
        self.is_pending(later);
        Looked::Again
    }

    fn is_pending(&self, now: Stamp) {
        self.since.set(now.to_bits());
        self.found_last.set(false);
    }

    /// What is left to spin of this thread's share.
    fn share(&self, now: Stamp) -> u64 {
        let share = if self.away.get() < CHEAP { 0 } else { (SHARE * self.away.get()).min(LONGEST_SHARE) };
        match Stamp::from_bits(self.since.get()) {
            Some(since) if self.found_last.get() => share.saturating_sub(now.nanos_since(since)),
            _ => share,
        }
    }

    /// A handle that has come back, and finds its job done.
    fn back_and_found(&self, phase: Phase, job: u64) {
        self.busy.found(self.last.get() == job);
        if phase == Phase::Unasked {
            self.found_since.set(true);
            return self.forget(job);
        }
        let now = Stamp::now();
        self.is_back(job, now);
        self.found(job, now);
    }

    /// Whether the handle is alone. Then what has passed since it was pending is what that takes.
    fn is_back(&self, job: u64, now: Stamp) -> bool {
        let is_alone = self.last.get() == job;
        if is_alone {
            let since = Stamp::from_bits(self.since.get()).unwrap_or(now);
            self.away.set(now.nanos_since(since));
        }
        is_alone
    }

    fn found(&self, job: u64, at: Stamp) {
        self.spinner(Spinner::paid);
        self.found_at.set(at);
        self.forget(job);
    }

    /// Not in vain if others have found theirs meanwhile: with many in flight one takes as long as all before it.
    fn time_is_up(&self, job: u64, looking: &Looking, now: Stamp) -> Looked {
        let spent = now.nanos_since_lower_half(looking.began);
        if now.nanos_since(self.found_at.get()) >= spent {
            self.spinner(Spinner::was_in_vain);
        }
        self.no_more(job)
    }

    fn no_more(&self, job: u64) -> Looked {
        self.forget(job);
        self.found_last.set(false);
        Looked::NoMore
    }

    /// Of a handle that is dropped, or polled elsewhere, `last` is not taken back: then somebody comes back once who
    /// might have spun, and is the last from there on.
    fn forget(&self, job: u64) {
        if self.last.get() == job {
            self.last.set(0);
        }
    }

    /// Of 65,535 threads two may have the same, and a handle may move from one to the other unnoticed.
    fn number(&self) -> u16 {
        // std's atomic: it decides nothing.
        static NEXT: AtomicU16 = AtomicU16::new(1);
        if self.thread.get() == 0 {
            self.thread.set(NEXT.fetch_add(1, Ordering::Relaxed).max(1));
        }
        self.thread.get()
    }

    fn spinner<R>(&self, then: impl FnOnce(&mut Spinner) -> R) -> R {
        let mut spinner = self.spinner.take();
        let done = then(&mut spinner);
        self.spinner.set(spinner);
        done
    }
}

/// `None` when it is ready, or the moment when it was not for so long.
fn spin(since: Stamp, nanos: u64, ready: impl Fn() -> bool) -> Option<Stamp> {
    loop {
        for _ in 0..LOOKS {
            if ready() {
                return None;
            }
            spin_loop();
        }
        let now = Stamp::now();
        if now.nanos_since(since) >= nanos {
            return Some(now);
        }
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use crate::Pool;
    use std::future::Future;
    use std::pin::pin;
    use std::sync::atomic::AtomicUsize;
    use std::sync::{Arc, mpsc};
    use std::task::{Context, Poll, Wake, Waker};
    use std::thread::{self, Thread};

    struct Wakes(AtomicUsize, Thread);

    impl Wake for Wakes {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::SeqCst);
            self.1.unpark();
        }
    }

    /// Polls as long as the future comes back, and calls `parks` when it waits to be woken for the first time. Returns how often
    /// it was polled until then.
    fn polls_until_parked<F: Future>(future: F, parks: impl FnOnce()) -> (usize, F::Output) {
        let wakes = Arc::new(Wakes(AtomicUsize::new(0), thread::current()));
        let waker = Waker::from(Arc::clone(&wakes));
        let (mut future, mut parks, mut polls, mut seen) = (pin!(future), Some(parks), 0, 0);
        loop {
            if let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
                return (polls, output);
            }
            polls += usize::from(parks.is_some());
            if wakes.0.load(Ordering::SeqCst) == seen {
                parks.take().into_iter().for_each(|parks| parks());
            }
            while wakes.0.load(Ordering::SeqCst) == seen {
                thread::park();
            }
            seen = wakes.0.load(Ordering::SeqCst);
        }
    }

    /// On a busy thread, too, and when it becomes busy or is so no more in the middle of it. A handle that looked for ever would
    /// be a hang.
    #[test]
    fn a_handle_ends_by_waiting_to_be_woken() {
        let pool = Pool::builder().core_threads(1).build().unwrap();
        for is_busy in [false, true] {
            for _ in 0..20 {
                let find = || LOOKER.with(|looker| (0..64).for_each(|_| looker.busy.found(false)));
                if is_busy {
                    find();
                }
                let (release, released) = mpsc::channel();
                let job = pool.spawn(move || released.recv().unwrap());
                let (polls, outcome) = polls_until_parked(job, move || {
                    find();
                    release.send(5).unwrap();
                });
                assert_eq!(outcome.unwrap(), 5);
                // It has come back at least once, without having asked.
                assert!(polls > 1 || !(is_busy && Spinner::can_pay()), "{polls}");
            }
        }
    }
}
