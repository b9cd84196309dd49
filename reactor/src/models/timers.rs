//! Timers of other threads, while the loop parks or ends.

use super::{block_on, check};
use crate::sync::thread;
use crate::{Clock, Reactor, Timer};
use std::future::poll_fn;
#[cfg(loom)]
use std::task::{Context, Waker};
use std::time::Duration;

/// The loop goes to sleep without a limit while another thread arms its first timer: it must not sleep past it.
/// Only a model can wait for ever, so there is no version on real threads.
#[cfg(loom)]
fn timer_against_park() {
    let mut reactor = Reactor::new(Clock::real()).unwrap();
    let armer = thread::spawn({
        let handle = reactor.handle().clone();
        move || {
            let mut timer = Timer::new(&handle, handle.clock().now() + Duration::from_secs(3600));
            let mut cx = Context::from_waker(Waker::noop());
            assert!(timer.poll(&mut cx).is_pending());
            timer
        }
    });
    reactor.turn(None, || false).unwrap();
    assert!(reactor.handle().next_deadline().is_some(), "woken by the timer, or limited by it");
    drop(armer.join().unwrap());
    assert_eq!(reactor.handle().next_deadline(), None);
}

#[cfg(loom)]
#[test]
fn timer_against_park_is_not_slept_past() {
    check(timer_against_park);
}

/// A timer that is armed while the reactor closes completes.
fn timer_against_close() {
    let clock = Clock::manual();
    let reactor = Reactor::new(clock.clone()).unwrap();
    let sleeper = thread::spawn({
        let mut timer = Timer::new(reactor.handle(), clock.now() + Duration::from_secs(3600));
        move || block_on(poll_fn(move |cx| timer.poll(cx)))
    });
    drop(reactor);
    sleeper.join().unwrap();
}

#[test]
fn timer_against_close_always_completes() {
    check(timer_against_close);
}
