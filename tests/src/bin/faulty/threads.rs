//! Threads that the system refuses.

use sideline::blocking::CancelToken;
use sideline::task::yield_now;
use sideline::time::timeout;
use sideline::{Builder, JoinHandle, Pool, Runtime, block_on, spawn, spawn_blocking, to_thread};
use std::cell::RefCell;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

/// Every job is rejected with the reason, nothing hangs, and the loop goes on.
pub(crate) fn no_thread_at_all() {
    block_on(async {
        for _ in 0..3 {
            let error = spawn_blocking(|| ()).await.unwrap_err();
            assert!(error.is_rejected(), "{error}");
            assert!(error.to_string().contains("thread"), "{error}");
        }
        let refused = Pool::global().try_spawn(|| 5).unwrap_err();
        assert_eq!(refused.into_closure()(), 5);
        assert_eq!(spawn(async { 1 }).await.unwrap(), 1);
    });
}

/// The first job is rejected; the pool is not poisoned for the second.
pub(crate) fn first_thread_fails() {
    block_on(async {
        assert!(spawn_blocking(|| ()).await.unwrap_err().is_rejected());
        assert_eq!(to_thread(|| 2).await, 2);
    });
}

/// A burst that would open many threads is done by the one there is.
pub(crate) fn one_thread_and_no_more() {
    let pool = Pool::builder().core_threads(4).max_threads(64).on_report(|_| ()).build().unwrap();
    let runtime = Runtime::builder().pool(pool.clone()).build().unwrap();
    let done = Arc::new(AtomicUsize::new(0));
    runtime.block_on(async {
        let jobs: Vec<_> = (0..100)
            .map(|_| {
                let done = Arc::clone(&done);
                spawn_blocking(move || {
                    std::thread::sleep(Duration::from_millis(1));
                    done.fetch_add(1, Relaxed);
                })
            })
            .collect();
        for job in jobs {
            job.await.unwrap();
        }
    });
    assert_eq!(done.load(Relaxed), 100);
    assert_eq!(pool.metrics().threads, 1);
}

/// A job is refused in a destructor of a thread-local, after the pool's own thread-locals are gone; and so is a dedicated
/// closure.
pub(crate) fn no_thread_at_a_threads_end() {
    struct Submits(Pool);
    impl Drop for Submits {
        fn drop(&mut self) {
            assert!(self.0.try_spawn(|| ()).is_err());
        }
    }
    thread_local!(static LAST: RefCell<Option<Submits>> = const { RefCell::new(None) });

    let pool = Pool::new();
    let theirs = pool.clone();
    let thread = std::thread::spawn(move || {
        // Registered first, hence dropped last.
        LAST.set(Some(Submits(theirs.clone())));
        assert!(theirs.try_spawn(|| ()).is_err());
        assert!(theirs.job().spawn_dedicated(|| ()).is_err());
    });
    thread.join().unwrap();
    let m = pool.metrics();
    assert_eq!((m.rejected, m.submitted, m.cancelled), (1, 2, 2));
}

/// The only worker is stuck, and the thread that would see to it that there is another one is refused many times. Nobody submits any more, and
/// no job ends. `wait` waits for the task, which waits for a job.
fn late_monitor(builder: Builder, wait: impl FnOnce(&Runtime, JoinHandle<()>)) {
    let pool = Pool::builder().core_threads(1).max_threads(2).on_report(|_| ()).build().unwrap();
    let runtime = builder.pool(pool).build().unwrap();
    let (release, released) = mpsc::channel::<()>();
    let (start, started) = mpsc::channel();
    let stuck = runtime.spawn_blocking(move || {
        start.send(()).unwrap();
        released.recv().is_err()
    });
    started.recv().unwrap();
    let waits = runtime.spawn(async { assert_eq!(to_thread(|| 7).await, 7) });
    wait(&runtime, waits);
    drop(release);
    assert!(runtime.block_on(stuck).unwrap());
}

/// The loop has nothing else to do, and parks.
pub(crate) fn late_monitor_and_a_loop_that_parks() {
    late_monitor(Runtime::builder(), |runtime, waits| runtime.block_on(waits).unwrap());
}

/// The clock stands still while the loop waits.
pub(crate) fn late_monitor_and_a_paused_clock() {
    late_monitor(Runtime::builder().paused_clock(), |runtime, waits| runtime.block_on(waits).unwrap());
}

/// The same with a timer to which it could leap.
pub(crate) fn late_monitor_and_a_paused_clock_with_a_timer() {
    late_monitor(Runtime::builder().paused_clock(), |runtime, waits| {
        runtime.block_on(async { timeout(Duration::from_secs(3600), waits).await.unwrap().unwrap() });
    });
}

/// The loop looks for work all the time, and finds none.
pub(crate) fn late_monitor_and_a_loop_that_polls() {
    let builder = Runtime::builder().busy_poll(Duration::from_secs(3600));
    late_monitor(builder, |runtime, waits| runtime.block_on(waits).unwrap());
}

/// There is always something that is to be run.
pub(crate) fn late_monitor_and_a_loop_that_is_busy() {
    late_monitor(Runtime::builder(), |runtime, waits| {
        let yields = runtime.spawn(async {
            loop {
                yield_now().await;
            }
        });
        runtime.block_on(waits).unwrap();
        yields.abort();
    });
}

/// Whoever has the loop run lets it wait for ever.
pub(crate) fn late_monitor_and_a_loop_that_is_turned() {
    late_monitor(Runtime::builder(), |runtime, waits| turn_until(runtime, &waits, None));
}

/// Whoever has the loop run never lets it wait.
pub(crate) fn late_monitor_and_a_loop_that_never_waits() {
    late_monitor(Runtime::builder(), |runtime, waits| turn_until(runtime, &waits, Some(Duration::ZERO)));
}

fn turn_until(runtime: &Runtime, waits: &JoinHandle<()>, max_wait: Option<Duration>) {
    while !waits.is_finished() {
        runtime.turn(max_wait).unwrap();
    }
}

/// Another loop waits for this one.
pub(crate) fn late_monitor_and_a_loop_that_stands_by() {
    late_monitor(Runtime::builder(), |runtime, waits| {
        while !waits.is_finished() {
            let left = runtime.next_deadline().map(|due| due.saturating_duration_since(Instant::now()));
            wait_for(runtime.as_fd(), left);
            runtime.turn(Some(Duration::ZERO)).unwrap();
        }
    });
}

/// Waits until it is readable, but no longer than this, rounded up.
fn wait_for(fd: BorrowedFd<'_>, longest: Option<Duration>) {
    let milliseconds = longest.map_or(-1, |longest| i32::try_from(longest.as_millis()).unwrap() + 1);
    let mut polled = libc::pollfd { fd: fd.as_raw_fd(), events: libc::POLLIN, revents: 0 };
    // SAFETY: it is there during the call.
    assert!(unsafe { libc::poll(&raw mut polled, 1, milliseconds) } >= 0);
}

/// The thread that watches deadlines is refused when the token is made, and asked for again when somebody is about to wait.
pub(crate) fn late_watch_for_a_task() {
    let soon = CancelToken::with_deadline(Instant::now() + Duration::from_millis(20));
    block_on(soon.cancelled());
}

/// The same for a hook.
pub(crate) fn late_watch_for_a_hook() {
    let soon = CancelToken::with_deadline(Instant::now() + Duration::from_millis(20));
    let (tell, told) = mpsc::channel();
    let _hook = soon.on_cancel(move || tell.send(()).unwrap());
    told.recv().unwrap();
}

/// The same for a job that waits in the queue. The pool's worker is the first thread, and the watch the second.
pub(crate) fn late_watch_for_a_job() {
    let pool = Pool::builder().max_threads(1).on_report(|_| ()).build().unwrap();
    let (release, released) = mpsc::channel::<()>();
    let first = pool.spawn(move || released.recv().is_err());
    let late = pool.job().deadline(Instant::now() + Duration::from_millis(20)).spawn(|| ());
    block_on(async {
        assert!(late.await.unwrap_err().is_expired());
        drop(release);
        assert!(first.await.unwrap());
    });
}
