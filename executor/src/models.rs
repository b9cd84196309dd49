//! Loom models of the task protocol, of the inbox, and of the loop's parking, through the real `block_on`.
//!
//! Each test is one race. Unless it says otherwise, a fault shows as a deadlock: somebody parks who should have
//! been woken. `twins_are_caught` runs the models again with one step of the shipped code left out, and expects
//! them to fail.

use crate::pulse::Pulse;
use crate::signal::Tally;
use crate::sync::atomic::{AtomicUsize, Ordering::*};
use crate::sync::{clock, thread};
use crate::watchdog::Doze;
use crate::{Runtime, paused::Time, report::Reporter};
use loom::model::Builder;
use sideline_blocking_pool::{Limiter, Pool, Tenant};
use sideline_reactor::LocalReactor;
use std::future::{Future, poll_fn};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

fn check(preemptions: usize, model: impl Fn() + Send + Sync + 'static) {
    let mut builder = Builder::new();
    builder.preemption_bound = Some(preemptions);
    builder.check(model);
}

fn runtime() -> Runtime {
    let pool = Pool::builder().core_threads(1).max_threads(1).build().unwrap();
    let reactor = LocalReactor::with_known_wakers(clock(), &crate::task::WAKERS).unwrap();
    Runtime::assemble(reactor, Time::Flows, &pool, Reporter::stderr(), Duration::ZERO, None)
}

/// Pending this many times; each time the waker goes to another thread, which uses it at once.
fn woken_from_elsewhere(times: usize) -> impl Future<Output = ()> {
    let mut polls = 0;
    poll_fn(move |cx| {
        polls += 1;
        if polls <= times {
            let waker = cx.waker().clone();
            thread::spawn(move || waker.wake());
            return Poll::Pending;
        }
        Poll::Ready(())
    })
}

/// The wake lands before, during or after the end of the poll, or while the loop parks. Twice, since the task comes to its
/// first poll by the run queue, and only to the second by the inbox.
#[test]
fn wake_during_poll_requeues_once() {
    check(3, || {
        let runtime = runtime();
        runtime.block_on(async { crate::spawn(woken_from_elsewhere(2)).await.unwrap() });
    });
}

/// The loop's own wake and one from elsewhere, during a poll.
#[test]
fn wakes_here_and_elsewhere_during_poll_lose_nothing() {
    check(3, || {
        let runtime = runtime();
        let mut polls = 0;
        let task = poll_fn(move |cx: &mut Context<'_>| {
            polls += 1;
            if polls == 1 {
                let (here, elsewhere) = (cx.waker().clone(), cx.waker().clone());
                thread::spawn(move || elsewhere.wake());
                here.wake();
                return Poll::Pending;
            }
            Poll::Ready(())
        });
        runtime.block_on(async { crate::spawn(task).await.unwrap() });
    });
}

/// The same in turns within another loop, between which the loop stands by.
#[test]
fn wake_between_turns_is_seen() {
    check(3, || {
        let runtime = runtime();
        let task = runtime.spawn(woken_from_elsewhere(1));
        while !task.is_finished() {
            runtime.turn(None).unwrap();
        }
    });
}

/// The same for the main future, whose waker is a flag and not a queue.
#[test]
fn wake_of_the_main_future_is_seen() {
    check(3, || {
        let runtime = runtime();
        runtime.block_on(woken_from_elsewhere(1));
    });
}

/// Two threads write, each before it wakes. Ready once both writes are there. The poll that a wake brings about sees what was written
/// before it, also before one that found the future woken already.
fn told_by_two() -> impl Future<Output = ()> {
    let told = Arc::new([AtomicUsize::new(0), AtomicUsize::new(0)]);
    let mut has_begun = false;
    poll_fn(move |cx| {
        if !has_begun {
            has_begun = true;
            for teller in [0, 1] {
                let (told, waker) = (Arc::clone(&told), cx.waker().clone());
                thread::spawn(move || {
                    // Relaxed: it is the wake that has to carry this along.
                    told[teller].store(1, Relaxed);
                    waker.wake();
                });
            }
        }
        if told.iter().all(|told| told.load(Relaxed) == 1) { Poll::Ready(()) } else { Poll::Pending }
    })
}

/// By wakes of the main future.
#[test]
fn what_was_written_before_a_wake_is_seen_by_the_main_future() {
    check(3, || runtime().block_on(told_by_two()));
}

/// By wakes of a future that a thread without a loop blocks on.
#[test]
fn what_was_written_before_a_wake_is_seen_by_who_blocks_elsewhere() {
    check(3, || crate::foreign::block_on(told_by_two()));
}

/// By wakes of a task, which go through the inbox.
#[test]
fn what_was_written_before_a_wake_is_seen_by_the_task() {
    check(2, || runtime().block_on(async { crate::spawn(told_by_two()).await.unwrap() }));
}

/// What was written before an abort is seen where the future is dropped, also before one that finds the task in the inbox because
/// of a wake. (An abort that pushes the task itself carries it along by the push.)
#[test]
fn what_was_written_before_an_abort_is_seen_by_the_drop() {
    struct Reads(Arc<AtomicUsize>, Arc<std::sync::atomic::AtomicBool>);
    impl Drop for Reads {
        fn drop(&mut self) {
            // Relaxed: it is the abort that has to carry this along. A panic in here would be contained.
            self.1.store(self.0.load(Relaxed) == 1, Relaxed);
        }
    }
    check(3, || {
        let runtime = runtime();
        let told = Arc::new(AtomicUsize::new(0));
        let seen = Arc::new(std::sync::atomic::AtomicBool::new(false));
        let reads = Reads(Arc::clone(&told), Arc::clone(&seen));
        runtime.block_on(async move {
            let waker = Arc::new(std::sync::Mutex::new(None));
            let place = Arc::clone(&waker);
            let task = crate::spawn(poll_fn(move |cx| {
                let _ = &reads;
                place.lock().unwrap().get_or_insert_with(|| cx.waker().clone());
                Poll::<()>::Pending
            }));
            crate::task::yield_now().await;
            let (waker, aborter) = (waker.lock().unwrap().take().unwrap(), task.abort_handle());
            thread::spawn(move || {
                waker.wake();
                told.store(1, Relaxed);
                aborter.abort();
            });
            assert!(task.await.unwrap_err().is_cancelled());
        });
        assert!(seen.load(Relaxed));
    });
}

/// Something that stands in line becomes a job, and then leaves the line: whoever asks meanwhile sees at least one of the two. The
/// job has to wait for another one of its limiter, so it stays one. (And there is no fence, as there is where a worker is called.)
#[test]
fn what_leaves_the_line_is_a_job_by_then() {
    let mut builder = Builder::new();
    builder.preemption_bound = Some(3);
    builder.expect_explicit_explore = true;
    builder.max_branches = 5_000;
    builder.check(|| {
        let runtime = runtime();
        let shared = Arc::clone(runtime.handle().shared());
        let gate = Arc::new(loom::sync::Notify::new());
        let (waits, (begin, has_begun)) = (Arc::clone(&gate), loom::sync::mpsc::channel());
        let limiter = Limiter::new(1);
        let limited = |tenant: &Tenant| tenant.job().limiter(&limiter);
        limited(&shared.tenant.pool().tenant())
            .spawn(move || {
                begin.send(()).unwrap();
                waits.wait();
            })
            .detach();
        has_begun.recv().unwrap();
        let (asked, line) = (Arc::clone(&shared), Arc::new(AtomicUsize::new(0)));
        let stands = Arc::clone(&line);
        loom::explore();
        // It is the other thread that asks: see the pool's `models/seen.rs`.
        let asks = thread::spawn(move || {
            if line.load(Acquire) == 1 {
                assert!(asked.has_jobs_in_flight());
            }
        });
        let in_line = shared.stand_in_line();
        stands.store(1, Release);
        limited(&shared.tenant).spawn(|| ()).detach();
        drop(in_line);
        asks.join().unwrap();
        loom::stop_exploring();
        gate.notify();
    });
}

/// A handle on another thread registers its waker while the loop completes the task.
#[test]
fn complete_against_register_wakes_or_is_seen() {
    check(3, || {
        let runtime = runtime();
        let awaiter = runtime.block_on(async {
            let task = crate::spawn(async { 7 });
            let awaiter = thread::spawn(move || crate::foreign::block_on(task).unwrap());
            crate::task::yield_now().await;
            awaiter
        });
        assert_eq!(awaiter.join().unwrap(), 7);
    });
}

/// Two threads push while the loop takes: nothing is lost, and the second pusher may rely on the first.
#[test]
fn pushes_against_take_lose_nothing() {
    check(3, || {
        let runtime = runtime();
        let handle = runtime.handle().clone();
        let ran = Arc::new(AtomicUsize::new(0));
        let mut threads = None;
        runtime.block_on(poll_fn(|cx: &mut Context<'_>| {
            threads.get_or_insert_with(|| {
                [0, 1].map(|_| {
                    let (handle, ran, main) = (handle.clone(), Arc::clone(&ran), cx.waker().clone());
                    thread::spawn(move || {
                        drop(handle.spawn(async move {
                            ran.fetch_add(1, Relaxed);
                            main.wake();
                        }))
                    })
                })
            });
            if ran.load(Relaxed) == 2 { Poll::Ready(()) } else { Poll::Pending }
        }));
        for thread in threads.unwrap() {
            thread.join().unwrap();
        }
    });
}

/// Whoever takes the entry off its queue frees the task: the loop, the closing loop, or the refused pusher. A leak
/// or a double release shows in the count of what the task refers to; a task that is freed while the closing loop is not done with it,
/// as a race for one of its cells.
#[test]
fn wake_against_loop_drop_frees_once() {
    check(3, || {
        let runtime = runtime();
        let shared = Arc::clone(runtime.handle().shared());
        let waker = Arc::new(std::sync::Mutex::new(None::<Waker>));
        let slot = Arc::clone(&waker);
        runtime.block_on(async move {
            drop(crate::spawn(poll_fn(move |cx| {
                *slot.lock().unwrap() = Some(cx.waker().clone());
                Poll::<()>::Pending
            })));
            crate::task::yield_now().await;
        });
        let waker = waker.lock().unwrap().take().unwrap();
        let before = Arc::strong_count(&shared);
        let other = thread::spawn(move || waker.wake());
        drop(runtime);
        other.join().unwrap();
        // Gone: the task's reference, the runtime's core and its handle.
        assert_eq!(Arc::strong_count(&shared), 1, "of {before}");
    });
}

/// A task wakes itself and is woken from elsewhere during its last poll, so that it may be in both queues when it
/// completes: while the loop goes on, or is dropped. A leak or a double release shows as above.
#[test]
fn completed_in_both_queues_frees_once() {
    check(3, || {
        let runtime = runtime();
        let shared = Arc::clone(runtime.handle().shared());
        let other = runtime.block_on(async {
            let (done, other) = std::sync::mpsc::channel();
            drop(crate::spawn(poll_fn(move |cx| {
                let elsewhere = cx.waker().clone();
                done.send(thread::spawn(move || elsewhere.wake())).unwrap();
                cx.waker().wake_by_ref();
                Poll::Ready(())
            })));
            crate::task::yield_now().await;
            crate::task::yield_now().await;
            other.recv().unwrap()
        });
        drop(runtime);
        other.join().unwrap();
        assert_eq!(Arc::strong_count(&shared), 1);
    });
}

/// The last reference is the loop's or that of a waker elsewhere. Whoever frees the task has seen what the other one did to it: a fault
/// shows as a race for one of its cells.
#[test]
fn last_waker_against_completion_frees_what_is_gone() {
    check(3, || {
        let runtime = runtime();
        let other = runtime.block_on(async {
            let (dropping, other) = std::sync::mpsc::channel();
            drop(crate::spawn(poll_fn(move |cx| {
                let waker = cx.waker().clone();
                dropping.send(thread::spawn(move || drop(waker))).unwrap();
                Poll::Ready(())
            })));
            crate::task::yield_now().await;
            other.recv().unwrap()
        });
        other.join().unwrap();
    });
}

/// A spawn from another thread while the loop is dropped: the task runs or is cancelled, and its future is
/// dropped once.
#[test]
fn spawn_against_loop_drop_resolves() {
    check(3, || {
        let runtime = runtime();
        let shared = Arc::clone(runtime.handle().shared());
        let handle = runtime.handle().clone();
        let spawner = thread::spawn(move || {
            let error = crate::foreign::block_on(handle.spawn(async {})).unwrap_err();
            assert!(error.is_cancelled());
        });
        drop(runtime);
        spawner.join().unwrap();
        assert_eq!(Arc::strong_count(&shared), 1);
    });
}

/// Abort from another thread while the task is polled to its end: cancelled or complete, dropped once, and always
/// on the loop's thread.
#[test]
fn abort_against_poll_drops_on_the_loop() {
    struct Dropped(Arc<AtomicUsize>, thread::ThreadId);
    impl Drop for Dropped {
        fn drop(&mut self) {
            assert_eq!(thread::current().id(), self.1);
            self.0.fetch_add(1, Relaxed);
        }
    }
    check(3, || {
        let runtime = runtime();
        let drops = Arc::new(AtomicUsize::new(0));
        let guard = Dropped(Arc::clone(&drops), thread::current().id());
        runtime.block_on(async move {
            let task = crate::spawn(async move {
                crate::task::yield_now().await;
                drop(guard);
            });
            let aborter = thread::spawn(move || {
                task.abort();
                task
            });
            let task = aborter.join().unwrap();
            if let Err(error) = task.await {
                assert!(error.is_cancelled());
            }
        });
        assert_eq!(drops.load(Relaxed), 1);
    });
}

/// The signal lands before, while or after a listener goes to sleep; another one has emptied the pipe.
#[test]
fn signal_against_listener() {
    check(3, || {
        let tally = Arc::new(Tally::new(1));
        let mut listener = tally.listen(0);
        let other = Arc::clone(&tally);
        thread::spawn(move || {
            other.note(0);
            other.wake_all();
        });
        crate::foreign::block_on(poll_fn(|cx| tally.poll(&mut listener, cx)));
    });
}

/// What was written before a signal, say by who has raised it, is seen by the listener, however that learns of it.
#[test]
fn what_was_written_before_a_signal_is_seen_by_its_listener() {
    check(3, || {
        let tally = Arc::new(Tally::new(1));
        let mut listener = tally.listen(0);
        let told = Arc::new(AtomicUsize::new(0));
        let (other, tells) = (Arc::clone(&tally), Arc::clone(&told));
        thread::spawn(move || {
            tells.store(1, Relaxed);
            other.note(0);
            other.wake_all();
        });
        crate::foreign::block_on(poll_fn(|cx| tally.poll(&mut listener, cx)));
        assert_eq!(told.load(Relaxed), 1);
    });
}

/// The watchdog lies down while the loop goes to work. A fault shows as a watchdog that sleeps for ever.
#[test]
fn watchdog_sleep_against_rise() {
    check(3, || {
        let doze = Arc::new(Doze::new());
        let watching = Arc::clone(&doze);
        let watchdog = thread::spawn(move || {
            watching.introduce_watchdog();
            loop {
                let rests = watching.rests();
                if !Doze::is_rest(rests) {
                    break;
                }
                watching.sleep(rests);
            }
        });
        doze.rise();
        watchdog.join().unwrap();
    });
}

/// The watchdog reads the task that is being polled while that completes and is freed. A fault shows as a race for the task: it is
/// read before it can be seen whole, or while it is freed.
#[test]
fn watchdog_reads_against_completion() {
    struct Task(loom::cell::UnsafeCell<()>);
    #[allow(unsafe_code)]
    // SAFETY: there is nothing in it. loom sees to it that the accesses are as if there were.
    unsafe impl Sync for Task {}
    check(3, || {
        let pulse = Arc::new(Pulse::new(true));
        let tasks = Arc::new([1, 2].map(|_| Task(loom::cell::UnsafeCell::new(()))));
        let (reading, seen) = (Arc::clone(&pulse), Arc::clone(&tasks));
        let watchdog = thread::spawn(move || {
            reading.read_model(|current| {
                thread::yield_now();
                seen[current / 8 - 1].0.with(|_| ());
            });
        });
        for (number, task) in (1..).zip(tasks.iter()) {
            // It is made, and later freed.
            task.0.with_mut(|_| ());
            pulse.begin_model(number * 8);
            pulse.let_go();
            task.0.with_mut(|_| ());
            pulse.end();
        }
        watchdog.join().unwrap();
    });
}

#[test]
fn twins_are_caught() {
    let twins = [
        ("task-clear-before-poll", "wake_during_poll_requeues_once"),
        ("first-push-notifies", "wake_between_turns_is_seen"),
        ("main-wake-notifies", "wake_of_the_main_future_is_seen"),
        ("main-wake-carries-along", "what_was_written_before_a_wake_is_seen_by_the_main_future"),
        ("foreign-wake-carries-along", "what_was_written_before_a_wake_is_seen_by_who_blocks_elsewhere"),
        ("task-abort-carries-along", "what_was_written_before_an_abort_is_seen_by_the_drop"),
        ("task-run-sees-an-abort", "what_was_written_before_an_abort_is_seen_by_the_drop"),
        ("line-is-left-as-a-job", "what_leaves_the_line_is_a_job_by_then"),
        ("task-wake-carries-along", "what_was_written_before_a_wake_is_seen_by_the_task"),
        ("last-reference-sees-all", "last_waker_against_completion_frees_what_is_gone"),
        ("task-publish-sees-complete", "complete_against_register_wakes_or_is_seen"),
        ("first-push-notifies", "wake_during_poll_requeues_once"),
        ("listener-looks-again", "signal_against_listener"),
        ("signal-carries-along", "what_was_written_before_a_signal_is_seen_by_its_listener"),
        ("refused-push-takes-the-queues-part", "wake_against_loop_drop_frees_once"),
        ("completion-gives-the-entry-a-reference", "wake_against_loop_drop_frees_once"),
        ("completion-gives-the-entry-a-reference", "completed_in_both_queues_frees_once"),
        ("entry-gives-its-reference-back", "completed_in_both_queues_frees_once"),
        ("watchdog-looks-again", "watchdog_sleep_against_rise"),
        ("rise-wakes-watchdog", "watchdog_sleep_against_rise"),
        ("watchdog-looks-at-current-again", "watchdog_reads_against_completion"),
        ("loop-waits-for-the-watchdog", "watchdog_reads_against_completion"),
        ("watchdog-sees-the-task-whole", "watchdog_reads_against_completion"),
        ("watchdog-has-read-before", "watchdog_reads_against_completion"),
    ];
    for (step, model) in twins {
        assert!(twin_fails(step, model), "without {step}, {model} must fail");
    }
}

fn twin_fails(step: &str, model: &str) -> bool {
    let status = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", &format!("models::{model}")])
        .env("SIDELINE_TWIN", step)
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null())
        .status()
        .unwrap();
    !status.success()
}
