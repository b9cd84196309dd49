//! Ways to end: closing, the three modes, drops in odd places, and tenants that end while others go on.

use std::pin::Pin;
use std::sync::mpsc;
use std::sync::{Arc, Barrier, Mutex};
use std::task::{Context, Wake, Waker};
use std::thread;
use std::time::{Duration, Instant};

use sideline_blocking_pool::{JoinHandle, Pool, Shutdown, SpawnErrorKind};

#[cfg(target_os = "linux")]
include!("common/all_meet.rs");
include!("common/block_on.rs");
include!("common/occupy.rs");
include!("common/threads.rs");

fn one_thread() -> Pool {
    Pool::builder().core_threads(1).max_threads(1).build().unwrap()
}

#[test]
fn drain_runs_everything() {
    let pool = one_thread();
    let jobs: Vec<_> = (0..100).map(|i| pool.spawn(move || i)).collect();
    let report = pool.shutdown(Shutdown::Drain);
    assert_eq!((report.cancelled, report.left_queued, report.left_running.len()), (0, 0, 0), "{report}");
    for (i, job) in jobs.into_iter().enumerate() {
        assert!(job.is_finished());
        assert_eq!(block_on(job).unwrap(), i);
    }
    assert_eq!(pool.metrics().threads, 0);
}

#[test]
#[cfg(target_os = "linux")]
fn drain_leaves_no_thread_behind() {
    let pool = Pool::builder().core_threads(2).max_threads(8).thread_name("ends").build().unwrap();
    all_meet(&pool, 6);
    assert!(threads_named("ends") >= 6);
    pool.shutdown(Shutdown::Drain);
    threads_end("ends");
}

#[test]
fn deadline_returns_and_names_who_is_left() {
    let pool = one_thread();
    let tenant = pool.tenant();
    let (running, release) = occupy(tenant.job());
    let queued = pool.spawn(|| 2);
    let start = Instant::now();
    let report = pool.shutdown(Shutdown::Deadline(Duration::from_millis(20)));
    assert!(start.elapsed() >= Duration::from_millis(20));
    assert_eq!((report.finished, report.cancelled, report.left_queued), (0, 0, 1), "{report}");
    assert_eq!(report.left_running.len(), 1);
    assert_eq!(report.left_running[0].id, running.id());
    assert_eq!(report.left_running[0].location.file(), file!());
    assert!(report.left_running[0].thread.starts_with("sideline-pool-"));
    assert!(report.to_string().contains("1 still queued, 1 still running:\n  job "), "{report}");
    drop(release);
    // What was left goes on, the queued one included.
    block_on(running).unwrap();
    assert_eq!(block_on(queued).unwrap(), 2);
    let report = pool.shutdown(Shutdown::Drain);
    assert!(report.left_running.is_empty(), "{report}");
}

#[test]
fn abandon_cancels_what_has_not_started() {
    let pool = one_thread();
    let (running, release) = occupy(pool.tenant().job());
    let queued: Vec<_> = (0..50).map(|_| pool.spawn(|| unreachable!("abandoned"))).collect();
    let report = pool.shutdown(Shutdown::Abandon);
    assert_eq!((report.finished, report.cancelled, report.left_queued), (0, 50, 0), "{report}");
    assert_eq!(report.left_running.len(), 1);
    for job in queued {
        assert!(block_on(job).unwrap_err().is_cancelled());
    }
    drop(release);
    block_on(running).unwrap();
    pool.shutdown(Shutdown::Drain);
    assert_eq!(pool.metrics().threads, 0);
}

#[test]
fn a_closed_pool_gives_the_closure_back() {
    let pool = one_thread();
    pool.shutdown(Shutdown::Drain);
    let error = pool.try_spawn(|| 3).unwrap_err();
    assert!(matches!(error.kind(), SpawnErrorKind::Closed));
    assert!(error.to_string().contains("shut down"), "{error}");
    assert_eq!(error.into_closure()(), 3);
    let error = block_on(pool.spawn(|| 3)).unwrap_err();
    assert!(error.is_rejected());
    assert!(error.to_string().ends_with("was rejected: the pool is shut down"), "{error}");
    assert_eq!((pool.metrics().rejected, pool.metrics().submitted), (2, 0));
}

#[test]
fn a_pool_without_a_job_shuts_down_at_once() {
    for how in [Shutdown::Drain, Shutdown::Deadline(Duration::MAX), Shutdown::Abandon] {
        let pool = Pool::new();
        for _ in 0..2 {
            assert_eq!(pool.shutdown(how).to_string(), "0 finished, 0 cancelled");
        }
    }
}

#[test]
fn shutdown_from_a_job_does_not_wait_for_itself() {
    for how in [Shutdown::Drain, Shutdown::Deadline(Duration::from_secs(60)), Shutdown::Abandon] {
        let pool = one_thread();
        let inner = pool.clone();
        let report = block_on(pool.spawn(move || inner.shutdown(how))).unwrap();
        assert_eq!((report.finished, report.left_running.len()), (0, 1), "{report}");
        pool.shutdown(Shutdown::Drain);
    }
}

#[test]
fn two_jobs_may_both_shut_their_pool_down() {
    let pool = Pool::builder().core_threads(2).max_threads(2).build().unwrap();
    let meet = Arc::new(Barrier::new(2));
    let jobs = [0, 1].map(|_| {
        let (inner, meet) = (pool.clone(), Arc::clone(&meet));
        pool.spawn(move || {
            meet.wait();
            inner.shutdown(Shutdown::Drain).left_queued
        })
    });
    for job in jobs {
        assert_eq!(block_on(job).unwrap(), 0);
    }
}

#[test]
fn the_last_handle_may_be_dropped_on_a_worker() {
    let pool = one_thread();
    let (go, gone) = mpsc::channel::<()>();
    let inner = pool.clone();
    let job = pool.spawn(move || {
        gone.recv().unwrap();
        let last = inner.spawn(|| 9);
        drop(inner);
        last
    });
    drop(pool);
    go.send(()).unwrap();
    // The nested job was accepted before the pool closed, so it runs.
    let last = block_on(job).unwrap();
    assert_eq!(block_on(last).unwrap(), 9);
}

#[test]
fn dropping_a_pool_runs_what_is_queued() {
    let (send, receive) = mpsc::channel();
    let pool = one_thread();
    let (_running, release) = occupy(pool.tenant().job());
    for i in 0..10 {
        let send = send.clone();
        drop(pool.spawn(move || send.send(i).unwrap()));
    }
    drop((pool, release, send));
    assert_eq!(receive.iter().collect::<Vec<_>>(), (0..10).collect::<Vec<_>>());
}

#[test]
fn a_tenant_counts_only_its_own() {
    let pool = Pool::builder().core_threads(2).max_threads(4).build().unwrap();
    let (mine, other) = (pool.tenant(), pool.tenant());
    let (theirs, release) = occupy(other.job());
    let jobs: Vec<_> = (0..20).map(|i| mine.spawn(move || i)).collect();
    assert!(mine.wait(None));
    assert!(jobs.iter().all(JoinHandle::is_finished));
    assert_eq!((mine.outstanding(), other.outstanding()), (0, 1));
    assert!(mine.survivors().is_empty());
    assert_eq!(other.survivors()[0].id, theirs.id());
    assert!(!other.wait(Some(Instant::now())), "it is still running");
    mine.close();
    assert!(mine.try_spawn(|| ()).is_err());
    assert_eq!(block_on(pool.spawn(|| 1)).unwrap(), 1, "the pool goes on");
    drop(release);
    assert!(other.wait(None));
    block_on(theirs).unwrap();
    pool.shutdown(Shutdown::Drain);
}

#[test]
fn a_tenant_is_abandoned_and_others_keep_their_order() {
    let pool = one_thread();
    let (mine, other) = (pool.tenant(), pool.tenant());
    let (running, release) = occupy(mine.job());
    let (send, receive) = mpsc::channel();
    let mut cancelled = Vec::new();
    for i in 0..20 {
        let send = send.clone();
        drop(other.spawn(move || send.send(i).unwrap()));
        cancelled.push(mine.spawn(|| unreachable!("abandoned")));
    }
    let report = mine.shutdown(Shutdown::Abandon);
    assert_eq!((report.finished, report.cancelled, report.left_queued), (0, 20, 0), "{report}");
    assert_eq!(report.left_running.len(), 1);
    for job in cancelled {
        assert!(block_on(job).unwrap_err().is_cancelled());
    }
    drop((send, release));
    assert_eq!(receive.iter().collect::<Vec<_>>(), (0..20).collect::<Vec<_>>());
    block_on(running).unwrap();
    pool.shutdown(Shutdown::Drain);
}

/// From when a worker has taken a job to when it says which one it runs, nobody sees that job. It was reported as finished.
#[test]
fn a_job_that_has_just_been_taken_is_reported_as_running() {
    let pool = one_thread();
    for _ in 0..20_000 {
        let tenant = pool.tenant();
        let (release, released) = mpsc::channel::<()>();
        let job = tenant.spawn(move || released.recv().unwrap_err());
        while pool.metrics().running == 0 {
            std::hint::spin_loop();
        }
        let report = tenant.shutdown(Shutdown::Abandon);
        assert_eq!((report.finished, report.left_running.len()), (0, 1), "{report}");
        drop(release);
        block_on(job).unwrap();
        while pool.metrics().running > 0 {
            thread::yield_now();
        }
    }
}

#[test]
fn a_tenants_deadline_reports_what_is_left() {
    let pool = one_thread();
    let tenant = pool.tenant();
    let (running, release) = occupy(tenant.job());
    let queued = tenant.spawn(|| ());
    let report = tenant.shutdown(Shutdown::Deadline(Duration::from_millis(5)));
    assert_eq!((report.finished, report.left_queued, report.left_running.len()), (0, 1, 1), "{report}");
    drop(release);
    let report = tenant.shutdown(Shutdown::Drain);
    assert_eq!((report.left_queued, report.left_running.len()), (0, 0), "{report}");
    for job in [running, queued] {
        block_on(job).unwrap();
    }
    pool.shutdown(Shutdown::Drain);
}

#[test]
fn jobs_that_wait_for_their_tenant_do_not_wait_for_each_other() {
    let pool = Pool::builder().core_threads(3).max_threads(3).build().unwrap();
    let tenant = pool.tenant();
    let jobs: Vec<_> = (0..3)
        .map(|_| {
            let tenant = tenant.clone();
            tenant.clone().spawn(move || tenant.wait(None))
        })
        .collect();
    for job in jobs {
        assert!(block_on(job).unwrap());
    }
    assert!(tenant.wait(None));
    pool.shutdown(Shutdown::Drain);
}

/// What is dropped calls `0`, once.
struct OnDrop<F: FnMut()>(F);

impl<F: FnMut()> Drop for OnDrop<F> {
    fn drop(&mut self) {
        (self.0)();
    }
}

#[test]
fn abandoning_one_tenant_holds_no_job_of_another_back() {
    let pool = one_thread();
    let (mine, theirs) = (pool.tenant(), pool.tenant());
    let (running, release) = occupy(theirs.job());
    let (ran, has_run) = mpsc::channel();
    drop(theirs.spawn(move || ran.send(()).unwrap()));
    // To drop this closure takes until the other tenant's job, which was queued before it, has run.
    let (mut release, (tell, told)) = (Some(release), mpsc::channel());
    let slow = OnDrop(move || {
        drop(release.take());
        tell.send(has_run.recv_timeout(Duration::from_secs(10))).unwrap();
    });
    let cancelled = mine.spawn(move || drop(slow));
    let report = mine.shutdown(Shutdown::Abandon);
    assert_eq!((report.cancelled, report.left_queued), (1, 0), "{report}");
    assert!(block_on(cancelled).unwrap_err().is_cancelled());
    assert_eq!(told.recv().unwrap(), Ok(()));
    block_on(running).unwrap();
}

#[test]
fn a_tenant_abandoned_while_another_is_finds_its_jobs() {
    let pool = one_thread();
    let (one, two) = (pool.tenant(), pool.tenant());
    let (running, release) = occupy(pool.tenant().job());
    let waits = two.spawn(|| ());
    let (report, reported) = mpsc::channel();
    let nested = OnDrop(move || report.send(two.shutdown(Shutdown::Abandon)).unwrap());
    drop(one.spawn(move || drop(nested)));
    one.shutdown(Shutdown::Abandon);
    let report = reported.recv().unwrap();
    // Without any thread that would be free to find out.
    assert_eq!((report.cancelled, report.left_queued), (1, 0), "{report}");
    assert!(waits.is_finished());
    drop(release);
    block_on(running).unwrap();
}

/// Tells when it is woken, and then blocks until it is let go.
struct BlocksWhenWoken(mpsc::Sender<()>, Mutex<mpsc::Receiver<()>>);

impl Wake for BlocksWhenWoken {
    fn wake(self: Arc<Self>) {
        self.0.send(()).unwrap();
        _ = self.1.lock().unwrap().recv();
    }
}

/// It was counted as cancelled before, and leaves later: it would be one that has finished.
#[test]
fn a_job_that_is_being_cancelled_when_a_shutdown_begins_is_cancelled_in_its_report() {
    let pool = one_thread();
    let (busy, release) = occupy(pool.job());
    let tenant = pool.tenant_of_loop();
    let (tell, woken) = mpsc::channel();
    let (let_go, wait) = mpsc::channel();
    let waker = Waker::from(Arc::new(BlocksWhenWoken(tell, Mutex::new(wait))));
    let mut job = tenant.spawn(|| ());
    assert!(Pin::new(&mut job).poll(&mut Context::from_waker(&waker)).is_pending());
    let aborter = thread::spawn(move || job.abort());
    woken.recv().unwrap();
    let report = tenant.shutdown(Shutdown::Deadline(Duration::ZERO));
    assert_eq!((report.finished, report.cancelled, report.left_queued), (0, 1, 0), "{report}");
    drop(let_go);
    assert!(aborter.join().unwrap());
    let report = tenant.shutdown(Shutdown::Drain);
    assert_eq!((report.finished, report.cancelled), (0, 0), "{report}");
    drop(release);
    block_on(busy).unwrap();
    pool.shutdown(Shutdown::Drain);
}

/// Those that a worker had taken in a batch were put back behind those that had come later.
#[test]
fn an_abandon_leaves_the_jobs_of_others_in_their_order() {
    let pool = one_thread();
    let (abandoned, order) = (pool.tenant(), Arc::new(Mutex::new(Vec::new())));
    let spawn = |number: i32| {
        let order = Arc::clone(&order);
        pool.spawn(move || order.lock().unwrap().push(number)).detach();
    };
    let (_, go_on) = occupy(pool.job());
    let (has_begun, (release, released)) = (mpsc::channel(), mpsc::channel::<()>());
    pool.spawn(move || {
        has_begun.0.send(()).unwrap();
        _ = released.recv();
    })
    .detach();
    (0..4).for_each(spawn);
    drop(go_on);
    // With some of them in its own deque.
    has_begun.1.recv().unwrap();
    (4..8).for_each(spawn);
    abandoned.spawn(|| ()).detach();
    assert_eq!(abandoned.shutdown(Shutdown::Abandon).cancelled, 1);
    drop(release);
    pool.shutdown(Shutdown::Drain);
    assert_eq!(*order.lock().unwrap(), (0..8).collect::<Vec<_>>());
}
