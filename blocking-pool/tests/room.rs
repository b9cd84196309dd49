//! Waiting for room in a bounded queue, and closures with a thread of their own.

use std::pin::pin;
use std::sync::Arc;
use std::sync::mpsc;
use std::task::{Context, Poll, Waker};

use sideline_blocking_pool::{Pool, Shutdown, SpawnErrorKind};

include!("common/block_on.rs");
include!("common/count.rs");
include!("common/occupy.rs");

fn bounded(limit: usize) -> Pool {
    Pool::builder().core_threads(1).max_threads(1).queue_limit(limit).build().unwrap()
}

#[test]
fn room_goes_to_those_that_wait_in_their_order_and_past_nobody() {
    let pool = bounded(1);
    let (busy, release) = occupy(pool.job());
    let queued = pool.try_spawn(|| 0).unwrap();
    let (count, waker) = Count::new();
    let mut cx = Context::from_waker(&waker);
    let mut first = pin!(pool.job().spawn_when_room(|| 1));
    let mut second = pin!(pool.job().spawn_when_room(|| 2));
    assert!(first.as_mut().poll(&mut cx).is_pending() && second.as_mut().poll(&mut cx).is_pending());
    assert!(queued.abort());
    assert_eq!(count.get(), 1, "the first was called, nobody else");
    // The room is the first one's: nobody takes it meanwhile.
    assert!(pool.try_spawn(|| 3).unwrap_err().is_full());
    assert!(second.as_mut().poll(&mut cx).is_pending());
    let Poll::Ready(Ok(one)) = first.as_mut().poll(&mut cx) else { panic!("it was handed room") };
    drop(release);
    block_on(busy).unwrap();
    assert_eq!(block_on(one).unwrap(), 1);
    assert_eq!(block_on(block_on(second).unwrap()).unwrap(), 2);
    pool.shutdown(Shutdown::Drain);
}

#[test]
fn giving_up_leaves_the_line_and_hands_on_what_it_got() {
    let pool = bounded(1);
    let (busy, release) = occupy(pool.job());
    let queued = pool.try_spawn(|| 0).unwrap();
    let captured = Arc::new(());
    let (count, waker) = Count::new();
    let mut cx = Context::from_waker(&waker);
    let held = Arc::clone(&captured);
    let mut gives_up = Box::pin(pool.job().spawn_when_room(move || drop(held)));
    let mut waits = pin!(pool.job().spawn_when_room(|| 7));
    assert!(gives_up.as_mut().poll(&mut cx).is_pending() && waits.as_mut().poll(&mut cx).is_pending());
    assert!(queued.abort()); // room for the first ...
    drop(gives_up); // ... which does not want it any more
    assert_eq!(Arc::strong_count(&captured), 1, "the closure went with it");
    let Poll::Ready(Ok(job)) = waits.as_mut().poll(&mut cx) else { panic!("it was handed on") };
    drop(release);
    block_on(busy).unwrap();
    assert_eq!(block_on(job).unwrap(), 7);
    drop(waker);
    assert_eq!(Arc::strong_count(&count), 1, "no waker is left in line");
    pool.shutdown(Shutdown::Drain);
}

#[test]
fn closing_the_tenant_or_the_pool_gives_the_closure_back() {
    let pool = bounded(1);
    let tenant = pool.tenant();
    let (busy, release) = occupy(pool.job());
    let _queued = pool.try_spawn(|| 0).unwrap();
    let (_, waker) = Count::new();
    let mut cx = Context::from_waker(&waker);
    let mut of_tenant = pin!(tenant.job().spawn_when_room(|| 1));
    let mut of_pool = pin!(pool.job().spawn_when_room(|| 2));
    assert!(of_tenant.as_mut().poll(&mut cx).is_pending() && of_pool.as_mut().poll(&mut cx).is_pending());
    tenant.close();
    let Poll::Ready(Err(error)) = of_tenant.as_mut().poll(&mut cx) else { panic!("the tenant is closed") };
    assert!(matches!(error.kind(), SpawnErrorKind::Closed));
    assert_eq!(error.into_closure()(), 1);
    assert!(of_pool.as_mut().poll(&mut cx).is_pending());
    drop(release);
    block_on(busy).unwrap();
    pool.shutdown(Shutdown::Drain);
    match block_on(of_pool) {
        Err(error) => assert_eq!(error.into_closure()(), 2),
        Ok(job) => assert_eq!(block_on(job).unwrap(), 2),
    }
}

#[test]
fn without_a_limit_there_is_always_room() {
    let pool = Pool::builder().core_threads(1).build().unwrap();
    let job = pin!(pool.job().cancellable().spawn_when_room(|token| token.is_cancelled()));
    let Poll::Ready(Ok(job)) = job.poll(&mut Context::from_waker(Waker::noop())) else { panic!("no limit") };
    assert!(!block_on(job).unwrap());
    pool.shutdown(Shutdown::Drain);
}

#[test]
fn a_dedicated_closure_has_a_thread_of_its_own_and_ends_when_it_is_told() {
    let pool = Pool::builder().core_threads(1).max_threads(1).build().unwrap();
    let (start, started) = mpsc::channel();
    let job = pool.job().name("listener").cancellable().spawn_dedicated(move |token| {
        let (stop, stopped) = mpsc::channel();
        let _hook = token.on_cancel(move || stop.send(()).unwrap());
        start.send(std::thread::current().name().map(str::to_owned)).unwrap();
        stopped.recv().unwrap();
        "stopped"
    });
    let job = job.unwrap();
    assert_eq!(started.recv().unwrap().as_deref(), Some("listener"));
    // It takes no worker away and is no job of the queue.
    assert_eq!(block_on(pool.spawn(|| 7)).unwrap(), 7);
    let m = pool.metrics();
    assert_eq!((m.dedicated, m.threads, m.submitted, m.running), (1, 1, 1, 0));
    pool.shutdown(Shutdown::Drain); // does not wait for it, but tells it
    assert_eq!(block_on(job).unwrap(), "stopped");
    assert_eq!(pool.metrics().dedicated, 0);
    let error = pool.job().spawn_dedicated(|| 8).unwrap_err();
    assert_eq!(error.into_closure()(), 8);
}

#[test]
fn a_shutdown_lists_dedicated_closures_and_does_not_wait_for_them() {
    let pool = Pool::builder().core_threads(1).max_threads(1).build().unwrap();
    let tenant = pool.tenant();
    let (start, started) = mpsc::channel();
    let (release, released) = mpsc::channel::<()>();
    let job = tenant.job().name("forever").spawn_dedicated(move || {
        start.send(()).unwrap();
        _ = released.recv();
    });
    started.recv().unwrap();
    let report = tenant.shutdown(Shutdown::Drain);
    assert_eq!((report.left_running.len(), report.dedicated.len()), (0, 1), "{report}");
    assert_eq!(report.dedicated[0].name.as_deref(), Some("forever"));
    assert!(report.to_string().contains("1 dedicated still running"), "{report}");
    assert_eq!(pool.shutdown(Shutdown::Drain).dedicated.len(), 1);
    drop(release);
    block_on(job.unwrap()).unwrap();
    assert!(pool.shutdown(Shutdown::Drain).dedicated.is_empty());
}
