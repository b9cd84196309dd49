//! Futures that wait for a token.

use super::{Count, block_on};
use sideline_blocking_pool::{CancelToken, Pool};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Waker};
use std::thread;
use std::time::{Duration, Instant};

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

/// Each moved all those that were made later and asked before: of twice as many the four-fold, and this took minutes.
#[test]
fn those_who_were_made_first_may_ask_last() {
    let token = CancelToken::new();
    let mut waiting: Vec<_> = (0..100_000).map(|_| token.cancelled()).collect();
    let (woken, waker) = Count::new();
    let mut cx = Context::from_waker(&waker);
    for future in waiting.iter_mut().rev() {
        assert!(Pin::new(future).poll(&mut cx).is_pending());
    }
    token.cancel();
    assert_eq!(woken.get(), waiting.len());
}
