//! Jobs that are more than a closure: names, deadlines.

use std::io;
use std::sync::mpsc::{self, Sender};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use sideline_blocking_pool::{Around, JoinError, Pool, Shutdown};

include!("common/block_on.rs");
include!("common/occupy.rs");

fn one_thread() -> Pool {
    Pool::builder().core_threads(1).max_threads(1).build().unwrap()
}

#[test]
fn a_name_is_in_the_handle_the_error_and_the_list_of_survivors() {
    let pool = one_thread();
    let (busy, release) = occupy(pool.job().name("occupier"));
    assert_eq!(busy.name(), Some("occupier"));
    let tenant = pool.tenant();
    let named = tenant.job().name(format!("file {}", 7)).spawn(|| panic!("gone"));
    let plain = pool.spawn(|| panic!("gone, too"));
    let survivors = pool.shutdown(Shutdown::Deadline(Duration::ZERO)).left_running;
    assert_eq!(survivors[0].name.as_deref(), Some("occupier"));
    assert!(survivors[0].to_string().contains("\"occupier\" (spawned at "), "{}", survivors[0]);
    drop(release);
    block_on(busy).unwrap();
    let error = block_on(named).unwrap_err();
    assert_eq!(error.name(), Some("file 7"));
    assert!(error.to_string().contains("\"file 7\" (spawned at "), "{error}");
    assert_eq!(error.location().file(), file!());
    let error = block_on(plain).unwrap_err();
    assert_eq!(error.name(), None);
    pool.shutdown(Shutdown::Drain);
}

#[test]
fn a_name_is_in_reports() {
    let reports = Arc::new(Mutex::new(Vec::new()));
    let hook = Arc::clone(&reports);
    let pool = Pool::builder()
        .on_report(move |report| hook.lock().unwrap().push(report.to_string()))
        .build()
        .unwrap();
    drop(pool.job().name("fire and forget").spawn(|| panic!("unheard")));
    pool.shutdown(Shutdown::Drain);
    let reports = reports.lock().unwrap();
    assert!(reports[0].contains("\"fire and forget\" (spawned at "), "{reports:?}");
}

#[test]
fn an_expired_job_never_runs_and_is_counted() {
    let pool = one_thread();
    let (busy, release) = occupy(pool.job().name("occupier"));
    let captured = Arc::new(());
    let held = Arc::clone(&captured);
    let late = pool.job().deadline(Instant::now()).spawn(move || drop(held));
    let detached = pool.job().deadline(Instant::now()).spawn(|| panic!("an expired job has run"));
    drop(detached);
    let in_time = pool.job().deadline(Instant::now() + Duration::from_secs(3600)).spawn(|| 7);
    // Whoever looks finds out, although the one worker is busy.
    let error = block_on(late).unwrap_err();
    assert!(error.is_expired() && error.is_cancelled() && !error.is_panic(), "{error}");
    assert!(error.to_string().ends_with("expired: it had not started by its deadline"), "{error}");
    assert_eq!(Arc::strong_count(&captured), 1, "the closure is gone");
    // Nobody looks at the detached one: its worker finds out.
    drop(release);
    block_on(busy).unwrap();
    assert_eq!(block_on(in_time).unwrap(), 7);
    pool.shutdown(Shutdown::Drain);
    let m = pool.metrics();
    assert_eq!((m.submitted, m.completed, m.cancelled, m.expired), (4, 2, 2, 2));
}

#[test]
fn a_refused_closure_comes_back_out_of_what_it_would_have_run_inside_of() {
    struct Never;
    impl Around for Never {
        fn around<T>(self, _: impl FnOnce() -> T) -> T {
            panic!("it was not to be run")
        }
    }
    let pool = one_thread();
    pool.shutdown(Shutdown::Drain);
    let error = pool.job().around(Never).try_spawn(|| 7).unwrap_err();
    assert!(error.is_closed() && !error.is_full());
    assert_eq!(error.into_closure()(), 7);
}

#[test]
fn as_io_errors_they_say_whether_to_try_again() {
    let pool = Pool::builder().core_threads(1).max_threads(1).queue_limit(1).build().unwrap();
    let (busy, release) = occupy(pool.job());
    let queued = pool.spawn(|| panic!("no luck"));
    let full = io::Error::from(pool.try_spawn(|| 8).unwrap_err());
    assert_eq!(full.kind(), io::ErrorKind::WouldBlock);
    assert!(full.to_string().contains("queue is full (limit 1; the first has waited for "), "{full}");
    drop(release);
    block_on(busy).unwrap();
    let panicked = io::Error::from(block_on(queued).unwrap_err());
    assert_eq!(panicked.kind(), io::ErrorKind::Other);
    assert!(panicked.downcast::<JoinError>().unwrap().is_panic());
    pool.shutdown(Shutdown::Drain);
    assert_eq!(io::Error::from(pool.try_spawn(|| 9).unwrap_err()).kind(), io::ErrorKind::Other);
}

#[test]
fn what_is_around_a_job_is_around_its_panic_too() {
    struct Count(Sender<&'static str>);
    struct After(Sender<&'static str>);
    impl Drop for After {
        fn drop(&mut self) {
            self.0.send("after").unwrap();
        }
    }
    impl Around for Count {
        fn around<T>(self, job: impl FnOnce() -> T) -> T {
            self.0.send("before").unwrap();
            let _after = After(self.0);
            job()
        }
    }
    let pool = one_thread();
    let (sender, receiver) = mpsc::channel();
    let job = pool.job().around(Count(sender)).spawn(|| panic!("in the middle"));
    assert!(block_on(job).unwrap_err().is_panic());
    assert_eq!(receiver.iter().collect::<Vec<_>>(), ["before", "after"]);
}
