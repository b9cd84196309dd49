//! The loop itself: sleeping, being woken, being interrupted, closing, and what it costs in descriptors.

mod support;

use sideline_reactor::{Clock, Direction, Handle, Reactor, Registration, Timer};
use std::task::{Context, Poll};
use std::time::Duration;
use support::Count;

const HOUR: Duration = Duration::from_secs(3600);

#[test]
fn work_that_is_there_when_the_loop_looks_is_not_slept_on() {
    let mut reactor = Reactor::new(Clock::real()).unwrap();
    reactor.turn(None, || true).unwrap();
    reactor.turn(Some(Duration::ZERO), || unreachable!("a turn that cannot sleep does not ask")).unwrap();
}

#[test]
fn a_notify_from_within_the_look_ends_the_sleep() {
    let mut reactor = Reactor::new(Clock::real()).unwrap();
    let handle = reactor.handle().clone();
    reactor
        .turn(None, || {
            handle.notify();
            false
        })
        .unwrap();
}

#[test]
fn a_notifier_that_exits_at_once_takes_no_event_with_it() {
    let mut reactor = Reactor::new(Clock::real()).unwrap();
    for _ in 0..200 {
        let handle = reactor.handle().clone();
        let worker = std::thread::spawn(move || handle.notify());
        reactor.turn(Some(HOUR), || worker.is_finished()).unwrap();
        worker.join().unwrap();
    }
}

#[test]
fn a_panic_in_the_look_leaves_the_reactor_usable() {
    let mut reactor = Reactor::new(Clock::real()).unwrap();
    let handle = reactor.handle().clone();
    let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        let _ = reactor.turn(None, || panic!("foreign"));
    }));
    assert!(panicked.is_err());
    reactor.turn(Some(Duration::from_millis(1)), || false).unwrap();
    assert!(format!("{handle:?}").contains("RUNNING"));
}

/// What `epoll_wait` does to signals others need not do.
#[test]
#[cfg(target_os = "linux")]
fn signals_without_end_neither_fail_a_turn_nor_put_a_timer_off() {
    if std::process::id() == 1 {
        // The kernel does not stop the first process of a PID namespace, as which tests may run in a container.
        return;
    }
    let mut reactor = Reactor::new(Clock::real()).unwrap();
    // Without a source it would sleep on its word, which only a handler may end.
    let _listener = fresh_listener(reactor.handle());
    // Even without a handler, stopping and continuing a process interrupts epoll_wait with EINTR. It has to stand still for
    // a moment: a stop that is taken back before it was noticed interrupts nothing.
    // And nobody kills the one who does it, or it might not come to continue us.
    let go_on = tempfile::NamedTempFile::new().unwrap();
    let mut signals = std::process::Command::new("sh")
        .args([
            "-c",
            "while [ -e \"$1\" ]; do kill -STOP $0 || exit; sleep 0.001; kill -CONT $0; sleep 0.002; done",
        ])
        .arg(std::process::id().to_string())
        .arg(go_on.path())
        .spawn()
        .unwrap();
    for _ in 0..4 {
        // Nothing else ends it.
        reactor.turn(None, || false).unwrap();
    }
    let mut timer = Timer::new(reactor.handle(), std::time::Instant::now() + Duration::from_millis(20));
    // A wait that began anew after each signal would go on for ever.
    while timer.poll(&mut Context::from_waker(std::task::Waker::noop())).is_pending() {
        reactor.turn(None, || false).unwrap();
    }
    drop(go_on);
    signals.wait().unwrap();
}

fn fresh_listener(handle: &Handle) -> (mio::net::TcpListener, Registration) {
    let mut listener = mio::net::TcpListener::bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let registration = handle.register(&mut listener, mio::Interest::READABLE).unwrap();
    (listener, registration)
}

#[test]
fn closing_wakes_every_waiter_with_an_error_and_refuses_newcomers() {
    let clock = Clock::manual();
    let reactor = Reactor::new(clock.clone()).unwrap();
    let handle = reactor.handle().clone();
    let (mut listener, registration) = fresh_listener(&handle);
    let (count, waker) = Count::new();
    let mut cx = Context::from_waker(&waker);
    assert!(registration.poll_io(Direction::Read, &mut cx, || listener.accept()).is_pending());
    let mut accepting = Box::pin(registration.async_io(Direction::Read, || listener.accept()));
    assert!(accepting.as_mut().poll(&mut cx).is_pending());
    let mut timer = Timer::new(&handle, clock.now() + HOUR);
    assert!(timer.poll(&mut cx).is_pending());
    assert!(!handle.is_closed());

    drop(reactor);

    assert_eq!(count.get(), 3);
    assert!(handle.is_closed() && timer.is_elapsed());
    assert!(timer.poll(&mut cx).is_ready());
    assert!(Timer::new(&handle, clock.now() + HOUR).poll(&mut cx).is_ready());
    let Poll::Ready(Err(error)) = accepting.as_mut().poll(&mut cx) else { panic!("not an error") };
    assert_eq!(error.to_string(), "the runtime was shut down");
    drop(accepting);
    let Poll::Ready(Err(_)) = registration.poll_io(Direction::Write, &mut cx, || Ok(())) else {
        panic!("not an error")
    };
    let refused = handle.register(&mut listener, mio::Interest::READABLE).unwrap_err();
    assert_eq!(refused.to_string(), "the runtime was shut down");
    handle.notify();
    // The source itself still works, and can be taken back.
    let nobody = registration.try_io(Direction::Read, || listener.accept()).unwrap_err();
    assert_eq!(nobody.kind(), std::io::ErrorKind::WouldBlock);
    registration.deregister(&mut listener).unwrap();
}

#[cfg(target_os = "linux")]
fn open_descriptors() -> usize {
    std::fs::read_dir("/proc/self/fd").unwrap().count()
}

#[cfg(target_os = "linux")]
include!("support/alone.rs");

#[cfg(target_os = "linux")]
#[test]
fn a_thousand_reactors_and_failed_registrations_leave_no_descriptor_behind() {
    if ran_alone("a_thousand_reactors_and_failed_registrations_leave_no_descriptor_behind", Some(64)) {
        return;
    }
    let before = open_descriptors();
    for _ in 0..1_000 {
        let reactor = Reactor::new(Clock::real()).unwrap();
        let (mut listener, registration) = fresh_listener(reactor.handle());
        registration.deregister(&mut listener).unwrap();
        let kept = fresh_listener(reactor.handle());
        drop(reactor);
        drop(kept);
    }
    assert_eq!(open_descriptors(), before);

    let reactor = Reactor::new(Clock::real()).unwrap();
    let file = std::fs::File::open("/proc/self/exe").unwrap();
    for _ in 0..1_000 {
        let fd = std::os::fd::AsRawFd::as_raw_fd(&file);
        let mut source = mio::unix::SourceFd(&fd);
        let error = reactor.handle().register(&mut source, mio::Interest::READABLE).unwrap_err();
        assert!(error.to_string().contains("blocking pool"), "{error}");
    }
    assert!(format!("{reactor:?}").contains("sources: 0"), "{reactor:?}");
    drop((reactor, file));

    // Now use all of them up.
    let mut hoard = Vec::new();
    let error = loop {
        match std::fs::File::open("/dev/null") {
            Ok(file) => hoard.push(file),
            Err(error) => break error,
        }
    };
    assert_eq!(error.raw_os_error(), Some(24));
    for free in 0..3 {
        let error = Reactor::new(Clock::real()).unwrap_err();
        assert!(error.to_string().contains("RLIMIT_NOFILE"), "with {free} free: {error}");
        hoard.pop();
    }
    drop(hoard);
    assert_eq!(open_descriptors(), before, "a reactor that could not be opened leaves nothing open");
}

/// On other systems the event queue is opened at once.
#[cfg(all(target_os = "linux", target_pointer_width = "64"))]
#[test]
fn a_lazy_reactor_opens_its_queue_for_a_short_sleep_or_a_source() {
    use sideline_reactor::LocalReactor;
    use std::task::Waker;
    if ran_alone("a_lazy_reactor_opens_its_queue_for_a_short_sleep_or_a_source", Some(64)) {
        return;
    }
    let waker = Waker::noop();
    let lazy = || LocalReactor::lazy(Clock::real(), waker.vtable()).unwrap();
    let before = open_descriptors();
    let mut reactor = lazy();
    reactor.turn(Some(Duration::from_millis(1)), || false).unwrap();
    reactor.turn(Some(Duration::ZERO), || false).unwrap();
    assert_eq!(open_descriptors(), before);
    let mut timer = Timer::after(reactor.handle(), Duration::from_micros(1_300));
    let mut cx = Context::from_waker(waker);
    while timer.poll(&mut cx).is_pending() {
        reactor.turn(None, || false).unwrap();
    }
    assert_eq!(open_descriptors(), before + 4, "the queue, its double, the eventfd, the timerfd");
    drop((timer, reactor));

    let mut reactor = lazy();
    let source = fresh_listener(reactor.handle());
    assert_eq!(open_descriptors(), before + 4, "the queue, its double, the eventfd, the listener");
    reactor.turn(Some(Duration::ZERO), || false).unwrap();
    drop((source, reactor));
    assert_eq!(open_descriptors(), before);

    // The loop has not come for its end of the queue.
    let reactor = lazy();
    let source = fresh_listener(reactor.handle());
    drop(reactor);
    assert_eq!(open_descriptors(), before + 3, "the queue's double, the eventfd, the listener");
    drop(source);

    let reactor = lazy();
    let stand_by = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| reactor.stand_by(|| false)));
    assert!(stand_by.is_err(), "nobody could be told");
}

/// On other systems it waits in the event queue from the beginning.
#[cfg(all(target_os = "linux", target_pointer_width = "64"))]
#[test]
fn a_lazy_reactor_that_resumes_and_gets_no_queue_hears_of_the_first_source() {
    use sideline_reactor::LocalReactor;
    if ran_alone("a_lazy_reactor_that_resumes_and_gets_no_queue_hears_of_the_first_source", Some(64)) {
        return;
    }
    let mut reactor = LocalReactor::lazy(Clock::real(), std::task::Waker::noop().vtable()).unwrap();
    reactor.resume();
    let mut listener = mio::net::TcpListener::bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let hoard: Vec<_> = std::iter::from_fn(|| std::fs::File::open("/dev/null").ok()).collect();
    let handle = reactor.handle().clone();
    let other = std::thread::spawn(move || {
        while !format!("{handle:?}").contains("ASLEEP") {
            std::thread::yield_now();
        }
        drop(hoard);
        handle.register(&mut listener, mio::Interest::READABLE).unwrap()
    });
    // Nothing else ends it.
    reactor.turn(None, || false).unwrap();
    drop(other.join().unwrap());
}
