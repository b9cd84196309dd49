//! Waiting for a job, or ending its pool, from inside of what the job leaves behind.
#![cfg(not(loom))]

use sideline_blocking_pool::{Pool, Shutdown, SpawnErrorKind, Tenant};
use std::cell::RefCell;
use std::pin::pin;
use std::sync::mpsc::{self, Sender};
use std::sync::{Arc, Mutex};
use std::task::{Context, Wake, Waker};
use std::time::{Duration, Instant};

include!("common/block_on.rs");

const LONG: Duration = Duration::from_secs(20);

fn one_thread() -> Pool {
    Pool::builder().core_threads(1).max_threads(1).build().unwrap()
}

/// Waits for its tenant when it is dropped or woken, and says what came of that.
struct Waits(Tenant, Sender<bool>);

impl Waits {
    fn wait(&self) {
        self.1.send(self.0.wait(Instant::now().checked_add(LONG))).unwrap();
    }
}

impl Drop for Waits {
    fn drop(&mut self) {
        self.wait();
    }
}

#[test]
fn a_result_that_nobody_reads_does_not_wait_for_its_own_job() {
    let tenant = one_thread().tenant();
    let (tell, told) = mpsc::channel();
    drop(tenant.spawn({
        let tenant = tenant.clone();
        move || Waits(tenant, tell)
    }));
    assert!(told.recv().unwrap());
    assert!(tenant.wait(None));
}

#[test]
fn a_closure_that_is_refused_does_not_wait_for_its_own_job() {
    let pool = one_thread();
    let (busy, tenant) = (pool.tenant(), pool.tenant());
    let (release, released) = mpsc::channel::<()>();
    drop(busy.spawn(move || released.recv()));
    let (tell, told) = mpsc::channel();
    let waits = Waits(tenant.clone(), tell);
    let job = tenant.spawn(move || drop(waits));
    assert!(job.abort());
    assert!(told.recv().unwrap());
    drop(release);
    assert!(tenant.wait(None) && busy.wait(None));
}

/// One inside the other: a running job cancels another one, whose closure waits. It waits for neither.
#[test]
fn a_closure_that_is_refused_in_a_job_waits_for_neither() {
    let tenant = one_thread().tenant();
    let (tell, told) = mpsc::channel();
    let (hand, handed) = mpsc::channel::<sideline_blocking_pool::JoinHandle<()>>();
    let first = tenant.spawn(move || handed.recv().unwrap().abort());
    let waits = Waits(tenant.clone(), tell);
    hand.send(tenant.spawn(move || drop(waits))).unwrap();
    assert!(told.recv().unwrap());
    assert!(block_on(first).unwrap());
}

/// The closure of another tenant's job, dropped while the closure of ours is.
#[test]
fn a_closure_that_is_refused_inside_anothers_refusal_waits_for_neither() {
    struct Aborts(Option<sideline_blocking_pool::JoinHandle<()>>);
    impl Drop for Aborts {
        fn drop(&mut self) {
            assert!(self.0.take().unwrap().abort());
        }
    }
    let pool = one_thread();
    let (busy, ours, theirs) = (pool.tenant(), pool.tenant(), pool.tenant());
    let (release, released) = mpsc::channel::<()>();
    drop(busy.spawn(move || released.recv()));
    let (tell, told) = mpsc::channel();
    let waits = Waits(ours.clone(), tell);
    let inner = theirs.spawn(move || drop(waits));
    let aborts = Aborts(Some(inner));
    assert!(ours.spawn(move || drop(aborts)).abort());
    assert!(told.recv().unwrap());
    drop(release);
    assert!(ours.wait(None) && theirs.wait(None) && busy.wait(None));
}

/// Each closure owns the guard of the job before, and then waits for all of them. Those at the bottom are put off, and would
/// be waited for by the thread that has yet to drop them.
#[test]
fn closures_inside_each_other_wait_for_none_that_was_put_off() {
    struct Guard(sideline_blocking_pool::JoinHandle<()>);
    impl Drop for Guard {
        fn drop(&mut self) {
            self.0.abort();
        }
    }
    struct Link {
        _before: Option<Guard>,
        _waits: Waits,
    }
    const LINKS: usize = 60;
    let pool = one_thread();
    let (busy, tenant) = (pool.tenant(), pool.tenant());
    let (release, released) = mpsc::channel::<()>();
    drop(busy.spawn(move || released.recv()));
    let (tell, told) = mpsc::channel();
    let mut before = None;
    for _ in 0..LINKS {
        let link = Link { _before: before.take(), _waits: Waits(tenant.clone(), tell.clone()) };
        before = Some(Guard(tenant.spawn(move || drop(link))));
    }
    drop((before, tell));
    assert_eq!(told.iter().filter(|waited| *waited).count(), LINKS);
    assert_eq!(tenant.outstanding(), 0);
    drop(release);
}

/// The same with a guard that sees to it that the job is over.
#[test]
fn destructors_inside_each_other_see_that_what_they_have_aborted_is_done() {
    struct Aborts(Option<sideline_blocking_pool::JoinHandle<()>>, fn(sideline_blocking_pool::JoinHandle<()>));
    impl Drop for Aborts {
        fn drop(&mut self) {
            let job = self.0.take().unwrap();
            assert!(job.abort());
            self.1(job);
        }
    }
    let pool = one_thread();
    let (release, released) = mpsc::channel::<()>();
    drop(pool.spawn(move || released.recv()));
    let asks: fn(sideline_blocking_pool::JoinHandle<()>) = |job| assert!(job.is_finished());
    let asks_another =
        |job: sideline_blocking_pool::JoinHandle<()>| assert!(job.abort_handle().is_finished());
    let awaits =
        |job: sideline_blocking_pool::JoinHandle<()>| assert!(block_on(job).unwrap_err().is_cancelled());
    for sees_to_it in [asks, asks_another, awaits] {
        let mut before: Box<dyn Send> = Box::new(());
        for _ in 0..60 {
            before = Box::new(Aborts(Some(pool.spawn(move || drop(before))), sees_to_it));
        }
        drop(before);
    }
    drop(release);
}

struct WaitsWhenWoken(Mutex<Option<Waits>>);

impl Wake for WaitsWhenWoken {
    fn wake(self: Arc<Self>) {
        drop(self.0.lock().unwrap().take());
    }
}

#[test]
fn a_waker_does_not_wait_for_the_job_that_wakes_it() {
    let tenant = one_thread().tenant_of_loop();
    let (tell, told) = mpsc::channel();
    let (release, released) = mpsc::channel::<()>();
    let mut job = pin!(tenant.spawn(move || released.recv()));
    let waker = Waker::from(Arc::new(WaitsWhenWoken(Mutex::new(Some(Waits(tenant.clone(), tell))))));
    assert!(job.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
    drop(release);
    assert!(told.recv().unwrap());
}

thread_local! {
    static LAST: RefCell<Option<AtTheEnd>> = const { RefCell::new(None) };
}

/// What a thread of the pool does when it is no worker any more.
struct AtTheEnd(Pool, Sender<bool>);

impl Drop for AtTheEnd {
    fn drop(&mut self) {
        let refused = self.0.try_spawn(|| ()).is_err_and(|e| matches!(e.kind(), SpawnErrorKind::Closed));
        let report = self.0.shutdown(Shutdown::Drain);
        self.1.send(refused && report.left_running.is_empty()).unwrap();
    }
}

/// It would join itself.
#[test]
fn a_threads_own_destructors_may_end_its_pool() {
    let pool = one_thread();
    let (tell, told) = mpsc::channel();
    let job = pool.spawn({
        let pool = pool.clone();
        move || {
            LAST.set(Some(AtTheEnd(pool.clone(), tell)));
            // From inside: it is closed when this thread leaves, and nobody else joins it.
            pool.shutdown(Shutdown::Abandon);
        }
    });
    assert!(told.recv().unwrap());
    block_on(job).unwrap();
    pool.shutdown(Shutdown::Drain);
}

/// Of a pool that goes on.
#[test]
fn a_threads_own_destructors_may_submit_a_job() {
    struct Submits(Pool, Sender<u32>);
    impl Drop for Submits {
        fn drop(&mut self) {
            let tell = self.1.clone();
            drop(self.0.spawn(move || tell.send(7).unwrap()));
        }
    }
    thread_local!(static SUBMITS: RefCell<Option<Submits>> = const { RefCell::new(None) });

    let pool = Pool::builder().core_threads(1).max_threads(2).build().unwrap();
    let other = one_thread();
    let (tell, told) = mpsc::channel();
    block_on(other.spawn({
        let pool = pool.clone();
        move || SUBMITS.set(Some(Submits(pool, tell)))
    }))
    .unwrap();
    other.shutdown(Shutdown::Drain);
    assert_eq!(told.recv().unwrap(), 7);
}
