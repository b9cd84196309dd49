//! Dropping and shutting down: who is waited for, and who is reported.

use sideline::time::sleep;
use sideline::{Handle, Pool, Report, Runtime, Shutdown, block_on, spawn_blocking, to_thread};
use std::sync::{Arc, Barrier, Mutex, mpsc};
use std::thread;
use std::time::Duration;

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
    assert!(
        reports[0].contains("1 of its jobs") && reports[0].contains("tests/runtime/ending.rs"),
        "{reports:?}"
    );
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
        // Should it wait, then for ever: the job ends after the drop.
        let inner = Runtime::builder().drop_deadline(Duration::MAX).on_report(hook).build().unwrap();
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
        assert!(report.to_string().contains("tests/runtime/ending.rs"), "{report}");
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
