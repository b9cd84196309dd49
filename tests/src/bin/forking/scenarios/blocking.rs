//! Jobs, tokens, tenants and pools of the parent, whose locks its threads may have held.

use super::process::{fork, leave, succeeds};
use sideline::blocking::CancelToken;
use sideline::{Pool, Shutdown, block_on};
use std::future::Future;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::mpsc;
use std::task::{Context, Waker};
use std::thread;
use std::time::{Duration, Instant};

/// The child aborts the parent's jobs while threads that are not there have held the locks of theirs.
pub(super) fn aborts() {
    let pool = Pool::builder().max_threads(1).build().unwrap();
    let (end, ended) = mpsc::channel::<()>();
    let first = pool.spawn(move || ended.recv().is_err());
    let all = CancelToken::new();
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                while !over.load(SeqCst) {
                    assert!(pool.spawn(|| ()).abort());
                }
            });
        }
        let all_succeed = (0..100).all(|_| {
            let (job, told) = (pool.spawn(|| ()), pool.job().cancel_with(&all).spawn(|| ()));
            let Some(child) = fork() else {
                job.abort();
                told.abort();
                leave(true)
            };
            let succeeds = succeeds(child);
            assert!(job.abort() && told.abort());
            succeeds
        });
        over.store(true, SeqCst);
        assert!(all_succeed, "a child hangs");
    });
    drop(end);
    assert!(block_on(async { first.await.unwrap() }));
}

/// The child aborts jobs and cancels tokens while threads that are not there have held the locks of those tokens.
pub(super) fn tokens() {
    let pool = Pool::builder().max_threads(3).build().unwrap();
    let (all, over) = (CancelToken::new(), AtomicBool::new(false));
    // Looks into its own token all the time.
    let busy = pool.job().cancel_with(&all).cancellable().spawn(|token| {
        while !token.is_cancelled() {
            is_cancelled_now(token);
        }
    });
    thread::scope(|scope| {
        scope.spawn(|| {
            while !over.load(SeqCst) {
                pool.job().cancel_with(&all).spawn(|| ()).abort();
            }
        });
        scope.spawn(|| {
            while !over.load(SeqCst) {
                assert!(!is_cancelled_now(&all));
            }
        });
        let all_succeed = (0..100).all(|_| {
            let told = pool.job().cancel_with(&all).spawn(|| ());
            let Some(child) = fork() else {
                told.abort();
                drop(told);
                busy.abort();
                // The token is the child's to use, too.
                let below = all.child();
                let heard = AtomicBool::new(false);
                let heard: &'static AtomicBool = Box::leak(Box::new(heard));
                let hook = below.on_cancel(|| heard.store(true, SeqCst));
                let is_well = all.cancel() && heard.load(SeqCst) && is_cancelled_now(&below);
                drop(hook);
                leave(is_well)
            };
            succeeds(child)
        });
        over.store(true, SeqCst);
        assert!(all_succeed, "a child hangs, or cannot cancel");
    });
    assert!(!busy.is_finished(), "the child's cancellation was the child's");
    all.cancel();
    block_on(busy).unwrap();
}

/// Whether a task would be told that the token is cancelled.
fn is_cancelled_now(token: &CancelToken) -> bool {
    let mut waiting = pin!(token.cancelled());
    waiting.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_ready()
}

/// The child ends a tenant and a pool of the parent's while threads that are not there have held their locks.
pub(super) fn tenants() {
    let pool = Pool::builder().max_threads(2).on_report(|_| ()).build().unwrap();
    let tenant = pool.tenant();
    let over = AtomicBool::new(false);
    let (end, ended) = mpsc::channel::<()>();
    let first = tenant.spawn(move || ended.recv().is_err());
    thread::scope(|scope| {
        scope.spawn(|| {
            while !over.load(SeqCst) {
                tenant.wait(Some(Instant::now()));
            }
        });
        scope.spawn(|| {
            while !over.load(SeqCst) {
                tenant.survivors();
                pool.tenant().close();
            }
        });
        let all_succeed = (0..100).all(|round| {
            let Some(child) = fork() else {
                let ends = [Shutdown::Drain, Shutdown::Deadline(Duration::from_secs(60)), Shutdown::Abandon];
                let of_tenant = tenant.shutdown(ends[round % 3]);
                let of_pool = pool.shutdown(ends[round % 3]);
                let is_nothing = tenant.survivors().is_empty() && pool.metrics().dedicated == 0;
                let is_told = [of_tenant, of_pool].iter().all(|report| report.finished == 0);
                tenant.close();
                leave(is_nothing && is_told)
            };
            succeeds(child)
        });
        over.store(true, SeqCst);
        assert!(all_succeed, "a child hangs, or takes the parent's jobs for its own");
    });
    drop(end);
    assert!(block_on(async { first.await.unwrap() }));
}
