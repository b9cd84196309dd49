//! What owns a handle of what owns a handle, and so on. Each was dropped inside the one before: the stack was full after some
//! thousands, and the process gone.

use sideline::task::{JoinSet, yield_now};
use sideline::{AbortHandle, Handle, JoinHandle, Pool, Runtime, block_on, spawn, spawn_blocking, to_thread};
use std::any::Any;
use std::future::pending;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, mpsc};

const LONG: usize = 100_000;

/// Counts how many of it have been dropped.
struct Counted(Arc<AtomicUsize>);

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_add(1, Relaxed);
    }
}

/// A runtime whose pool has one thread, which is busy until the sender is dropped.
fn with_a_busy_pool() -> (Runtime, mpsc::Sender<()>) {
    let pool = Pool::builder().core_threads(1).max_threads(1).build().unwrap();
    let runtime = Runtime::builder().pool(pool).build().unwrap();
    let (release, released) = mpsc::channel::<()>();
    let (started, has_started) = mpsc::channel();
    drop(runtime.handle().spawn_blocking(move || {
        started.send(()).unwrap();
        _ = released.recv();
    }));
    has_started.recv().unwrap();
    (runtime, release)
}

/// `link` is given what is to own the link before, and returns what owns it.
fn chain(
    link: impl Fn(Box<dyn Any + Send>) -> Box<dyn Any + Send>,
) -> (Box<dyn Any + Send>, Arc<AtomicUsize>) {
    let dropped = Arc::new(AtomicUsize::new(0));
    let mut last: Box<dyn Any + Send> = Box::new(());
    for _ in 0..LONG {
        last = link(Box::new((last, Counted(Arc::clone(&dropped)))));
    }
    (last, dropped)
}

#[test]
fn of_jobs_that_wait_each_with_the_guard_of_the_one_before() {
    let (runtime, _release) = with_a_busy_pool();
    runtime.block_on(async {
        let guard: fn(Box<dyn Any + Send>) -> Box<dyn Any + Send> =
            |before| Box::new(spawn_blocking(move || drop(before)).abort_on_drop());
        let call = |before: Box<dyn Any + Send>| -> Box<dyn Any + Send> {
            Box::new(to_thread(move || drop(before)))
        };
        let set = |before: Box<dyn Any + Send>| -> Box<dyn Any + Send> {
            let mut set = JoinSet::new();
            set.spawn_blocking(move || drop(before));
            Box::new(set)
        };
        for (last, dropped) in [chain(guard), chain(call), chain(set)] {
            drop(last);
            assert_eq!(dropped.load(Relaxed), LONG);
        }
    });
}

/// Guards as users write them.
#[test]
fn of_jobs_that_wait_each_with_what_aborts_the_one_before() {
    struct Aborts(JoinHandle<()>);
    impl Drop for Aborts {
        fn drop(&mut self) {
            self.0.abort();
        }
    }
    struct AbortsByAnother(AbortHandle);
    impl Drop for AbortsByAnother {
        fn drop(&mut self) {
            self.0.abort();
        }
    }
    let (runtime, _release) = with_a_busy_pool();
    runtime.block_on(async {
        let guard: fn(Box<dyn Any + Send>) -> Box<dyn Any + Send> =
            |before| Box::new(Aborts(spawn_blocking(move || drop(before))));
        let other = |before: Box<dyn Any + Send>| -> Box<dyn Any + Send> {
            Box::new(AbortsByAnother(spawn_blocking(move || drop(before)).abort_handle()))
        };
        let in_tasks = |before: Box<dyn Any + Send>| -> Box<dyn Any + Send> {
            Box::new(Aborts(Handle::current().spawn(async move { drop((pending::<()>().await, before)) })))
        };
        for (last, dropped) in [chain(guard), chain(other), chain(in_tasks)] {
            yield_now().await;
            drop(last);
            while dropped.load(Relaxed) < LONG {
                yield_now().await;
            }
        }
    });
}

#[test]
fn of_results_that_nobody_reads() {
    struct Link {
        _before: Option<JoinHandle<Link>>,
        _counted: Counted,
    }
    let dropped = Arc::new(AtomicUsize::new(0));
    for in_tasks in [true, false] {
        dropped.store(0, Relaxed);
        block_on(async {
            let mut before = None;
            for number in 0..LONG {
                let link = Link { _before: before.take(), _counted: Counted(Arc::clone(&dropped)) };
                let handle = if in_tasks { spawn(async { link }) } else { spawn_blocking(|| link) };
                if number % 1000 == 0 {
                    yield_now().await;
                }
                before = Some(handle);
            }
            let handle = Handle::current();
            while !before.as_ref().is_none_or(JoinHandle::is_finished)
                || handle.metrics().jobs_outstanding > 0
            {
                yield_now().await;
            }
            drop(before);
            assert_eq!(dropped.load(Relaxed), LONG);
        });
    }
}

/// Tasks are dropped by their loop, one after the other.
#[test]
fn of_tasks_that_await_one_another() {
    for ends in ["by an abort", "with the runtime"] {
        let dropped = Arc::new(AtomicUsize::new(0));
        let runtime = Runtime::new().unwrap();
        runtime.block_on(async {
            let mut last = spawn(pending::<()>()).abort_on_drop();
            for _ in 0..LONG {
                let counted = Counted(Arc::clone(&dropped));
                last = spawn(async move {
                    let _counted = counted;
                    _ = last.await;
                })
                .abort_on_drop();
            }
            yield_now().await;
            if ends == "with the runtime" {
                std::mem::forget(last);
                return;
            }
            drop(last);
            while dropped.load(Relaxed) < LONG {
                yield_now().await;
            }
        });
        drop(runtime);
        assert_eq!(dropped.load(Relaxed), LONG, "{ends}");
    }
}
