//! The whole handoff under loom: the real `block_on`, the real reactor and notifier on a modelled event queue, and
//! the real pool with a worker of its own.
//!
//! A lost wake shows as a deadlock: the loop parks for ever.

use loom::model::Builder;
use sideline::{Pool, Runtime, Shutdown, spawn_blocking};
use std::time::Duration;

fn check(preemptions: usize, model: impl Fn() + Send + Sync + 'static) {
    let mut builder = Builder::new();
    builder.preemption_bound = Some(preemptions);
    builder.check(model);
}

fn with_runtime(body: impl FnOnce(&Runtime)) {
    let pool = Pool::builder().core_threads(1).max_threads(1).build().unwrap();
    let runtime = Runtime::builder().pool(pool.clone()).drop_deadline(Duration::ZERO).build().unwrap();
    body(&runtime);
    drop(runtime);
    let _ = pool.shutdown(Shutdown::Drain);
}

/// Worker -> result in the cell -> waker -> flag -> notifier -> loop, for the main future.
#[test]
fn an_offload_comes_back() {
    check(3, || {
        with_runtime(|runtime| {
            assert_eq!(runtime.block_on(async { spawn_blocking(|| 5).await.unwrap() }), 5);
        });
    });
}

/// The same for a task, whose wake goes through the inbox.
#[test]
fn an_offload_comes_back_to_a_task() {
    check(2, || {
        with_runtime(|runtime| {
            let task =
                async { sideline::spawn(async { spawn_blocking(|| 6).await.unwrap() }).await.unwrap() };
            assert_eq!(runtime.block_on(task), 6);
        });
    });
}

/// A result that comes while the runtime goes away wakes nobody and is dropped.
#[test]
fn an_offload_outlives_its_runtime() {
    check(3, || {
        with_runtime(|runtime| {
            runtime.block_on(async { drop(spawn_blocking(|| ())) });
        });
    });
}
