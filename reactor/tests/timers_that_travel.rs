//! Timers that are armed on the loop's thread, and then go to others, while the loop sleeps: all of them end, and none early.

use sideline_reactor::{Clock, LocalReactor, Timer};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Wake, Waker};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// Returns whether it was early.
fn waits_for(mut timer: Timer) -> bool {
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    while timer.poll(&mut Context::from_waker(&waker)).is_pending() {
        thread::park();
    }
    Instant::now() < timer.deadline()
}

#[test]
fn timers_that_are_armed_here_end_elsewhere() {
    const TIMERS: usize = 3_000;
    const AT_ONCE: usize = 4;
    let mut reactor = LocalReactor::new(Clock::real()).unwrap();
    let handle = reactor.handle().clone();
    let (ended, early) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let (send, armed) = std::sync::mpsc::channel::<(usize, Timer)>();
    thread::scope(|scope| {
        scope.spawn(|| {
            for (i, mut timer) in armed {
                if i % 3 > 0 {
                    let soon = Instant::now() + Duration::from_micros(i as u64 * 7 % 150);
                    if i % 3 == 1 {
                        timer.reset(soon);
                    } else {
                        drop(timer);
                        timer = Timer::new(&handle, soon);
                    }
                }
                early.fetch_add(waits_for(timer).into(), Ordering::SeqCst);
                ended.fetch_add(1, Ordering::SeqCst);
                handle.notify();
            }
        });
        let mut sent = 0;
        while ended.load(Ordering::SeqCst) < TIMERS {
            while sent < TIMERS && sent - ended.load(Ordering::SeqCst) < AT_ONCE {
                // Whoever resets it brings it closer; as it is, it would take longer than this test.
                let far = if sent % 3 == 0 { Duration::from_micros(100) } else { Duration::from_secs(3600) };
                let mut timer = Timer::after(reactor.handle(), far);
                _ = timer.poll(&mut Context::from_waker(Waker::noop()));
                send.send((sent, timer)).unwrap();
                sent += 1;
            }
            let most = if sent < TIMERS { AT_ONCE } else { 1 };
            reactor.turn(None, || sent - ended.load(Ordering::SeqCst) < most).unwrap();
        }
        drop(send);
    });
    assert_eq!(early.into_inner(), 0);
}
