//! One job at a time: panics everywhere, aborts, drops, detaching. After each of them the pool still works.

use std::panic::panic_any;
use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, RawWaker, RawWakerVTable, Waker};

use sideline_blocking_pool::{JoinHandle, Pool, Report, Shutdown};

include!("common/block_on.rs");
include!("common/count.rs");
include!("common/occupy.rs");

/// A pool of one thread, and what it reported.
fn pool() -> (Pool, Arc<Mutex<Vec<String>>>) {
    let reports = Arc::new(Mutex::new(Vec::new()));
    let hook = Arc::clone(&reports);
    let tell = move |report: &Report| hook.lock().unwrap().push(report.to_string());
    (Pool::builder().core_threads(1).max_threads(1).on_report(tell).build().unwrap(), reports)
}

/// Nothing is left behind, and the one thread still serves.
fn still_works(pool: Pool) {
    assert_eq!(block_on(pool.spawn(|| 1)).unwrap(), 1);
    let m = pool.metrics();
    assert_eq!((m.threads, m.running, m.queued), (1, 0, 0));
    assert_eq!(m.submitted, m.completed + m.panicked + m.cancelled);
    let report = pool.shutdown(Shutdown::Drain);
    assert!(report.left_running.is_empty() && report.left_queued == 0, "{report}");
}

/// Panics when dropped, with a payload that panics when dropped.
struct Bomb(u32);

impl Drop for Bomb {
    fn drop(&mut self) {
        if self.0 > 0 {
            panic_any(Bomb(self.0 - 1));
        }
    }
}

struct Counted(Arc<AtomicUsize>);

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

#[test]
fn a_panic_in_the_closure_reaches_the_awaiter() {
    let (pool, reports) = pool();
    let error = block_on(pool.spawn(|| -> () { panic!("no luck") })).unwrap_err();
    assert!(error.is_panic() && !error.is_cancelled() && !error.is_rejected());
    assert!(
        error.to_string().contains("jobs.rs:") && error.to_string().ends_with("panicked: no luck"),
        "{error}"
    );
    assert_eq!(error.into_panic().downcast_ref::<&str>(), Some(&"no luck"));
    assert_eq!(pool.metrics().panicked, 1);
    still_works(pool);
    assert!(reports.lock().unwrap().is_empty());
}

#[test]
fn a_guard_that_is_dropped_aborts_and_one_that_is_awaited_does_not() {
    let (pool, _) = pool();
    let (busy, release) = occupy(pool.job());
    let dropped = Arc::new(AtomicUsize::new(0));
    let captured = Counted(Arc::clone(&dropped));
    let guard = pool.spawn(move || drop(captured)).abort_on_drop();
    assert!(!guard.handle().is_finished());
    let abort = guard.handle().abort_handle();
    drop(guard);
    assert!(abort.is_finished());
    assert_eq!(dropped.load(Ordering::SeqCst), 1, "the closure is dropped here");
    let awaited = pool.spawn(|| 7).abort_on_drop();
    drop(release);
    block_on(busy).unwrap();
    assert_eq!(block_on(awaited).unwrap(), 7);
    let m = pool.metrics();
    assert_eq!((m.completed, m.cancelled), (2, 1));
    still_works(pool);
}

#[test]
fn an_error_that_is_no_panic_has_no_payload() {
    let (pool, _) = pool();
    let (busy, release) = occupy(pool.job());
    let job = pool.spawn(|| ());
    assert!(job.abort());
    let error = block_on(job).unwrap_err();
    let error = error.try_into_panic().unwrap_err();
    assert!(
        error.is_cancelled() && error.to_string().ends_with("was cancelled before it started"),
        "{error}"
    );
    drop(release);
    block_on(busy).unwrap();
    still_works(pool);
}

#[test]
fn a_payload_that_panics_on_drop_is_contained() {
    let (pool, _) = pool();
    let error = block_on(pool.spawn(|| -> () { panic_any(Bomb(2)) })).unwrap_err();
    drop(error);
    // Detached: the worker drops it.
    drop(pool.spawn(|| -> () { panic_any(Bomb(2)) }));
    still_works(pool);
}

#[test]
fn a_detached_panic_is_reported() {
    let (pool, reports) = pool();
    drop(pool.spawn(|| -> () { panic!("unheard") }));
    still_works(pool);
    let reports = reports.lock().unwrap();
    assert_eq!(reports.len(), 1);
    assert!(
        reports[0].contains("jobs.rs:") && reports[0].ends_with("nobody awaits it: unheard"),
        "{}",
        reports[0]
    );
}

#[test]
fn an_unread_panic_is_reported_when_the_handle_goes() {
    let (pool, reports) = pool();
    let job = pool.spawn(|| -> () { panic!("unread") });
    block_on(pool.spawn(|| ())).unwrap();
    assert!(job.is_finished());
    assert!(reports.lock().unwrap().is_empty());
    drop(job);
    assert_eq!(reports.lock().unwrap().len(), 1);
    still_works(pool);
}

#[test]
fn a_result_that_panics_on_drop_is_contained_on_either_side() {
    let (pool, reports) = pool();
    // On the worker.
    drop(pool.spawn(|| Bomb(1)));
    block_on(pool.spawn(|| ())).unwrap();
    // On the thread that drops the handle.
    let job = pool.spawn(|| Bomb(1));
    block_on(pool.spawn(|| ())).unwrap();
    drop(job);
    still_works(pool);
    let reports = reports.lock().unwrap();
    assert_eq!(reports.len(), 2, "{reports:?}");
    assert!(reports.iter().all(|report| report.starts_with("dropping what job")), "{reports:?}");
}

#[test]
fn a_captured_value_that_panics_on_drop_is_a_panic_of_the_job() {
    let (pool, _) = pool();
    let bomb = Bomb(1);
    let error = block_on(pool.spawn(move || drop(bomb))).unwrap_err();
    assert!(error.is_panic());
    still_works(pool);
}

#[test]
fn a_captured_value_of_an_aborted_job_may_panic_on_drop() {
    let (pool, reports) = pool();
    let (busy, release) = occupy(pool.job());
    let bomb = Bomb(1);
    let job = pool.spawn(move || {
        let _bomb = &bomb;
    });
    assert!(job.abort());
    assert!(block_on(job).unwrap_err().is_cancelled());
    drop(release);
    block_on(busy).unwrap();
    still_works(pool);
    assert_eq!(reports.lock().unwrap().len(), 1);
}

#[test]
fn abort_before_during_and_after() {
    let (pool, _) = pool();
    let drops = Arc::new(AtomicUsize::new(0));
    let (busy, release) = occupy(pool.job());
    let captured = Counted(Arc::clone(&drops));
    let queued = pool.spawn(move || drop(captured));
    assert!(queued.abort(), "it has not started");
    assert_eq!(drops.load(Ordering::SeqCst), 1, "what it held is gone at once");
    assert!(queued.is_finished() && !queued.abort());
    assert!(block_on(queued).unwrap_err().is_cancelled());

    assert!(!busy.abort(), "it is running");
    drop(release);
    block_on(busy).unwrap();

    let done = pool.spawn(|| 3);
    block_on(pool.spawn(|| ())).unwrap();
    assert!(!done.abort(), "it is done");
    assert_eq!(block_on(done).unwrap(), 3);
    assert_eq!(pool.metrics().cancelled, 1);
    still_works(pool);
}

#[test]
fn abort_wakes_the_awaiter() {
    let (pool, _) = pool();
    let (busy, release) = occupy(pool.job());
    let mut job = pool.tenant_of_loop().spawn(|| ());
    let (woken, waker) = Count::new();
    let mut cx = Context::from_waker(&waker);
    assert!(pin!(&mut job).poll(&mut cx).is_pending());
    assert!(job.abort());
    assert_eq!(woken.get(), 1);
    assert!(matches!(pin!(&mut job).poll(&mut cx), Poll::Ready(Err(error)) if error.is_cancelled()));
    drop(release);
    block_on(busy).unwrap();
    still_works(pool);
}

#[test]
fn a_detached_job_still_runs() {
    let (pool, _) = pool();
    let (send, receive) = mpsc::channel();
    drop(pool.spawn(move || send.send(7).unwrap()));
    assert_eq!(receive.recv().unwrap(), 7);
    still_works(pool);
}

#[test]
fn a_result_is_dropped_exactly_once() {
    let (pool, _) = pool();
    for read in [true, false] {
        let drops = Arc::new(AtomicUsize::new(0));
        let result = Counted(Arc::clone(&drops));
        let job = pool.spawn(move || result);
        if read {
            drop(block_on(job).unwrap());
        } else {
            drop(job);
            block_on(pool.spawn(|| ())).unwrap();
        }
        assert_eq!(drops.load(Ordering::SeqCst), 1);
        // The job's memory, waker and all, is gone as soon as both sides have let go of it.
    }
    still_works(pool);
}

#[test]
fn what_the_closure_captured_is_gone_before_the_result_is_seen() {
    let (pool, _) = pool();
    for _ in 0..1000 {
        let held = Arc::new(());
        let captured = Arc::clone(&held);
        block_on(pool.spawn(move || {
            let _captured = &captured;
        }))
        .unwrap();
        assert_eq!(Arc::strong_count(&held), 1);
    }
    still_works(pool);
}

#[test]
fn the_second_waker_is_woken_and_the_first_forgotten() {
    let (pool, _) = pool();
    let (mut job, release) = occupy(pool.tenant_of_loop().job());
    let ((first, first_waker), (second, second_waker)) = (Count::new(), Count::new());
    for waker in [first_waker, second_waker] {
        assert!(pin!(&mut job).poll(&mut Context::from_waker(&waker)).is_pending());
    }
    assert_eq!(Arc::strong_count(&first), 1, "the first one was dropped");
    drop(release);
    block_on(pool.spawn(|| ())).unwrap();
    assert_eq!((first.get(), second.get()), (0, 1));
    assert!(job.is_finished());
    still_works(pool);
}

#[test]
#[should_panic(expected = "polled after it had resolved")]
fn polling_again_after_the_result_panics() {
    let (pool, _) = pool();
    let mut job = pool.spawn(|| ());
    block_on(&mut job).unwrap();
    let _ = block_on(&mut job);
}

#[test]
fn a_nested_job_runs_while_its_parent_is_awaited() {
    let (pool, _) = pool();
    let inner = pool.clone();
    let nested = block_on(pool.spawn(move || inner.spawn(|| 5))).unwrap();
    assert_eq!(block_on(nested).unwrap(), 5);
    still_works(pool);
}

#[test]
fn wakers_that_panic_stop_nothing() {
    for (point, reported) in [(Fails::Wake, 1), (Fails::Drop, 1)] {
        let (pool, reports) = pool();
        let (job, release) = occupy(pool.tenant_of_loop().job());
        let (polled, waker) = poll_with(job, point);
        drop(release);
        block_on(pool.spawn(|| ())).unwrap();
        // With a waker that fails on drop it is the one in the cell that fails, when the worker has woken it.
        assert_eq!(reports.lock().unwrap().len(), reported, "{point:?}");
        assert!(polled.is_finished());
        block_on(polled).unwrap();
        std::mem::forget(waker);
        still_works(pool);
    }
}

#[test]
fn a_waker_whose_clone_panics_reaches_the_poller() {
    let (pool, _) = pool();
    let (mut job, release) = occupy(pool.tenant_of_loop().job());
    let waker = failing(Fails::Clone);
    let polled = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        pin!(&mut job).poll(&mut Context::from_waker(&waker)).is_pending()
    }));
    assert!(polled.is_err(), "the waker is the poller's own");
    drop(release);
    block_on(job).unwrap();
    still_works(pool);
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Fails {
    Wake,
    Clone,
    Drop,
}

fn poll_with<T>(mut job: JoinHandle<T>, point: Fails) -> (JoinHandle<T>, Waker) {
    let waker = failing(point);
    assert!(pin!(&mut job).poll(&mut Context::from_waker(&waker)).is_pending());
    (job, waker)
}

/// A waker without data of which one operation panics.
fn failing(point: Fails) -> Waker {
    macro_rules! vtable {
        ($name:ident, $clone:expr, $wake:expr, $drop:expr) => {
            static $name: RawWakerVTable = RawWakerVTable::new($clone, $wake, |_| (), $drop);
        };
    }
    vtable!(WAKE, |data| RawWaker::new(data, &WAKE), |_| panic!("wake"), |_| ());
    vtable!(CLONE, |_| panic!("clone"), |_| (), |_| ());
    // Waking consumes the waker, so it is where this one is dropped.
    vtable!(DROP, |data| RawWaker::new(data, &DROP), |_| panic!("drop"), |_| panic!("drop"));
    let vtable = match point {
        Fails::Wake => &WAKE,
        Fails::Clone => &CLONE,
        Fails::Drop => &DROP,
    };
    // SAFETY: the vtable's functions use no data, from any thread.
    unsafe { Waker::from_raw(RawWaker::new(std::ptr::null(), vtable)) }
}

#[test]
fn ids_and_locations_name_the_job() {
    let (pool, _) = pool();
    let (first, second) = (pool.spawn(|| ()), pool.spawn(|| ()));
    assert_ne!(first.id(), second.id());
    assert_eq!(first.location().file(), file!());
    let text = format!("{first:?}");
    assert!(text.contains("JoinHandle") && text.contains("jobs.rs"), "{text}");
    for job in [first, second] {
        block_on(job).unwrap();
    }
    still_works(pool);
}

#[test]
fn handles_and_errors_cross_threads() {
    fn send_sync<T: Send + Sync>() {}
    send_sync::<Pool>();
    send_sync::<sideline_blocking_pool::Tenant>();
    send_sync::<JoinHandle<std::cell::Cell<u8>>>();
    send_sync::<sideline_blocking_pool::JoinError>();
    fn unpin<T: Unpin>() {}
    unpin::<JoinHandle<std::marker::PhantomPinned>>();
}
