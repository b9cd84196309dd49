//! Jobs of a token, or with a deadline: those that run are told, those that wait never start.

use super::{block_on, occupy, one_thread};
use sideline_blocking_pool::{CancelToken, JoinHandle, Pool, Shutdown};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::{Duration, Instant};

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
