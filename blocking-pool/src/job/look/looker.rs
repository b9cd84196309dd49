//! What a thread knows of the looking that is done on it, and what it lets each handle do. The rules are in [`super`].

use std::cell::Cell;
use std::hint::spin_loop;
use std::sync::atomic::{AtomicU16, Ordering};

use super::{Looked, Looking, Phase};
use crate::job::busy::Busy;
use crate::job::cell::Header;
use crate::job::state::Register;
use crate::metrics::Stamp;
use crate::pool::shared::Shared;
use crate::threads::spin::Spinner;

/// How long a poll may spin at most, in nanoseconds: less than what the executor does between two polls if it asks the kernel.
const IN_POLL: u64 = 4_000;
/// If giving way takes less than this, in nanoseconds, the kernel is not asked meanwhile, and to come back is as good as to spin.
const CHEAP: u64 = 500;
/// If it takes more, a thread may spin for this many times as long before it gives way, but no longer than [`LONGEST_SHARE`].
const SHARE: u64 = 16;
const LONGEST_SHARE: u64 = 10_000;
/// For how long nobody looks after a handle has been seen to move between threads, in nanoseconds.
const SETTLE: u64 = 100_000_000;
/// Amid others a handle has this many looks at least, however long it takes until it has its turn again.
const FEW: u8 = 16;
/// Looks between two readings of the clock, some hundred nanoseconds.
const LOOKS: u32 = 16;

/// What a thread knows of the looking that is done on it.
pub(super) struct Looker {
    /// Its number; 0 while it has none.
    thread: Cell<u16>,
    spinner: Cell<Spinner>,
    /// The job whose handle has come back last, or will, and has not found it since; 0 if there is none.
    last: Cell<u64>,
    /// When the last poll became pending; or, if the last polls have found their outcomes, when the first of these did. The bits
    /// of a [`Stamp`], or 0.
    since: Cell<u64>,
    /// Whether the last poll has found its outcome.
    found_last: Cell<bool>,
    /// How long it took to be polled again when a handle came back, in nanoseconds.
    away: Cell<u64>,
    /// When an outcome was found last.
    found_at: Cell<Stamp>,
    /// Another one was found since then, and no clock was read.
    found_since: Cell<bool>,
    pub(super) busy: Busy,
}

thread_local! {
    pub(super) static LOOKER: Looker = const {
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
    pub(super) fn look(&self, looking: &mut Looking, header: &Header) -> Looked {
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
        let Some(nanos) = self.time_to_spin(looking, job, pool, now) else { return Looked::NoMore };
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
                self.time_is_up(job, looking, later);
                return Looked::NoMore;
            }
        }
        self.last.set(job);
        self.is_pending(later);
        Looked::Again
    }

    /// How long the handle may spin in this poll, in nanoseconds; 0 if it is to look once. `None`: it looks no more.
    #[inline]
    fn time_to_spin(&self, looking: &mut Looking, job: u64, pool: &Shared, now: Stamp) -> Option<u64> {
        if looking.phase == Phase::Fresh {
            return self.begin(looking, job, pool, now);
        }
        if looking.thread != self.number() {
            pool.movers_until.set(pool.clock_at(now) + SETTLE);
            return None;
        }
        if looking.phase == Phase::Unasked {
            *looking = Looking { phase: Phase::Looking, began: now.lower_half(), ..*looking };
            return Some(0);
        }
        if !looking.has_time(pool, now) && (self.last.get() == job || looking.looks >= FEW) {
            self.time_is_up(job, looking, now);
            return None;
        }
        looking.looks = looking.looks.saturating_add(1);
        Some(if self.is_back(job, now) { self.share(now) } else { 0 })
    }

    /// A handle begins to look, if this is an occasion. As [`time_to_spin`](Self::time_to_spin).
    #[inline]
    fn begin(&self, looking: &mut Looking, job: u64, pool: &Shared, now: Stamp) -> Option<u64> {
        if pool.movers_until.is_to_come(|| pool.clock_at(now)) || !self.spinner(Spinner::is_an_occasion) {
            self.no_more(job);
            return None;
        }
        *looking =
            Looking { phase: Phase::Looking, looks: 0, thread: self.number(), began: now.lower_half() };
        Some(if self.last.get() == 0 { self.share(now) } else { 0 })
    }

    /// A poll ends as pending.
    fn is_pending(&self, now: Stamp) {
        self.since.set(now.to_bits());
        self.found_last.set(false);
    }

    /// How long this thread may still spin before it has to give way, in nanoseconds.
    fn share(&self, now: Stamp) -> u64 {
        let share = if self.away.get() < CHEAP { 0 } else { (SHARE * self.away.get()).min(LONGEST_SHARE) };
        match Stamp::from_bits(self.since.get()) {
            Some(since) if self.found_last.get() => share.saturating_sub(now.nanos_since(since)),
            _ => share,
        }
    }

    /// A handle has come back, and finds its job done.
    pub(super) fn back_and_found(&self, phase: Phase, job: u64) {
        self.busy.found(self.last.get() == job);
        if phase == Phase::Unasked {
            self.found_since.set(true);
            return self.forget(job);
        }
        let now = Stamp::now();
        self.is_back(job, now);
        self.found(job, now);
    }

    /// A handle has come back. Returns whether it is alone: then the time since it was pending is noted as what giving way takes.
    fn is_back(&self, job: u64, now: Stamp) -> bool {
        let is_alone = self.last.get() == job;
        if is_alone {
            let since = Stamp::from_bits(self.since.get()).unwrap_or(now);
            self.away.set(now.nanos_since(since));
        }
        is_alone
    }

    /// A handle has found its outcome.
    fn found(&self, job: u64, at: Stamp) {
        self.spinner(Spinner::paid);
        self.found_at.set(at);
        self.forget(job);
    }

    /// A handle has looked for as long as it may. That was not in vain if others have found their outcomes meanwhile: with many
    /// jobs in flight, one takes as long as all before it.
    fn time_is_up(&self, job: u64, looking: &Looking, now: Stamp) {
        let spent = now.nanos_since_lower_half(looking.began);
        if now.nanos_since(self.found_at.get()) >= spent {
            self.spinner(Spinner::was_in_vain);
        }
        self.no_more(job);
    }

    /// A handle looks no more, and has not found its outcome.
    fn no_more(&self, job: u64) {
        self.forget(job);
        self.found_last.set(false);
    }

    /// The job's handle is not the last one that will come back, any more. For a handle that is dropped, or polled elsewhere,
    /// this is not called. Then the next handle comes back once where it might have spun, and is the last from there on.
    fn forget(&self, job: u64) {
        if self.last.get() == job {
            self.last.set(0);
        }
    }

    /// The thread's number. With more than 65,535 threads two may have the same one, and a handle may move from one of them to the
    /// other unnoticed.
    fn number(&self) -> u16 {
        // std's atomic: it decides nothing.
        static NEXT: AtomicU16 = AtomicU16::new(1);
        if self.thread.get() == 0 {
            self.thread.set(NEXT.fetch_add(1, Ordering::Relaxed).max(1));
        }
        self.thread.get()
    }

    /// Does something with the thread's spinner.
    fn spinner<R>(&self, then: impl FnOnce(&mut Spinner) -> R) -> R {
        let mut spinner = self.spinner.take();
        let done = then(&mut spinner);
        self.spinner.set(spinner);
        done
    }
}

/// Looks for `nanos` at most, from `since` on. `None` if it is ready; otherwise the moment at which the time was up.
fn spin(since: Stamp, nanos: u64, ready: impl Fn() -> bool) -> Option<Stamp> {
    let mut looks = 0;
    loop {
        if ready() {
            return None;
        }
        spin_loop();
        // Not a loop of its own, which the compiler would write out.
        looks = (looks + 1) % LOOKS;
        if looks == 0 {
            let now = Stamp::now();
            if now.nanos_since(since) >= nanos {
                return Some(now);
            }
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
