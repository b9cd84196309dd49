//! Several loops, on one pool and on many threads.

use sideline::{Pool, Runtime, block_on, spawn, to_thread};
use std::sync::mpsc;
use std::thread;

#[test]
fn sequential_offloads_use_one_thread() {
    let pool = Pool::builder().build().unwrap();
    let runtime = Runtime::builder().pool(pool.clone()).build().unwrap();
    runtime.block_on(async {
        let first = to_thread(|| thread::current().id()).await;
        for _ in 0..1_000 {
            assert_eq!(to_thread(|| thread::current().id()).await, first);
        }
    });
    assert_eq!(pool.metrics().threads, 1);
}

#[test]
fn two_runtimes_share_a_pool_and_wait_for_their_own_jobs_alone() {
    let (go, wait_go) = mpsc::channel::<()>();
    let slow = Runtime::new().unwrap();
    let job = slow.handle().spawn_blocking(move || wait_go.recv().unwrap());
    let quick = Runtime::new().unwrap();
    quick.block_on(async { to_thread(|| ()).await });
    drop(quick);
    go.send(()).unwrap();
    slow.block_on(job).unwrap();
}

#[test]
fn loops_on_many_threads_come_and_go() {
    let threads: Vec<_> = (0..4)
        .map(|_| {
            thread::spawn(|| {
                for _ in 0..50 {
                    assert_eq!(
                        block_on(async { to_thread(|| 1).await + spawn(async { 2 }).await.unwrap() }),
                        3
                    );
                }
            })
        })
        .collect();
    for thread in threads {
        thread.join().unwrap();
    }
}

#[test]
fn a_loop_in_a_thread_local_may_end_with_its_thread() {
    thread_local! {
        static RUNTIME: Runtime = Runtime::new().unwrap();
    }
    thread::spawn(|| {
        RUNTIME.with(|runtime| {
            runtime.block_on(async {
                drop(spawn(std::future::pending::<()>()));
                to_thread(|| ()).await;
            });
        });
    })
    .join()
    .unwrap();
}
