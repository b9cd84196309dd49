//! Whether to stay awake for a little while before parking.
//!
//! Somebody whom the loop has just sent something to, be it a thread or the other end of a connection, answers, as a rule,
//! after some tens of microseconds, and most of that is its own processor waking up. If the loop parks meanwhile, its
//! processor falls asleep too and the answer waits for it a second time. So the loop lingers: it looks for wakes from
//! other threads, and now and then at sockets and timers, before it parks. But only on evidence, because a loop that waits
//! for anything else would burn its processor for nothing. [`habit.rs`](habit) says on which evidence, and for how long.
//! There is one [`Habit`] for wakes and one for events of sockets, as the one may pay while the other does not.
//!
//! While the pool has a worker awake for each processor nobody lingers: it would take from the jobs what it waits for.
//!
//! Results of jobs have a spinner of their own in `core/waiting.rs`, which needs no evidence: there the loop knows that
//! somebody is about to answer.
//!
//! [`Builder::busy_poll`](crate::Builder::busy_poll) asks for lingering without evidence. Such a time in vain says nothing of the habits, and the
//! park after it is evidence like any other: else a microsecond of busy polling would keep all evidence away.

mod habit;

use super::Core;
use crate::sync::LINGERS;
use habit::Habit;
use std::cell::Cell;
use std::hint::spin_loop;
use std::time::{Duration, Instant};

/// Looks for wakes, about a microsecond altogether, between two at the reactor.
const LOOKS: u32 = 20;

#[derive(Default)]
pub(crate) struct Linger {
    /// In nanoseconds.
    busy_poll: Cell<u64>,
    wakes: Habit,
    events: Habit,
    /// For how many nanoseconds the loop has waited awake since it last parked at once.
    awake: Cell<u64>,
    /// The loop has lingered in vain in this wait.
    was_in_vain: Cell<bool>,
}

/// What came of lingering.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Lingered {
    /// Another thread woke somebody.
    Woken,
    /// A source became ready.
    Event,
    /// A timer is due.
    Timer,
    Vain,
}

impl Linger {
    /// From now on the loop lingers for this long without evidence, too.
    pub(crate) fn busy_poll(&self, duration: Duration) {
        self.busy_poll.set(u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX));
    }

    /// For how many nanoseconds to linger now; zero: not at all.
    fn limit(&self) -> u64 {
        let (asked, wakes, events) = (self.busy_poll.get(), &self.wakes, &self.events);
        if !LINGERS {
            0
        } else if wakes.wants_sample(self.awake.get()) || events.wants_sample(self.awake.get()) {
            asked
        } else {
            asked.max(wakes.limit()).max(events.limit())
        }
    }

    /// The loop has lingered, for `limit` at most.
    fn lingered(&self, outcome: Lingered, limit: u64) {
        match outcome {
            Lingered::Woken => self.wakes.paid(),
            Lingered::Event => self.events.paid(),
            Lingered::Timer => {}
            // No habit has asked for it.
            Lingered::Vain if limit <= self.busy_poll.get() => {}
            Lingered::Vain => {
                self.wakes.was_in_vain();
                self.events.was_in_vain();
                self.was_in_vain.set(true);
            }
        }
    }

    /// The loop has waited for so many nanoseconds, and did not park.
    pub(crate) fn stayed_awake(&self, nanos: u64) {
        self.awake.set(self.awake.get().saturating_add(nanos));
    }

    /// The loop has waited for so many nanoseconds, and parked.
    #[inline(never)]
    pub(crate) fn parked(&self, nanos: u64, notified: bool, had_events: bool) {
        // Only long waits come to a park after lingering: they do not say what is usual.
        if !LINGERS || self.was_in_vain.replace(false) {
            return;
        }
        self.awake.set(0);
        self.wakes.parked(nanos, notified);
        self.events.parked(nanos, had_events);
    }
}

impl Core {
    /// Lingers, if it is time to. True if there is something to do.
    pub(crate) fn linger(&self) -> bool {
        let limit = self.linger.limit();
        if limit == 0 || !self.time().flows() || self.shared().tenant.pool().is_saturated() {
            return false;
        }
        let outcome = self.look_around(Duration::from_nanos(limit));
        self.linger.lingered(outcome, limit);
        outcome != Lingered::Vain
    }

    /// After a look at the reactor, in which another thread may have woken somebody, too.
    fn what_came(&self) -> Lingered {
        if self.had_events() {
            Lingered::Event
        } else if self.had_timers() {
            Lingered::Timer
        } else {
            Lingered::Woken
        }
    }

    #[inline(never)]
    fn look_around(&self, limit: Duration) -> Lingered {
        let since = Instant::now();
        let mut looks = 0;
        loop {
            if self.shared().has_work() {
                return Lingered::Woken;
            }
            spin_loop();
            // Not a loop of its own, which the compiler would write out.
            looks = (looks + 1) % LOOKS;
            if looks > 0 {
                continue;
            }
            self.park(Some(Duration::ZERO));
            let asks = self.ask_for_thread();
            if self.tasks.ready() > 0 || self.shared().has_work() {
                return self.what_came();
            }
            if asks || since.elapsed() >= limit {
                return Lingered::Vain;
            }
        }
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::habit::{SAMPLE, SOON};
    use super::*;
    use crate::Runtime;
    use sideline_blocking_pool::Spinner;
    use std::sync::{Arc, mpsc};
    use std::task::Waker;

    const QUICK: u64 = 40_000;
    const SLOW: u64 = 5_000_000;

    impl Linger {
        /// It has lingered as it wanted to.
        fn has(&self, outcome: Lingered) {
            self.lingered(outcome, self.limit());
        }
    }

    #[test]
    fn the_limit_is_half_of_what_parks_have_been_taking() {
        if !Spinner::can_pay() {
            return;
        }
        let linger = Linger::default();
        linger.parked(QUICK, false, true);
        assert_eq!(linger.limit(), QUICK / 2);
        // Of a park that lingering delayed nothing is learnt.
        linger.has(Lingered::Event);
        linger.has(Lingered::Vain);
        linger.parked(SOON, false, true);
        assert_eq!(linger.limit(), QUICK / 2);
        (0..100).for_each(|_| linger.parked(SOON, false, true));
        assert!(linger.limit() > SOON * 2 / 5 && linger.limit() <= SOON / 2);
    }

    #[test]
    fn a_small_part_of_the_time_goes_into_parks_although_lingering_pays() {
        if !Spinner::can_pay() {
            return;
        }
        let linger = Linger::default();
        for answer in [QUICK / 4, QUICK / 100] {
            linger.parked(QUICK, false, true);
            for _ in 0..QUICK * SAMPLE / answer {
                assert_eq!(linger.limit(), QUICK / 2);
                linger.has(Lingered::Event);
                linger.stayed_awake(answer);
            }
            assert_eq!(linger.limit(), 0);
        }
    }

    #[test]
    fn wakes_and_events_have_their_own_limits_and_their_own_success() {
        if !Spinner::can_pay() {
            return;
        }
        let linger = Linger::default();
        linger.parked(QUICK, false, true);
        linger.parked(SOON, true, false);
        assert_eq!(linger.limit(), SOON / 2);
        // Only events come: lingering for wakes ends, as times in vain are everybody's.
        (0..10).for_each(|_| linger.has(Lingered::Event));
        linger.has(Lingered::Timer);
        linger.has(Lingered::Vain);
        assert_eq!(linger.limit(), QUICK / 2);
    }

    #[test]
    fn what_comes_now_and_then_is_no_evidence_and_neither_are_timers() {
        let linger = Linger::default();
        for _ in 0..1_000 {
            linger.parked(SLOW, true, true);
            linger.parked(SOON, false, false);
            assert_eq!(linger.limit(), 0);
        }
    }

    /// The loop is in the middle of a look at the reactor then, as a rule in some rounds of ten.
    #[test]
    fn what_comes_without_an_event_or_a_timer_is_a_wake() {
        let runtime = Runtime::new().unwrap();
        let core = runtime.core();
        let waker = Waker::from(Arc::clone(core.shared()));
        let (go, goes) = mpsc::channel();
        let wakes = std::thread::spawn(move || goes.iter().for_each(|()| waker.wake_by_ref()));
        for _ in 0..2_000 {
            go.send(()).unwrap();
            assert!(core.look_around(Duration::MAX) == Lingered::Woken);
            core.shared().take_main_woken();
        }
        drop(go);
        wakes.join().unwrap();
    }

    #[test]
    fn a_moment_of_busy_polling_keeps_no_evidence_away() {
        if !Spinner::can_pay() {
            return;
        }
        let linger = Linger::default();
        linger.busy_poll(Duration::from_micros(1));
        linger.has(Lingered::Vain);
        linger.parked(QUICK, true, false);
        assert_eq!(linger.limit(), QUICK / 2);
        // Nor what a park takes by now, when it is time to see that.
        linger.stayed_awake(QUICK * SAMPLE);
        assert_eq!(linger.limit(), 1_000);
        linger.has(Lingered::Vain);
        linger.parked(SOON, true, false);
        assert!(linger.limit() > QUICK / 2);
    }

    #[test]
    fn busy_polling_needs_no_evidence_and_no_success() {
        let second = Duration::from_secs(1);
        let linger = Linger::default();
        linger.busy_poll(second);
        (0..100).for_each(|_| linger.has(Lingered::Vain));
        assert_eq!(linger.limit(), 1_000_000_000);
    }
}
