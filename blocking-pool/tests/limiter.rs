//! Limiters: how many at once, in which order, and that no slot is lost.

use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::sync::{Arc, Mutex};
use std::task::{Context, Wake};
use std::time::{Duration, Instant};

use sideline_blocking_pool::{CancelToken, Limiter, Pool, Shutdown};

include!("common/block_on.rs");
include!("common/occupy.rs");

fn numbers(limiter: &Limiter) -> (usize, usize) {
    let m = limiter.metrics();
    (m.running, m.waiting)
}

#[test]
fn never_more_than_the_limit_and_all_of_them_run() {
    let pool = Pool::builder().core_threads(4).max_threads(4).build().unwrap();
    let limiter = Limiter::new(2);
    let (now, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let jobs: Vec<_> = (0..2_000)
        .map(|i| {
            let (now, most) = (Arc::clone(&now), Arc::clone(&most));
            pool.job().limiter(&limiter).spawn(move || {
                most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                now.fetch_sub(1, Ordering::SeqCst);
                if i % 7 == 0 {
                    panic!("a panic gives its slot back");
                }
                i
            })
        })
        .collect();
    for (i, job) in jobs.into_iter().enumerate() {
        match block_on(job) {
            Ok(n) => assert_eq!(n, i),
            Err(error) => assert!(error.is_panic() && i % 7 == 0),
        }
    }
    assert!(most.load(Ordering::SeqCst) <= 2);
    pool.shutdown(Shutdown::Drain);
    assert_eq!(numbers(&limiter), (0, 0));
    assert_eq!(limiter.metrics().admitted, 2_000);
}

#[test]
fn within_a_kind_the_order_is_that_of_submission_and_other_jobs_pass_by() {
    let pool = Pool::builder().core_threads(2).max_threads(2).build().unwrap();
    let limiter = Limiter::new(1);
    let (holder, release) = occupy(pool.job().limiter(&limiter));
    let order = Arc::new(Mutex::new(Vec::new()));
    let jobs: Vec<_> = (0..100)
        .map(|i| {
            let order = Arc::clone(&order);
            pool.job().limiter(&limiter).spawn(move || order.lock().unwrap().push(i))
        })
        .collect();
    assert_eq!(numbers(&limiter), (1, 100));
    assert_eq!(pool.metrics().queued, 100, "they are owed");
    // A hundred wait; one that is not limited does not wait for any of them, nor does one of another kind.
    assert_eq!(block_on(pool.spawn(|| 7)).unwrap(), 7);
    let other = Limiter::new(1);
    assert_eq!(block_on(pool.job().limiter(&other).spawn(|| 8)).unwrap(), 8);
    drop(release);
    block_on(holder).unwrap();
    jobs.into_iter().for_each(|job| block_on(job).unwrap());
    assert_eq!(*order.lock().unwrap(), (0..100).collect::<Vec<_>>());
    pool.shutdown(Shutdown::Drain);
}

/// One thread, a thousand limited jobs, then one unlimited: it runs after at most as many of them as may run at once.
#[test]
fn a_backlog_of_one_kind_does_not_starve_the_rest() {
    let pool = Pool::builder().core_threads(1).max_threads(1).build().unwrap();
    let limiter = Limiter::new(2);
    let (busy, release) = occupy(pool.job());
    let before = Arc::new(AtomicUsize::new(0));
    let jobs: Vec<_> = (0..1_000)
        .map(|_| {
            let before = Arc::clone(&before);
            pool.job().limiter(&limiter).spawn(move || _ = before.fetch_add(1, Ordering::SeqCst))
        })
        .collect();
    let count = Arc::clone(&before);
    let other = pool.spawn(move || count.load(Ordering::SeqCst));
    drop(release);
    block_on(busy).unwrap();
    assert!(block_on(other).unwrap() <= 2);
    jobs.into_iter().for_each(|job| block_on(job).unwrap());
    pool.shutdown(Shutdown::Drain);
}

#[test]
fn strictly_sequential_use_never_waits() {
    let pool = Pool::builder().core_threads(1).max_threads(1).build().unwrap();
    let limiter = Limiter::new(1);
    for i in 0..10_000 {
        let job = pool.job().limiter(&limiter).spawn(move || i);
        assert_eq!(limiter.metrics().waiting, 0, "the slot is free before the result is seen");
        assert_eq!(block_on(job).unwrap(), i);
    }
    pool.shutdown(Shutdown::Drain);
}

#[test]
fn a_job_in_line_can_be_aborted_cancelled_and_expire() {
    let pool = Pool::builder().core_threads(2).max_threads(2).build().unwrap();
    let limiter = Limiter::new(1);
    let (holder, release) = occupy(pool.job().limiter(&limiter));
    let token = CancelToken::new();
    let captured = Arc::new(());
    let held = [Arc::clone(&captured), Arc::clone(&captured), Arc::clone(&captured)];
    let [a, b, c] = held;
    let aborted = pool.job().limiter(&limiter).spawn(move || drop(a));
    let cancelled = pool.job().limiter(&limiter).cancel_with(&token).spawn(move || drop(b));
    let late = Instant::now() + Duration::from_millis(1);
    let expired = pool.job().limiter(&limiter).deadline(late).spawn(move || drop(c));
    assert!(aborted.abort());
    token.cancel();
    assert!(block_on(aborted).unwrap_err().is_cancelled());
    assert!(block_on(cancelled).unwrap_err().is_cancelled());
    assert!(block_on(expired).unwrap_err().is_expired());
    assert_eq!(Arc::strong_count(&captured), 1);
    // They leave the line at once, not when the slot is free.
    assert_eq!(numbers(&limiter), (1, 0));
    drop(release);
    block_on(holder).unwrap();
    pool.shutdown(Shutdown::Drain);
    let m = pool.metrics();
    assert_eq!((m.submitted, m.completed, m.cancelled, m.expired), (4, 1, 3, 1));
    assert_eq!(numbers(&limiter), (0, 0));
}

/// Its entry stays in a queue that does not move. The next one of its kind, on another pool, had to wait for that.
#[test]
fn a_job_that_is_cancelled_gives_its_slot_back_at_once() {
    let [busy, free] = [(); 2].map(|()| Pool::builder().core_threads(1).max_threads(1).build().unwrap());
    let limiter = Limiter::new(1);
    let (holder, release) = occupy(busy.job());
    let token = CancelToken::new();
    let cancelled = busy.job().limiter(&limiter).cancel_with(&token).spawn(|| ());
    assert_eq!(numbers(&limiter), (1, 0));
    token.cancel();
    assert!(block_on(cancelled).unwrap_err().is_cancelled());
    assert_eq!(numbers(&limiter), (0, 0));
    let aborted = busy.job().limiter(&limiter).spawn(|| ());
    let next = free.job().limiter(&limiter).spawn(|| 2);
    assert_eq!(numbers(&limiter), (1, 1));
    assert!(aborted.abort());
    assert_eq!(block_on(next).unwrap(), 2);
    let late = busy.job().limiter(&limiter).cancel_with(&token).spawn(|| ());
    assert!(block_on(late).unwrap_err().is_cancelled());
    assert_eq!(numbers(&limiter), (0, 0));
    drop(release);
    block_on(holder).unwrap();
    for pool in [busy, free] {
        pool.shutdown(Shutdown::Drain);
    }
    assert_eq!((numbers(&limiter), limiter.metrics().admitted), ((0, 0), 3));
}

/// The slot of one went to the other, which began to run although its token was being cancelled.
#[test]
fn of_two_jobs_of_one_token_none_gets_the_slot_of_the_other() {
    struct WaitForTheOther(Mutex<mpsc::Receiver<()>>, Arc<Mutex<Option<bool>>>);

    impl Wake for WaitForTheOther {
        fn wake(self: Arc<Self>) {
            // It runs, or its closure has been dropped.
            let has_run = self.0.lock().unwrap().recv_timeout(Duration::from_secs(60)).is_ok();
            *self.1.lock().unwrap() = Some(has_run);
        }
    }

    let [busy, free] = [(); 2].map(|()| Pool::builder().core_threads(1).max_threads(1).build().unwrap());
    let limiter = Limiter::new(1);
    let (holder, release) = occupy(busy.job());
    let all = CancelToken::new();
    let (run, has_run) = mpsc::channel();
    // Of a loop: its handles do not look for their outcomes, and are woken once.
    // Whose token was made first says nothing of who has the slot.
    let [of_second, of_first] = [(); 2].map(|()| all.child());
    let mut first = busy.tenant_of_loop().job().limiter(&limiter).cancel_with(&of_first).spawn(|| ());
    let second = free.job().limiter(&limiter).cancel_with(&of_second).spawn(move || run.send(()).unwrap());
    assert_eq!(numbers(&limiter), (1, 1));
    let ran = Arc::default();
    let waker = Arc::new(WaitForTheOther(Mutex::new(has_run), Arc::clone(&ran))).into();
    assert!(Pin::new(&mut first).poll(&mut Context::from_waker(&waker)).is_pending());
    all.cancel();
    assert_eq!(*ran.lock().unwrap(), Some(false));
    assert!(block_on(second).unwrap_err().is_cancelled());
    drop(release);
    block_on(holder).unwrap();
}

#[test]
fn drain_waits_for_those_in_line_and_abandon_cancels_them() {
    let pool = Pool::builder().core_threads(2).max_threads(2).build().unwrap();
    let (mine, theirs) = (pool.tenant(), pool.tenant());
    let limiter = Limiter::new(1);
    let (holder, release) = occupy(pool.job().limiter(&limiter));
    let jobs: Vec<_> = (0..10).map(|_| mine.job().limiter(&limiter).spawn(|| ())).collect();
    let kept: Vec<_> = (0..10).map(|i| theirs.job().limiter(&limiter).spawn(move || i)).collect();
    let report = mine.shutdown(Shutdown::Abandon);
    assert_eq!((report.cancelled, report.left_queued), (10, 0), "{report}");
    jobs.into_iter().for_each(|job| assert!(block_on(job).unwrap_err().is_cancelled()));
    assert_eq!(limiter.metrics().waiting, 10, "the other tenant's stay");
    let draining = std::thread::spawn({
        let pool = pool.clone();
        move || pool.shutdown(Shutdown::Drain)
    });
    drop(release);
    let report = draining.join().unwrap();
    assert_eq!((report.left_queued, report.left_running.len()), (0, 0), "{report}");
    kept.into_iter().enumerate().for_each(|(i, job)| assert_eq!(block_on(job).unwrap(), i));
    block_on(holder).unwrap();
}

#[test]
fn a_higher_limit_admits_those_that_wait() {
    let pool = Pool::builder().core_threads(1).max_threads(8).build().unwrap();
    let limiter = Limiter::new(1);
    let (holder, release) = occupy(pool.job().limiter(&limiter));
    let (sender, receiver) = mpsc::channel();
    let job = pool.job().limiter(&limiter).spawn(move || sender.send(()).unwrap());
    limiter.set_limit(2);
    receiver.recv().unwrap();
    block_on(job).unwrap();
    limiter.set_limit(1);
    let waits = pool.job().limiter(&limiter).spawn(|| ());
    assert_eq!(limiter.metrics().waiting, 1);
    drop(release);
    block_on(holder).unwrap();
    block_on(waits).unwrap();
    pool.shutdown(Shutdown::Drain);
}

/// Somebody hammers the limiter with new jobs while those in line are admitted: none of the new ones passes by.
#[test]
fn a_slot_that_is_given_back_goes_to_the_line_and_not_to_who_comes_just_then() {
    let pool = Pool::builder().core_threads(2).max_threads(2).build().unwrap();
    let limiter = Limiter::new(1);
    let order = Arc::new(Mutex::new(Vec::new()));
    for _ in 0..200 {
        let jobs: Vec<_> = (0..8)
            .map(|i| {
                let order = Arc::clone(&order);
                pool.job().limiter(&limiter).spawn(move || order.lock().unwrap().push(i))
            })
            .collect();
        jobs.into_iter().for_each(|job| block_on(job).unwrap());
        assert_eq!(std::mem::take(&mut *order.lock().unwrap()), (0..8).collect::<Vec<_>>());
    }
    pool.shutdown(Shutdown::Drain);
}

#[test]
fn one_limiter_serves_two_pools() {
    let limiter = Limiter::new(1);
    let pools =
        [Pool::builder().core_threads(1).build().unwrap(), Pool::builder().core_threads(1).build().unwrap()];
    let (holder, release) = occupy(pools[0].job().limiter(&limiter));
    let job = pools[1].job().limiter(&limiter).spawn(|| std::thread::current().name().map(str::to_owned));
    drop(release);
    block_on(holder).unwrap();
    assert!(block_on(job).unwrap().is_some());
    for pool in pools {
        pool.shutdown(Shutdown::Drain);
    }
}

#[test]
#[should_panic(expected = "pass at least 1")]
fn a_limiter_of_zero_is_refused() {
    let _ = Limiter::new(0);
}

/// Without a job, which would start a thread, and might still be queued when somebody counts.
fn wait_until_closed(pool: &Pool) {
    while !format!("{pool:?}").contains("closed: true") {
        std::thread::yield_now();
    }
}

#[test]
fn a_drain_waits_for_what_is_in_line_although_the_pool_has_no_thread() {
    let (other, pool) = (Pool::new(), Pool::new());
    let limiter = Limiter::new(1);
    let (running, release) = occupy(other.job().limiter(&limiter));
    let waiting = pool.job().limiter(&limiter).spawn(|| 7);
    let drain = std::thread::spawn({
        let pool = pool.clone();
        move || pool.shutdown(Shutdown::Drain)
    });
    wait_until_closed(&pool);
    // Closed, with a job in line and nobody to run it: its thread comes with its slot.
    let early = pool.shutdown(Shutdown::Deadline(Duration::from_millis(5)));
    assert_eq!(early.left_queued, 1, "{early}");
    assert!(!drain.is_finished());
    drop(release);
    let report = drain.join().unwrap();
    assert_eq!((report.left_queued, report.left_running.len()), (0, 0), "{report}");
    assert_eq!(block_on(waiting).unwrap(), 7);
    block_on(running).unwrap();
}

#[test]
fn a_drain_ends_when_what_was_in_line_is_aborted() {
    let (other, pool) = (Pool::new(), Pool::new());
    let limiter = Limiter::new(1);
    let (running, release) = occupy(other.job().limiter(&limiter));
    let waiting = pool.job().limiter(&limiter).spawn(|| ());
    let drain = std::thread::spawn({
        let pool = pool.clone();
        move || pool.shutdown(Shutdown::Drain)
    });
    wait_until_closed(&pool);
    assert!(waiting.abort());
    let report = drain.join().unwrap();
    assert_eq!((report.cancelled, report.left_queued), (1, 0), "{report}");
    drop(release);
    block_on(running).unwrap();
}
