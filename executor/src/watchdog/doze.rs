//! The watchdog sleeps while the loop rests: idle means idle, for both.
//!
//! The loop *rests* while it is parked, or while no `block_on` and no turn is running. It counts its changes: an even
//! number while it works, an odd one while it rests. The watchdog is in one of these:
//!
//! | mode | meaning | left by |
//! |---|---|---|
//! | AWAKE | it looks every now and then | itself, when the loop has rested from one look to the next |
//! | ASLEEP | it is parked, without a limit | `rise`, when the loop goes to work; `end` |
//! | ENDED | the runtime is gone | nobody |
//!
//! While the watchdog is awake, going to work costs the loop a store, a fence and a load, beside the system call that
//! its rest was. A loop that is woken after a long rest also wakes the watchdog: one system call, since what it does
//! next may be what gets stuck.
//!
//! # The bad interleaving
//! The watchdog sees the loop rest and lies down; meanwhile the loop goes to work, finds the watchdog still awake and
//! gets stuck; nobody watches. So each side writes first and looks second:
//!
//! ```text
//! loop                                   watchdog
//! L1 rests := even                       D1 mode := ASLEEP
//! L2 fence                               D2 fence
//! L3 looks at the mode                   D3 looks at the rests
//! ```
//!
//! Of two sequentially consistent fences one comes first. If it is L2, D3 sees the loop at work and the watchdog gets
//! up again. If it is D2, L3 sees it asleep and wakes it; and sees whom, since that was set before D1. Model:
//! `watchdog_sleep_against_rise`, twins `watchdog-looks-again`, `rise-wakes-watchdog`, `doze-fence` and `rise-fence`.
//!
//! The mode shows nothing but itself, so all its orders are Relaxed. Should the watchdog get up and see the loop rest still, it lies down once
//! more. But it has read what the loop has written to the mode after L2, so that L2 comes before this D2, and D3 sees the loop at work.

use crate::sync::atomic::{AtomicU8, AtomicU64, Ordering::*, fence};
use crate::sync::left_out;
use crate::sync::thread::{self, Thread};
use std::sync::OnceLock;

#[derive(Debug)]
pub(crate) struct Doze {
    /// Odd: the loop rests. Written by the loop alone.
    rests: AtomicU64,
    mode: AtomicU8,
    /// Set by the watchdog before it sleeps for the first time.
    watchdog: OnceLock<Thread>,
}

const AWAKE: u8 = 0;
const ASLEEP: u8 = 1;
const ENDED: u8 = 2;

impl Doze {
    /// Of a loop that is not running yet.
    pub(crate) fn new() -> Self {
        Self { rests: AtomicU64::new(1), mode: AtomicU8::new(AWAKE), watchdog: OnceLock::new() }
    }

    /// By the loop: from now on nothing can be stuck.
    pub(crate) fn rest(&self) {
        self.rests.store(self.rests.load(Relaxed) | 1, Relaxed);
    }

    /// By the loop: it goes to work.
    pub(crate) fn rise(&self) {
        // L1.
        self.rests.store((self.rests.load(Relaxed) | 1) + 1, Relaxed);
        // L2. SeqCst: pairs with D2.
        if !left_out("rise-fence") {
            fence(SeqCst);
        }
        // L3.
        if self.mode.load(Relaxed) == ASLEEP && !left_out("rise-wakes-watchdog") {
            self.call(AWAKE);
        }
    }

    /// The runtime ends, and its watchdog with it.
    pub(crate) fn end(&self) {
        self.call(ENDED);
    }

    #[cold]
    fn call(&self, mode: u8) {
        self.mode.store(mode, Relaxed);
        if let Some(watchdog) = self.watchdog.get() {
            watchdog.unpark();
        }
    }

    /// By the watchdog, before anything else.
    pub(crate) fn introduce_watchdog(&self) {
        let _ = self.watchdog.set(thread::current());
    }

    pub(crate) fn has_ended(&self) -> bool {
        self.mode.load(Relaxed) == ENDED
    }

    /// How often the loop has gone to rest and to work.
    pub(crate) fn rests(&self) -> u64 {
        self.rests.load(Relaxed)
    }

    pub(crate) fn is_rest(rests: u64) -> bool {
        rests % 2 == 1
    }

    /// By the watchdog: sleeps until the loop goes to work, if it has not since `seen`.
    pub(crate) fn sleep(&self, seen: u64) {
        // D1. Not if it has ended meanwhile.
        if self.mode.compare_exchange(AWAKE, ASLEEP, Relaxed, Relaxed).is_err() {
            return;
        }
        // D2. SeqCst: pairs with L2.
        if !left_out("doze-fence") {
            fence(SeqCst);
        }
        // D3.
        if self.rests() != seen && !left_out("watchdog-looks-again") {
            // If the loop was quicker there is a token left, which ends the next wait early: no harm.
            let _ = self.mode.compare_exchange(ASLEEP, AWAKE, Relaxed, Relaxed);
        }
        while self.mode.load(Relaxed) == ASLEEP {
            thread::park();
        }
    }
}
