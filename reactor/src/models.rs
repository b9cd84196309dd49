//! The protocols' races, one model each. Under `cfg(loom)` every interleaving (with up to three preemptions) runs;
//! otherwise the same bodies run a number of times on real threads and the real kernel.
//!
//! A lost wake shows as a deadlock.

mod local_timers;

use crate::readiness::Report;
use crate::sync::{Arc, AtomicBool, AtomicU64, Ordering, thread};
use crate::wait::Wait;
use crate::{Clock, Direction, Reactor, Timer};
use harness::check;
use std::future::{Future, poll_fn};
use std::io;
use std::pin::pin;
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

/// A reactor without sources that sleeps in its selector all the same.
fn reactor_in_its_selector() -> Reactor {
    let reactor = Reactor::new(Clock::manual()).unwrap();
    reactor.handle().0.need_selector();
    reactor
}

/// Work is published with no ordering of its own, then notified: the loop never sleeps on it.
fn park_against_notify(mut reactor: Reactor) {
    let work = Arc::new(AtomicBool::new(false));
    let notifier = thread::spawn({
        let (work, handle) = (work.clone(), reactor.handle().clone());
        move || {
            work.store(true, Ordering::Relaxed);
            handle.notify();
        }
    });
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
fn change_of_place_against_notify() {
    let mut reactor = Reactor::new(Clock::manual()).unwrap();
    let work = Arc::new(AtomicBool::new(false));
    let handle = reactor.handle().clone();
    let notifier = thread::spawn({
        let (work, handle) = (work.clone(), handle.clone());
        move || {
            work.store(true, Ordering::Relaxed);
            handle.notify();
        }
    });
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
    check(change_of_place_against_notify);
}

/// The first source is registered while the loop is about to sleep on its word, where no event ends the sleep.
fn sleep_on_the_word_against_register() {
    let mut reactor = Reactor::new(Clock::manual()).unwrap();
    let data = Arc::new(AtomicBool::new(false));
    let writer = thread::spawn({
        let (data, handle) = (data.clone(), reactor.handle().clone());
        move || {
            let registration = handle.register(&mut Quiet, mio::Interest::READABLE).unwrap();
            data.store(true, Ordering::Relaxed);
            // What the kernel does when data arrives.
            handle.0.wakeup.wake().unwrap();
            registration
        }
    });
    while !data.load(Ordering::Relaxed) {
        reactor.turn(None, || false).unwrap();
    }
    drop(writer.join().unwrap());
}

#[test]
fn sleep_on_the_word_against_register_ends_with_the_event() {
    check(sleep_on_the_word_against_register);
}

/// Two notifiers share one edge; the loop gets to see both pieces of work, in one turn or two.
fn park_against_two_notifiers() {
    let mut reactor = reactor_in_its_selector();
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
    check(park_against_two_notifiers);
}

/// Between turns somebody else waits on the event queue: it is told of work that comes at any moment.
fn stand_by_against_notify() {
    let mut reactor = Reactor::new(Clock::manual()).unwrap();
    let work = Arc::new(AtomicBool::new(false));
    let notifier = thread::spawn({
        let (work, handle) = (work.clone(), reactor.handle().clone());
        move || {
            work.store(true, Ordering::Relaxed);
            handle.notify();
        }
    });
    while !work.load(Ordering::Relaxed) {
        reactor.stand_by(|| work.load(Ordering::Relaxed));
        reactor.selector.wait(Wait::Forever).unwrap();
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

/// A source that is registered, and waited for, while the reactor closes: the wait ends with an error.
fn register_against_close() {
    let reactor = Reactor::new(Clock::manual()).unwrap();
    let reader = thread::spawn({
        let handle = reactor.handle().clone();
        move || {
            let registration = handle.register(&mut Quiet, mio::Interest::READABLE)?;
            block_on(
                registration.async_io(Direction::Read, || Err::<(), _>(io::ErrorKind::WouldBlock.into())),
            )
        }
    });
    drop(reactor);
    let error = reader.join().unwrap().unwrap_err();
    assert!(error.to_string().contains("shut down"), "{error}");
}

#[test]
fn register_against_close_always_resolves() {
    check(register_against_close);
}

/// Data arrives, and its event, while a task finds nothing, clears the readiness and goes to wait.
fn event_against_operation() {
    let reactor = Reactor::new(Clock::manual()).unwrap();
    let registration = Arc::new(reactor.handle().register(&mut Quiet, mio::Interest::READABLE).unwrap());
    let data = Arc::new(AtomicBool::new(false));
    let reader = thread::spawn({
        let (registration, data) = (registration.clone(), data.clone());
        move || {
            let read = || match data.load(Ordering::Relaxed) {
                true => Ok(()),
                false => Err(io::ErrorKind::WouldBlock.into()),
            };
            block_on(registration.async_io(Direction::Read, read)).unwrap();
        }
    });
    data.store(true, Ordering::Relaxed);
    let mut woken = Vec::new();
    reactor.handle().0.table.dispatch([(registration.token(), Report::READABLE)].into_iter(), &mut woken);
    crate::contain::wake_all(&mut woken);
    reader.join().unwrap();
}

#[test]
fn event_against_operation_loses_no_edge() {
    check(event_against_operation);
}

/// The same twice, for a waker that is known: it is kept from the first wait to the second.
fn events_against_operations_of_a_known_waker() {
    let vtable = Waker::from(std::sync::Arc::new(Unpark(thread::current()))).vtable();
    let reactor = Reactor::with_known_wakers(Clock::manual(), vtable).unwrap();
    let registration = Arc::new(reactor.handle().register(&mut Quiet, mio::Interest::READABLE).unwrap());
    let data = Arc::new(AtomicU64::new(0));
    let reader = thread::spawn({
        let (registration, data) = (registration.clone(), data.clone());
        move || {
            let read = |wanted| match data.load(Ordering::Relaxed) {
                there if there >= wanted => Ok(()),
                _ => Err(io::ErrorKind::WouldBlock.into()),
            };
            block_on(async {
                registration.async_io(Direction::Read, || read(1)).await.unwrap();
                registration.async_io(Direction::Read, || read(2)).await.unwrap();
            });
        }
    });
    let mut woken = Vec::new();
    for there in [1, 2] {
        data.store(there, Ordering::Relaxed);
        let event = (registration.token(), Report::READABLE);
        reactor.handle().0.table.dispatch([event].into_iter(), &mut woken);
        assert!(woken.is_empty());
    }
    reader.join().unwrap();
}

#[test]
fn events_against_operations_of_a_known_waker_lose_no_edge() {
    check(events_against_operations_of_a_known_waker);
}

/// A source from which nothing ever comes.
struct Quiet;

impl mio::event::Source for Quiet {
    fn register(&mut self, _: &mio::Registry, _: mio::Token, _: mio::Interest) -> io::Result<()> {
        Ok(())
    }

    fn reregister(&mut self, _: &mio::Registry, _: mio::Token, _: mio::Interest) -> io::Result<()> {
        Ok(())
    }

    fn deregister(&mut self, _: &mio::Registry) -> io::Result<()> {
        Ok(())
    }
}

struct Unpark(thread::Thread);

impl Wake for Unpark {
    fn wake(self: std::sync::Arc<Self>) {
        self.0.unpark();
    }
}

fn block_on<F: Future>(future: F) -> F::Output {
    let waker = std::sync::Arc::new(Unpark(thread::current())).into();
    let mut future = pin!(future);
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
            return output;
        }
        thread::park();
    }
}

#[cfg(not(loom))]
mod harness {
    pub(super) fn check(body: fn()) {
        (0..200).for_each(|_| body());
    }

    #[test]
    fn loom_is_really_on() {
        let asked_for = std::env::var_os("SIDELINE_LOOM").is_some();
        assert!(
            !asked_for,
            "cargo loom without cfg(loom): a RUSTFLAGS in the environment hides it; unset it"
        );
    }
}

#[cfg(loom)]
mod harness {
    use std::env;
    use std::process::{Command, Stdio};

    pub(super) fn check(body: fn()) {
        let mut builder = loom::model::Builder::new();
        builder.preemption_bound = Some(3);
        builder.check(body);
    }

    #[test]
    fn loom_is_really_on() {}

    /// Each protocol without one of its steps, and the model that must then fail.
    const TWINS: [(&str, &str); 20] = [
        ("waiter-looks-again", "events_against_operations_of_a_known_waker_lose_no_edge"),
        ("notifier-fence", "stand_by_against_notify_loses_no_wake"),
        ("stand-by-looks-again", "stand_by_against_notify_loses_no_wake"),
        ("notifier-fence", "park_against_notify_loses_no_wake"),
        ("loop-looks-after-announcing", "park_against_notify_loses_no_wake"),
        ("notifier-fence", "sleep_on_the_word_against_notify_loses_no_wake"),
        ("loop-looks-after-announcing", "sleep_on_the_word_against_notify_loses_no_wake"),
        ("loop-looks-for-sources", "sleep_on_the_word_against_register_ends_with_the_event"),
        ("notifier-follows", "change_of_place_against_notify_loses_no_wake"),
        ("register-notifies", "sleep_on_the_word_against_register_ends_with_the_event"),
        ("timer-notifies", "timer_against_park_is_not_slept_past"),
        ("timers-see-closed", "timer_against_close_always_completes"),
        ("timers-see-closed", "local_timers::timer_polled_elsewhere_against_close_always_completes"),
        ("local-queue-is-its-thread-s", "local_timers::timer_dropped_elsewhere_is_gone_in_the_next_turn"),
        ("leaving-is-listed", "local_timers::timer_dropped_elsewhere_is_gone_in_the_next_turn"),
        ("loop-looks-at-the-list", "local_timers::timer_reset_elsewhere_against_park_wakes_who_waits"),
        ("reset-elsewhere-notifies", "local_timers::timer_reset_elsewhere_against_park_wakes_who_waits"),
        ("register-sees-closed", "register_against_close_always_resolves"),
        ("waiter-looks-again", "event_against_operation_loses_no_edge"),
        ("disproof-is-of-what-was-seen", "event_against_operation_loses_no_edge"),
    ];

    #[test]
    fn twins_are_caught() {
        for (step, model) in TWINS {
            let status = Command::new(env::current_exe().unwrap())
                .args(["--exact", &format!("models::{model}")])
                .env("SIDELINE_TWIN", step)
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .status()
                .unwrap();
            assert!(!status.success(), "{model} does not notice that {step} is missing");
        }
    }
}
