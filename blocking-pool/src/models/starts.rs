//! Thread starts that the operating system refuses: nothing is lost, nothing spins, and it is an error only if there
//! is no thread at all. On real threads; the race itself is `idle::failed_start_against_submit`.

use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use super::{block_on, config};
use crate::user_code::contain::Kept;
use crate::user_code::report::Hook;
use crate::{Pool, Report, Shutdown, SpawnErrorKind};

/// A pool whose starts fail as `fails` says, by number; it grows by itself. And its reports.
fn pool(
    core: usize,
    max: usize,
    fails: fn(usize) -> bool,
) -> (Pool, Arc<Mutex<Vec<String>>>, Arc<AtomicUsize>) {
    let tries = Arc::new(AtomicUsize::new(0));
    let reports = Arc::new(Mutex::new(Vec::new()));
    let (count, hook) = (Arc::clone(&tries), Arc::clone(&reports));
    let fault = move || match fails(count.fetch_add(1, Ordering::SeqCst)) {
        true => Err(io::Error::from(io::ErrorKind::WouldBlock)),
        false => Ok(()),
    };
    let tell = move |report: &Report| hook.lock().unwrap().push(report.to_string());
    let mut config = config(core, max);
    config.growth = true;
    config.start_fault = Some(Box::new(fault));
    config.on_report = Some(Hook::new(tell));
    (Pool::with(config), reports, tries)
}

#[test]
fn without_any_thread_the_closure_comes_back() {
    let (pool, reports, _) = pool(2, 4, |_| true);
    let error = pool.try_spawn(|| 7).unwrap_err();
    assert!(
        matches!(error.kind(), SpawnErrorKind::NoThread(error) if error.kind() == io::ErrorKind::WouldBlock)
    );
    assert_eq!(error.into_closure()(), 7);
    let error = block_on(pool.spawn(|| 7)).unwrap_err();
    assert!(error.is_rejected() && error.to_string().contains("no thread could be started"), "{error}");
    let m = pool.metrics();
    assert_eq!((m.threads, m.idle, m.queued, m.submitted, m.cancelled), (0, 0, 0, 2, 2));
    assert_eq!(reports.lock().unwrap().len(), 2);
    pool.shutdown(Shutdown::Drain);
}

#[test]
fn the_next_submit_tries_again() {
    let (pool, _, _) = pool(1, 1, |nth| nth == 0);
    assert!(pool.try_spawn(|| 1).is_err());
    assert_eq!(block_on(pool.spawn(|| 2)).unwrap(), 2);
    assert_eq!(pool.shutdown(Shutdown::Drain).to_string(), "0 finished, 0 cancelled");
}

#[test]
fn with_one_thread_all_jobs_run_and_nothing_spins() {
    let (pool, _, tries) = pool(4, 8, |nth| nth > 0);
    let jobs: Vec<_> = (0..1000).map(|i| pool.spawn(move || i)).collect();
    for (i, job) in jobs.into_iter().enumerate() {
        assert_eq!(block_on(job).unwrap(), i);
    }
    assert_eq!(pool.metrics().threads, 1);
    // Of workers one at the first, then one in ten milliseconds at most; of monitors one for so many pokes. Far fewer
    // than jobs.
    assert!(tries.load(Ordering::SeqCst) < 500);
    pool.shutdown(Shutdown::Drain);
}

/// Nobody submits any more, and no job ends.
#[test]
fn a_refused_monitor_is_tried_again_by_who_awaits() {
    let (pool, _, _) = pool(1, 2, |nth| nth == 1);
    let (release, released) = std::sync::mpsc::channel::<()>();
    let (start, started) = std::sync::mpsc::channel();
    let blocked = pool.spawn(move || {
        start.send(()).unwrap();
        released.recv().is_err()
    });
    started.recv().unwrap();
    // Its submission is refused the monitor.
    assert_eq!(block_on(pool.spawn(|| 7)).unwrap(), 7);
    drop(release);
    assert!(block_on(blocked).unwrap());
    pool.shutdown(Shutdown::Drain);
}

/// Those who wait are asleep by then.
#[test]
fn a_monitor_that_is_refused_to_a_worker_is_tried_again_by_it() {
    let tries = AtomicUsize::new(0);
    let (submit, submitted) = std::sync::mpsc::channel::<()>();
    let submitted = Mutex::new(submitted);
    let mut config = config(1, 2);
    config.growth = true;
    config.start_fault = Some(Box::new(move || match tries.fetch_add(1, Ordering::SeqCst) {
        1 => Err(io::Error::from(io::ErrorKind::WouldBlock)),
        _ => Ok(()),
    }));
    config.on_start = Some(Kept::new(Box::new(move || _ = submitted.lock().unwrap().recv())));
    config.on_report = Some(Hook::new(|_| ()));
    let pool = Pool::with(config);
    let (release, released) = std::sync::mpsc::channel::<()>();
    let first = pool.spawn(move || released.recv().is_ok());
    drop(pool.spawn(move || release.send(()).unwrap()));
    // The worker finds both.
    drop(submit);
    assert!(block_on(first).unwrap());
    pool.shutdown(Shutdown::Drain);
}

#[test]
fn a_refused_monitor_is_tried_again_and_the_pool_grows_after_all() {
    // The worker starts, the monitor does not, twice.
    let (pool, _, _) = pool(1, 3, |nth| nth == 1 || nth == 2);
    let (release, released) = std::sync::mpsc::channel::<()>();
    let (start, started) = std::sync::mpsc::channel();
    let blocked = pool.spawn(move || {
        start.send(()).unwrap();
        _ = released.recv();
    });
    started.recv().unwrap();
    // Each of these finds everybody running, and pokes; the third time there is a monitor.
    let jobs: Vec<_> = (0..3).map(|i| pool.spawn(move || i)).collect();
    for (i, job) in jobs.into_iter().enumerate() {
        assert_eq!(block_on(job).unwrap(), i);
    }
    drop(release);
    block_on(blocked).unwrap();
    pool.shutdown(Shutdown::Drain);
}
