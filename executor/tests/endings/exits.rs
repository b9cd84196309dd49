//! Processes that exit inside of a loop. The thread's thread-locals are dropped then, although what is further down on its stack is still
//! in use.

use sideline::time::sleep;
use sideline::{Handle, Runtime, Shutdown, block_on, spawn, spawn_blocking};
use std::cell::RefCell;
use std::future::{Future, pending};
use std::panic::catch_unwind;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, mpsc};
use std::task::{Context, Wake, Waker};
use std::time::Duration;

/// Uses the runtime of its thread, in a destructor.
struct UsesTheRuntime;

impl Drop for UsesTheRuntime {
    fn drop(&mut self) {
        let is_freed = FREED.load(Relaxed);
        let use_it = || drop((sideline::time::sleep(Duration::ZERO), Handle::current()));
        if is_freed || catch_unwind(use_it).is_err() {
            std::process::abort();
        }
    }
}

/// One that says when its memory is freed.
fn runtime_that_tells() -> Runtime {
    struct Tells;
    impl Drop for Tells {
        fn drop(&mut self) {
            FREED.store(true, Relaxed);
        }
    }
    let tells = Tells;
    let hook = move |_: &sideline::Report| _ = &tells;
    Runtime::builder().on_report(hook).build().unwrap()
}

static FREED: AtomicBool = AtomicBool::new(false);

// Registered first, hence dropped last.
thread_local!(static LAST: RefCell<Option<UsesTheRuntime>> = const { RefCell::new(None) });

include!("../../../reactor/tests/support/again.rs");

/// Runs one of these tests once more, in a process of its own, unless this is that: false there, and true here, when it has ended by its
/// exit.
fn exited_alone(test: &str) -> bool {
    let Some(mut again) = again(&format!("exits::{test}"), None) else {
        LAST.set(Some(UsesTheRuntime));
        return false;
    };
    let status = again.status().unwrap();
    assert_eq!(status.code(), Some(7), "{status}");
    true
}

/// The process exits inside of a loop: it stays to the end, and so is there for the destructors of thread-locals.
#[test]
fn a_process_that_exits_inside_of_a_loop_keeps_it_for_its_thread_locals() {
    if !exited_alone("a_process_that_exits_inside_of_a_loop_keeps_it_for_its_thread_locals") {
        block_on(async { std::process::exit(7) });
    }
}

thread_local!(static RUNTIME: Runtime = runtime_that_tells());

/// The same of a loop whose runtime is in a thread-local itself, so that it is dropped by the exit.
#[test]
fn a_process_that_exits_inside_of_a_loop_in_a_thread_local_keeps_it_for_the_others() {
    if !exited_alone("a_process_that_exits_inside_of_a_loop_in_a_thread_local_keeps_it_for_the_others") {
        RUNTIME.with(|runtime| runtime.block_on(async { std::process::exit(7) }));
    }
}

/// The same where a thread blocks by a handle in a thread-local, the last reference to a runtime.
#[test]
fn a_process_that_exits_inside_of_a_handle_keeps_its_runtime_for_the_others() {
    thread_local!(static HANDLE: Handle = runtime_that_tells().handle().clone());
    if !exited_alone("a_process_that_exits_inside_of_a_handle_keeps_its_runtime_for_the_others") {
        HANDLE.with(|handle| handle.block_on(async { std::process::exit(7) }));
    }
}

/// A job waits for a task, which waits for the loop to go on; and the thread-local that has the runtime waits for its jobs.
#[test]
fn a_process_that_exits_inside_of_a_loop_does_not_wait_for_its_jobs() {
    struct Drains(Option<Runtime>);
    impl Drop for Drains {
        fn drop(&mut self) {
            let report = self.0.take().unwrap().shutdown(Shutdown::Drain);
            if (report.tasks_dropped, report.jobs.left_running.len()) != (0, 1) {
                std::process::abort();
            }
        }
    }
    thread_local!(static DRAINS: Drains = Drains(Some(runtime_that_tells())));
    if exited_alone("a_process_that_exits_inside_of_a_loop_does_not_wait_for_its_jobs") {
        return;
    }
    DRAINS.with(|Drains(runtime)| {
        let runtime = runtime.as_ref().unwrap();
        runtime.block_on(async {
            let (start, started) = mpsc::channel();
            let handle = Handle::current();
            let job = spawn_blocking(move || {
                let task = handle.spawn(async {});
                start.send(()).unwrap();
                handle.block_on(task)
            });
            started.recv().unwrap();
            drop(job);
            std::process::exit(7)
        });
    });
}

struct Exits;
impl Drop for Exits {
    fn drop(&mut self) {
        std::process::exit(7);
    }
}

/// In the middle of a poll, and in there another runtime ends. What the task has dropped was dropped once more, with the task.
#[test]
fn a_process_that_exits_inside_of_a_task_does_not_drop_it() {
    struct Once;
    impl Drop for Once {
        fn drop(&mut self) {
            static DROPS: AtomicUsize = AtomicUsize::new(0);
            if DROPS.fetch_add(1, Relaxed) > 0 {
                std::process::abort();
            }
        }
    }
    if exited_alone("a_process_that_exits_inside_of_a_task_does_not_drop_it") {
        return;
    }
    let (once, exits) = (Once, Exits);
    RUNTIME.with(|runtime| {
        runtime.block_on(async {
            let exits = spawn(async move {
                drop(once);
                let other = Runtime::new().unwrap();
                let waits = other.spawn(async move {
                    let _exits = exits;
                    pending::<()>().await;
                });
                drop((waits, other));
            });
            exits.await.unwrap();
        });
    });
}

/// Between polls, in a waker that the reactor calls, and in there another runtime ends, too.
#[test]
fn a_process_that_exits_inside_of_a_waker_does_not_end_the_loop_that_has_called_it() {
    struct Ends(Mutex<Option<Exits>>);
    impl Wake for Ends {
        fn wake(self: Arc<Self>) {
            let exits = self.0.lock().unwrap().take();
            let other = Runtime::new().unwrap();
            drop(other.spawn(async move {
                let _exits = exits;
                pending::<()>().await;
            }));
        }
    }
    struct Aborts;
    impl Drop for Aborts {
        fn drop(&mut self) {
            std::process::abort();
        }
    }
    if exited_alone("a_process_that_exits_inside_of_a_waker_does_not_end_the_loop_that_has_called_it") {
        return;
    }
    RUNTIME.with(|runtime| {
        runtime.block_on(async {
            let aborts = Aborts;
            spawn(async move {
                let _aborts = aborts;
                pending::<()>().await;
            })
            .detach();
            let mut sleep = pin!(sleep(Duration::from_millis(1)));
            let waker = Waker::from(Arc::new(Ends(Mutex::new(Some(Exits)))));
            assert!(sleep.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
            pending::<()>().await;
        });
    });
}
