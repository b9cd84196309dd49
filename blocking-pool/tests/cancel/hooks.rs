//! Hooks: they run once, in order, and never after they were taken back.

use super::{block_on, one_thread};
use sideline_blocking_pool::{CancelToken, Pool};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Barrier, Mutex, mpsc};
use std::thread;

/// It is not the job's: the token is, and so are the hooks of that one.
#[test]
fn a_hook_below_the_token_of_a_job_may_wait_for_the_job() {
    let pool = one_thread();
    let above = CancelToken::new();
    let (lend, lent) = mpsc::channel();
    let job = pool.job().cancel_with(&above).cancellable().spawn(move |token| {
        lend.send(token.child()).unwrap();
        while !token.is_cancelled() {
            thread::yield_now();
        }
    });
    let below = lent.recv().unwrap();
    let (tell, told) = mpsc::channel();
    let _hook = below.on_cancel(move || tell.send(block_on(job)).unwrap());
    above.cancel();
    told.recv().unwrap().unwrap();
}

#[test]
fn hooks_run_in_order_and_a_panic_in_one_is_reported_and_stops_no_other() {
    let reports = Arc::new(Mutex::new(Vec::new()));
    let told = Arc::clone(&reports);
    let pool = Pool::builder()
        .on_report(move |report| told.lock().unwrap().push(report.to_string()))
        .build()
        .unwrap();
    let (start, started) = mpsc::channel();
    let job = pool.job().cancellable().spawn(move |token| {
        let (sender, receiver) = mpsc::channel();
        let again = sender.clone();
        let _first = token.on_cancel(move || sender.send(1).unwrap());
        let _second = token.on_cancel(|| panic!("a hook that fails"));
        let _third = token.on_cancel(move || again.send(3).unwrap());
        start.send(()).unwrap();
        (receiver.recv().unwrap(), receiver.recv().unwrap())
    });
    started.recv().unwrap();
    job.abort();
    assert_eq!(block_on(job).unwrap(), (1, 3));
    let reports = reports.lock().unwrap();
    assert_eq!(reports.as_slice(), ["the hook `on_cancel` panicked: a hook that fails"]);
}

#[test]
fn a_hook_that_was_taken_back_does_not_run() {
    let token = CancelToken::new();
    let hits = Arc::new(AtomicUsize::new(0));
    let hook = |hits: &Arc<AtomicUsize>| {
        let hits = Arc::clone(hits);
        move || _ = hits.fetch_add(1, Ordering::SeqCst)
    };
    drop(token.on_cancel(hook(&hits)));
    let kept = token.on_cancel(hook(&hits));
    token.cancel();
    drop(kept);
    assert_eq!(hits.load(Ordering::SeqCst), 1);
    // Registered too late: it runs here and now.
    let late = token.on_cancel(hook(&hits));
    assert_eq!(hits.load(Ordering::SeqCst), 2);
    drop(late);
    assert_eq!(Arc::strong_count(&hits), 1);
}

#[test]
fn a_guard_that_is_dropped_waits_for_its_hook_on_another_thread() {
    let token = CancelToken::new();
    let (entered, wait) = (Arc::new(Barrier::new(2)), Arc::new(Barrier::new(2)));
    let done = Arc::new(AtomicUsize::new(0));
    let (enter, leave, end) = (Arc::clone(&entered), Arc::clone(&wait), Arc::clone(&done));
    let guard = token.on_cancel(move || {
        enter.wait();
        leave.wait();
        end.store(1, Ordering::SeqCst);
    });
    let canceller = thread::spawn({
        let token = token.clone();
        move || token.cancel()
    });
    entered.wait();
    // Opens the way only after the drop below has begun, or just before; either way the drop must not be first.
    let opener = thread::spawn(move || _ = wait.wait());
    drop(guard);
    assert_eq!(done.load(Ordering::SeqCst), 1);
    opener.join().unwrap();
    assert!(canceller.join().unwrap());
}

#[test]
fn a_hook_may_cancel_register_and_drop_guards_of_its_own_token() {
    let token = CancelToken::new();
    let hits = Arc::new(AtomicUsize::new(0));
    let (inner, count) = (token.clone(), Arc::clone(&hits));
    let _guard = token.on_cancel(move || {
        assert!(!inner.cancel());
        let count2 = Arc::clone(&count);
        drop(inner.on_cancel(move || _ = count2.fetch_add(1, Ordering::SeqCst)));
        count.fetch_add(1, Ordering::SeqCst);
    });
    token.cancel();
    assert_eq!(hits.load(Ordering::SeqCst), 2);
}
