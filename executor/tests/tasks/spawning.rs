//! Where a task may be spawned from, and when.

use crate::{Dropped, Drops};
use sideline::task::yield_now;
use sideline::{Handle, JoinHandle, LocalHandle, Runtime, block_on, spawn, spawn_blocking};
use std::cell::{Cell, RefCell};
use std::future::{pending, poll_fn};
use std::rc::Rc;
use std::task::{Poll, Waker};
use std::thread;

#[test]
fn spawn_from_other_threads_runs_on_the_loop() {
    block_on(async {
        let here = thread::current().id();
        let handle = Handle::current();
        let threads: Vec<_> = (0..4)
            .map(|_| {
                let handle = handle.clone();
                thread::spawn(move || {
                    let tasks: Vec<_> =
                        (0..250).map(|_| handle.spawn(async { thread::current().id() })).collect();
                    tasks
                })
            })
            .collect();
        for thread in threads {
            for task in thread.join().unwrap() {
                assert_eq!(task.await.unwrap(), here);
            }
        }
    });
}

#[test]
fn a_spawn_on_a_runtime_that_is_gone_is_cancelled() {
    let runtime = Runtime::new().unwrap();
    let handle = runtime.handle().clone();
    drop(runtime);
    let drops = Drops::default();
    let guard = drops.guard();
    let task = handle.spawn(async move { drop(guard) });
    assert_eq!(drops.count(), 1);
    assert!(task.is_finished());
    assert!(block_on(task).unwrap_err().is_cancelled());
    let rejected = block_on(handle.spawn_blocking(|| ())).unwrap_err();
    assert!(rejected.is_rejected());
    assert!(
        rejected.to_string().ends_with("is shut down, or the runtime that the job was for"),
        "{rejected}"
    );
}

#[test]
fn tasks_left_over_stay_for_the_next_block_on() {
    let runtime = Runtime::new().unwrap();
    let mut task = None;
    runtime.block_on(async {
        task = Some(spawn(async {
            yield_now().await;
            9
        }));
    });
    assert_eq!(runtime.block_on(task.unwrap()).unwrap(), 9);
}

#[test]
fn destructors_may_wake_spawn_and_abort_while_the_runtime_is_dropped() {
    struct Busy {
        wake: Rc<RefCell<Option<Waker>>>,
        abort: JoinHandle<()>,
        spawned: Rc<RefCell<Vec<JoinHandle<()>>>>,
        drops: Drops,
    }
    impl Drop for Busy {
        fn drop(&mut self) {
            if let Some(waker) = self.wake.borrow().as_ref() {
                waker.wake_by_ref();
            }
            self.abort.abort();
            let guard = self.drops.guard();
            self.spawned.borrow_mut().push(spawn(async move {
                let _guard = guard;
                pending().await
            }));
        }
    }
    let drops = Drops::default();
    let spawned = Rc::default();
    let runtime = Runtime::new().unwrap();
    runtime.block_on(async {
        for _ in 0..3 {
            let wake: Rc<RefCell<Option<Waker>>> = Rc::default();
            let slot = Rc::clone(&wake);
            drop(spawn(poll_fn(move |cx| {
                *slot.borrow_mut() = Some(cx.waker().clone());
                Poll::<()>::Pending
            })));
            let abort = spawn(pending());
            let busy = Busy { wake, abort, spawned: Rc::clone(&spawned), drops: drops.clone() };
            drop(spawn(async move {
                let _busy = busy;
                pending::<()>().await
            }));
        }
        yield_now().await;
    });
    drop(runtime);
    assert_eq!(drops.count(), 3);
    for task in spawned.borrow_mut().drain(..) {
        assert!(block_on(task).unwrap_err().is_cancelled());
    }
}

#[test]
fn a_local_handle_spawns_between_turns_and_cancels_after_the_end() {
    let runtime = Runtime::new().unwrap();
    let local = runtime.local_handle();
    let drops = Drops::default();
    let ran = Rc::new(Cell::new(0));
    let task = {
        let ran = Rc::clone(&ran);
        move |guard: Dropped| async move {
            let _guard = guard;
            ran.set(ran.get() + 1);
        }
    };

    // Not inside the runtime: the loop has to notice all the same.
    let between = local.spawn(task.clone()(drops.guard()));
    runtime.turn(None).unwrap();
    assert!(between.is_finished());
    runtime.block_on(async {
        LocalHandle::current().spawn(task.clone()(drops.guard())).await.unwrap();
        spawn_blocking(|| assert!(LocalHandle::try_current().is_err())).await.unwrap();
    });
    assert_eq!((ran.get(), drops.count()), (2, 2));

    drop(runtime);
    let late = local.spawn(task(drops.guard()));
    assert!(block_on(late).unwrap_err().is_cancelled());
    assert_eq!((ran.get(), drops.count()), (2, 3));
}

#[test]
fn what_a_destructor_spawns_through_a_local_handle_at_the_end_is_cancelled() {
    struct Spawns(LocalHandle, Option<Dropped>);
    impl Drop for Spawns {
        fn drop(&mut self) {
            let guard = self.1.take();
            drop(self.0.spawn(async move {
                let _guard = guard;
                pending::<()>().await;
            }));
        }
    }
    let runtime = Runtime::new().unwrap();
    let drops = Drops::default();
    let spawns = Spawns(runtime.local_handle(), Some(drops.guard()));
    drop(runtime.spawn(async move {
        let _spawns = spawns;
        pending::<()>().await;
    }));
    drop(runtime);
    assert_eq!(drops.count(), 1);
}
