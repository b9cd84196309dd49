//! Making, nesting, blocking on and ending runtimes.
#![cfg(not(loom))]

use sideline::time::{interval_at, sleep, sleep_until, timeout};
use sideline::{Handle, Pool, Report, Runtime, Shutdown, block_on, spawn, spawn_blocking, to_thread};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Barrier, Mutex, mpsc};
use std::thread;
use std::time::{Duration, Instant};

fn message(caught: thread::Result<()>) -> String {
    *caught.expect_err("a panic was expected").downcast::<String>().expect("a formatted message")
}

#[test]
fn block_on_inside_block_on_names_both_places() {
    let outer = line!() + 1;
    let caught = catch_unwind(|| block_on(async { block_on(async {}) }));
    let text = message(caught);
    assert_eq!(text.matches(&format!("tests/runtime.rs:{outer}")).count(), 2, "{text}");
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
    ];
    for text in errors {
        assert!(text.contains("not inside a sideline runtime") && text.contains("block_on"), "{text}");
    }
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

#[test]
fn sequential_offloads_use_one_thread() {
    let pool = Pool::builder().build().unwrap();
    let runtime = Runtime::builder().pool(pool.clone()).build().unwrap();
    runtime.block_on(async {
        let first = to_thread(|| thread::current().id()).await;
        for _ in 0..1_000 {
            assert_eq!(to_thread(|| thread::current().id()).await, first);
        }
    });
    assert_eq!(pool.metrics().threads, 1);
}

#[test]
fn dropping_a_runtime_waits_for_its_jobs() {
    let (started, wait_started) = mpsc::channel();
    let (go, wait_go) = mpsc::channel::<()>();
    let done = Arc::new(Mutex::new(false));
    let mark = Arc::clone(&done);
    let releaser = thread::spawn(move || {
        wait_started.recv().unwrap();
        go.send(()).unwrap();
    });
    block_on(async move {
        drop(spawn_blocking(move || {
            started.send(()).unwrap();
            wait_go.recv().unwrap();
            *mark.lock().unwrap() = true;
        }));
    });
    assert!(*done.lock().unwrap());
    releaser.join().unwrap();
}

#[test]
fn a_drop_deadline_reports_what_is_left_and_where_it_was_spawned() {
    let (go, wait_go) = mpsc::channel::<()>();
    let (started, wait_started) = mpsc::channel();
    let reports = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&reports);
    let hook = move |report: &Report| seen.lock().unwrap().push(report.to_string());
    let runtime = Runtime::builder().drop_deadline(Duration::ZERO).on_report(hook).build().unwrap();
    let job = runtime.handle().spawn_blocking(move || {
        started.send(()).unwrap();
        wait_go.recv().unwrap();
        "finished after all"
    });
    wait_started.recv().unwrap();
    drop(runtime);
    let reports = reports.lock().unwrap();
    assert_eq!(reports.len(), 1);
    assert!(reports[0].contains("1 of its jobs") && reports[0].contains("tests/runtime.rs"), "{reports:?}");
    go.send(()).unwrap();
    assert_eq!(block_on(job).unwrap(), "finished after all");
}

#[test]
fn a_drop_inside_async_code_does_not_wait() {
    let (go, wait_go) = mpsc::channel::<()>();
    let (started, wait_started) = mpsc::channel();
    let (report, wait_report) = mpsc::channel();
    block_on(async move {
        let hook = move |_: &Report| report.send(()).unwrap();
        let inner = Runtime::builder().on_report(hook).build().unwrap();
        let job = inner.handle().spawn_blocking(move || {
            started.send(()).unwrap();
            wait_go.recv().unwrap();
        });
        wait_started.recv().unwrap();
        drop(inner);
        wait_report.try_recv().expect("reported before the drop returned");
        go.send(()).unwrap();
        job.await.unwrap();
    });
}

#[test]
fn shutdown_modes_return_and_account_for_every_job() {
    let pool = Pool::builder().core_threads(1).max_threads(1).build().unwrap();
    // Drain.
    let runtime = Runtime::builder().pool(pool.clone()).build().unwrap();
    let jobs: Vec<_> = (0..10).map(|number| runtime.handle().spawn_blocking(move || number)).collect();
    let task = runtime.handle().spawn(std::future::pending::<()>());
    let report = runtime.shutdown(Shutdown::Drain);
    assert_eq!(report.tasks_dropped, 1);
    assert!(report.jobs.left_running.is_empty() && report.jobs.left_queued == 0, "{report}");
    assert!(jobs.iter().all(|job| job.is_finished()));
    assert!(block_on(task).unwrap_err().is_cancelled());

    // Deadline and abandon, behind a job that does not end.
    for mode in [Shutdown::Deadline(Duration::from_millis(5)), Shutdown::Abandon] {
        let runtime = Runtime::builder().pool(pool.clone()).build().unwrap();
        let gate = Arc::new(Barrier::new(2));
        let inside = Arc::clone(&gate);
        let stuck = runtime.handle().spawn_blocking(move || {
            inside.wait();
            inside.wait();
        });
        gate.wait();
        let queued = runtime.handle().spawn_blocking(|| "ran");
        let report = runtime.shutdown(mode);
        assert_eq!(report.jobs.left_running.len(), 1, "{report}");
        assert!(report.to_string().contains("tests/runtime.rs"), "{report}");
        assert_eq!(report.jobs.left_queued + report.jobs.cancelled, 1, "{report}");
        gate.wait();
        block_on(stuck).unwrap();
        let queued = block_on(queued);
        match mode {
            Shutdown::Abandon => assert!(queued.unwrap_err().is_cancelled()),
            _ => assert_eq!(queued.unwrap(), "ran"),
        }
    }
    // The pool was never the runtime's to end.
    assert_eq!(block_on(pool.spawn(|| 1)).unwrap(), 1);
}

#[test]
fn a_runtime_going_away_answers_a_job_that_waits_for_it() {
    let (started, wait_started) = mpsc::channel();
    let runtime = Runtime::new().unwrap();
    let job = runtime.handle().spawn_blocking(move || {
        Handle::current().block_on(async {
            let never = Handle::current().spawn(std::future::pending::<()>());
            started.send(()).unwrap();
            let cancelled = never.await.unwrap_err().is_cancelled();
            // A sleep on a closed reactor ends instead of hanging.
            sleep(Duration::from_secs(3600)).await;
            cancelled
        })
    });
    wait_started.recv().unwrap();
    drop(runtime);
    assert!(block_on(job).unwrap());
}

#[test]
fn dropping_to_thread_unqueues_a_job_that_has_not_started() {
    let pool = Pool::builder().core_threads(1).max_threads(1).build().unwrap();
    let runtime = Runtime::builder().pool(pool.clone()).build().unwrap();
    runtime.block_on(async {
        let gate = Arc::new(Barrier::new(2));
        let inside = Arc::clone(&gate);
        let first = spawn_blocking(move || {
            inside.wait();
            inside.wait();
        });
        gate.wait();
        drop(to_thread(|| unreachable!("un-queued")));
        gate.wait();
        first.await.unwrap();
    });
    drop(runtime);
    let metrics = pool.metrics();
    assert_eq!((metrics.completed, metrics.cancelled), (1, 1));
}

#[test]
fn two_runtimes_share_a_pool_and_wait_for_their_own_jobs_alone() {
    let (go, wait_go) = mpsc::channel::<()>();
    let slow = Runtime::new().unwrap();
    let job = slow.handle().spawn_blocking(move || wait_go.recv().unwrap());
    let quick = Runtime::new().unwrap();
    quick.block_on(async { to_thread(|| ()).await });
    drop(quick);
    go.send(()).unwrap();
    slow.block_on(job).unwrap();
}

#[test]
fn timers_fire_in_order_and_never_early() {
    block_on(async {
        let start = Instant::now();
        let order = Arc::new(Mutex::new(Vec::new()));
        let tasks: Vec<_> = [5_u64, 1, 3, 2, 4]
            .into_iter()
            .map(|number| {
                let order = Arc::clone(&order);
                let due = start + Duration::from_millis(number);
                spawn(async move {
                    sleep_until(due).await;
                    assert!(Instant::now() >= due);
                    order.lock().unwrap().push(number);
                })
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
        assert_eq!(*order.lock().unwrap(), [1, 2, 3, 4, 5]);
    });
}

#[test]
fn far_and_past_deadlines() {
    block_on(async {
        sleep(Duration::ZERO).await;
        sleep_until(Instant::now() - Duration::from_millis(1)).await;
        let far = sleep(Duration::MAX);
        assert!(timeout(Duration::from_millis(1), far).await.is_err());
        assert_eq!(timeout(Duration::MAX, async { 3 }).await, Ok(3));
        // A future that is ready wins over a time that is up.
        assert_eq!(timeout(Duration::ZERO, async { 4 }).await, Ok(4));
        let error: std::io::Error =
            timeout(Duration::ZERO, std::future::pending::<()>()).await.unwrap_err().into();
        assert_eq!(error.kind(), std::io::ErrorKind::TimedOut);
    });
}

#[test]
fn missed_ticks_as_asked_for() {
    use sideline::time::MissedTickBehavior::*;
    block_on(async {
        let period = Duration::from_millis(10);
        for behavior in [Burst, Skip, Delay] {
            // The start lies 35 ms back: ticks 0, 10, 20 and 30 are due.
            let start = Instant::now() - Duration::from_millis(35);
            let mut interval = interval_at(start, period);
            interval.set_missed_tick_behavior(behavior);
            assert_eq!(interval.tick().await, start);
            let second = interval.tick().await;
            match behavior {
                Burst => assert_eq!(second, start + period),
                Skip => {
                    let since = (second - start).as_nanos();
                    assert!(since % period.as_nanos() == 0 && second >= start + 4 * period);
                }
                _ => assert!(second >= start + Duration::from_millis(45)),
            }
        }
    });
}

#[test]
fn an_interval_that_is_always_behind_starves_nobody() {
    block_on(async {
        let other = spawn(async {});
        let mut interval = sideline::time::interval(Duration::from_nanos(1));
        let mut ticks = 0;
        while !other.is_finished() {
            interval.tick().await;
            ticks += 1;
            assert!(ticks < 100_000, "the other task had no turn");
        }
    });
}

#[test]
fn a_sleep_may_be_polled_on_another_thread() {
    block_on(async {
        let nap = sleep(Duration::from_millis(2));
        let handle = Handle::current();
        let other = spawn_blocking(move || {
            let start = Instant::now();
            handle.block_on(nap);
            start.elapsed()
        });
        other.await.unwrap();
    });
}

#[test]
fn loops_on_many_threads_come_and_go() {
    let threads: Vec<_> = (0..4)
        .map(|_| {
            thread::spawn(|| {
                for _ in 0..50 {
                    assert_eq!(
                        block_on(async { to_thread(|| 1).await + spawn(async { 2 }).await.unwrap() }),
                        3
                    );
                }
            })
        })
        .collect();
    for thread in threads {
        thread.join().unwrap();
    }
}

#[test]
fn a_loop_in_a_thread_local_may_end_with_its_thread() {
    thread_local! {
        static RUNTIME: Runtime = Runtime::new().unwrap();
    }
    thread::spawn(|| {
        RUNTIME.with(|runtime| {
            runtime.block_on(async {
                drop(spawn(std::future::pending::<()>()));
                to_thread(|| ()).await;
            });
        });
    })
    .join()
    .unwrap();
}

/// Would hang for an hour if a loop that polls busily overlooked anything.
#[test]
fn busy_polling_overlooks_nothing() {
    let runtime = Runtime::builder().busy_poll(Duration::from_secs(3600)).build().unwrap();
    runtime.block_on(async {
        sleep(Duration::from_millis(1)).await;
        assert_eq!(sideline::to_thread(|| 5).await, 5);
        let handle = sideline::Handle::current();
        let task = thread::spawn(move || handle.spawn(async { 6 })).join().unwrap();
        assert_eq!(task.await.unwrap(), 6);
        let listener = sideline::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let client = thread::spawn(move || std::net::TcpStream::connect(address).unwrap());
        listener.accept().await.unwrap();
        client.join().unwrap();
    });
}

/// The loop comes to expect the answers of a thread, and then they stop coming soon.
#[cfg(unix)]
#[test]
fn lingering_for_a_thread_overlooks_nothing_else() {
    block_on(async {
        let (to, inbox) = std::sync::mpsc::channel();
        let (back, outbox) = async_channel::unbounded();
        let echo = thread::spawn(move || inbox.iter().for_each(|value| back.try_send(value).unwrap()));
        for round in 0..2_000 {
            to.send(round).unwrap();
            assert_eq!(outbox.recv().await, Ok(round));
            if round % 100 == 0 {
                sleep(Duration::from_micros(300)).await;
                let (mut ours, theirs) = std::os::unix::net::UnixStream::pair().unwrap();
                let theirs = sideline::net::UnixStream::from_std(theirs).unwrap();
                std::io::Write::write_all(&mut ours, b"x").unwrap();
                theirs.read_exact(&mut [0]).await.unwrap();
            }
        }
        drop(to);
        echo.join().unwrap();
    });
}

#[test]
fn a_short_sleep_takes_at_most_two_polls() {
    block_on(async {
        for micros in [1, 100, 900, 1_100] {
            let mut sleep = std::pin::pin!(sleep(Duration::from_micros(micros)));
            let mut polls = 0;
            std::future::poll_fn(|cx| {
                polls += 1;
                sleep.as_mut().poll(cx)
            })
            .await;
            assert!(polls <= 2, "{polls} polls for {micros} us");
        }
    });
}
