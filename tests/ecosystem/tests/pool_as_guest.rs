//! `sideline-blocking-pool` by itself, under executors that know nothing of it.
#![cfg(not(loom))]

use futures::future::join_all;
use futures::stream::{self, StreamExt};
use sideline_blocking_pool::{JoinHandle, Pool, Shutdown};
use std::collections::HashSet;
use std::future::Future;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Barrier};
use std::task::Poll;
use std::thread;

/// What has to work wherever jobs are awaited. `Send`, so that a multi-threaded executor may move it about.
async fn uses_the_pool(pool: Pool) -> usize {
    // Results come to whoever awaits, in any order.
    let sum: usize = stream::iter(0..2000)
        .map(|n| pool.spawn(move || n))
        .buffer_unordered(64)
        .map(Result::unwrap)
        .fold(0, add)
        .await;
    assert_eq!(sum, 2000 * 1999 / 2);

    // Panics arrive where they are awaited, and the threads live on.
    let error = pool.spawn(|| panic!("in the job")).await.unwrap_err();
    assert!(error.is_panic());

    // Jobs that block each other are all run.
    let barrier = Arc::new(Barrier::new(16));
    let meet = (0..16).map(|_| {
        let barrier = Arc::clone(&barrier);
        pool.spawn(move || barrier.wait().is_leader())
    });
    assert_eq!(join_all(meet).await.into_iter().filter(|leader| *leader.as_ref().unwrap()).count(), 1);

    // Jobs spawn jobs, and the executor awaits the inner one.
    let nested: JoinHandle<usize> = {
        let inner = pool.clone();
        pool.spawn(move || inner.spawn(|| 42)).await.unwrap()
    };
    sum + nested.await.unwrap()
}

async fn add(sum: usize, n: usize) -> usize {
    sum + n
}

const EXPECTED: usize = 2000 * 1999 / 2 + 42;

fn pool() -> Pool {
    Pool::builder().build().unwrap()
}

fn closes_in_full(pool: &Pool) {
    let report = pool.shutdown(Shutdown::Drain);
    assert!(report.left_running.is_empty(), "{report}");
    let metrics = pool.metrics();
    assert_eq!(metrics.submitted, metrics.completed + metrics.panicked + metrics.cancelled, "{metrics:?}");
}

#[test]
fn under_tokio_with_several_threads() {
    let pool = pool();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().unwrap();
    runtime.block_on(async {
        let tasks: Vec<_> = (0..8).map(|_| tokio::spawn(uses_the_pool(pool.clone()))).collect();
        for task in tasks {
            assert_eq!(task.await.unwrap(), EXPECTED);
        }
    });
    closes_in_full(&pool);
}

#[test]
fn under_tokio_with_one_thread() {
    let pool = pool();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    assert_eq!(runtime.block_on(uses_the_pool(pool.clone())), EXPECTED);
    closes_in_full(&pool);
}

#[test]
fn under_smol() {
    let pool = pool();
    let task = smol::spawn(uses_the_pool(pool.clone()));
    assert_eq!(smol::block_on(task), EXPECTED);
    assert_eq!(smol::block_on(uses_the_pool(pool.clone())), EXPECTED);
    closes_in_full(&pool);
}

#[test]
fn under_pollster() {
    let pool = pool();
    assert_eq!(pollster::block_on(uses_the_pool(pool.clone())), EXPECTED);
    closes_in_full(&pool);
}

#[test]
fn under_the_executor_of_futures() {
    let pool = pool();
    assert_eq!(futures::executor::block_on(uses_the_pool(pool.clone())), EXPECTED);
    closes_in_full(&pool);
}

#[test]
fn one_pool_serves_several_executors_at_once() {
    let pool = pool();
    let executors: [fn(Pool) -> usize; 4] = [
        |pool| pollster::block_on(uses_the_pool(pool)),
        |pool| smol::block_on(uses_the_pool(pool)),
        |pool| tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(uses_the_pool(pool)),
        |pool| {
            let runtime = sideline::Runtime::builder().pool(pool.clone()).build().unwrap();
            runtime.block_on(uses_the_pool(pool))
        },
    ];
    thread::scope(|scope| {
        let threads = executors.map(|executor| {
            scope.spawn({
                let pool = pool.clone();
                move || executor(pool)
            })
        });
        for thread in threads {
            assert_eq!(thread.join().unwrap(), EXPECTED);
        }
    });
    closes_in_full(&pool);
}

#[test]
fn a_handle_may_move_between_executors_and_wakes_the_last() {
    let pool = pool();
    let gate = Arc::new(Barrier::new(2));
    let mut job = pool.spawn({
        let gate = Arc::clone(&gate);
        move || {
            gate.wait();
            5
        }
    });
    // Polled once here: the waker of this executor is the first one.
    pollster::block_on(async { assert!(futures::poll!(&mut job).is_pending()) });
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().unwrap();
    let awaiting = runtime.spawn(job);
    gate.wait();
    assert_eq!(runtime.block_on(awaiting).unwrap().unwrap(), 5);
}

#[test]
fn dropping_a_tokio_task_that_awaits_a_job_detaches_the_job() {
    let pool = pool();
    let ran = Arc::new(AtomicUsize::new(0));
    let (begun, gate) = (Arc::new(Barrier::new(2)), Arc::new(Barrier::new(2)));
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        let mut job = pool.spawn({
            let (ran, begun, gate) = (Arc::clone(&ran), Arc::clone(&begun), Arc::clone(&gate));
            move || {
                begun.wait();
                gate.wait();
                ran.fetch_add(1, SeqCst);
            }
        });
        begun.wait();
        let task = tokio::spawn(std::future::poll_fn(move |cx| {
            assert!(std::pin::Pin::new(&mut job).poll(cx).is_pending());
            Poll::<()>::Pending
        }));
        tokio::task::yield_now().await;
        task.abort();
        assert!(task.await.unwrap_err().is_cancelled());
    });
    // The runtime, whose waker the job may still hold, is gone before the job ends.
    drop(runtime);
    gate.wait();
    closes_in_full(&pool);
    assert_eq!(ran.load(SeqCst), 1);
}

#[test]
fn results_reach_tasks_on_every_thread_of_tokio() {
    let pool = pool();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().unwrap();
    let workers: HashSet<_> = runtime.block_on(async {
        // Both workers of tokio are in it at once, each with a task of its own.
        let barrier = Arc::new(Barrier::new(2));
        let tasks = [0, 1].map(|_| {
            let (pool, barrier) = (pool.clone(), Arc::clone(&barrier));
            tokio::spawn(async move {
                barrier.wait();
                let job_on = pool.spawn(|| thread::current().id()).await.unwrap();
                assert_ne!(job_on, thread::current().id());
                barrier.wait();
                thread::current().id()
            })
        });
        join_all(tasks).await.into_iter().map(Result::unwrap).collect()
    });
    assert_eq!(workers.len(), 2);
    closes_in_full(&pool);
}
