//! Parking against notifying: on the notifier's word, in the selector, and inside another loop.

use super::{Quiet, check, check_with, lazy};
use crate::sync::{Arc, AtomicBool, Ordering, thread};
use crate::wait::Wait;
use crate::{Clock, Reactor, Registration};

/// A reactor without sources that sleeps in its selector all the same.
fn reactor_in_its_selector() -> Reactor {
    let reactor = Reactor::new(Clock::manual()).unwrap();
    reactor.handle().0.need_selector();
    reactor
}

/// Another thread that publishes work, with no ordering of its own, and then notifies; and the flag that says so.
fn notifier_with_work(reactor: &Reactor) -> (thread::JoinHandle<()>, Arc<AtomicBool>) {
    let work = Arc::new(AtomicBool::new(false));
    let notifier = thread::spawn({
        let (work, handle) = (work.clone(), reactor.handle().clone());
        move || {
            work.store(true, Ordering::Relaxed);
            handle.notify();
        }
    });
    (notifier, work)
}

/// The loop never sleeps on work that is notified.
fn park_against_notify(mut reactor: Reactor) {
    let (notifier, work) = notifier_with_work(&reactor);
    while !work.load(Ordering::Relaxed) {
        reactor.turn(None, || work.load(Ordering::Relaxed)).unwrap();
    }
    notifier.join().unwrap();
}

#[test]
fn park_against_notify_loses_no_wake() {
    check(|| park_against_notify(reactor_in_its_selector()));
}

#[test]
fn sleep_on_the_word_against_notify_loses_no_wake() {
    check(|| park_against_notify(Reactor::new(Clock::manual()).unwrap()));
}

/// The loop was about to sleep on its word, and finds that it has to in the selector.
fn change_of_place_against_notify(mut reactor: Reactor) {
    let handle = reactor.handle().clone();
    let (notifier, work) = notifier_with_work(&reactor);
    while !work.load(Ordering::Relaxed) {
        let look = || {
            handle.0.need_selector();
            work.load(Ordering::Relaxed)
        };
        reactor.turn(None, look).unwrap();
    }
    notifier.join().unwrap();
}

#[test]
fn change_of_place_against_notify_loses_no_wake() {
    check(|| change_of_place_against_notify(Reactor::new(Clock::manual()).unwrap()));
}

/// The same, and it has to open the event queue first.
#[test]
fn opening_against_notify_loses_no_wake() {
    check(|| change_of_place_against_notify(lazy()));
}

/// One thread opens the event queue, another one notifies the loop, which may park in there by then.
fn first_source_against_notify() {
    let mut reactor = lazy();
    let (notifier, work) = notifier_with_work(&reactor);
    let (writer, data) = first_source(&reactor);
    let mut done = false;
    while !(done && data.load(Ordering::Relaxed)) {
        reactor.turn(None, || !done && work.load(Ordering::Relaxed)).unwrap();
        done |= work.load(Ordering::Relaxed);
    }
    notifier.join().unwrap();
    drop(writer.join().unwrap());
}

#[test]
fn first_source_against_notify_loses_no_wake() {
    check(first_source_against_notify);
}

/// The first source is registered while the loop is about to sleep on its word, where no event ends the sleep.
fn sleep_on_the_word_against_register(mut reactor: Reactor) {
    let (writer, data) = first_source(&reactor);
    while !data.load(Ordering::Relaxed) {
        reactor.turn(None, || false).unwrap();
    }
    drop(writer.join().unwrap());
}

/// Another thread that registers a source, to which data comes; and the flag that says so.
fn first_source(reactor: &Reactor) -> (thread::JoinHandle<Registration>, Arc<AtomicBool>) {
    let data = Arc::new(AtomicBool::new(false));
    let writer = thread::spawn({
        let (data, handle) = (data.clone(), reactor.handle().clone());
        move || {
            let registration = handle.register(&mut Quiet, mio::Interest::READABLE).unwrap();
            data.store(true, Ordering::Relaxed);
            // What the kernel does when data arrives.
            handle.0.queue.ends().wakeup.wake().unwrap();
            registration
        }
    });
    (writer, data)
}

#[test]
fn sleep_on_the_word_against_register_ends_with_the_event() {
    check(|| sleep_on_the_word_against_register(Reactor::new(Clock::manual()).unwrap()));
}

#[test]
fn opening_by_another_thread_ends_a_sleep_on_the_word() {
    check(|| sleep_on_the_word_against_register(lazy()));
}

/// Both open the event queue, and both have to come to the same.
fn first_sources_of_two_threads() {
    let mut reactor = lazy();
    let sources = [0, 1].map(|_| first_source(&reactor));
    while !sources.iter().all(|(_, data)| data.load(Ordering::Relaxed)) {
        reactor.turn(None, || false).unwrap();
    }
    for (writer, _) in sources {
        drop(writer.join().unwrap());
    }
}

#[test]
fn first_sources_of_two_threads_are_in_one_queue() {
    check_with(2, first_sources_of_two_threads);
}

/// Two notifiers share one edge; the loop gets to see both pieces of work, in one turn or two.
fn park_against_two_notifiers(mut reactor: Reactor) {
    let work = Arc::new([AtomicBool::new(false), AtomicBool::new(false)]);
    let notifiers = [0, 1].map(|i| {
        let (work, handle) = (work.clone(), reactor.handle().clone());
        thread::spawn(move || {
            work[i].store(true, Ordering::Relaxed);
            handle.notify();
        })
    });
    let mut done = [false; 2];
    while done != [true; 2] {
        let look = || (0..2).any(|i| !done[i] && work[i].load(Ordering::Relaxed));
        reactor.turn(None, look).unwrap();
        for i in 0..2 {
            done[i] |= work[i].load(Ordering::Relaxed);
        }
    }
    for notifier in notifiers {
        notifier.join().unwrap();
    }
}

#[test]
fn park_against_two_notifiers_loses_no_wake() {
    check(|| park_against_two_notifiers(reactor_in_its_selector()));
}

#[test]
fn sleep_on_the_word_against_two_notifiers_loses_no_wake() {
    check(|| park_against_two_notifiers(Reactor::new(Clock::manual()).unwrap()));
}

/// Between turns somebody else waits on the event queue: it is told of work that comes at any moment.
fn stand_by_against_notify() {
    let mut reactor = Reactor::new(Clock::manual()).unwrap();
    let (notifier, work) = notifier_with_work(&reactor);
    while !work.load(Ordering::Relaxed) {
        reactor.stand_by(|| work.load(Ordering::Relaxed));
        let handle = reactor.handle().clone();
        handle.0.queue.selector(&mut reactor.end).unwrap().wait(Wait::Forever).unwrap();
        reactor.resume();
    }
    notifier.join().unwrap();
}

#[test]
fn stand_by_against_notify_loses_no_wake() {
    check(stand_by_against_notify);
}

/// A notify may come while the reactor is dropped, or after. Nothing hangs and nothing is used after it is freed.
fn notify_against_close() {
    let reactor = Reactor::new(Clock::manual()).unwrap();
    let notifier = thread::spawn({
        let handle = reactor.handle().clone();
        move || handle.notify()
    });
    drop(reactor);
    notifier.join().unwrap();
}

#[test]
fn notify_against_close_is_harmless() {
    check(notify_against_close);
}

/// What is written is Relaxed: that the reactor is closed has to carry it along.
fn closed_against_a_look() {
    let reactor = Reactor::new(Clock::manual()).unwrap();
    let work = Arc::new(AtomicBool::new(false));
    let looks = thread::spawn({
        let (work, handle) = (work.clone(), reactor.handle().clone());
        move || assert!(!handle.is_closed() || work.load(Ordering::Relaxed))
    });
    work.store(true, Ordering::Relaxed);
    drop(reactor);
    looks.join().unwrap();
}

#[test]
fn who_sees_a_reactor_closed_sees_what_came_before() {
    check(closed_against_a_look);
}
