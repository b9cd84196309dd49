//! Wakers that panic, wherever they can, and wakers that call back in, for everything that can be awaited.
//!
//! A waker is the code of whoever polls. If it panics when it is cloned, that reaches whoever polls with it. Everywhere else it
//! is somebody else whom it would reach: the loop, a worker, the task that polls next or drops the future.
#![allow(unsafe_code)]

use super::awaited::{Awaited, Case, HOUR, SOON, cases, one_at_a_time, quiet};
use sideline::task::{JoinSet, yield_now};
use sideline::time::{sleep, timeout};
use sideline::{Handle, spawn, to_thread};
use std::cell::Cell;
use std::future::{Future, pending, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::task::{Context, RawWaker, RawWakerVTable, Wake, Waker};
use std::time::Duration;

#[derive(Clone, Copy, Debug, PartialEq)]
enum Fails {
    Clone,
    Wake,
    Drop,
}

/// A waker of which one operation panics.
fn failing(point: Fails) -> Waker {
    macro_rules! vtable {
        ($name:ident, $clone:expr, $wake:expr, $drop:expr) => {
            static $name: RawWakerVTable = RawWakerVTable::new($clone, $wake, $wake, $drop);
        };
    }
    vtable!(CLONE, |_| panic!("hostile: clone"), |_| (), |_| ());
    vtable!(WAKE, |data| RawWaker::new(data, &WAKE), |_| panic!("hostile: wake"), |_| ());
    vtable!(DROP, |data| RawWaker::new(data, &DROP), |_| (), |_| panic!("hostile: drop"));
    let vtable = match point {
        Fails::Clone => &CLONE,
        Fails::Wake => &WAKE,
        Fails::Drop => &DROP,
    };
    // SAFETY: the vtable's functions use no data, from any thread.
    unsafe { Waker::from_raw(RawWaker::new(std::ptr::null(), vtable)) }
}

/// Polls once. A clone that panics reaches us, and nothing else does.
fn poll_with(waker: Waker, case: &mut Case) {
    // Its drop is our own affair, as is that of all others.
    let waker = std::mem::ManuallyDrop::new(waker);
    let poll = || case.future.as_mut().poll(&mut Context::from_waker(&waker)).is_pending();
    match catch_unwind(AssertUnwindSafe(poll)) {
        Ok(pending) => assert!(pending, "{} was ready at once", case.name),
        Err(payload) => assert_eq!(*payload.downcast::<&str>().unwrap(), "hostile: clone"),
    }
}

async fn is_ready(name: &str, future: &mut Awaited) {
    let ready = timeout(Duration::from_secs(30), poll_fn(|cx| future.as_mut().poll(cx))).await;
    ready.unwrap_or_else(|_| panic!("nobody was woken for {name}"));
}

/// Polled by one whose waker is hostile, and then by another one.
#[test]
fn a_waker_that_panics_keeps_nobody_else_from_the_result() {
    let _one = one_at_a_time();
    let runtime = quiet();
    for point in [Fails::Clone, Fails::Wake, Fails::Drop] {
        runtime.block_on(async {
            for mut case in cases() {
                poll_with(failing(point), &mut case);
                yield_now().await;
                // The second waker takes the place of the first.
                let mut future = case.future;
                let awaiting = spawn(async move {
                    is_ready(case.name, &mut future).await;
                });
                yield_now().await;
                (case.finish)();
                if let Err(error) = awaiting.await {
                    let error = error.to_string();
                    // A block of code that is async ends with a panic of its own.
                    let is_over = point == Fails::Clone && error.contains("resumed after panicking");
                    assert!(is_over, "{} with a waker that fails at {point:?}: {error}", case.name);
                }
            }
        });
    }
}

/// The hostile one is what is woken.
#[test]
fn a_waker_that_panics_when_it_is_woken_stops_neither_the_loop_nor_a_worker() {
    let _one = one_at_a_time();
    let runtime = quiet();
    for point in [Fails::Wake, Fails::Drop] {
        runtime.block_on(async {
            for mut case in cases() {
                poll_with(failing(point), &mut case);
                (case.finish)();
                sleep(SOON).await;
                is_ready(case.name, &mut case.future).await;
                assert_eq!(spawn(async { 1 }).await.unwrap() + to_thread(|| 1).await, 2);
            }
        });
    }
}

#[test]
fn a_waker_that_panics_when_it_is_dropped_does_not_reach_who_drops_the_future() {
    let _one = one_at_a_time();
    let runtime = quiet();
    runtime.block_on(async {
        for mut case in cases() {
            poll_with(failing(Fails::Drop), &mut case);
            let dropped = catch_unwind(AssertUnwindSafe(|| drop(case.future)));
            assert!(dropped.is_ok(), "{}", case.name);
            (case.finish)();
        }
    });
    // Nor who ends the runtime.
    runtime.block_on(async {
        for mut case in cases() {
            poll_with(failing(Fails::Drop), &mut case);
            (case.finish)();
            std::mem::forget(case.future);
        }
    });
    drop(runtime);
}

/// Drops the very future that it is woken for, and uses the runtime in every way there is, when it is woken and when it is dropped.
struct CallsBack {
    runtime: Handle,
    future: Mutex<Option<Awaited>>,
    called: Arc<AtomicUsize>,
}

impl CallsBack {
    fn call_back(&self) {
        // Not in the lock's scope: dropping it may drop a waker, which comes here again.
        let future = self.future.lock().unwrap().take();
        drop(future);
        let task = self.runtime.spawn(pending::<()>());
        task.abort();
        let mut join = self.runtime.spawn(async {});
        let mut cx = Context::from_waker(Waker::noop());
        let _ = Pin::new(&mut join).poll(&mut cx);
        drop(self.runtime.spawn_blocking(|| ()));
        let _ = self.runtime.metrics();
        // The loop's thread is in a runtime, and a worker while it runs a job.
        if Handle::try_current().is_ok() {
            let _ = Box::pin(sleep(HOUR)).as_mut().poll(&mut cx);
        }
        // Refused on the loop's own thread, by a panic.
        let handle = self.runtime.clone();
        let _ = catch_unwind(AssertUnwindSafe(|| handle.block_on(async {})));
        self.called.fetch_add(1, SeqCst);
    }
}

impl Wake for CallsBack {
    fn wake(self: Arc<Self>) {
        self.call_back();
    }
}

impl Drop for CallsBack {
    fn drop(&mut self) {
        self.call_back();
    }
}

#[test]
fn a_waker_may_drop_what_it_is_woken_for_and_use_the_runtime() {
    let _one = one_at_a_time();
    let runtime = quiet();
    runtime.block_on(async {
        for Case { name, mut future, finish } in cases() {
            let called = Arc::new(AtomicUsize::new(0));
            let calls_back = Arc::new(CallsBack {
                runtime: Handle::current(),
                future: Mutex::new(None),
                called: Arc::clone(&called),
            });
            let waker = Waker::from(Arc::clone(&calls_back));
            assert!(future.as_mut().poll(&mut Context::from_waker(&waker)).is_pending(), "{name}");
            *calls_back.future.lock().unwrap() = Some(future);
            drop((waker, calls_back));
            finish();
            // Woken, and then dropped.
            let was_called = async {
                while called.load(SeqCst) < 2 {
                    sleep(Duration::from_micros(100)).await;
                }
            };
            timeout(Duration::from_secs(30), was_called).await.unwrap_or_else(|_| panic!("{name}"));
        }
    });
}

thread_local! {
    /// What the next clone of a [`Cloned`] on this thread does.
    static DURING_CLONE: Cell<Option<Box<dyn FnOnce()>>> = const { Cell::new(None) };
}

/// A waker whose clone is foreign code, and no two clones of which are known to wake the same.
fn cloned(inner: Waker) -> Waker {
    unsafe fn borrowed<'a>(data: *const ()) -> &'a Waker {
        // SAFETY: made by `cloned`, and freed by its drop alone.
        unsafe { &*data.cast() }
    }
    unsafe fn owned(data: *const ()) -> Box<Waker> {
        // SAFETY: as in borrowed(); the caller gives it up.
        unsafe { Box::from_raw(data.cast_mut().cast()) }
    }
    fn raw(inner: Waker) -> RawWaker {
        static VTABLE: RawWakerVTable = RawWakerVTable::new(
            |data| {
                if let Some(does) = DURING_CLONE.take() {
                    does();
                }
                // SAFETY: the waker that is cloned has it.
                raw(unsafe { borrowed(data) }.clone())
            },
            // SAFETY: the waker is given up.
            |data| unsafe { owned(data) }.wake(),
            // SAFETY: the waker has it.
            |data| unsafe { borrowed(data) }.wake_by_ref(),
            // SAFETY: the waker is given up.
            |data| drop(unsafe { owned(data) }),
        );
        RawWaker::new(Box::into_raw(Box::new(inner)).cast_const().cast(), &VTABLE)
    }
    // SAFETY: each has a box of its own, and what is in there may go to any thread.
    unsafe { Waker::from_raw(raw(inner)) }
}

/// Between the look whether something is ready and the wait for it, a waker is cloned, and anything may happen.
#[test]
fn what_becomes_ready_while_the_waker_is_cloned_is_not_missed() {
    let _one = one_at_a_time();
    let runtime = quiet();
    runtime.block_on(async {
        for Case { name, mut future, finish } in cases() {
            let handle = Handle::current();
            DURING_CLONE.set(Some(Box::new(move || {
                finish();
                let mut cx = Context::from_waker(Waker::noop());
                assert!(Box::pin(sleep(HOUR)).as_mut().poll(&mut cx).is_pending());
                handle.spawn(pending::<()>()).abort();
                drop(handle.spawn_blocking(|| ()));
                assert!(catch_unwind(AssertUnwindSafe(|| handle.block_on(async {}))).is_err());
            })));
            let polls =
                poll_fn(|cx| future.as_mut().poll(&mut Context::from_waker(&cloned(cx.waker().clone()))));
            timeout(Duration::from_secs(30), polls).await.unwrap_or_else(|_| panic!("{name}"));
            assert!(DURING_CLONE.take().is_none(), "{name} was ready without a waker");
        }
    });
}

/// The runtime of what is polled ends then, on the thread of another one.
#[test]
fn a_runtime_may_end_while_the_waker_of_its_awaiter_is_cloned() {
    let _one = one_at_a_time();
    let outer = quiet();
    let count = outer.block_on(async { cases().len() });
    for number in 0..count {
        let ends = quiet();
        let Case { name, mut future, finish } = ends.block_on(async { cases().swap_remove(number) });
        DURING_CLONE.set(Some(Box::new(move || drop(ends))));
        outer.block_on(async {
            let polls = poll_fn(|cx| {
                let waker = cloned(cx.waker().clone());
                // Errors of sockets are unwrapped, and sleeps need a loop for their first poll: a panic is an end as well.
                let polled =
                    catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(&mut Context::from_waker(&waker))));
                polled.unwrap_or(std::task::Poll::Ready(()))
            });
            if timeout(SOON, polls).await.is_err() {
                finish();
                assert!(DURING_CLONE.take().is_none(), "{name}: no clone");
            }
            drop(future);
        });
        drop(DURING_CLONE.take());
    }
}

/// A set that is polled by hand may be left with a waker, which the next entry wakes.
#[test]
fn a_waker_that_panics_does_not_keep_a_task_from_its_set() {
    let runtime = quiet();
    runtime.block_on(async {
        let mut set = JoinSet::new();
        set.spawn(pending::<i32>());
        let waker = std::mem::ManuallyDrop::new(failing(Fails::Wake));
        for _ in 0..2 {
            assert!(set.poll_join_next(&mut Context::from_waker(&waker)).is_pending());
        }
        set.spawn(async { 5 });
        assert_eq!(set.len(), 2);
        assert_eq!(set.join_next().await.unwrap().unwrap(), 5);
    });
}
