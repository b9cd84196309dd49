//! Timers of a loop that stays on its thread, there and elsewhere.

mod support;

use sideline_reactor::{Clock, LocalReactor, Timer};
use std::cell::RefCell;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};
use std::thread;
use std::time::Duration;
use support::Count;

const HOUR: Duration = Duration::from_secs(3600);

fn by_hand() -> (Clock, LocalReactor) {
    let clock = Clock::manual();
    (clock.clone(), LocalReactor::new(clock).unwrap())
}

fn poll(timer: &mut Timer, waker: &Waker) -> Poll<()> {
    timer.poll(&mut Context::from_waker(waker))
}

fn armed(reactor: &LocalReactor, after: Duration, waker: &Waker) -> Timer {
    let mut timer = Timer::after(reactor.handle(), after);
    assert!(poll(&mut timer, waker).is_pending());
    timer
}

fn elsewhere<T: Send>(f: impl FnOnce() -> T + Send) -> T {
    thread::scope(|scope| scope.spawn(f).join().unwrap())
}

include!("support/order.rs");

#[test]
fn those_armed_here_and_elsewhere_fire_in_one_order() {
    let (clock, mut reactor) = by_hand();
    let order = Arc::new(Mutex::new(Vec::new()));
    let mut timers = Vec::new();
    // 997 is prime: every residue once.
    for i in 0..997 {
        let second = 1 + i * 31 % 997;
        let waker = Waker::from(Arc::new(Order(second as usize, order.clone())));
        let mut timer = Timer::after(reactor.handle(), Duration::from_secs(second));
        if i % 3 == 0 {
            timer = elsewhere(move || {
                assert!(poll(&mut timer, &waker).is_pending());
                timer
            });
        } else {
            assert!(poll(&mut timer, &waker).is_pending());
        }
        timers.push(timer);
    }
    assert_eq!(reactor.handle().next_deadline(), Some(clock.now() + Duration::from_secs(1)));
    clock.advance(Duration::from_secs(500));
    assert_eq!(reactor.fire_timers(), 500);
    assert_eq!(reactor.handle().next_deadline(), Some(clock.now() + Duration::from_secs(1)));
    clock.advance(HOUR);
    assert_eq!(reactor.fire_timers(), 497);
    assert!(order.lock().unwrap().iter().copied().eq(1..=997));
    assert_eq!(reactor.handle().next_deadline(), None);
}

#[test]
fn one_that_is_dropped_elsewhere_is_gone_with_its_waker_in_the_next_turn() {
    let (clock, mut reactor) = by_hand();
    let (count, waker) = Count::new();
    for _ in 0..3 {
        let timer = armed(&reactor, HOUR, &waker);
        elsewhere(move || drop(timer));
    }
    let kept = armed(&reactor, 2 * HOUR, Waker::noop());
    assert_eq!(Arc::strong_count(&count), 2 + 3);
    // It does not sleep on them, and looks for work all the same.
    let mut has_looked = false;
    reactor
        .turn(None, || {
            has_looked = true;
            false
        })
        .unwrap();
    assert!(has_looked);
    assert_eq!((Arc::strong_count(&count), count.get()), (2, 0));
    assert_eq!(reactor.handle().next_deadline(), Some(clock.now() + 2 * HOUR));
    drop(kept);
    assert_eq!(reactor.handle().next_deadline(), None);
}

#[test]
fn one_that_is_polled_elsewhere_wakes_there_alone() {
    let (clock, mut reactor) = by_hand();
    let (here, waker_here) = Count::new();
    let (there, waker_there) = Count::new();
    let mut timer = armed(&reactor, HOUR, &waker_here);
    let mut timer = elsewhere(move || {
        assert!(poll(&mut timer, &waker_there).is_pending());
        timer
    });
    reactor.turn(Some(Duration::ZERO), || false).unwrap();
    assert_eq!(Arc::strong_count(&here), 2, "only the variable's");
    clock.advance(HOUR);
    assert_eq!(reactor.fire_timers(), 1);
    assert_eq!((here.get(), there.get()), (0, 1));
    assert!(poll(&mut timer, &waker_here).is_ready());
}

#[test]
fn one_that_is_reset_elsewhere_wakes_who_waits_to_wait_anew() {
    let (clock, mut reactor) = by_hand();
    let start = clock.now();
    let (count, waker) = Count::new();
    for deadline in [start + 2 * HOUR, start + HOUR / 2] {
        let wakes = count.get();
        let mut timer = armed(&reactor, HOUR, &waker);
        let mut timer = elsewhere(move || {
            timer.reset(deadline);
            timer
        });
        reactor.turn(None, || false).unwrap();
        assert_eq!(count.get(), wakes + 1);
        assert!(poll(&mut timer, &waker).is_pending());
        assert_eq!(reactor.handle().next_deadline(), Some(deadline));
    }
    // One that has fired, but nobody has looked yet.
    let mut timer = armed(&reactor, HOUR, &waker);
    clock.advance(HOUR);
    assert_eq!(reactor.fire_timers(), 1);
    let mut timer = elsewhere(move || {
        timer.reset(start + 3 * HOUR);
        timer
    });
    reactor.fire_timers();
    assert!(poll(&mut timer, &waker).is_pending());
    clock.advance(2 * HOUR);
    assert!(poll(&mut timer, &waker).is_ready());
}

#[test]
fn a_standing_by_loop_is_told_of_an_earlier_deadline_on_its_own_thread() {
    let (_, mut reactor) = by_hand();
    let _later = armed(&reactor, 2 * HOUR, Waker::noop());
    reactor.stand_by(|| false);
    let _sooner = armed(&reactor, HOUR, Waker::noop());
    // The wakeup ends this wait, which would have no end else.
    reactor.resume();
    reactor.turn(None, || false).unwrap();
}

#[test]
fn the_end_of_the_reactor_wakes_those_here_and_those_elsewhere() {
    let (_, reactor) = by_hand();
    let (count, waker) = Count::new();
    let mut here = armed(&reactor, HOUR, &waker);
    let mut there = Timer::after(reactor.handle(), HOUR);
    elsewhere(|| assert!(poll(&mut there, &waker).is_pending()));
    let left = armed(&reactor, HOUR, &waker);
    elsewhere(move || drop(left));
    let handle = reactor.handle().clone();
    drop(reactor);
    assert_eq!(count.get(), 2);
    elsewhere(move || assert!(format!("{handle:?}").contains("timers: 0"), "{handle:?}"));
    assert_eq!(Arc::strong_count(&count), 2);
    assert!(poll(&mut here, &waker).is_ready());
    elsewhere(|| assert!(poll(&mut there, &waker).is_ready()));
    // They may outlive it, and be dropped anywhere.
    elsewhere(move || drop(here));
    drop(there);
}

/// A known waker of a cancelled timer waits for the next one, but not for longer than the loop is busy.
#[test]
fn a_kept_waker_is_dropped_before_the_loop_sleeps_and_when_it_ends() {
    let (count, waker) = Count::new();
    let mut reactor = LocalReactor::with_known_wakers(Clock::manual(), waker.vtable()).unwrap();
    let none = Arc::strong_count(&count);
    drop(armed(&reactor, HOUR, &waker));
    assert_eq!(Arc::strong_count(&count), none + 1);
    let timer = armed(&reactor, HOUR, &waker);
    assert_eq!(Arc::strong_count(&count), none + 1, "the same");
    drop(timer);
    reactor.turn(Some(Duration::ZERO), || false).unwrap();
    assert_eq!(Arc::strong_count(&count), none + 1);
    reactor.turn(Some(Duration::from_millis(1)), || false).unwrap();
    assert_eq!(Arc::strong_count(&count), none);
    drop(armed(&reactor, HOUR, &waker));
    reactor.stand_by(|| false);
    assert_eq!(Arc::strong_count(&count), none);
    reactor.resume();
    drop(armed(&reactor, HOUR, &waker));
    drop(reactor);
    assert_eq!((Arc::strong_count(&count), count.get()), (none, 0));
}

#[test]
fn an_unknown_waker_is_not_kept() {
    let (_, reactor) = by_hand();
    let (count, waker) = Count::new();
    drop(armed(&reactor, HOUR, &waker));
    assert_eq!(Arc::strong_count(&count), 2);
}

/// Arms and drops timers when it is woken and when it is dropped, and panics then.
struct CallsBack(sideline_reactor::Handle, #[expect(dead_code)] Arc<()>);

impl CallsBack {
    fn call_back(&self) {
        let mut timers = [HOUR, 2 * HOUR].map(|after| Timer::after(&self.0, after));
        for timer in &mut timers {
            let _ = poll(timer, Waker::noop());
            timer.reset(timer.deadline() + HOUR);
        }
        let _ = format!("{:?} {:?}", self.0, self.0.next_deadline());
        drop(timers);
        panic!("it does that, too");
    }
}

impl Wake for CallsBack {
    fn wake(self: Arc<Self>) {
        self.call_back();
    }
}

impl Drop for CallsBack {
    fn drop(&mut self) {
        if !thread::panicking() {
            self.call_back();
        }
    }
}

#[test]
fn a_waker_may_call_back_in_and_panic() {
    let (clock, mut reactor) = by_hand();
    let handle = reactor.handle().clone();
    let alive = Arc::new(());
    // The timer's is the last one.
    let calls_back = |reactor: &LocalReactor, after| {
        let waker = Waker::from(Arc::new(CallsBack(handle.clone(), alive.clone())));
        armed(reactor, after, &waker)
    };
    let (count, counting) = Count::new();
    let fires = [calls_back(&reactor, HOUR), armed(&reactor, HOUR, &counting), calls_back(&reactor, HOUR)];
    drop(calls_back(&reactor, HOUR));
    let mut replaced = calls_back(&reactor, 2 * HOUR);
    assert!(poll(&mut replaced, &counting).is_pending());
    assert_eq!(Arc::strong_count(&alive), 3);
    let left = calls_back(&reactor, 2 * HOUR);
    elsewhere(move || drop(left));
    clock.advance(HOUR);
    assert_eq!(reactor.fire_timers(), 3);
    assert_eq!((count.get(), Arc::strong_count(&alive)), (1, 1));
    let _at_close = calls_back(&reactor, HOUR);
    drop(reactor);
    assert_eq!((count.get(), Arc::strong_count(&alive)), (2, 1));
    drop(fires);
}

#[test]
fn they_may_be_used_when_their_thread_ends() {
    /// Polls, resets and drops it when it is dropped.
    struct Last(Timer, Arc<Count>);
    impl Drop for Last {
        fn drop(&mut self) {
            let waker = Waker::from(self.1.clone());
            let is_open = !self.0.handle().is_closed();
            for _ in 0..2 {
                assert_eq!(poll(&mut self.0, &waker).is_pending(), is_open);
                self.0.reset(self.0.deadline() + HOUR);
            }
            self.1.wake_by_ref();
        }
    }
    thread_local! {
        static ONE: RefCell<(Option<LocalReactor>, Option<Last>)> = const { RefCell::new((None, None)) };
        static OTHER: RefCell<(Option<LocalReactor>, Option<Last>)> = const { RefCell::new((None, None)) };
    }
    // The reactor ends before its timer, or after it.
    for reactor_first in [true, false] {
        let (count, waker) = Count::new();
        elsewhere(|| {
            ONE.with(|_| ());
            OTHER.with(|_| ());
            let (_, reactor) = by_hand();
            let timer = Last(armed(&reactor, HOUR, &waker), count.clone());
            let (one, other) = if reactor_first { (&OTHER, &ONE) } else { (&ONE, &OTHER) };
            one.with_borrow_mut(|one| one.0 = Some(reactor));
            other.with_borrow_mut(|other| other.1 = Some(timer));
        });
        assert!(count.get() >= 1);
        assert_eq!(Arc::strong_count(&count), 2);
    }
}
