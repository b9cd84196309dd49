//! A runtime, its pool and its sets.

use super::process::{expect_success, fork, leave};
use sideline::blocking::{CancelToken, Rejection};
use sideline::net::TcpListener;
use sideline::task::{JoinSet, yield_now};
use sideline::time::timeout;
use sideline::{Limiter, Pool, Runtime, block_on, spawn_blocking, to_thread};
use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::{Arc, Barrier, mpsc};
use std::task::Poll;
use std::time::{Duration, Instant};

pub(super) fn runtimes() {
    let runtime = Runtime::builder().watchdog(Duration::from_secs(1)).build().unwrap();
    let pool = Pool::new();
    let listener = runtime.block_on(async {
        assert_eq!(to_thread(|| 1).await, 1);
        TcpListener::bind("127.0.0.1:0").await.unwrap()
    });
    let address = listener.local_addr().unwrap();
    // There is a thread that watches deadlines, and will not be there in the child.
    let token = CancelToken::with_deadline(Instant::now() + Duration::from_secs(60));
    let below = token.child();
    let (tell, told) = mpsc::channel();
    let hook = below.on_cancel(move || tell.send(()).unwrap());
    // Of its two slots one is taken by a job that will not end in the child, and neither is in the child.
    let limiter = Limiter::new(2);
    let (release, released) = mpsc::channel::<()>();
    let (tell, running) = mpsc::channel();
    let holds = pool.job().limiter(&limiter).spawn(move || {
        tell.send(()).unwrap();
        released.recv()
    });
    running.recv().unwrap();
    // One that is running, and one behind it.
    let narrow = Pool::builder().max_threads(1).build().unwrap();
    let (end, ended) = mpsc::channel::<()>();
    let (tell, running) = mpsc::channel();
    let first = narrow.spawn(move || {
        tell.send(()).unwrap();
        ended.recv().is_err()
    });
    running.recv().unwrap();
    let begun = [first, narrow.spawn(|| true)];
    let accepting = runtime.spawn(async move { listener.accept().await.map(drop) });
    runtime.turn(Some(Duration::ZERO)).unwrap();

    let Some(of_child) = fork() else {
        for job in begun {
            let error = nothing_comes_of(job);
            assert_eq!(error.rejection(), Some(&Rejection::Forked), "{error}");
        }
        assert!(nothing_comes_of(accepting).is_cancelled());
        child(runtime, &pool, &limiter);
        // The hook and the tree are as they were in the parent.
        assert!(token.cancel() && below.is_cancelled());
        told.try_recv().expect("the hook has run");
        drop(hook);
        drop(token);
        a_new_watch_over_deadlines();
        std::process::exit(0);
    };
    expect_success(of_child);
    assert!(!token.is_cancelled() && told.try_recv().is_err(), "it was the child's that was cancelled");
    release.send(()).unwrap();
    runtime.block_on(holds).unwrap().unwrap();
    assert_eq!((limiter.metrics().admitted, limiter.metrics().running), (1, 0));
    drop(end);
    for job in begun {
        assert!(runtime.block_on(job).unwrap());
    }
    // The parent's runtime is as it was: its listener is still registered.
    let client = std::net::TcpStream::connect(address).unwrap();
    runtime.block_on(accepting).unwrap().unwrap();
    drop(client);
    assert_eq!(runtime.block_on(async { to_thread(|| 2).await }), 2);
}

/// What the parent has begun never ends here, and whoever awaits it is told.
fn nothing_comes_of<T, E>(begun: impl Future<Output = Result<T, E>>) -> E {
    let awaited = block_on(async { timeout(Duration::from_secs(10), begun).await });
    awaited.expect("it waits for ever").err().expect("it is the parent's")
}

fn child(runtime: Runtime, pool: &Pool, limiter: &Limiter) {
    for message in [
        refusal(|| runtime.block_on(async {})),
        refusal(|| runtime.turn(None).unwrap()),
        refusal(|| runtime.handle().block_on(async {})),
    ] {
        assert!(message.contains("this process is a fork") && message.contains("runtimes.rs"), "{message}");
    }
    let refused = pool.try_spawn(|| 5).unwrap_err();
    assert!(refused.to_string().contains("make a pool in the child"), "{refused}");
    assert_eq!(refused.into_closure()(), 5);
    let refused = pool.job().spawn_dedicated(|| 6).unwrap_err();
    assert_eq!(refused.into_closure()(), 6);
    assert_eq!(pool.metrics().rejected, 2);
    // Nobody would ever run it.
    let task = runtime.handle().spawn(async { 8 });
    assert!(task.is_finished() && block_on(task).unwrap_err().is_cancelled());
    pool.shutdown(sideline::Shutdown::Drain);
    drop(runtime);
    // And everything works anew.
    assert_eq!(block_on(async { spawn_blocking(|| 7).await.unwrap() }), 7);
    assert_eq!(Pool::global().metrics().completed, 1);
    // Both slots are there: the two jobs meet.
    let met = Arc::new(Barrier::new(2));
    block_on(async {
        let meet = || {
            let met = Arc::clone(&met);
            sideline::blocking::job().limiter(limiter).spawn(move || met.wait())
        };
        let (one, other) = (meet(), meet());
        one.await.unwrap();
        other.await.unwrap();
    });
    assert_eq!((limiter.metrics().admitted, limiter.metrics().running), (2, 0));
}

fn a_new_watch_over_deadlines() {
    let soon = CancelToken::with_deadline(Instant::now() + Duration::from_millis(1));
    let (tell, told) = mpsc::channel();
    let _hook = soon.on_cancel(move || tell.send(()).unwrap());
    told.recv_timeout(Duration::from_secs(10)).expect("the child has a watch over deadlines of its own");
}

fn refusal(f: impl FnOnce()) -> String {
    let payload = catch_unwind(AssertUnwindSafe(f)).expect_err("it is refused");
    *payload.downcast::<String>().expect("a message")
}

/// A set of the parent's, which has been waited for there.
pub(super) fn sets() {
    let pool = Pool::builder().max_threads(1).build().unwrap();
    let runtime = Runtime::builder().pool(pool).build().unwrap();
    let (end, ended) = mpsc::channel::<()>();
    let (end_task, ended_task) = mpsc::channel::<()>();
    let mut set = JoinSet::new();
    runtime.block_on(async {
        set.spawn_blocking(move || ended.recv().is_err());
        set.spawn(async move {
            while ended_task.try_recv().is_err_and(|error| error == mpsc::TryRecvError::Empty) {
                yield_now().await;
            }
            true
        });
        let mut next = pin!(set.join_next());
        assert!(poll_fn(|cx| Poll::Ready(next.as_mut().poll(cx))).await.is_pending());
    });
    let Some(child) = fork() else {
        let told = block_on(async {
            let both = async { [set.join_next().await.unwrap(), set.join_next().await.unwrap()] };
            timeout(Duration::from_secs(10), both).await
        });
        leave(told.is_ok_and(|both| both.iter().all(Result::is_err)) && set.is_empty())
    };
    expect_success(child);
    drop((end, end_task));
    runtime.block_on(async {
        while let Some(ended) = set.join_next().await {
            assert!(ended.unwrap());
        }
    });
}
