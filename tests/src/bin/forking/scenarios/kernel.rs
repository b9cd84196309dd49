//! What parent and child have in common in the kernel: signals, descriptors, processes.

use super::process::{expect_success, fork, leave, succeeds};
use sideline::io::stdin;
use sideline::net::{TcpListener, UnixDatagram};
use sideline::process::Command;
use sideline::signal::unix::{SignalKind, signal};
use sideline::task::yield_now;
use sideline::time::{sleep, timeout};
use sideline::{Runtime, block_on, spawn};
use std::future::{Future, poll_fn};
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::pin::{Pin, pin};
use std::process::Stdio;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::Duration;

/// Parent and child listen to the same signal. The parent is awake when it comes to the child, and the child's loop
/// is not: so all that was written into a common pipe was gone when that came to look.
pub(super) fn signals() {
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

/// The child waits for what the kernel has no event about: the timers of the parent's loop, by which it is looked for, never end there.
pub(super) fn pauses() {
    let scratch = tempfile::tempdir().unwrap();
    let path = scratch.path().join("socket");
    let runtime = Runtime::new().unwrap();
    let (listener, _client, sender, _receiver) = runtime.block_on(async {
        let listener = listener().await;
        let client = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let limit_descriptors = |soft| {
            let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
            // SAFETY: the limit is written to what is there for it.
            assert_eq!(unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit) }, 0);
            limit.rlim_cur = soft;
            // SAFETY: it is read from there.
            assert_eq!(unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit) }, 0);
        };
        limit_descriptors(0);
        assert!(listener.accept().await.is_err());
        limit_descriptors(256);
        let (receiver, sender) = (UnixDatagram::bind(&path).unwrap(), UnixDatagram::unbound().unwrap());
        while sender.try_send_to(b"full", &path).is_ok() {}
        (listener, client, sender, receiver)
    });
    let Some(child) = fork() else {
        let is_told = is_ready(pin!(listener.accept())) && is_ready(pin!(sender.send_to(b"more", &path)));
        leave(is_told)
    };
    expect_success(child);
}

/// The child drops what the parent waits with: that took it out of the event queue that they share. And half of a connection: that
/// ended it for the parent.
pub(super) fn sockets() {
    let runtime = Runtime::new().unwrap();
    let [dropped, taken] = [(); 2].map(|()| {
        runtime.block_on(async {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            timeout(Duration::from_millis(1), listener.accept()).await.unwrap_err();
            listener
        })
    });
    let (near, far) = runtime.block_on(async { sideline::net::UnixStream::pair().unwrap() });
    let (_reader, mut writer) = near.into_split();
    let Some(child) = fork() else {
        drop(dropped);
        drop(taken.into_std().unwrap());
        drop(writer);
        std::process::exit(0);
    };
    expect_success(child);
    runtime.block_on(async {
        writer.write_all(b"still there").await.expect("the child has shut the connection down");
        drop(writer);
        let mut received = Vec::new();
        far.read_to_end(&mut received).await.unwrap();
        assert_eq!(received, b"still there");
        for listener in [dropped, taken] {
            let client = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
            timeout(Duration::from_secs(10), listener.accept()).await.expect("not told").unwrap();
            drop(client);
        }
    });
}

/// The child drops sockets, sleeps and listeners of the parent's while threads that are not there have held the locks of their tables. It is
/// not forked by the loop's own thread, which takes no lock for sleeps.
pub(super) fn tables() {
    let runtime = Runtime::new().unwrap();
    let handle = runtime.handle();
    let kind = SignalKind::user_defined2();
    let make = || {
        handle.block_on(async { (listener().await, sleep(Duration::from_secs(60)), signal(kind).unwrap()) })
    };
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while !over.load(SeqCst) {
                    let (listener, sleep, mut signal) = make();
                    drop(listener);
                    assert!(!is_ready(pin!(sleep)));
                    for _ in 0..100 {
                        assert!(!is_ready(pin!(signal.recv())));
                    }
                }
            });
        }
        let forking = scope.spawn(|| {
            (0..100).all(|_| {
                let (listener, sleep, mut signal) = make();
                let (mut accepting, mut sleeping) = (Box::pin(listener.accept()), Box::pin(sleep));
                assert!(!is_ready(accepting.as_mut()) && !is_ready(sleeping.as_mut()));
                assert!(!is_ready(pin!(signal.recv())));
                let Some(child) = fork() else {
                    let is_told = is_ready(accepting.as_mut()) && is_ready(pin!(signal.recv()));
                    drop((accepting, sleeping));
                    drop((listener, signal));
                    leave(is_told)
                };
                succeeds(child)
            })
        });
        let all_succeed = forking.join();
        over.store(true, SeqCst);
        assert!(all_succeed.unwrap(), "a child hangs, or waits for what it is not told");
    });
}

async fn listener() -> TcpListener {
    TcpListener::bind("127.0.0.1:0").await.unwrap()
}

fn is_ready(future: Pin<&mut impl Future>) -> bool {
    future.poll(&mut Context::from_waker(Waker::noop())).is_ready()
}

/// The child drops what would kill the parent's process.
pub(super) fn processes() {
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

/// Standard input is a file, so a thread reads it, which is not there in the child.
pub(super) fn input() {
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
