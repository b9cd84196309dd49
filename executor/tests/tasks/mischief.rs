//! What is forgotten in the middle of being awaited, futures whose end makes trouble, and what is left in thread-locals.

use super::awaited::{Case, SOON, cases, one_at_a_time, quiet};
use sideline::task::yield_now;
use sideline::time::sleep;
use sideline::{Handle, Runtime, block_on, spawn, to_thread};
use std::cell::Cell;
use std::future::{Future, pending, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

/// Their memory is lost, and nothing else.
#[test]
fn what_is_forgotten_holds_up_nobody() {
    let _one = one_at_a_time();
    let runtime = quiet();
    runtime.block_on(async {
        for mut case in cases() {
            // With the loop's own waker, and without any.
            poll_fn(|cx| {
                assert!(case.future.as_mut().poll(cx).is_pending());
                Poll::Ready(())
            })
            .await;
            std::mem::forget(case.future);
            (case.finish)();
        }
        for case in cases() {
            (case.finish)();
            std::mem::forget(case.future);
        }
        sleep(SOON).await;
        assert_eq!(spawn(async { 1 }).await.unwrap() + to_thread(|| 1).await, 2);
    });
    drop(runtime);
    assert_eq!(block_on(async { 3 }), 3);
}

/// A future that does all of it in one go: it panics in its poll, and in its drop it spawns, aborts itself, lets its own
/// handle go, blocks on another runtime, ends it, and panics again.
#[test]
fn a_future_whose_end_is_one_mischief_after_the_other_leaves_the_loop_whole() {
    struct Mischief {
        own: Arc<Mutex<Option<sideline::JoinHandle<()>>>>,
        other: Option<Runtime>,
        drops: super::Dropped,
    }
    impl Future for Mischief {
        type Output = ();
        fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
            cx.waker().wake_by_ref();
            panic!("in its poll");
        }
    }
    impl Drop for Mischief {
        fn drop(&mut self) {
            let _drops = &self.drops;
            drop(spawn(pending::<()>()));
            if let Some(own) = self.own.lock().unwrap().take() {
                own.abort();
            }
            let other = self.other.take().unwrap();
            // Refused by a panic, unless no loop of this thread's is running any more.
            let _ = catch_unwind(AssertUnwindSafe(|| other.block_on(async {})));
            drop(other.spawn(pending::<()>()));
            drop(other);
            panic!("in its drop");
        }
    }
    for ends in ["by itself", "by an abort", "with the runtime"] {
        let drops = super::Drops::default();
        let reports = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&reports);
        let hook = move |report: &sideline::Report| seen.lock().unwrap().push(report.to_string());
        let runtime = Runtime::builder().on_report(hook).build().unwrap();
        runtime.block_on(async {
            for _ in 0..3 {
                let own = Arc::new(Mutex::new(None));
                let other = Some(Runtime::new().unwrap());
                let task = spawn(Mischief { own: Arc::clone(&own), other, drops: drops.guard() });
                if ends == "by an abort" {
                    task.abort();
                }
                *own.lock().unwrap() = Some(task);
            }
            if ends != "with the runtime" {
                yield_now().await;
                assert_eq!(drops.count(), 3);
            }
            // The loop goes on, but for what ends before it has had a turn.
            if ends != "with the runtime" {
                assert_eq!(spawn(async { 1 }).await.unwrap(), 1);
            }
        });
        drop(runtime);
        assert_eq!(drops.count(), 3, "{ends}");
        let reports = reports.lock().unwrap();
        let of = |end: &str| reports.iter().filter(|report| report.ends_with(end)).count();
        assert_eq!(of("in its drop"), 3, "{ends}: {reports:?}");
        assert_eq!(of("in its poll"), if ends == "by itself" { 3 } else { 0 }, "{ends}: {reports:?}");
    }
}

/// In the destructors of thread-locals there is no loop any more, or not yet an end of it.
#[test]
fn handles_and_futures_in_thread_locals_end_after_their_loop() {
    thread_local!(static LEFT: Cell<Vec<Case>> = const { Cell::new(Vec::new()) });
    struct UsesAll(Handle);
    impl Drop for UsesAll {
        fn drop(&mut self) {
            let late = block_on(self.0.spawn(async {}));
            assert!(late.unwrap_err().is_cancelled());
            assert!(block_on(self.0.spawn_blocking(|| ())).unwrap_err().is_rejected());
        }
    }
    thread_local!(static USES: Cell<Option<UsesAll>> = const { Cell::new(None) });
    let _one = one_at_a_time();
    for used_first in [true, false] {
        let thread = std::thread::spawn(move || {
            if used_first {
                drop((LEFT.take(), USES.take()));
            }
            let runtime = quiet();
            runtime.block_on(async {
                let mut left = Vec::new();
                for mut case in cases() {
                    poll_fn(|cx| Poll::Ready(case.future.as_mut().poll(cx).is_pending())).await;
                    (std::mem::replace(&mut case.finish, Box::new(|| ())))();
                    left.push(case);
                }
                LEFT.set(left);
            });
            USES.set(Some(UsesAll(runtime.handle().clone())));
        });
        thread.join().unwrap();
    }
}
