//! Timers of a loop that stays on its thread, when they leave that thread.

use super::{block_on, check};
use crate::sync::{AtomicBool, Ordering, thread};
use crate::{Clock, LocalReactor, Timer};
use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Context, Wake, Waker};
use std::time::Duration;

const HOUR: Duration = Duration::from_secs(3600);

fn armed(reactor: &LocalReactor, waker: &Waker) -> Timer {
    let mut timer = Timer::after(reactor.handle(), HOUR);
    assert!(timer.poll(&mut Context::from_waker(waker)).is_pending());
    timer
}

/// While the loop goes on with timers of its own.
fn timer_dropped_elsewhere() {
    let mut reactor = LocalReactor::new(Clock::manual()).unwrap();
    let timer = armed(&reactor, Waker::noop());
    let dropper = thread::spawn(move || drop(timer));
    let other = armed(&reactor, Waker::noop());
    reactor.turn(Some(Duration::ZERO), || false).unwrap();
    drop(other);
    dropper.join().unwrap();
    reactor.fire_timers();
    assert_eq!(reactor.handle().next_deadline(), None);
}

#[test]
fn timer_dropped_elsewhere_is_gone_in_the_next_turn() {
    check(timer_dropped_elsewhere);
}

/// It is armed with the loop, and the loop closes.
fn timer_polled_elsewhere_against_close() {
    let reactor = LocalReactor::new(Clock::manual()).unwrap();
    let mut timer = armed(&reactor, Waker::noop());
    let sleeper = thread::spawn(move || block_on(poll_fn(move |cx| timer.poll(cx))));
    drop(reactor);
    sleeper.join().unwrap();
}

#[test]
fn timer_polled_elsewhere_against_close_always_completes() {
    check(timer_polled_elsewhere_against_close);
}

/// The loop parks until the old deadline, which never comes, while another thread sets a new one.
fn timer_reset_elsewhere_against_park() {
    let mut reactor = LocalReactor::new(Clock::manual()).unwrap();
    let woken = Arc::new(Woken(AtomicBool::new(false)));
    let mut timer = armed(&reactor, &woken.clone().into());
    let sooner = timer.deadline() - HOUR / 2;
    let resetter = thread::spawn(move || {
        timer.reset(sooner);
        timer
    });
    while !woken.0.load(Ordering::Relaxed) {
        reactor.turn(None, || false).unwrap();
    }
    let mut timer = resetter.join().unwrap();
    assert!(timer.poll(&mut Context::from_waker(Waker::noop())).is_pending());
    assert_eq!(reactor.handle().next_deadline(), Some(sooner));
}

#[test]
fn timer_reset_elsewhere_against_park_wakes_who_waits() {
    check(timer_reset_elsewhere_against_park);
}

struct Woken(AtomicBool);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}
