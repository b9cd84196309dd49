//! The program that `tests/fork.rs` runs: a runtime and a pool before a fork, and their use after it in the child; and what a
//! process has one of.
//!
//! A process of its own, because a test harness has threads that may hold locks at the moment of a fork.

#[cfg(not(unix))]
fn main() {}

#[cfg(unix)]
fn main() {
    unix::main();
}

#[cfg(unix)]
mod unix {
    use sideline::blocking::{CancelToken, Rejection};
    use sideline::io::stdin;
    use sideline::net::TcpListener;
    use sideline::process::Command;
    use sideline::signal::unix::{SignalKind, signal};
    use sideline::task::{JoinSet, yield_now};
    use sideline::time::timeout;
    use sideline::{Limiter, Pool, Runtime, Shutdown, block_on, spawn, spawn_blocking, to_thread};
    use sideline_blocking_pool::fork::{Inherited, PerProcess};
    use std::future::{Future, poll_fn};
    use std::io::{Read, Write};
    use std::os::unix::net::UnixStream;
    use std::panic::{AssertUnwindSafe, catch_unwind};
    use std::pin::pin;
    use std::process::Stdio;
    use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
    use std::sync::{Arc, Barrier, mpsc};
    use std::task::{Context, Poll, Waker};
    use std::thread;
    use std::time::{Duration, Instant};

    pub(super) fn main() {
        match std::env::args().nth(1).as_deref() {
            None => runtimes(),
            Some("signals") => signals(),
            Some("input") => input(),
            Some("sockets") => sockets(),
            Some("processes") => processes(),
            Some("aborts") => aborts(),
            Some("tokens") => tokens(),
            Some("tenants") => tenants(),
            Some("sets") => sets(),
            Some("first") => first_uses(),
            Some("statics") => statics(),
            Some(other) => panic!("no scenario is called {other}"),
        }
    }

    fn runtimes() {
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

    /// The child's number; `None` in the child.
    fn fork() -> Option<libc::pid_t> {
        // SAFETY: this thread alone goes on in the child; the others hold no lock now that their job is done.
        match unsafe { libc::fork() } {
            -1 => panic!("no fork: {}", std::io::Error::last_os_error()),
            0 => {
                // What hangs ends.
                // SAFETY: takes no pointers.
                unsafe { libc::alarm(30) };
                None
            }
            child => Some(child),
        }
    }

    fn expect_success(child: libc::pid_t) {
        assert!(succeeds(child), "the child failed");
    }

    fn succeeds(child: libc::pid_t) -> bool {
        let mut status = 0;
        // SAFETY: `status` is ours.
        assert_eq!(unsafe { libc::waitpid(child, &raw mut status, 0) }, child);
        status == 0
    }

    /// Parent and child listen to the same signal. The parent is awake when it comes to the child, and the child's loop
    /// is not: so all that was written into a common pipe was gone when that came to look.
    fn signals() {
        let kind = SignalKind::user_defined1();
        let runtime = Runtime::new().unwrap();
        let mut of_parent = runtime.block_on(async { signal(kind).unwrap() });
        let (mut ours, mut theirs) = UnixStream::pair().unwrap();
        let Some(child) = fork() else {
            block_on(async {
                let mut listener = signal(kind).unwrap();
                let heard = spawn(async move { listener.recv().await });
                yield_now().await;
                // SAFETY: there is a handler.
                unsafe { libc::raise(kind.as_raw()) };
                theirs.write_all(b"noted").unwrap();
                theirs.read_exact(&mut [0; 4]).unwrap();
                timeout(Duration::from_secs(10), heard).await.expect("not heard").unwrap().unwrap();
            });
            std::process::exit(0);
        };
        ours.read_exact(&mut [0; 5]).unwrap();
        runtime.block_on(async {
            let mut heard = std::pin::pin!(of_parent.recv());
            for _ in 0..3 {
                let polled = poll_fn(|cx| Poll::Ready(heard.as_mut().poll(cx))).await;
                assert!(polled.is_pending(), "the signal was the child's");
                yield_now().await;
            }
        });
        ours.write_all(b"seen").unwrap();
        expect_success(child);
        // SAFETY: there is a handler.
        unsafe { libc::raise(kind.as_raw()) };
        runtime.block_on(async { of_parent.recv().await.unwrap() });
    }

    /// The child drops what the parent waits with: that took it out of the event queue that they share.
    fn sockets() {
        let runtime = Runtime::new().unwrap();
        let [dropped, taken] = [(); 2].map(|()| {
            runtime.block_on(async {
                let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
                timeout(Duration::from_millis(1), listener.accept()).await.unwrap_err();
                listener
            })
        });
        let Some(child) = fork() else {
            drop(dropped);
            drop(taken.into_std().unwrap());
            std::process::exit(0);
        };
        expect_success(child);
        runtime.block_on(async {
            for listener in [dropped, taken] {
                let client = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
                timeout(Duration::from_secs(10), listener.accept()).await.expect("not told").unwrap();
                drop(client);
            }
        });
    }

    /// The child drops what would kill the parent's process.
    fn processes() {
        let runtime = Runtime::new().unwrap();
        let cat = async { Command::new("cat").stdin(Stdio::piped()).kill_on_drop(true).spawn() };
        let mut cat = runtime.block_on(cat).unwrap();
        let Some(child) = fork() else {
            drop(cat);
            std::process::exit(0);
        };
        expect_success(child);
        // It ends now that its input does, and by itself.
        assert!(runtime.block_on(cat.wait()).unwrap().success());
    }

    /// Ends a child as it is, with nothing dropped.
    fn leave(is_well: bool) -> ! {
        // SAFETY: the one thread that it has has nothing to clean up.
        unsafe { libc::_exit(i32::from(!is_well)) }
    }

    /// The child aborts the parent's jobs while threads that are not there have held the locks of theirs.
    fn aborts() {
        let pool = Pool::builder().max_threads(1).build().unwrap();
        let (end, ended) = mpsc::channel::<()>();
        let first = pool.spawn(move || ended.recv().is_err());
        let all = CancelToken::new();
        let over = AtomicBool::new(false);
        thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(|| {
                    while !over.load(SeqCst) {
                        assert!(pool.spawn(|| ()).abort());
                    }
                });
            }
            let all_succeed = (0..100).all(|_| {
                let (job, told) = (pool.spawn(|| ()), pool.job().cancel_with(&all).spawn(|| ()));
                let Some(child) = fork() else {
                    job.abort();
                    told.abort();
                    leave(true)
                };
                let succeeds = succeeds(child);
                assert!(job.abort() && told.abort());
                succeeds
            });
            over.store(true, SeqCst);
            assert!(all_succeed, "a child hangs");
        });
        drop(end);
        assert!(block_on(async { first.await.unwrap() }));
    }

    /// The child aborts jobs and cancels tokens while threads that are not there have held the locks of those tokens.
    fn tokens() {
        let pool = Pool::builder().max_threads(3).build().unwrap();
        let (all, over) = (CancelToken::new(), AtomicBool::new(false));
        // Looks into its own token all the time.
        let busy = pool.job().cancel_with(&all).cancellable().spawn(|token| {
            while !token.is_cancelled() {
                is_cancelled_now(token);
            }
        });
        thread::scope(|scope| {
            scope.spawn(|| {
                while !over.load(SeqCst) {
                    pool.job().cancel_with(&all).spawn(|| ()).abort();
                }
            });
            scope.spawn(|| {
                while !over.load(SeqCst) {
                    assert!(!is_cancelled_now(&all));
                }
            });
            let all_succeed = (0..100).all(|_| {
                let told = pool.job().cancel_with(&all).spawn(|| ());
                let Some(child) = fork() else {
                    told.abort();
                    drop(told);
                    busy.abort();
                    // The token is the child's to use, too.
                    let below = all.child();
                    let heard = AtomicBool::new(false);
                    let heard: &'static AtomicBool = Box::leak(Box::new(heard));
                    let hook = below.on_cancel(|| heard.store(true, SeqCst));
                    let is_well = all.cancel() && heard.load(SeqCst) && is_cancelled_now(&below);
                    drop(hook);
                    leave(is_well)
                };
                succeeds(child)
            });
            over.store(true, SeqCst);
            assert!(all_succeed, "a child hangs, or cannot cancel");
        });
        assert!(!busy.is_finished(), "the child's cancellation was the child's");
        all.cancel();
        block_on(busy).unwrap();
    }

    /// Whether a task would be told that the token is cancelled.
    fn is_cancelled_now(token: &CancelToken) -> bool {
        let mut waiting = pin!(token.cancelled());
        waiting.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_ready()
    }

    /// The child ends a tenant and a pool of the parent's while threads that are not there have held their locks.
    fn tenants() {
        let pool = Pool::builder().max_threads(2).on_report(|_| ()).build().unwrap();
        let tenant = pool.tenant();
        let over = AtomicBool::new(false);
        let (end, ended) = mpsc::channel::<()>();
        let first = tenant.spawn(move || ended.recv().is_err());
        thread::scope(|scope| {
            scope.spawn(|| {
                while !over.load(SeqCst) {
                    tenant.wait(Some(Instant::now()));
                }
            });
            scope.spawn(|| {
                while !over.load(SeqCst) {
                    tenant.survivors();
                    pool.tenant().close();
                }
            });
            let all_succeed = (0..100).all(|round| {
                let Some(child) = fork() else {
                    let ends =
                        [Shutdown::Drain, Shutdown::Deadline(Duration::from_secs(60)), Shutdown::Abandon];
                    let of_tenant = tenant.shutdown(ends[round % 3]);
                    let of_pool = pool.shutdown(ends[round % 3]);
                    let is_nothing = tenant.survivors().is_empty() && pool.metrics().dedicated == 0;
                    let is_told = [of_tenant, of_pool].iter().all(|report| report.finished == 0);
                    tenant.close();
                    leave(is_nothing && is_told)
                };
                succeeds(child)
            });
            over.store(true, SeqCst);
            assert!(all_succeed, "a child hangs, or takes the parent's jobs for its own");
        });
        drop(end);
        assert!(block_on(async { first.await.unwrap() }));
    }

    /// A thread is about to make what the process has one of, and is not there in the child to finish it.
    fn first_uses() {
        static ONE: PerProcess<u32> = PerProcess::new();
        let made_before = Inherited::new(1);
        let (tell, is_inside) = mpsc::channel();
        let (release, released) = mpsc::channel::<()>();
        let first = thread::spawn(move || {
            *ONE.get_or_init(|_| {
                tell.send(()).unwrap();
                released.recv().unwrap();
                1
            })
        });
        is_inside.recv().unwrap();
        let Some(child) = fork() else {
            let is_new = ONE.nearest().is_none() && *ONE.get_or_init(|parents| parents.map_or(2, |_| 0)) == 2;
            let has_next = *made_before.here(|of_parent| of_parent + 1) == 2;
            let Some(grandchild) = fork() else {
                let inherits = ONE.get().is_none() && ONE.nearest() == Some(&2);
                let is_next = *ONE.get_or_init(|parents| parents.map_or(0, |of_parent| of_parent + 1)) == 3;
                leave(
                    inherits
                        && is_next
                        && *made_before.here(|of_parent| of_parent + 1) == 3
                        && *made_before.own() == 3,
                )
            };
            leave(succeeds(grandchild) && is_new && has_next && ONE.get() == Some(&2))
        };
        expect_success(child);
        release.send(()).unwrap();
        assert_eq!((first.join().unwrap(), ONE.get(), *made_before.own()), (1, Some(&1), 1));
    }

    /// Threads listen to signals and leave children of theirs behind, for which the process has a lock each, while others are forked.
    fn statics() {
        let over = AtomicBool::new(false);
        let leave_one_behind = || drop(Command::new("sleep").arg("0.2").spawn().unwrap());
        thread::scope(|scope| {
            scope.spawn(|| {
                block_on(async {
                    while !over.load(SeqCst) {
                        signal(SignalKind::user_defined1()).unwrap();
                    }
                });
            });
            scope.spawn(|| {
                block_on(async {
                    while !over.load(SeqCst) {
                        leave_one_behind();
                    }
                });
            });
            let all_succeed = (0..100).all(|_| {
                let Some(child) = fork() else {
                    block_on(async {
                        leave_one_behind();
                        let mut heard = signal(SignalKind::user_defined2()).unwrap();
                        // SAFETY: there is a handler.
                        unsafe { libc::raise(SignalKind::user_defined2().as_raw()) };
                        heard.recv().await.unwrap();
                    });
                    leave(true)
                };
                succeeds(child)
            });
            over.store(true, SeqCst);
            assert!(all_succeed, "a child hangs");
        });
    }

    /// A set of the parent's, which has been waited for there.
    fn sets() {
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

    /// Standard input is a file, so a thread reads it, which is not there in the child.
    fn input() {
        let read = || block_on(async { stdin().unwrap().read(&mut [0; 4]).await.unwrap() });
        assert_eq!(read(), 4);
        let Some(child) = fork() else {
            // What the parent has read is the parent's, also what it has not used.
            let all = async { stdin().unwrap().read_to_end(&mut Vec::new()).await.unwrap() };
            let rest = block_on(async { timeout(Duration::from_secs(10), all).await.expect("nobody reads") });
            assert_eq!(rest, 0);
            std::process::exit(0);
        };
        expect_success(child);
        assert_eq!(read(), 4);
    }

    fn child(runtime: Runtime, pool: &Pool, limiter: &Limiter) {
        for message in [
            refusal(|| runtime.block_on(async {})),
            refusal(|| runtime.turn(None).unwrap()),
            refusal(|| runtime.handle().block_on(async {})),
        ] {
            assert!(
                message.contains("this process is a fork") && message.contains("forking.rs"),
                "{message}"
            );
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
}
