//! The program that `tests/fork.rs` runs: a runtime and a pool before a fork, and their use after it in the child.
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
    use sideline::blocking::CancelToken;
    use sideline::net::TcpListener;
    use sideline::{Limiter, Pool, Runtime, block_on, spawn_blocking, to_thread};
    use std::panic::{AssertUnwindSafe, catch_unwind};
    use std::sync::{Arc, Barrier, mpsc};
    use std::time::{Duration, Instant};

    pub(super) fn main() {
        let runtime = Runtime::builder().watchdog(Duration::from_secs(1)).build().unwrap();
        let pool = Pool::new();
        let listener = runtime.block_on(async {
            assert_eq!(to_thread(|| 1).await, 1);
            TcpListener::bind("127.0.0.1:0").await.unwrap()
        });
        let address = listener.local_addr().unwrap();
        // There is a thread that watches deadlines, and will not be there in the child.
        let token = CancelToken::with_deadline(Instant::now() + Duration::from_secs(60));
        // Of its two slots one is taken by a job that will not end in the child, and neither is in the child.
        let limiter = Limiter::new(2);
        let (release, released) = mpsc::channel::<()>();
        let (tell, running) = mpsc::channel();
        let holds = pool.job().limiter(&limiter).spawn(move || {
            tell.send(()).unwrap();
            released.recv()
        });
        running.recv().unwrap();
        let accepting = runtime.spawn(async move { listener.accept().await.map(drop) });
        runtime.turn(Some(Duration::ZERO)).unwrap();

        // SAFETY: this thread alone goes on in the child; the others hold no lock now that their job is done.
        match unsafe { libc::fork() } {
            -1 => panic!("no fork: {}", std::io::Error::last_os_error()),
            0 => {
                child(runtime, &pool, token, &limiter);
                std::process::exit(0);
            }
            child => {
                let mut status = 0;
                // SAFETY: `status` is ours.
                assert_eq!(unsafe { libc::waitpid(child, &raw mut status, 0) }, child);
                assert_eq!(status, 0, "the child failed");
            }
        }
        release.send(()).unwrap();
        runtime.block_on(holds).unwrap().unwrap();
        assert_eq!((limiter.metrics().admitted, limiter.metrics().running), (1, 0));
        // The parent's runtime is as it was: its listener is still registered.
        let client = std::net::TcpStream::connect(address).unwrap();
        runtime.block_on(accepting).unwrap().unwrap();
        drop(client);
        assert_eq!(runtime.block_on(async { to_thread(|| 2).await }), 2);
    }

    fn child(runtime: Runtime, pool: &Pool, token: CancelToken, limiter: &Limiter) {
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
        drop(token);
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
