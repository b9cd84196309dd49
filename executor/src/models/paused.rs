//! Virtual time, against what other threads do meanwhile.

use super::{check, runtime_in};
use crate::core::paused::Time;
use crate::sync::atomic::{AtomicBool, Ordering::*};
use crate::sync::thread;
use crate::time::{now, timeout};
use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Poll, Waker};
use std::time::Duration;

/// A job wakes who awaits it, and is gone, while the loop looks whether it may move its clock. A fault shows as time that has passed
/// before the woken one has run.
#[test]
fn end_of_a_job_against_a_move_of_the_clock() {
    check(3, || {
        let runtime = runtime_in(Time::PAUSED);
        let (shared, done) = (Arc::clone(runtime.handle().shared()), Arc::new(AtomicBool::new(false)));
        let (begin, has_begun) = loom::sync::mpsc::channel();
        let (send_waker, waker) = loom::sync::mpsc::channel::<Waker>();
        let ends = Arc::clone(&done);
        let job = thread::spawn(move || {
            let in_flight = shared.stand_in_line();
            begin.send(()).unwrap();
            let waker = waker.recv().unwrap();
            ends.store(true, Release);
            waker.wake();
            drop(in_flight);
        });
        has_begun.recv().unwrap();
        runtime.block_on(async {
            let (start, mut told) = (now(), false);
            let awaits = poll_fn(|cx| {
                if !std::mem::replace(&mut told, true) {
                    send_waker.send(cx.waker().clone()).unwrap();
                }
                if done.load(Acquire) { Poll::Ready(()) } else { Poll::Pending }
            });
            timeout(Duration::from_nanos(1), awaits).await.unwrap();
            assert_eq!(now(), start);
        });
        job.join().unwrap();
    });
}
