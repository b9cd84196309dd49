//! Timers: deadlines that have broken other runtimes, and the wakers behind them.

mod support;

use sideline_reactor::{Clock, Reactor, Timer};
use std::sync::{Arc, Mutex};
use std::task::{Context, Wake, Waker};
use std::time::{Duration, Instant};
use support::Count;

const HOUR: Duration = Duration::from_secs(3600);

fn by_hand() -> (Clock, Reactor) {
    let clock = Clock::manual();
    (clock.clone(), Reactor::new(clock).unwrap())
}

fn is_ready(timer: &mut Timer) -> bool {
    timer.poll(&mut Context::from_waker(Waker::noop())).is_ready()
}

#[test]
fn zero_and_past_deadlines_are_ready_at_once_and_arm_nothing() {
    let (clock, reactor) = by_hand();
    let long_ago = clock.now().checked_sub(Duration::from_millis(1)).unwrap();
    for deadline in [clock.now(), long_ago] {
        let mut timer = Timer::new(reactor.handle(), deadline);
        assert!(timer.is_elapsed() && is_ready(&mut timer) && is_ready(&mut timer));
    }
    assert_eq!(reactor.handle().next_deadline(), None);
}

#[test]
fn far_deadlines_neither_panic_nor_fire_early() {
    let (clock, mut reactor) = by_hand();
    let start = clock.now();
    // As far as an `Instant` goes, found bit by bit.
    let farthest =
        (0..64).rev().fold(start, |at, bit| at.checked_add(Duration::from_secs(1 << bit)).unwrap_or(at));
    let after_days = |days: u32| start + days * 24 * HOUR;
    let days = [13, 25, 50, 200 * 365];
    let mut timers: Vec<_> = days.map(|days| Timer::new(reactor.handle(), after_days(days))).into();
    timers.push(Timer::new(reactor.handle(), farthest));
    for timer in &mut timers {
        assert!(!is_ready(timer));
    }
    for (earlier, days) in days.into_iter().enumerate() {
        clock.advance(after_days(days) - clock.now() - Duration::from_nanos(1));
        assert_eq!(reactor.fire_timers(), 0);
        clock.advance(Duration::from_nanos(1));
        assert_eq!(reactor.fire_timers(), 1);
        let ready: Vec<_> = timers.iter_mut().map(is_ready).collect();
        assert_eq!(ready.iter().filter(|ready| **ready).count(), earlier + 1);
    }
    clock.advance(300 * 365 * 24 * HOUR);
    assert_eq!(reactor.fire_timers(), 0);
}

#[test]
fn a_nanosecond_makes_the_difference() {
    let (clock, mut reactor) = by_hand();
    let mut timer = Timer::new(reactor.handle(), clock.now() + HOUR);
    assert!(!is_ready(&mut timer));
    clock.advance(HOUR - Duration::from_nanos(1));
    assert_eq!(reactor.fire_timers(), 0);
    assert!(!is_ready(&mut timer));
    clock.advance(Duration::from_nanos(1));
    assert_eq!(reactor.fire_timers(), 1);
    assert!(is_ready(&mut timer));
}

#[test]
fn only_the_last_task_that_polled_is_woken() {
    let (clock, mut reactor) = by_hand();
    let mut timer = Timer::new(reactor.handle(), clock.now() + HOUR);
    let (a, waker_a) = Count::new();
    let (b, waker_b) = Count::new();
    assert!(timer.poll(&mut Context::from_waker(&waker_a)).is_pending());
    assert!(timer.poll(&mut Context::from_waker(&waker_b)).is_pending());
    clock.advance(HOUR);
    reactor.turn(None, || false).unwrap();
    assert_eq!((a.get(), b.get()), (0, 1));
}

include!("support/order.rs");

#[test]
fn they_fire_in_the_order_of_their_deadlines_and_ties_in_the_order_of_arming() {
    let (clock, mut reactor) = by_hand();
    let order = Arc::new(Mutex::new(Vec::new()));
    let mut timers = Vec::new();
    // 997 is prime: i * 31 % 997 visits every residue, each deadline is used three times.
    for i in 0..2_991 {
        let deadline = clock.now() + Duration::from_millis(1 + i * 31 % 997);
        let mut timer = Timer::new(reactor.handle(), deadline);
        let waker = Arc::new(Order(i as usize, order.clone())).into();
        assert!(timer.poll(&mut Context::from_waker(&waker)).is_pending());
        timers.push((deadline, i as usize, timer));
    }
    clock.advance(HOUR);
    assert_eq!(reactor.fire_timers(), timers.len());
    timers.sort_by_key(|(deadline, i, _)| (*deadline, *i));
    let expected: Vec<_> = timers.iter().map(|(_, i, _)| *i).collect();
    assert_eq!(*order.lock().unwrap(), expected);
}

#[test]
fn a_flood_fires_in_portions_and_the_loop_does_not_sleep_in_between() {
    let (clock, mut reactor) = by_hand();
    let (count, waker) = Count::new();
    let mut timers: Vec<_> = (0..10_000).map(|_| Timer::new(reactor.handle(), clock.now() + HOUR)).collect();
    for timer in &mut timers {
        assert!(timer.poll(&mut Context::from_waker(&waker)).is_pending());
    }
    clock.advance(HOUR);
    let mut turns = 0;
    while count.get() < timers.len() {
        reactor.turn(None, || false).unwrap();
        turns += 1;
    }
    assert!((2..10).contains(&turns), "{turns} turns");
}

#[test]
fn reset_moves_an_armed_timer_both_ways_and_keeps_its_waker() {
    let (clock, mut reactor) = by_hand();
    let start = clock.now();
    let mut timer = Timer::new(reactor.handle(), start + HOUR);
    let (count, waker) = Count::new();
    assert!(timer.poll(&mut Context::from_waker(&waker)).is_pending());
    timer.reset(start + 2 * HOUR);
    assert_eq!(reactor.handle().next_deadline(), Some(start + 2 * HOUR));
    clock.advance(HOUR);
    assert_eq!(reactor.fire_timers(), 0);
    timer.reset(start + HOUR + Duration::from_secs(1));
    assert_eq!(timer.deadline(), start + HOUR + Duration::from_secs(1));
    clock.advance(Duration::from_secs(1));
    assert_eq!(reactor.fire_timers(), 1);
    assert_eq!(count.get(), 1);
    // Fired, but nobody has looked yet: it is another deadline's timer now.
    timer.reset(start + 3 * HOUR);
    assert!(!is_ready(&mut timer));
    assert_eq!(reactor.handle().next_deadline(), Some(start + 3 * HOUR));
    clock.advance(3 * HOUR);
    assert!(is_ready(&mut timer));
    timer.reset(start + 9 * HOUR);
    assert!(!timer.is_elapsed() && !is_ready(&mut timer));
}

#[test]
fn dropping_cancels_and_a_million_cancelled_timers_leave_nothing() {
    let (clock, mut reactor) = by_hand();
    for _ in 0..1_000_000 {
        assert!(!is_ready(&mut Timer::new(reactor.handle(), clock.now() + HOUR)));
    }
    assert_eq!(reactor.handle().next_deadline(), None);
    clock.advance(2 * HOUR);
    assert_eq!(reactor.fire_timers(), 0);
}

#[test]
fn a_timer_may_be_polled_and_dropped_on_another_thread() {
    let mut reactor = Reactor::new(Clock::real()).unwrap();
    let handle = reactor.handle().clone();
    let (count, waker) = Count::new();
    let armer = std::thread::spawn(move || {
        let is_waiting = || {
            let state = format!("{handle:?}");
            // The one on its word, the other in the event queue.
            state.contains("ASLEEP") || state.contains("PARKED")
        };
        while !is_waiting() {
            std::thread::yield_now();
        }
        // Again if this thread was held up until it was due: that one is not armed.
        loop {
            let mut timer = Timer::after(&handle, Duration::from_millis(2));
            if timer.poll(&mut Context::from_waker(&waker)).is_pending() {
                break timer;
            }
        }
    });
    // Without a limit: only the timer, armed during this sleep, can end it.
    while count.get() == 0 {
        reactor.turn(None, || false).unwrap();
    }
    let now = Instant::now();
    let timer = armer.join().unwrap();
    assert!(now >= timer.deadline());
    std::thread::spawn(move || drop(timer)).join().unwrap();
}

#[test]
fn a_short_sleep_takes_one_or_two_turns() {
    let mut reactor = Reactor::new(Clock::real()).unwrap();
    for micros in [1, 100, 900, 1_000, 1_001, 2_500] {
        let deadline = Instant::now() + Duration::from_micros(micros);
        let mut timer = Timer::new(reactor.handle(), deadline);
        let mut turns = 0;
        while !is_ready(&mut timer) {
            reactor.turn(None, || false).unwrap();
            turns += 1;
        }
        assert!(Instant::now() >= deadline);
        assert!(turns <= 2, "{turns} turns for {micros} us");
    }
}

#[test]
fn timers_that_are_due_within_the_slack_share_a_wait() {
    let mut reactor = Reactor::new(Clock::real()).unwrap();
    reactor.set_timer_slack(Duration::from_millis(20));
    for _ in 0..2 {
        let mut timers =
            [2, 2, 3, 10].map(|after| Timer::after(reactor.handle(), Duration::from_millis(after)));
        let (count, waker) = Count::new();
        let mut cx = Context::from_waker(&waker);
        // One that is due already, since this thread was held up, is not armed and needs no wait.
        let armed =
            timers.iter_mut().filter_map(|timer| timer.poll(&mut cx).is_pending().then_some(())).count();
        while count.get() == 0 && armed > 0 {
            reactor.turn(None, || false).unwrap();
        }
        assert_eq!(count.get(), armed, "woken by one turn");
        for timer in &mut timers {
            assert!(is_ready(timer) && Instant::now() >= timer.deadline());
        }
    }
}

#[test]
fn a_deadline_that_passed_while_the_loop_was_stuck_fires_as_it_comes_to_look() {
    let mut reactor = Reactor::new(Clock::real()).unwrap();
    let mut hour = Timer::new(reactor.handle(), Instant::now() + HOUR);
    assert!(!is_ready(&mut hour));
    // This reads the clock, and what it has read serves the timers of this turn.
    reactor.turn(Some(Duration::ZERO), || false).unwrap();
    let mut timer = Timer::after(reactor.handle(), Duration::from_millis(150));
    while Instant::now() < timer.deadline() {
        std::thread::sleep(timer.deadline().saturating_duration_since(Instant::now()));
    }
    assert!(timer.is_elapsed());
    if !is_ready(&mut timer) {
        reactor.turn(None, || false).unwrap();
        assert!(is_ready(&mut timer));
    }
}

#[test]
fn time_by_hand_does_not_pass_while_the_loop_sleeps() {
    let (clock, mut reactor) = by_hand();
    let mut timer = Timer::new(reactor.handle(), clock.now() + Duration::from_millis(1));
    let (count, waker) = Count::new();
    assert!(timer.poll(&mut Context::from_waker(&waker)).is_pending());
    reactor.turn(Some(Duration::from_millis(5)), || false).unwrap();
    assert_eq!(count.get(), 0);
    clock.advance(Duration::from_millis(1));
    reactor.turn(None, || false).unwrap();
    assert_eq!(count.get(), 1);
}
