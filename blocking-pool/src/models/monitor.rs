//! The monitor: a job that waits behind others that may never end is seen by it.

use std::sync::Arc;

use super::{block_on, check, config, make_busy, race, settled};
use crate::pool::Pool;
use crate::pool::builder::Config;
use crate::shutdown::Shutdown;
use crate::sync::thread;
use crate::worker::Found;

/// A job is submitted behind one that does not end, while the monitor, which has seen nobody wait, falls asleep, or goes. A job
/// for which nobody starts a thread is a deadlock.
#[test]
fn submit_against_a_monitor_that_falls_asleep() {
    check(2, || {
        let pool = Pool::with(Config { growth: true, ..config(1, 2) });
        let alone = Arc::strong_count(pool.shared());
        let busy = make_busy(&pool);
        race();
        pool.shared().monitor.poke(pool.shared());
        let job = pool.spawn(|| ());
        settled();
        block_on(job).unwrap();
        busy.end();
        pool.shutdown(Shutdown::Drain);
        // A monitor that went before that is not waited for. It must not be the last to have the pool: loom does not know that an
        // `Arc` of std's tells it what we did.
        while Arc::strong_count(pool.shared()) > alone {
            thread::yield_now();
        }
    });
}

/// The only worker of a closed pool finds a job, which may never end, and sees another one, while the monitor leaves. The worker is played
/// here. Again a job for which nobody starts a thread is a deadlock.
#[test]
fn find_against_a_monitor_that_leaves() {
    check(2, || {
        let pool = Pool::with(Config { growth: true, ..config(1, 2) });
        let shared = pool.shared();
        assert!(shared.idle.reserve(1));
        let [_found, other] = [pool.spawn(|| ()), pool.spawn(|| ())];
        shared.gate.close();
        race();
        shared.monitor.poke(shared);
        let entry = shared.queues.take_injected(None);
        shared.queues.note_taken(None);
        shared.found(Found::WhenAwake);
        settled();
        block_on(other).unwrap();
        drop(entry);
        pool.shutdown(Shutdown::Drain);
    });
}
