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
    use sideline::{Pool, Runtime, block_on, spawn_blocking, to_thread};
    use std::panic::{AssertUnwindSafe, catch_unwind};
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
        let accepting = runtime.spawn(async move { listener.accept().await.map(drop) });
        runtime.turn(Some(Duration::ZERO)).unwrap();

        // SAFETY: this thread alone goes on in the child; the others hold no lock now that their job is done.
        match unsafe { libc::fork() } {
            -1 => panic!("no fork: {}", std::io::Error::last_os_error()),
            0 => {
                child(runtime, &pool, token);
                std::process::exit(0);
            }
            child => {
                let mut status = 0;
                // SAFETY: `status` is ours.
                assert_eq!(unsafe { libc::waitpid(child, &raw mut status, 0) }, child);
                assert_eq!(status, 0, "the child failed");
            }
        }
        // The parent's runtime is as it was: its listener is still registered.
        let client = std::net::TcpStream::connect(address).unwrap();
        runtime.block_on(accepting).unwrap().unwrap();
        drop(client);
        assert_eq!(runtime.block_on(async { to_thread(|| 2).await }), 2);
    }

    fn child(runtime: Runtime, pool: &Pool, token: CancelToken) {
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
        pool.shutdown(sideline::Shutdown::Drain);
        drop(runtime);
        // And everything works anew.
        assert_eq!(block_on(async { spawn_blocking(|| 7).await.unwrap() }), 7);
        assert_eq!(Pool::global().metrics().completed, 1);
        drop(token);
        let soon = CancelToken::with_deadline(Instant::now() + Duration::from_millis(1));
        let (tell, told) = std::sync::mpsc::channel();
        let _hook = soon.on_cancel(move || tell.send(()).unwrap());
        told.recv_timeout(Duration::from_secs(10)).expect("the child has a watch over deadlines of its own");
    }

    fn refusal(f: impl FnOnce()) -> String {
        let payload = catch_unwind(AssertUnwindSafe(f)).expect_err("it is refused");
        *payload.downcast::<String>().expect("a message")
    }
}
