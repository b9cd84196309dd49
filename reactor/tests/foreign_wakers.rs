//! Wakers are foreign code: they call back in, and they panic.

mod support;

use sideline_reactor::{Clock, Direction, Handle, Reactor, Timer};
use std::io;
use std::sync::{Arc, Mutex, OnceLock};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;
use support::Count;

const HOUR: Duration = Duration::from_secs(3600);

/// Uses every lock of the reactor when it is woken and when it is dropped: each would deadlock if it were held.
struct CallsBack(Handle, Mutex<Option<Timer>>);

impl CallsBack {
    fn call_back(&self) {
        let mut timer = Timer::new(&self.0, self.0.clock().now() + HOUR);
        let _ = timer.poll(&mut Context::from_waker(Waker::noop()));
        drop(timer);
        drop(self.1.lock().unwrap().take());
        let mut listener = mio::net::TcpListener::bind("127.0.0.1:0".parse().unwrap()).unwrap();
        if let Ok(registration) = self.0.register(&mut listener, mio::Interest::READABLE) {
            registration.deregister(&mut listener).unwrap();
        }
        self.0.notify();
        let _ = format!("{:?} {:?}", self.0, self.0.next_deadline());
    }
}

impl Wake for CallsBack {
    fn wake(self: Arc<Self>) {
        self.call_back();
    }
}

impl Drop for CallsBack {
    fn drop(&mut self) {
        self.call_back();
    }
}

fn armed(handle: &Handle, waker: &Waker) -> Timer {
    let mut timer = Timer::new(handle, handle.clock().now() + HOUR);
    assert!(timer.poll(&mut Context::from_waker(waker)).is_pending());
    timer
}

#[test]
fn a_waker_may_call_back_in_when_woken_and_when_dropped() {
    let clock = Clock::manual();
    let mut reactor = Reactor::new(clock.clone()).unwrap();
    let handle = reactor.handle().clone();
    let (count, counting) = Count::new();
    let calls_back = || {
        let other = armed(&handle, &counting);
        Waker::from(Arc::new(CallsBack(handle.clone(), Mutex::new(Some(other)))))
    };

    let fires = armed(&handle, &calls_back());
    let cancelled = armed(&handle, &calls_back());
    drop(cancelled);
    let mut replaced = armed(&handle, &calls_back());
    assert!(replaced.poll(&mut Context::from_waker(&counting)).is_pending());
    clock.advance(HOUR);
    assert!(reactor.fire_timers() >= 2);
    drop(fires);

    let (mut ours, mut theirs) = pair();
    let registration = handle.register(&mut ours, mio::Interest::READABLE).unwrap();
    let poll = |waker: &Waker| registration.poll_ready(Direction::Read, &mut Context::from_waker(waker));
    assert!(poll(&calls_back()).is_pending());
    assert!(poll(&calls_back()).is_pending());
    io::Write::write_all(&mut theirs, b"!").unwrap();
    reactor.turn(None, || false).unwrap();
    assert!(poll(Waker::noop()).is_ready());
    registration.deregister(&mut ours).unwrap();

    let _at_close = armed(&handle, &calls_back());
    drop(reactor);
    assert!(count.get() >= 1);
}

/// A known one, which is kept when it has been woken, and goes with the reactor. To wake it calls nothing, as was promised; its drop may.
#[test]
fn a_known_waker_that_is_kept_may_call_back_in_when_it_is_dropped() {
    struct CallsBackAtItsEnd(OnceLock<Handle>);
    impl Wake for CallsBackAtItsEnd {
        fn wake(self: Arc<Self>) {}
    }
    impl Drop for CallsBackAtItsEnd {
        fn drop(&mut self) {
            CallsBack(self.0.get().unwrap().clone(), Mutex::new(None)).call_back();
        }
    }
    let calls_back = Arc::new(CallsBackAtItsEnd(OnceLock::new()));
    let waker = Waker::from(Arc::clone(&calls_back));
    let mut reactor = Reactor::with_known_wakers(Clock::manual(), waker.vtable()).unwrap();
    calls_back.0.set(reactor.handle().clone()).unwrap();

    let (mut ours, mut theirs) = pair();
    let registration = reactor.handle().register(&mut ours, mio::Interest::READABLE).unwrap();
    assert!(registration.poll_ready(Direction::Read, &mut Context::from_waker(&waker)).is_pending());
    io::Write::write_all(&mut theirs, b"!").unwrap();
    reactor.turn(None, || false).unwrap();
    drop(waker);
    let kept = Arc::downgrade(&calls_back);
    drop(calls_back);
    assert_eq!(kept.strong_count(), 1);
    drop(reactor);
    assert_eq!(kept.strong_count(), 0);
}

struct Panics;
impl Wake for Panics {
    fn wake(self: Arc<Self>) {
        panic!("this waker always does that");
    }
}

#[test]
fn a_panicking_waker_keeps_neither_the_loop_nor_the_others_from_going_on() {
    let clock = Clock::manual();
    let mut reactor = Reactor::new(clock.clone()).unwrap();
    let handle = reactor.handle().clone();
    let (count, counting) = Count::new();
    let bad = Waker::from(Arc::new(Panics));
    let _timers = [&counting, &bad, &counting].map(|waker| armed(&handle, waker));
    clock.advance(HOUR);
    assert_eq!(reactor.fire_timers(), 3);
    assert_eq!(count.get(), 2);

    let mut sockets = [pair(), pair(), pair()];
    let registrations: Vec<_> = sockets
        .iter_mut()
        .zip([&bad, &counting, &bad])
        .map(|((ours, theirs), waker)| {
            let registration = handle.register(ours, mio::Interest::READABLE).unwrap();
            let ready = registration.poll_ready(Direction::Read, &mut Context::from_waker(waker));
            assert!(matches!(ready, Poll::Pending));
            io::Write::write_all(theirs, b"!").unwrap();
            registration
        })
        .collect();
    while count.get() < 3 {
        reactor.turn(None, || false).unwrap();
    }
    drop(registrations);

    let _at_close = [&bad, &counting].map(|waker| armed(&handle, waker));
    drop(reactor);
    assert_eq!(count.get(), 4);
}

/// Our end, and theirs, which blocks.
fn pair() -> (mio::net::UnixStream, std::os::unix::net::UnixStream) {
    let (ours, theirs) = std::os::unix::net::UnixStream::pair().unwrap();
    ours.set_nonblocking(true).unwrap();
    (mio::net::UnixStream::from_std(ours), theirs)
}
