//! Tokens below tokens, also below those of jobs that have ended.

use super::block_on;
use sideline_blocking_pool::{CancelToken, JobBuilder, JoinHandle, Pool, Shutdown};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::{Duration, Instant};

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
