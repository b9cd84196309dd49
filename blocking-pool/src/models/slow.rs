//! A permit for a slow job: given back while somebody begins, or stops, to wait for it; or not, and the pool is closed.

use std::task::{Context, Poll, Waker};

use super::{block_on, check, pool, race};
use crate::shutdown::Shutdown;
use crate::submit::slow::{SlowPermit, WaitForSlowPermit};
use crate::sync::thread;

fn poll(wait: &mut WaitForSlowPermit, waker: &Waker) -> Option<SlowPermit> {
    match std::pin::Pin::new(wait).poll(&mut Context::from_waker(waker)) {
        Poll::Ready(permit) => Some(permit),
        Poll::Pending => None,
    }
}

/// The only permit is given back while somebody stands in line for it. One who waits although it is free is a deadlock.
#[test]
fn permit_given_back_against_standing_in_line() {
    check(3, || {
        let pool = pool(1, 1);
        let permit = block_on(pool.slow_permit());
        race();
        let holder = thread::spawn(move || drop(permit));
        drop(block_on(pool.slow_permit()));
        holder.join().unwrap();
        pool.shutdown(Shutdown::Drain);
    });
}

/// The first in line gives up while it is handed the permit, and the second waits: it gets it.
#[test]
fn permit_given_back_against_leaving() {
    check(3, || {
        let pool = pool(1, 1);
        let permit = block_on(pool.slow_permit());
        let mut first = pool.slow_permit();
        assert!(poll(&mut first, Waker::noop()).is_none());
        let second = pool.slow_permit();
        race();
        let holder = thread::spawn(move || drop(permit));
        let leaver = thread::spawn(move || drop(first));
        drop(block_on(second));
        holder.join().unwrap();
        leaver.join().unwrap();
        pool.shutdown(Shutdown::Drain);
    });
}

/// The only permit does not come back, and the pool is shut down while somebody stands in line for it. One who is not told is a
/// deadlock.
#[test]
fn standing_in_line_against_shutdown() {
    check(3, || {
        let pool = pool(1, 1);
        let permit = block_on(pool.slow_permit());
        let other = pool.clone();
        race();
        let closer = thread::spawn(move || _ = other.shutdown(Shutdown::Drain));
        drop(block_on(pool.slow_permit()));
        closer.join().unwrap();
        assert!(pool.try_spawn(|| ()).is_err());
        drop(permit);
    });
}
