//! Tasks: spawning, waking, aborting, dropping, and who runs when.
#![cfg(not(loom))]

use sideline::task::{JoinSet, yield_now};
use sideline::{Handle, JoinHandle, LocalHandle, Runtime, block_on, spawn, spawn_blocking};
use std::cell::{Cell, RefCell};
use std::collections::HashSet;
use std::future::{Future, pending, poll_fn};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::atomic::{AtomicUsize, Ordering::*};
use std::sync::{Arc, Mutex, mpsc};
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::Duration;

/// Counts drops, and remembers on which thread the last one was.
#[derive(Clone, Default)]
struct Drops(Arc<(AtomicUsize, Mutex<Option<thread::ThreadId>>)>);

struct Dropped(Drops);

impl Drops {
    fn guard(&self) -> Dropped {
        Dropped(self.clone())
    }
    fn count(&self) -> usize {
        self.0.0.load(SeqCst)
    }
    fn thread(&self) -> Option<thread::ThreadId> {
        *self.0.1.lock().unwrap()
    }
}

impl Drop for Dropped {
    fn drop(&mut self) {
        self.0.0.0.fetch_add(1, SeqCst);
        *self.0.0.1.lock().unwrap() = Some(thread::current().id());
    }
}

#[test]
fn a_task_that_wakes_itself_twice_is_polled_once_more() {
    block_on(async {
        let polls = Rc::new(Cell::new(0));
        let counted = Rc::clone(&polls);
        spawn(poll_fn(move |cx| {
            counted.set(counted.get() + 1);
            if counted.get() == 1 {
                cx.waker().wake_by_ref();
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            Poll::Ready(())
        }))
        .await
        .unwrap();
        yield_now().await;
        assert_eq!(polls.get(), 2);
    });
}

#[test]
fn ready_tasks_run_in_the_order_in_which_they_became_so() {
    block_on(async {
        let order = Rc::new(RefCell::new(Vec::new()));
        let handles: Vec<_> = (0..100)
            .map(|number| {
                let order = Rc::clone(&order);
                spawn(async move { order.borrow_mut().push(number) })
            })
            .collect();
        for handle in handles {
            handle.await.unwrap();
        }
        assert_eq!(*order.borrow(), (0..100).collect::<Vec<_>>());
    });
}

#[test]
fn a_wake_after_completion_is_nothing() {
    let (send, receive) = mpsc::channel::<Waker>();
    block_on(async {
        spawn(poll_fn(move |cx| {
            send.send(cx.waker().clone()).unwrap();
            Poll::Ready(())
        }))
        .await
        .unwrap();
        let waker = receive.recv().unwrap();
        waker.wake_by_ref();
        yield_now().await;
        thread::spawn(move || waker.wake()).join().unwrap();
    });
}

#[test]
fn a_waker_outlives_its_runtime() {
    let (send, receive) = mpsc::channel::<Waker>();
    let drops = Drops::default();
    let guard = drops.guard();
    block_on(async move {
        drop(spawn(poll_fn(move |cx| {
            let _guard = &guard;
            send.send(cx.waker().clone()).unwrap();
            Poll::<()>::Pending
        })));
        yield_now().await;
    });
    assert_eq!(drops.count(), 1);
    let waker = receive.recv().unwrap();
    let twin = waker.clone();
    thread::spawn(move || twin.wake()).join().unwrap();
    waker.wake_by_ref();
    drop(waker);
}

#[test]
fn abort_drops_the_future_on_the_loop_even_from_another_thread() {
    block_on(async {
        let drops = Drops::default();
        let guard = drops.guard();
        // The future is Send here, so that its handle may travel; what counts is where it is dropped.
        let task: JoinHandle<()> = spawn(async move {
            let _guard = guard;
            pending::<()>().await;
        });
        yield_now().await;
        let task = spawn_blocking(move || {
            task.abort();
            task
        })
        .await
        .unwrap();
        assert!(task.await.unwrap_err().is_cancelled());
        assert_eq!(drops.count(), 1);
        assert_eq!(drops.thread(), Some(thread::current().id()));
    });
}

#[test]
fn abort_in_every_state() {
    block_on(async {
        // Before the first poll.
        let task = spawn(async { unreachable!("aborted before it ran") });
        task.abort();
        task.abort();
        assert!(task.await.unwrap_err().is_cancelled());
        // By itself, while it is polled: the result stands if that was the last poll.
        let slot: Rc<RefCell<Option<JoinHandle<i32>>>> = Rc::default();
        let own = Rc::clone(&slot);
        *slot.borrow_mut() = Some(spawn(async move {
            own.borrow().as_ref().unwrap().abort();
            5
        }));
        yield_now().await;
        let handle = slot.borrow_mut().take().unwrap();
        assert_eq!(handle.await.unwrap(), 5);
        // By itself, and then pending.
        let own = Rc::clone(&slot);
        *slot.borrow_mut() = Some(spawn(async move {
            own.borrow().as_ref().unwrap().abort();
            pending::<i32>().await
        }));
        yield_now().await;
        yield_now().await;
        let handle = slot.borrow_mut().take().unwrap();
        assert!(handle.await.unwrap_err().is_cancelled());
        // After the end.
        let task = spawn(async { 1 });
        yield_now().await;
        task.abort();
        assert_eq!(task.await.unwrap(), 1);
    });
}

#[test]
fn abort_on_drop_aborts_and_plain_drop_detaches() {
    block_on(async {
        let drops = Drops::default();
        let (first, second) = (drops.guard(), drops.guard());
        drop(
            spawn(async move {
                let _first = first;
                pending::<()>().await
            })
            .abort_on_drop(),
        );
        let ran = Rc::new(Cell::new(false));
        let seen = Rc::clone(&ran);
        drop(spawn(async move {
            yield_now().await;
            seen.set(true);
            drop(second);
        }));
        for _ in 0..4 {
            yield_now().await;
        }
        assert!(ran.get());
        assert_eq!(drops.count(), 2);
    });
}

#[test]
fn an_unread_output_is_dropped_once_wherever_the_handle_goes() {
    let drops = Drops::default();
    block_on(async {
        // Read, dropped after completion, dropped before.
        let guard = drops.guard();
        drop(spawn(async move { guard }).await.unwrap());
        assert_eq!(drops.count(), 1);
        let guard = drops.guard();
        let task = spawn(async move { guard });
        yield_now().await;
        assert!(task.is_finished());
        drop(task);
        assert_eq!(drops.count(), 2);
        let guard = drops.guard();
        drop(spawn(async move { guard }));
        yield_now().await;
        assert_eq!(drops.count(), 3);
        // Completed here, dropped on another thread.
        let guard = drops.guard();
        let task = spawn(async move { guard });
        yield_now().await;
        let other = thread::spawn(move || {
            drop(task);
            thread::current().id()
        });
        assert_eq!(Some(other.join().unwrap()), drops.thread());
        assert_eq!(drops.count(), 4);
    });
}

#[test]
fn a_moved_handle_wakes_the_waker_it_was_polled_with_last() {
    block_on(async {
        let gate = Rc::new(Cell::new(false));
        let open = Rc::clone(&gate);
        let mut task = spawn(poll_fn(move |cx| {
            if open.get() {
                return Poll::Ready(3);
            }
            cx.waker().wake_by_ref();
            Poll::Pending
        }));
        // A first waker that goes nowhere, then the real one.
        assert!(Pin::new(&mut task).poll(&mut Context::from_waker(Waker::noop())).is_pending());
        gate.set(true);
        assert_eq!(task.await.unwrap(), 3);
    });
}

#[test]
#[should_panic(expected = "polled after it had returned its result")]
fn a_handle_polled_after_its_result_says_so() {
    block_on(async {
        let mut task = spawn(async {});
        (&mut task).await.unwrap();
        let _ = task.await;
    });
}

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
    assert!(block_on(handle.spawn_blocking(|| ())).unwrap_err().is_rejected());
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
fn a_task_that_wakes_itself_for_ever_starves_nobody() {
    block_on(async {
        let noisy = spawn(async {
            loop {
                yield_now().await;
            }
        });
        // A timer, another thread's wake and a job all get through.
        sideline::time::sleep(Duration::from_millis(1)).await;
        assert_eq!(spawn_blocking(|| 1).await.unwrap(), 1);
        let handle = Handle::current();
        let remote = thread::spawn(move || handle.block_on(handle.spawn(async { 2 })).unwrap());
        while !remote.is_finished() {
            yield_now().await;
        }
        noisy.abort();
        assert!(noisy.await.unwrap_err().is_cancelled());
    });
}

#[test]
fn a_join_set_with_always_a_next_result_starves_nobody() {
    block_on(async {
        let ran = Rc::new(Cell::new(false));
        let seen = Rc::clone(&ran);
        drop(spawn(async move { seen.set(true) }));
        let mut set = JoinSet::new();
        for _ in 0..1_000 {
            // Finished before it is asked for: nothing here ever waits.
            let job = spawn_blocking(|| ());
            while !job.is_finished() {
                std::hint::spin_loop();
            }
            set.insert(job);
            set.join_next().await.unwrap().unwrap();
            if ran.get() {
                return;
            }
        }
        panic!("a task that was ready had no turn during a thousand results");
    });
}

#[test]
fn yield_now_works_under_a_foreign_executor() {
    let mut polls = 0;
    let mut future = std::pin::pin!(async {
        yield_now().await;
        7
    });
    loop {
        polls += 1;
        if let Poll::Ready(value) = future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            assert_eq!((value, polls), (7, 2));
            return;
        }
    }
}

#[test]
fn a_join_set_holds_tasks_and_jobs() {
    block_on(async {
        let mut set = JoinSet::new();
        for number in 0..50 {
            set.spawn(async move { number });
            set.spawn_blocking(move || 50 + number);
        }
        assert_eq!(set.len(), 100);
        let mut seen = HashSet::new();
        while let Some(result) = set.join_next().await {
            assert!(seen.insert(result.unwrap()));
        }
        assert_eq!(seen, (0..100).collect());
        assert!(set.is_empty() && set.try_join_next().is_none());
    });
}

#[test]
fn dropping_a_join_set_aborts_and_detaching_does_not() {
    block_on(async {
        let drops = Drops::default();
        let mut set = JoinSet::new();
        for _ in 0..3 {
            let guard = drops.guard();
            set.spawn(async move {
                let _guard = guard;
                pending::<()>().await;
            });
        }
        assert!(set.try_join_next().is_none());
        drop(set);
        yield_now().await;
        assert_eq!(drops.count(), 3);

        let ran = Rc::new(Cell::new(0));
        let mut set = JoinSet::new();
        for _ in 0..3 {
            let ran = Rc::clone(&ran);
            set.spawn(async move { ran.set(ran.get() + 1) });
        }
        set.detach_all();
        drop(set);
        yield_now().await;
        assert_eq!(ran.get(), 3);

        let mut set = JoinSet::new();
        set.spawn(pending::<()>());
        set.shutdown().await;
        assert!(set.is_empty());
    });
}

#[test]
fn auto_traits() {
    fn send<T: Send>() {}
    fn sync<T: Sync>() {}
    send::<JoinHandle<i32>>();
    sync::<JoinHandle<i32>>();
    send::<Handle>();
    sync::<Handle>();
    send::<sideline::JoinError>();
    sync::<sideline::JoinError>();
    send::<sideline::time::Sleep>();
    sync::<sideline::time::Sleep>();
    send::<sideline::time::Interval>();
    sync::<sideline::time::Interval>();
    send::<JoinSet<i32>>();
    send::<sideline::ToThread<i32>>();
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
