//! A panic of the user's never ends the loop or the pool, and always reaches the awaiter or the hook.
#![cfg(not(loom))]

use sideline::task::{JoinSet, yield_now};
use sideline::{Report, Runtime, block_on, spawn, spawn_blocking, to_thread};
use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind, panic_any};
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};

/// Panics when it is dropped.
struct Bomb(&'static str);

impl Drop for Bomb {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            panic!("{}", self.0);
        }
    }
}

impl Wake for Bomb {
    fn wake(self: Arc<Self>) {}
}

#[derive(Clone, Default)]
struct Reports(Arc<Mutex<Vec<String>>>);

impl Reports {
    fn runtime(&self) -> Runtime {
        let reports = self.clone();
        let hook = move |report: &Report| reports.0.lock().unwrap().push(report.to_string());
        Runtime::builder().on_report(hook).build().unwrap()
    }

    fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}

#[test]
fn in_a_task_it_reaches_the_awaiter() {
    let reports = Reports::default();
    reports.runtime().block_on(async {
        let error = spawn(async { panic!("number {}", std::hint::black_box(5)) }).await.unwrap_err();
        assert!(error.is_panic() && !error.is_cancelled());
        let text = error.to_string();
        assert!(
            text.starts_with("task ") && text.contains("tests/panics.rs") && text.ends_with("number 5"),
            "{text}"
        );
        assert_eq!(error.into_panic().downcast_ref::<String>().unwrap(), "number 5");
        assert_eq!(spawn(async { 1 }).await.unwrap(), 1);
    });
    assert!(reports.take().is_empty());
}

#[test]
fn in_a_job_it_reaches_the_awaiter() {
    let runtime = Runtime::new().unwrap();
    runtime.block_on(async {
        let error = spawn_blocking(|| panic!("no luck")).await.unwrap_err();
        assert!(error.is_panic());
        let text = error.to_string();
        assert!(
            text.starts_with("job ") && text.contains("tests/panics.rs") && text.ends_with("no luck"),
            "{text}"
        );
        assert_eq!(spawn_blocking(|| 1).await.unwrap(), 1);
    });
    let resumed =
        catch_unwind(AssertUnwindSafe(|| runtime.block_on(async { to_thread(|| panic_any(77_u8)).await })));
    assert_eq!(resumed.unwrap_err().downcast_ref::<u8>(), Some(&77));
    assert_eq!(runtime.block_on(to_thread_in(|| 3)), 3);
}

async fn to_thread_in<T: Send + 'static>(f: impl FnOnce() -> T + Send + 'static) -> T {
    to_thread(f).await
}

#[test]
fn in_a_detached_task_it_is_reported_whenever_the_handle_went() {
    let reports = Reports::default();
    reports.runtime().block_on(async {
        drop(spawn(async { panic!("early") }));
        let late = spawn(async { panic!("late") });
        yield_now().await;
        drop(late);
    });
    let seen = reports.take();
    assert_eq!(seen.len(), 2, "{seen:?}");
    assert!(seen[0].contains("nobody awaited") && seen[0].ends_with("early"));
    assert!(seen[1].ends_with("late"));
}

#[test]
fn in_destructors_of_futures_and_outputs_it_is_contained() {
    let reports = Reports::default();
    reports.runtime().block_on(async {
        // The future's captures, at completion: the output is not lost.
        let bomb = Bomb("capture");
        let value = spawn(poll_fn(move |_| {
            let _bomb = &bomb;
            Poll::Ready(true)
        }))
        .await
        .unwrap();
        assert!(value);
        // At abort.
        let bomb = Bomb("aborted");
        let task = spawn(async move {
            let _bomb = bomb;
            std::future::pending::<()>().await
        });
        yield_now().await;
        task.abort();
        assert!(task.await.unwrap_err().is_cancelled());
        // The output of a detached task, and of a handle dropped late.
        drop(spawn(async { Bomb("output") }));
        yield_now().await;
        let task = spawn(async { Bomb("late output") });
        yield_now().await;
        drop(task);
        // A payload that panics when it is dropped.
        drop(spawn(async { panic_any(Bomb("payload")) }));
        yield_now().await;
        assert_eq!(spawn(async { 1 }).await.unwrap(), 1);
    });
    let seen = reports.take();
    for expected in ["capture", "aborted", "output", "late output", "payload"] {
        assert!(seen.iter().any(|line| line.ends_with(expected)), "{expected} in {seen:?}");
    }
}

/// An error of a task's let the payload's destructor panic wherever it was dropped: in the task that had awaited it.
#[test]
fn in_the_destructor_of_a_payload_it_does_not_reach_who_drops_the_error() {
    block_on(async {
        for error in [
            spawn(async { panic_any(Bomb("of a task")) }).await.unwrap_err(),
            spawn_blocking(|| panic_any(Bomb("of a job"))).await.unwrap_err(),
        ] {
            assert!(error.is_panic());
            drop(error);
        }
    });
}

#[test]
fn while_the_runtime_is_dropped_it_is_contained() {
    let reports = Reports::default();
    let runtime = reports.runtime();
    let after = Arc::new(());
    let kept = Arc::clone(&after);
    runtime.block_on(async {
        let bomb = Bomb("at the end");
        drop(spawn(async move {
            let _bomb = bomb;
            std::future::pending::<()>().await
        }));
        drop(spawn(async move {
            let _kept = kept;
            std::future::pending::<()>().await
        }));
        yield_now().await;
    });
    drop(runtime);
    assert_eq!(Arc::strong_count(&after), 1);
    assert!(reports.take().iter().any(|line| line.ends_with("at the end")));
}

#[test]
fn in_the_awaiters_waker_it_is_contained() {
    struct Grumpy;
    impl Wake for Grumpy {
        fn wake(self: Arc<Self>) {
            panic!("not now");
        }
    }
    let reports = Reports::default();
    reports.runtime().block_on(async {
        let mut task = spawn(async { 4 });
        let waker = Waker::from(Arc::new(Grumpy));
        assert!(Pin::new(&mut task).poll(&mut Context::from_waker(&waker)).is_pending());
        yield_now().await;
        assert_eq!(task.await.unwrap(), 4);
    });
    assert!(reports.take().iter().any(|line| line.ends_with("not now")));
}

/// A waker is another's code, down to its drop. It reached whoever polled a set or a signal next, or dropped it.
#[test]
fn in_the_drop_of_a_waker_it_does_not_reach_who_polls_next() {
    fn twice_and_dropped(mut poll: impl FnMut(&mut Context<'_>) -> Poll<()>) {
        for _ in 0..2 {
            let waker = Waker::from(Arc::new(Bomb("a waker")));
            assert!(poll(&mut Context::from_waker(&waker)).is_pending());
            // The only one left is the one that was given away.
            if let Err(payload) = catch_unwind(AssertUnwindSafe(|| drop(waker))) {
                panic!("nothing keeps it: {:?}", payload.downcast_ref::<String>());
            }
        }
    }
    block_on(async {
        let mut set = JoinSet::new();
        set.spawn(std::future::pending::<()>());
        twice_and_dropped(move |cx| set.poll_join_next(cx).map(|_| ()));
        #[cfg(all(unix, feature = "signal"))]
        {
            use sideline::signal::unix::{SignalKind, signal};
            let mut listener = signal(SignalKind::user_defined2()).unwrap();
            twice_and_dropped(move |cx| listener.poll_recv(cx).map(|_| ()));
        }
    });
}

/// What the hook has captured goes with the last who knows the runtime, and that may be a waker, anywhere. The panic reached who
/// dropped it.
#[test]
fn in_the_drop_of_the_hook_it_does_not_reach_who_drops_the_last_waker() {
    let bomb = Bomb("captured by the hook");
    let runtime = Runtime::builder().on_report(move |_| _ = &bomb).build().unwrap();
    let (send, wakers) = std::sync::mpsc::channel();
    runtime.block_on(async {
        drop(spawn(poll_fn(move |cx| {
            send.send(cx.waker().clone()).unwrap();
            Poll::<()>::Pending
        })));
        yield_now().await;
    });
    drop(runtime);
    let waker = wakers.recv().unwrap();
    assert!(catch_unwind(AssertUnwindSafe(|| drop(waker))).is_ok());
}

#[test]
fn in_the_hook_itself_it_goes_nowhere() {
    let runtime = Runtime::builder().on_report(|_| panic!("the hook too")).build().unwrap();
    runtime.block_on(async {
        drop(spawn(async { panic!("detached") }));
        yield_now().await;
        assert_eq!(spawn(async { 1 }).await.unwrap(), 1);
    });
}

#[test]
fn in_the_main_future_it_goes_to_the_caller_and_the_runtime_lives_on() {
    let runtime = Runtime::new().unwrap();
    let caught = catch_unwind(AssertUnwindSafe(|| runtime.block_on(async { panic!("main") })));
    assert!(caught.is_err());
    assert_eq!(runtime.block_on(async { spawn(async { 2 }).await.unwrap() }), 2);
    // The thread is outside the runtime again.
    assert!(sideline::Handle::try_current().is_err());
}
