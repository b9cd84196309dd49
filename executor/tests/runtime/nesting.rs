//! `block_on`: where it may be called, and what it says where not.

use sideline::time::{advance, interval, sleep};
use sideline::{Handle, LocalHandle, Runtime, block_on, blocking, spawn, spawn_blocking, to_thread};
use std::cell::RefCell;
use std::panic::{self, AssertUnwindSafe, catch_unwind};
use std::sync::Once;
use std::thread;
use std::time::Duration;

fn message(caught: thread::Result<()>) -> String {
    *caught.expect_err("a panic was expected").downcast::<String>().expect("a formatted message")
}

#[test]
fn block_on_inside_block_on_names_both_places() {
    let outer = line!() + 1;
    let caught = catch_unwind(|| block_on(async { block_on(async {}) }));
    let text = message(caught);
    assert_eq!(text.matches(&format!("tests/runtime/nesting.rs:{outer}")).count(), 2, "{text}");
    assert!(text.contains("spawn_blocking"), "{text}");
    // The same through a handle and through a second runtime.
    for nested in [|| Handle::current().block_on(async {}), || Runtime::new().unwrap().block_on(async {})] {
        let text = message(catch_unwind(AssertUnwindSafe(|| block_on(async { nested() }))));
        assert!(text.contains("called inside the block_on at"), "{text}");
    }
    block_on(async {});
}

#[test]
fn outside_a_runtime_the_errors_say_what_to_do() {
    let errors = [
        message(catch_unwind(|| drop(spawn(async {})))),
        message(catch_unwind(|| drop(spawn_blocking(|| ())))),
        message(catch_unwind(|| drop(to_thread(|| ())))),
        message(catch_unwind(|| drop(sleep(Duration::ZERO)))),
        message(catch_unwind(|| drop(Handle::current()))),
        Handle::try_current().unwrap_err().to_string(),
        // What `unwrap` shows.
        format!("{:?}", Handle::try_current().unwrap_err()),
    ];
    for text in errors {
        assert!(text.contains("not inside a sideline runtime") && text.contains("block_on"), "{text}");
    }
    // By the name that was called.
    let text = message(catch_unwind(|| drop(to_thread(|| ()))));
    assert!(text.starts_with("sideline::to_thread: "), "{text}");
    let in_job = block_on(async { spawn_blocking(|| drop(spawn(async {}))).await.unwrap_err() });
    assert!(in_job.to_string().contains("use Handle::current().spawn"), "{in_job}");
}

#[test]
fn jobs_may_block_on_the_loop_and_offload_again() {
    block_on(async {
        let nested = spawn_blocking(|| {
            let handle = Handle::current();
            handle.block_on(async {
                sleep(Duration::from_millis(1)).await;
                let task = Handle::current().spawn(async { 20 });
                task.await.unwrap() + spawn_blocking(|| 1).await.unwrap()
            })
        });
        assert_eq!(nested.await.unwrap(), 21);
        // A job may run a runtime of its own.
        assert_eq!(to_thread(|| block_on(async { spawn(async { 4 }).await.unwrap() })).await, 4);
    });
}

/// It panics where it is polled, which is in this library.
#[test]
fn a_clock_that_cannot_be_moved_names_the_place_where_that_was_asked_for() {
    let place = format!("tests/runtime/nesting.rs:{}", line!() + 1);
    let text = message(catch_unwind(|| block_on(advance(Duration::ZERO))));
    assert!(text.contains(&place) && text.contains("paused_clock"), "{text}");
}

/// Where the panic of `misuse` is said to be.
fn place(misuse: fn()) -> String {
    thread_local! {
        static PLACE: RefCell<Option<String>> = const { RefCell::new(None) };
    }
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let others = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            PLACE.with_borrow_mut(|place| *place = info.location().map(ToString::to_string));
            others(info);
        }));
    });
    catch_unwind(misuse).expect_err("it is misuse");
    PLACE.take().expect("a panic has a place")
}

#[test]
fn a_panic_is_at_the_place_of_the_misuse() {
    sideline::task_local! {
        static KEY: u32;
    }
    let misuses: &[fn()] = &[
        || drop(spawn(async {})),
        || drop(spawn_blocking(|| ())),
        || drop(to_thread(|| ())),
        || drop(sleep(Duration::ZERO)),
        || drop(Handle::current()),
        || drop(LocalHandle::current()),
        || drop(blocking::job()),
        || drop(block_on(async { interval(Duration::ZERO) })),
        || _ = KEY.get(),
        || KEY.with(|_| ()),
        || KEY.sync_scope(1, || KEY.with(|_| KEY.sync_scope(2, || ()))),
        || block_on(async { block_on(async {}) }),
        || block_on(async { Runtime::new().unwrap().block_on(async {}) }),
        || block_on(async { Handle::current().block_on(async {}) }),
        || block_on(async { Runtime::new().unwrap().turn(None).unwrap() }),
    ];
    for misuse in misuses {
        let place = place(*misuse);
        assert!(place.contains("tests/runtime/nesting.rs"), "{place}");
    }
}
