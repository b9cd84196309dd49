//! What a builder bounds: the queue, the threads and their lives; and the hooks.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use sideline_blocking_pool::{Pool, Rejection, Shutdown, SpawnErrorKind};

include!("common/block_on.rs");
include!("common/occupy.rs");
include!("common/same_clock.rs");

#[test]
fn a_full_queue_gives_the_closure_back() {
    let pool = Pool::builder().core_threads(1).max_threads(1).queue_limit(2).build().unwrap();
    // The first of the cohort may be this one, which has left.
    let before = Instant::now();
    let (busy, release) = occupy(pool.job());
    let queued = [pool.try_spawn(|| 1).unwrap(), pool.try_spawn(|| 2).unwrap()];
    let after = Instant::now();
    while after.elapsed() < Duration::from_millis(2) {}
    same_clock(&pool);
    let least = after.elapsed();
    let error = pool.try_spawn(|| 3).unwrap_err();
    let most = before.elapsed();
    let SpawnErrorKind::Full { limit: 2, oldest: Some(told), .. } = *error.kind() else { panic!("{error}") };
    assert!(told >= least.mul_f64(0.98) && told <= most.mul_f64(1.02), "{told:?}, of {least:?} to {most:?}");
    assert!(
        error.to_string().contains(&format!("(limit 2; the first has waited for {told:.1?})")),
        "{error}"
    );
    assert_eq!(error.into_closure()(), 3);

    let rejected = block_on(pool.spawn(|| 3)).unwrap_err();
    let Some(&Rejection::Full { limit: 2, oldest: Some(told), .. }) = rejected.rejection() else {
        panic!("{rejected}")
    };
    let expected = format!("was rejected: queue is full (limit 2; the first has waited for {told:.1?})");
    assert!(rejected.to_string().ends_with(&expected), "{rejected}");

    // An abort makes room at once, and so does a start.
    assert!(queued[0].abort());
    let again = pool.try_spawn(|| 4).unwrap();
    assert!(pool.try_spawn(|| 5).is_err());
    drop(release);
    block_on(busy).unwrap();
    assert_eq!(block_on(again).unwrap(), 4);
    assert!(pool.try_spawn(|| 6).is_ok());
    assert_eq!(pool.metrics().rejected, 3);
    pool.shutdown(Shutdown::Drain);
}

#[test]
fn a_full_queue_does_not_count_on_a_tenant() {
    let pool = Pool::builder().core_threads(1).max_threads(1).queue_limit(1).build().unwrap();
    let tenant = pool.tenant();
    let (busy, release) = occupy(pool.job());
    let queued = tenant.try_spawn(|| ()).unwrap();
    assert!(tenant.try_spawn(|| ()).is_err());
    assert_eq!(tenant.outstanding(), 1);
    drop(release);
    block_on(busy).unwrap();
    block_on(queued).unwrap();
    assert!(tenant.wait(None));
    pool.shutdown(Shutdown::Drain);
}

#[test]
fn queued_jobs_wait_at_the_cap() {
    let pool = Pool::builder().core_threads(1).max_threads(2).build().unwrap();
    let (first, release) = occupy(pool.job());
    let (second, release_too) = occupy(pool.job());
    let third = pool.spawn(|| 3);
    assert_eq!(pool.metrics().threads, 2);
    assert_eq!(pool.metrics().queued, 1);
    drop(release);
    assert_eq!(block_on(third).unwrap(), 3);
    drop(release_too);
    for job in [first, second] {
        block_on(job).unwrap();
    }
    assert_eq!(pool.metrics().threads, 2);
    pool.shutdown(Shutdown::Drain);
}

#[test]
fn hooks_run_on_each_thread_and_may_panic() {
    let (started, stopped) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let reports = Arc::new(Mutex::new(Vec::new()));
    let (starts, stops, hook) = (Arc::clone(&started), Arc::clone(&stopped), Arc::clone(&reports));
    let pool = Pool::builder()
        .core_threads(1)
        .on_thread_start(move || {
            starts.fetch_add(1, Ordering::SeqCst);
            panic!("start");
        })
        .on_thread_stop(move || {
            stops.fetch_add(1, Ordering::SeqCst);
            panic!("stop");
        })
        .on_report(move |report| {
            hook.lock().unwrap().push(report.to_string());
            panic!("the hook for panics panics");
        })
        .build()
        .unwrap();
    block_on(pool.spawn(|| ())).unwrap();
    pool.shutdown(Shutdown::Drain);
    assert_eq!((started.load(Ordering::SeqCst), stopped.load(Ordering::SeqCst)), (1, 1));
    let expected = ["the hook `on_thread_start` panicked: start", "the hook `on_thread_stop` panicked: stop"];
    assert_eq!(*reports.lock().unwrap(), expected);
}

#[cfg(target_os = "linux")]
#[test]
fn a_stack_that_cannot_be_had_is_said_to_be_what_is_wrong() {
    let pool = Pool::builder().stack_size(usize::MAX).build().unwrap();
    let refused = pool.try_spawn(|| ()).unwrap_err().to_string();
    assert!(refused.contains("stack_size") && !refused.contains("limit on threads"), "{refused}");
}

#[test]
fn threads_have_names_and_the_stack_that_was_asked_for() {
    let pool = Pool::builder().thread_name("mine").stack_size(32 << 20).build().unwrap();
    let name = block_on(pool.spawn(|| {
        // 4 MiB, and a copy in a debug build, do not fit the default stack of 2 MiB.
        let deep = std::hint::black_box([1u8; 4 << 20]);
        assert_eq!(deep[4096], 1);
        std::thread::current().name().map(str::to_owned)
    }));
    assert_eq!(name.unwrap().as_deref(), Some("mine-0"));
    pool.shutdown(Shutdown::Drain);
}

/// Field 19 of the thread's own stat line.
#[cfg(target_os = "linux")]
fn own_nice() -> i32 {
    let stat = std::fs::read_to_string("/proc/thread-self/stat").unwrap();
    stat[stat.rfind(')').unwrap() + 2..].split(' ').nth(16).unwrap().parse().unwrap()
}

#[cfg(target_os = "linux")]
#[test]
fn threads_are_as_nice_as_was_asked_for() {
    let own = own_nice();
    let by_default = Pool::new();
    assert_eq!(block_on(by_default.spawn(own_nice)).unwrap(), (own + 5).min(19));
    by_default.shutdown(Shutdown::Drain);
    for nice in [0, 7, 19] {
        let pool = Pool::builder().nice(nice).build().unwrap();
        let expected = (own + i32::from(nice)).min(19);
        assert_eq!(block_on(pool.spawn(own_nice)).unwrap(), expected);
        assert_eq!(block_on(pool.job().spawn_dedicated(own_nice).unwrap()).unwrap(), expected);
        pool.shutdown(Shutdown::Drain);
    }
}

#[test]
fn builders_say_what_to_change() {
    let say = |builder: sideline_blocking_pool::Builder| builder.build().unwrap_err().to_string();
    assert!(say(Pool::builder().max_threads(0)).contains("pass at least 1"));
    assert!(say(Pool::builder().core_threads(0)).contains("pass at least 1"));
    assert!(say(Pool::builder().queue_limit(0)).contains("pass at least 1"));
    assert!(
        say(Pool::builder().core_threads(4).max_threads(2)).contains("raise `max_threads` to at least 4")
    );
    assert!(say(Pool::builder().thread_name("a\0b")).contains("NUL"));
    assert!(say(Pool::builder().nice(20)).contains("pass 0 to 19"));
    assert!(say(Pool::builder().max_threads(usize::MAX)).contains("lower `max_threads`"));
    assert!(say(Pool::builder().core_threads(usize::MAX)).contains("lower `core_threads`"));
    // In a function of I/O, `?` keeps what it says.
    let pool = || -> std::io::Result<Pool> { Ok(Pool::builder().queue_limit(0).build()?) };
    let error = pool().unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::InvalidInput);
    assert!(error.to_string().contains("pass at least 1"));
    // One choice alone bends the other's default.
    Pool::builder().max_threads(1).build().unwrap();
    Pool::builder().core_threads(1000).build().unwrap();
}

#[test]
fn extra_threads_retire() {
    let (stopped, has_stopped) = mpsc::channel();
    let pool = Pool::builder()
        .core_threads(1)
        .max_threads(4)
        .keep_alive(Duration::from_millis(1))
        .on_thread_stop(move || _ = stopped.send(()))
        .build()
        .unwrap();
    let held: Vec<_> = (0..4).map(|_| occupy(pool.job())).collect();
    assert_eq!(pool.metrics().threads, 4);
    for (job, release) in held {
        drop(release);
        block_on(job).unwrap();
    }
    // The three above the core leave, of their own accord.
    (0..3).for_each(|_| has_stopped.recv().unwrap());
    assert_eq!(pool.metrics().threads, 1);
    assert_eq!(block_on(pool.spawn(|| 1)).unwrap(), 1);
    pool.shutdown(Shutdown::Drain);
}

#[test]
fn the_global_pool_is_one() {
    assert_eq!(block_on(Pool::global().spawn(|| 1)).unwrap(), 1);
    assert!(std::ptr::eq(Pool::global(), Pool::global()));
    assert!(format!("{:?}", Pool::global()).contains("submitted"));
}
