//! The metrics add up: while jobs of every kind come and go, and exactly when all is over.

use fastrand::Rng;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, mpsc};
use std::task::{Context, Poll, Wake, Waker};
use std::thread;
use std::time::{Duration, Instant};

use sideline_blocking_pool::{JoinHandle, Limiter, Metrics, Pool, Shutdown, Tenant};

include!("common/block_on.rs");
include!("common/same_clock.rs");

/// What holds in every snapshot.
#[track_caller]
fn adds_up(m: &Metrics) {
    assert_eq!(m.submitted, m.queued + m.running + m.completed + m.panicked + m.cancelled, "{m:?}");
    assert_eq!(m.queue_wait.count(), m.running + m.completed + m.panicked, "{m:?}");
    assert_eq!(m.run_time.count(), m.completed + m.panicked, "{m:?}");
    assert!(m.expired <= m.cancelled, "{m:?}");
}

/// Whatever only grows has not shrunk.
#[track_caller]
fn grows(before: &Metrics, m: &Metrics) {
    for (name, before, now) in [
        ("submitted", before.submitted, m.submitted),
        ("completed + panicked", before.completed + before.panicked, m.completed + m.panicked),
        ("panicked", before.panicked, m.panicked),
        ("cancelled", before.cancelled, m.cancelled),
        ("rejected", before.rejected, m.rejected),
        ("unread", before.unread, m.unread),
        ("started", before.queue_wait.count(), m.queue_wait.count()),
        ("taken", before.handoff.count(), m.handoff.count()),
    ] {
        assert!(before <= now, "{name} went from {before} to {now}");
    }
}

/// What the submitters have seen happen to their own jobs.
#[derive(Default)]
struct Seen {
    accepted: u64,
    rejected: u64,
    returned: u64,
    panicked: u64,
    cancelled: u64,
    /// Dropped before anybody asked; what became of them only the pool knows.
    dropped: u64,
    /// Read, or dropped, by somebody who had been woken for them.
    woken_and_read: u64,
    woken_and_dropped: u64,
}

/// Counts its wakes, and unparks.
struct Waiter(AtomicU64, thread::Thread);

impl Wake for Waiter {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::AcqRel);
        self.1.unpark();
    }
}

impl Seen {
    fn join(&mut self, mut job: JoinHandle<u64>) {
        let waiter = Arc::new(Waiter(AtomicU64::new(0), thread::current()));
        let waker = Waker::from(Arc::clone(&waiter));
        let outcome = loop {
            let woken = waiter.0.load(Ordering::Acquire);
            match Pin::new(&mut job).poll(&mut Context::from_waker(&waker)) {
                Poll::Ready(outcome) => {
                    let ran = !outcome.as_ref().is_err_and(|error| error.is_cancelled());
                    self.woken_and_read += u64::from(ran && woken > 0);
                    break outcome;
                }
                Poll::Pending => {
                    while waiter.0.load(Ordering::Acquire) == 0 {
                        thread::park();
                    }
                }
            }
        };
        match outcome {
            Ok(_) => self.returned += 1,
            Err(error) if error.is_panic() => self.panicked += 1,
            Err(error) if error.is_cancelled() => self.cancelled += 1,
            Err(error) => panic!("{error}"),
        }
    }

    /// Asks once, waits to be woken, and drops the outcome all the same. It may also be there at once.
    fn jilt(&mut self, mut job: JoinHandle<u64>) {
        let waiter = Arc::new(Waiter(AtomicU64::new(0), thread::current()));
        let waker = Waker::from(Arc::clone(&waiter));
        match Pin::new(&mut job).poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(Ok(_)) => self.returned += 1,
            Poll::Ready(Err(error)) if error.is_panic() => self.panicked += 1,
            Poll::Ready(Err(_)) => self.cancelled += 1,
            Poll::Pending => {
                while waiter.0.load(Ordering::Acquire) == 0 {
                    thread::park();
                }
                self.woken_and_dropped += 1;
            }
        }
    }
}

/// Submits `jobs` closures: most return, some panic, some submit another one; handles are awaited, polled late, dropped
/// before or after the end, or aborted. Stops when the tenant is closed.
fn submit(tenant: &Tenant, seed: u64, jobs: usize) -> Seen {
    let (mut random, mut seen) =
        (Rng::with_seed(0x9E37_79B9_7F4A_7C15_u64.wrapping_mul(seed)), Seen::default());
    let mut held = Vec::new();
    for _ in 0..jobs {
        let kind = random.u64(..1000);
        let spawned = tenant.try_spawn(move || match kind {
            // A panic that the test output need not show.
            0..20 => std::panic::resume_unwind(Box::new(())),
            20 => {
                thread::sleep(Duration::from_micros(200));
                1
            }
            _ => kind,
        });
        let Ok(job) = spawned else {
            seen.rejected += 1;
            thread::yield_now();
            continue;
        };
        seen.accepted += 1;
        match random.u64(..8) {
            0 => {
                seen.dropped += 1;
                drop(job);
            }
            1 if job.abort() => {
                seen.cancelled += 1;
                drop(job);
            }
            2 => seen.join(job),
            4 => seen.jilt(job),
            3 => {
                while !job.is_finished() {
                    thread::yield_now();
                }
                seen.dropped += 1;
                drop(job);
            }
            _ => held.push(job),
        }
        if held.len() > 300 {
            held.drain(..).for_each(|job| seen.join(job));
        }
    }
    held.into_iter().for_each(|job| seen.join(job));
    seen
}

/// Over a million jobs of four submitters, two tenants of which are shut down in the middle, one by abandoning; a queue
/// that is full now and then; and somebody who looks all the time.
#[test]
fn a_million_jobs_of_every_kind_reconcile() {
    const JOBS: usize = 250_000;
    let pool =
        Pool::builder().core_threads(2).max_threads(8).queue_limit(2_000).on_report(|_| ()).build().unwrap();
    let tenants: Vec<Tenant> = (0..4).map(|_| pool.tenant_of_loop()).collect();
    let submitters: Vec<_> = (1..)
        .zip(&tenants)
        .map(|(seed, tenant)| {
            let tenant = tenant.clone();
            thread::spawn(move || submit(&tenant, seed, JOBS))
        })
        .collect();
    let done = Arc::new(AtomicBool::new(false));
    let watcher = thread::spawn({
        let (pool, done) = (pool.clone(), Arc::clone(&done));
        move || {
            let mut before = pool.metrics();
            let mut looks = 0;
            while !done.load(Ordering::Acquire) {
                let now = pool.metrics();
                adds_up(&now);
                grows(&before, &now);
                before = now;
                looks += 1;
                thread::yield_now();
            }
            looks
        }
    });
    // When a good part of all jobs has been submitted, two tenants end, each in its way.
    while pool.metrics().submitted < JOBS as u64 / 2 {
        thread::yield_now();
    }
    tenants[0].shutdown(Shutdown::Abandon);
    tenants[1].shutdown(Shutdown::Drain);
    let mut seen = Seen::default();
    for submitter in submitters {
        let part = submitter.join().unwrap();
        seen.accepted += part.accepted;
        seen.rejected += part.rejected;
        seen.returned += part.returned;
        seen.panicked += part.panicked;
        seen.cancelled += part.cancelled;
        seen.dropped += part.dropped;
        seen.woken_and_read += part.woken_and_read;
        seen.woken_and_dropped += part.woken_and_dropped;
    }
    pool.shutdown(Shutdown::Drain);
    done.store(true, Ordering::Release);
    assert!(watcher.join().unwrap() > 0);

    let m = pool.metrics();
    adds_up(&m);
    assert_eq!((m.queued, m.running, m.undelivered, m.threads, m.idle), (0, 0, 0, 0, 0));
    assert_eq!(m.oldest_queued, None);
    assert_eq!((m.submitted, m.rejected), (seen.accepted, seen.rejected));
    // Each outcome was read by one of us, or belonged to a handle that one of us dropped.
    let read = seen.returned + seen.panicked + seen.cancelled;
    assert_eq!(m.submitted, read + seen.dropped + seen.woken_and_dropped);
    assert!(m.panicked >= seen.panicked && m.completed >= seen.returned && m.cancelled >= seen.cancelled);
    // Some whom we jilted were cancelled by the shutdown; for those nothing had lain ready.
    assert_eq!(m.handoff.count(), seen.woken_and_read);
    assert!(m.unread <= seen.woken_and_dropped && m.unread + m.cancelled >= seen.woken_and_dropped);
    assert!(seen.rejected > 0 && seen.panicked > 0 && seen.cancelled > 0);
}

/// Only outcomes that somebody was woken for are waited for: not those that are dropped, or there when asked for.
#[test]
fn an_outcome_is_undelivered_from_the_wake_until_it_is_read_or_dropped() {
    let pool = Pool::builder().core_threads(1).max_threads(1).build().unwrap();
    let tenant = pool.tenant_of_loop();
    let (release, released) = mpsc::channel::<()>();
    let blocked = tenant.spawn(move || released.recv().unwrap());
    let waiter = Arc::new(Waiter(AtomicU64::new(0), thread::current()));
    let waker = Waker::from(Arc::clone(&waiter));
    let mut cx = Context::from_waker(&waker);
    let (mut read, mut jilted, unasked, detached) =
        (tenant.spawn(|| 1), tenant.spawn(|| 2), tenant.spawn(|| 3), tenant.spawn(|| 4));
    assert!(Pin::new(&mut read).poll(&mut cx).is_pending());
    assert!(Pin::new(&mut jilted).poll(&mut cx).is_pending());
    drop((blocked, detached));
    release.send(()).unwrap();
    while !unasked.is_finished() || waiter.0.load(Ordering::Acquire) < 2 {
        thread::yield_now();
    }
    let numbers = || {
        let m = pool.metrics();
        adds_up(&m);
        (m.undelivered, m.handoff.count(), m.unread)
    };
    assert_eq!(numbers(), (2, 0, 0));
    assert!(matches!(Pin::new(&mut read).poll(&mut cx), Poll::Ready(Ok(1))));
    assert_eq!(numbers(), (1, 1, 0));
    drop((read, jilted));
    assert_eq!(numbers(), (0, 1, 1));
    assert_eq!(block_on(unasked).unwrap(), 3);
    assert_eq!(numbers(), (0, 1, 1));
}

#[test]
fn cancelled_jobs_have_neither_waited_nor_run() {
    let pool = Pool::builder().core_threads(1).max_threads(1).build().unwrap();
    let (release, released) = mpsc::channel::<()>();
    let (started, has_started) = mpsc::channel();
    let busy = pool.spawn(move || {
        started.send(()).unwrap();
        released.recv().unwrap();
    });
    has_started.recv().unwrap();
    let waiting = pool.spawn(|| ());
    assert!(waiting.abort());
    assert!(block_on(waiting).unwrap_err().is_cancelled());
    release.send(()).unwrap();
    block_on(busy).unwrap();
    let m = pool.metrics();
    adds_up(&m);
    assert_eq!((m.cancelled, m.queue_wait.count(), m.run_time.count(), m.unread), (1, 1, 1, 0));
    assert_eq!(m.oldest_queued, None);
}

/// Each measured time lies between what surely was within it and what surely was around it, on a clock that need not be the pool's.
#[test]
fn times_are_those_of_the_clock() {
    let pool = Pool::builder().core_threads(1).max_threads(1).build().unwrap();
    let pause = || {
        let start = Instant::now();
        while start.elapsed() < Duration::from_millis(2) {}
        start.elapsed()
    };
    let (started, has_started) = mpsc::channel();
    let (release, released) = mpsc::channel::<()>();
    let before = Instant::now();
    let first = pool.spawn(move || {
        started.send(()).unwrap();
        released.recv().unwrap();
    });
    has_started.recv().unwrap();
    let second = pool.spawn(|| ());
    let waited = pause();
    same_clock(&pool);
    let oldest = pool.metrics().oldest_queued.expect("one is waiting");
    assert!(oldest >= waited.mul_f64(0.98) && oldest <= before.elapsed().mul_f64(1.02), "{oldest:?}");
    release.send(()).unwrap();
    block_on(first).unwrap();
    block_on(second).unwrap();
    let around = before.elapsed();
    let m = pool.metrics();
    assert_eq!(m.queue_wait.count(), 2);
    // The second one waited, and the first one ran, for at least the pause.
    for sum in [m.queue_wait.sum(), m.run_time.sum()] {
        assert!(sum >= waited.mul_f64(0.98) && sum <= around.mul_f64(2.1), "{sum:?} in {around:?}");
    }
    assert!(m.handoff.sum() <= around.mul_f64(1.02), "{m:?}");
}

/// An awaiter that was woken and comes late has let its outcome lie; one that asks late has not waited.
#[test]
fn a_handoff_takes_as_long_as_the_woken_awaiter() {
    let pool = Pool::builder().core_threads(1).max_threads(1).build().unwrap();
    let tenant = pool.tenant_of_loop();
    let waiter = Arc::new(Waiter(AtomicU64::new(0), thread::current()));
    let waker = Waker::from(Arc::clone(&waiter));
    let mut cx = Context::from_waker(&waker);
    let (release, released) = mpsc::channel::<()>();
    let mut job = tenant.spawn(move || released.recv().unwrap());
    assert!(Pin::new(&mut job).poll(&mut cx).is_pending());
    release.send(()).unwrap();
    while waiter.0.load(Ordering::Acquire) == 0 {
        thread::yield_now();
    }
    let start = Instant::now();
    while start.elapsed() < Duration::from_millis(1) {}
    let lay = start.elapsed();
    same_clock(&pool);
    assert!(matches!(Pin::new(&mut job).poll(&mut cx), Poll::Ready(Ok(()))));
    let first = pool.metrics().handoff;
    assert_eq!(first.count(), 1);
    assert!(first.sum() >= lay.mul_f64(0.98), "{first:?}");

    let mut unasked = tenant.spawn(|| ());
    while !unasked.is_finished() {
        thread::yield_now();
    }
    assert!(matches!(Pin::new(&mut unasked).poll(&mut cx), Poll::Ready(Ok(()))));
    let second = pool.metrics().handoff.since(&first);
    assert_eq!((second.count(), second.sum()), (0, Duration::ZERO));
}

/// A limiter has the times of its own jobs, from their submission on, and the pool has everybody's.
#[test]
fn a_limiter_has_the_times_of_its_kind() {
    let pool = Pool::builder().core_threads(2).max_threads(2).build().unwrap();
    let kind = Limiter::new(1);
    let (release, released) = mpsc::channel::<()>();
    let first = pool.job().limiter(&kind).spawn(move || released.recv().unwrap());
    let second = pool.job().limiter(&kind).spawn(|| ());
    block_on(pool.spawn(|| ())).unwrap();
    let start = Instant::now();
    while start.elapsed() < Duration::from_millis(1) {}
    release.send(()).unwrap();
    block_on(second).unwrap();
    block_on(first).unwrap();
    let (mine, all) = (kind.metrics(), pool.metrics());
    adds_up(&all);
    assert_eq!((mine.admitted, mine.queue_wait.count(), mine.run_time.count()), (2, 2, 2));
    assert_eq!((all.queue_wait.count(), all.run_time.count()), (3, 3));
    // The second one stood in line while the first one ran.
    assert!(mine.queue_wait.quantile(1.0).unwrap() > Duration::from_micros(500), "{mine:?}");
    assert!(all.queue_wait.sum() >= mine.queue_wait.sum());
}
