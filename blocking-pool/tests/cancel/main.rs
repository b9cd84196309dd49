//! Tokens: who cancels, who is told, when, and never afterwards.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::sync::{Arc, Barrier, Mutex};
use std::task::{Context, Waker};
use std::thread;
use std::time::{Duration, Instant};

use sideline_blocking_pool::{CancelToken, JobBuilder, JoinHandle, Pool, Shutdown};

include!("common/block_on.rs");
include!("common/count.rs");
include!("common/occupy.rs");

fn one_thread() -> Pool {
    Pool::builder().core_threads(1).max_threads(1).build().unwrap()
}

/// A job that is blocked until a hook of its token, registered before `started` says so, lets it go.
fn blocked_until_cancelled(
    pool: &Pool,
    token: &CancelToken,
) -> (JoinHandle<&'static str>, mpsc::Receiver<()>) {
    let (start, started) = mpsc::channel();
    let job = pool.job().cancel_with(token).cancellable().spawn(move |token| {
        let (interrupt, interrupted) = mpsc::channel();
        let _hook = token.on_cancel(move || interrupt.send(()).unwrap());
        start.send(()).unwrap();
        interrupted.recv().unwrap();
        assert!(token.is_cancelled() && token.check().is_err());
        "interrupted"
    });
    (job, started)
}

#[test]
fn abort_runs_the_hooks_of_a_running_job_and_its_result_stands() {
    let pool = one_thread();
    let token = CancelToken::new();
    let (job, started) = blocked_until_cancelled(&pool, &token);
    started.recv().unwrap();
    assert!(!job.abort(), "it is running");
    assert_eq!(block_on(job).unwrap(), "interrupted");
    assert!(!token.is_cancelled(), "a job cancels its own token, not the one above");
    pool.shutdown(Shutdown::Drain);
}

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
fn one_token_cancels_running_and_waiting_jobs_alike() {
    let pool = one_thread();
    let token = CancelToken::new();
    let (running, started) = blocked_until_cancelled(&pool, &token);
    started.recv().unwrap();
    let waiting = pool.job().cancel_with(&token).spawn(|| panic!("a cancelled job has run"));
    let other = pool.spawn(|| 7);
    // The awaiter is woken although the only thread is busy.
    let awaiter = thread::spawn(|| block_on(waiting));
    assert!(token.cancel());
    assert!(!token.cancel(), "the second time nothing happens");
    let error = awaiter.join().unwrap().unwrap_err();
    assert!(error.is_cancelled() && !error.is_expired(), "{error}");
    assert_eq!(block_on(running).unwrap(), "interrupted");
    assert_eq!(block_on(other).unwrap(), 7);
    let late = pool.job().cancel_with(&token).spawn(|| panic!("a job of a cancelled token has run"));
    assert!(block_on(late).unwrap_err().is_cancelled());
    pool.shutdown(Shutdown::Drain);
    let m = pool.metrics();
    assert_eq!((m.submitted, m.completed, m.cancelled, m.expired), (4, 2, 2, 0));
}

#[test]
fn a_deadline_wakes_the_awaiter_of_a_waiting_job_while_every_thread_is_busy() {
    let pool = one_thread();
    let (busy, release) = occupy(pool.job());
    let late = pool.job().deadline(Instant::now() + Duration::from_millis(1)).spawn(|| panic!("it has run"));
    assert!(block_on(late).unwrap_err().is_expired());
    drop(release);
    block_on(busy).unwrap();
    pool.shutdown(Shutdown::Drain);
}

#[test]
fn a_deadline_runs_the_hooks_of_a_running_job() {
    let pool = one_thread();
    let deadline = Instant::now() + Duration::from_millis(20);
    let job = pool.job().deadline(deadline).cancellable().spawn(move |token| {
        assert_eq!(token.deadline(), Some(deadline));
        assert!(token.remaining().is_some());
        let (interrupt, interrupted) = mpsc::channel();
        let _hook = token.on_cancel(move || interrupt.send(()).unwrap());
        interrupted.recv().unwrap();
        token.remaining()
    });
    match block_on(job) {
        Ok(remaining) => assert_eq!(remaining, Some(Duration::ZERO)),
        // A slow machine: it had not started by then.
        Err(error) => assert!(error.is_expired(), "{error}"),
    }
    pool.shutdown(Shutdown::Drain);
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

#[test]
fn children_go_with_their_parent_and_not_the_other_way_round() {
    let parent = CancelToken::new();
    let (one, two) = (parent.child(), parent.child().child());
    one.cancel();
    assert!(one.is_cancelled() && !parent.is_cancelled() && !two.is_cancelled());
    parent.cancel();
    assert!(two.is_cancelled() && parent.child().is_cancelled());
    let far = Instant::now() + Duration::from_secs(3600);
    let bounded = CancelToken::with_deadline(far);
    assert_eq!(bounded.child().deadline(), Some(far));
    assert_eq!(bounded.child_with_deadline(far + Duration::from_secs(1)).deadline(), Some(far));
    let past = bounded.child_with_deadline(Instant::now());
    assert!(past.is_cancelled() && !bounded.is_cancelled());
}

/// Each is one call deeper, and so was cancelling and dropping them: beyond some thousands the stack was full.
#[test]
fn a_long_line_of_children_is_cancelled_and_dropped() {
    let first = CancelToken::new();
    let line = || (0..100_000).fold(first.child(), |last, _| last.child());
    drop(line());
    let last = line();
    let (tell, told) = mpsc::channel();
    let _hook = last.on_cancel(move || tell.send(()).unwrap());
    assert!(first.cancel() && last.is_cancelled());
    told.try_recv().expect("the hook has run by now");
}

/// The same by jobs of which each leaves the next one behind.
#[test]
fn jobs_that_follow_each_other_with_their_own_tokens_have_no_end() {
    fn leave_behind(job: JobBuilder, left: usize, token: &CancelToken, end: mpsc::Sender<()>) {
        if left == 0 {
            end.send(()).unwrap();
        } else {
            let next = job.clone();
            let next = move |token: &CancelToken| leave_behind(next, left - 1, token, end);
            drop(job.cancel_with(token).cancellable().spawn(next));
        }
    }
    let pool = Pool::new();
    let (end, ended) = mpsc::channel();
    leave_behind(pool.job(), 30_000, &CancelToken::new(), end);
    ended.recv().unwrap();
    pool.shutdown(Shutdown::Drain);
}

#[test]
fn a_token_that_outlives_its_job_runs_no_hook() {
    let pool = one_thread();
    let job = pool.job().cancellable().spawn(|token| token.clone());
    let token = block_on(job).unwrap();
    let hook = token.on_cancel(|| panic!("the job is over"));
    token.cancel();
    drop(hook);
    pool.shutdown(Shutdown::Drain);
}

#[test]
fn ten_thousand_deadlines_that_are_met_leave_nothing_behind() {
    let pool = one_thread();
    let captured = Arc::new(());
    for i in 0..10_000 {
        let held = Arc::clone(&captured);
        let job = pool.job().deadline(Instant::now() + Duration::from_secs(3600)).spawn(move || {
            drop(held);
            i
        });
        assert_eq!(block_on(job).unwrap(), i);
    }
    assert_eq!(Arc::strong_count(&captured), 1);
    pool.shutdown(Shutdown::Drain);
}

/// The token of a job that has ended, made below `above`.
fn token_left_behind(pool: &Pool, above: &CancelToken) -> (CancelToken, JoinHandle<CancelToken>) {
    let (give, given) = mpsc::channel();
    let job = pool.job().cancel_with(above).cancellable().spawn(move |token| {
        give.send(token.child()).unwrap();
        token.clone()
    });
    while !job.is_finished() {
        thread::yield_now();
    }
    (given.recv().unwrap(), job)
}

#[test]
fn what_an_ended_job_has_left_behind_is_still_cancelled_from_above() {
    let (pool, above) = (Pool::new(), CancelToken::new());
    let (child, job) = token_left_behind(&pool, &above);
    // Not by the handle of the job, which has ended and has nothing to abort.
    assert!(!job.abort());
    assert!(!child.is_cancelled());
    let late = block_on(job).unwrap().child();
    let told = Arc::new(AtomicUsize::new(0));
    let count = |told: &Arc<AtomicUsize>| {
        let told = Arc::clone(told);
        move || _ = told.fetch_add(1, Ordering::SeqCst)
    };
    let _hooks = (child.on_cancel(count(&told)), late.on_cancel(count(&told)));
    above.cancel();
    assert!(child.is_cancelled() && late.is_cancelled());
    assert_eq!(told.load(Ordering::SeqCst), 2);
}

#[test]
fn a_deadline_inherited_from_an_ended_job_runs_the_hooks() {
    let (pool, told) = (Pool::new(), mpsc::channel());
    let (give, given) = mpsc::channel();
    let job = pool.job().deadline(Instant::now() + Duration::from_millis(50)).cancellable();
    let job = job.spawn(move |token| give.send(token.child()).unwrap());
    if block_on(job).is_err() {
        return; // A machine on which a job takes that long to start shows nothing.
    }
    let child = given.recv().unwrap();
    let _hook = child.on_cancel(move || told.0.send(()).unwrap());
    told.1.recv_timeout(Duration::from_secs(10)).expect("its time is up");
}

#[test]
fn tasks_that_wait_are_woken_by_whoever_cancels_and_leave_nothing_behind() {
    let parent = CancelToken::new();
    let token = parent.child();
    let (counts, waker) = Count::new();
    let cx = &mut Context::from_waker(&waker);
    let (mut stays, mut goes) = (Box::pin(token.cancelled()), Box::pin(token.cancelled()));
    for _ in 0..2 {
        assert!(stays.as_mut().poll(cx).is_pending());
        assert!(goes.as_mut().poll(cx).is_pending());
    }
    drop(goes);
    // Ours, the test's and that of the one that waits.
    assert_eq!(Arc::strong_count(&counts), 3);
    parent.cancel();
    assert_eq!(counts.get(), 1);
    assert!(stays.as_mut().poll(cx).is_ready());
    assert!(Box::pin(token.cancelled()).as_mut().poll(cx).is_ready());
    block_on(CancelToken::with_deadline(Instant::now() + Duration::from_millis(1)).cancelled());
}

/// Hooks end with the job; a task that waits touches nothing of the job's.
#[test]
fn a_future_runs_until_it_is_ready_or_its_token_is_cancelled() {
    struct Dropped<'a>(&'a AtomicUsize);
    impl Drop for Dropped<'_> {
        fn drop(&mut self) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }
    let mut cx = Context::from_waker(Waker::noop());
    let drops = AtomicUsize::new(0);
    let forever = || async {
        let _dropped = Dropped(&drops);
        std::future::pending::<()>().await;
    };
    let token = CancelToken::new();
    assert_eq!(block_on(token.run_until_cancelled(async { 7 })), Some(7));

    let mut run = Box::pin(token.run_until_cancelled(forever()));
    assert!(run.as_mut().poll(&mut cx).is_pending());
    token.cancel();
    assert!(run.as_mut().poll(&mut cx).is_ready());
    assert_eq!(drops.load(Ordering::SeqCst), 1, "it is gone before the call has returned");

    // By somebody else, while it waits.
    let token = CancelToken::new();
    let canceller = token.clone();
    let others = thread::spawn(move || canceller.cancel());
    assert_eq!(block_on(token.run_until_cancelled(forever())), None);
    others.join().unwrap();

    // Cancelled in the poll in which the output comes: that counts. Cancelled before: nothing is polled.
    let token = CancelToken::new();
    let at_once = async {
        token.cancel();
        7
    };
    assert_eq!(block_on(token.run_until_cancelled(at_once)), Some(7));
    assert_eq!(block_on(token.run_until_cancelled(async { unreachable!("it is polled") })), None::<()>);
}

#[test]
fn a_task_goes_on_waiting_when_the_job_has_ended() {
    let all = CancelToken::new();
    let job = Pool::new().job().cancel_with(&all).cancellable().spawn(|token| token.cancelled());
    let waiting = block_on(job).unwrap();
    let canceller = std::thread::spawn(move || all.cancel());
    block_on(waiting);
    canceller.join().unwrap();
}

/// Each closure owns what cancels the token of the job before. Dropped one inside the other they overflowed the stack.
#[test]
fn a_long_chain_of_jobs_that_wait_each_cancels_the_one_before() {
    struct Cancels(CancelToken);
    impl Drop for Cancels {
        fn drop(&mut self) {
            assert!(self.0.cancel());
        }
    }
    const LONG: usize = 100_000;
    let pool = one_thread();
    let (_busy, _release) = occupy(pool.job());
    let mut before: Option<Cancels> = None;
    for _ in 0..LONG {
        let token = CancelToken::new();
        drop(pool.job().cancel_with(&token).spawn(move || drop(before)));
        before = Some(Cancels(token));
    }
    drop(before);
    assert_eq!(pool.metrics().cancelled, LONG as u64);
}
