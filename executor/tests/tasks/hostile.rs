//! Wakers that panic, wherever they can, and wakers that call back in, for everything that can be awaited; and what is
//! forgotten in the middle of it.
//!
//! A waker is the code of whoever polls. If it panics when it is cloned, that reaches whoever polls with it. Everywhere else it
//! is somebody else whom it would reach: the loop, a worker, the task that polls next or drops the future.
#![allow(unsafe_code)]

use sideline::task::{JoinSet, yield_now};
use sideline::time::{interval, sleep, timeout};
use sideline::{Handle, Runtime, block_on, spawn, spawn_blocking, to_thread};
use std::cell::Cell;
use std::future::{Future, pending, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::task::{Context, Poll, RawWaker, RawWakerVTable, Wake, Waker};
use std::time::Duration;

type Awaited = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Something to be awaited, which is not ready yet, and what makes it so.
struct Case {
    name: &'static str,
    future: Awaited,
    finish: Box<dyn FnOnce()>,
}

impl Case {
    fn new<F>(name: &'static str, future: F, finish: impl FnOnce() + 'static) -> Case
    where
        F: Future + Send + 'static,
    {
        let mut future = Box::pin(future);
        let future = poll_fn(move |cx| future.as_mut().poll(cx).map(drop));
        Case { name, future: Box::pin(future), finish: Box::new(finish) }
    }
}

const SOON: Duration = Duration::from_millis(5);
const HOUR: Duration = Duration::from_secs(3600);

/// A closure that waits until something is done.
fn blocks() -> (impl FnOnce() + Send + 'static, impl FnOnce() + 'static) {
    let (release, released) = mpsc::channel::<()>();
    (move || _ = released.recv(), move || drop(release))
}

/// A future that is ready when something is done.
fn waits() -> (impl Future<Output = ()> + Send + 'static, impl FnOnce() + 'static) {
    let done = Arc::new(AtomicBool::new(false));
    let wait = {
        let done = Arc::clone(&done);
        async move {
            while !done.load(SeqCst) {
                yield_now().await;
            }
        }
    };
    (wait, move || done.store(true, SeqCst))
}

fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    let mut case = |case| cases.push(case);

    let (future, finish) = waits();
    case(Case::new("a task", spawn(future), finish));
    let (future, finish) = waits();
    case(Case::new("a task that is aborted on drop", spawn(future).abort_on_drop(), finish));
    let task = spawn(pending::<()>());
    let abort = task.abort_handle();
    case(Case::new("a task that is aborted", task, move || abort.abort()));
    let (closure, finish) = blocks();
    case(Case::new("a job", spawn_blocking(closure), finish));
    let (closure, finish) = blocks();
    case(Case::new("to_thread", to_thread(closure), finish));
    for in_task in [true, false] {
        let mut set = JoinSet::new();
        let finish: Box<dyn FnOnce()> = if in_task {
            let (future, finish) = waits();
            set.spawn(future);
            Box::new(finish)
        } else {
            let (closure, finish) = blocks();
            set.spawn_blocking(closure);
            Box::new(finish)
        };
        case(Case::new("a set", async move { set.join_next().await }, finish));
    }

    // From the first poll on: some of the others take a while to be made.
    case(Case::new("a sleep", async { sleep(SOON).await }, || ()));
    let second_tick = async {
        let mut ticks = interval(SOON);
        (ticks.tick().await, ticks.tick().await)
    };
    case(Case::new("the second tick", second_tick, || ()));
    let (future, finish) = waits();
    case(Case::new("a timeout", timeout(HOUR, spawn(future)), finish));
    case(Case::new("a timeout that is up", async { timeout(SOON, pending::<()>()).await }, || ()));
    sockets(&mut case);
    full(&mut case);
    cases
}

#[cfg(unix)]
fn sockets(case: &mut impl FnMut(Case)) {
    use sideline::io::{Async, Interest};
    use sideline::net::{TcpListener, UdpSocket, UnixStream};

    let pair = || {
        let (near, far) = UnixStream::pair().unwrap();
        // These are errors if what is awaited has been dropped.
        (near, move || _ = far.try_write(b"x"))
    };
    let (near, finish) = pair();
    case(Case::new("a read", async move { near.read(&mut [0; 8]).await.unwrap() }, finish));
    let (near, finish) = pair();
    case(Case::new("readiness", async move { near.readable().await.unwrap() }, finish));
    let (near, finish) = pair();
    let poll = poll_fn(move |cx| near.poll_read(cx, &mut [0; 8]).map(Result::unwrap));
    case(Case::new("a poll function", poll, finish));
    let (near, finish) = pair();
    let op = async move { near.async_io(Interest::READABLE, || near.try_read(&mut [0; 8])).await.unwrap() };
    case(Case::new("an operation of one's own", op, finish));
    let listener = TcpListener::from_std(std::net::TcpListener::bind("127.0.0.1:0").unwrap()).unwrap();
    let address = listener.local_addr().unwrap();
    let connect = move || drop(std::net::TcpStream::connect(address));
    case(Case::new("an accept", async move { listener.accept().await.unwrap() }, connect));
    let socket = UdpSocket::from_std(std::net::UdpSocket::bind("127.0.0.1:0").unwrap()).unwrap();
    let address = socket.local_addr().unwrap();
    let send = move || {
        let from = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        assert_eq!(from.send_to(b"x", address).unwrap(), 1);
    };
    case(Case::new("a datagram", async move { socket.recv_from(&mut [0; 8]).await.unwrap() }, send));
    let (sender, receiver) = mio::unix::pipe::new().unwrap();
    let receiver = Async::with_interest(receiver, Interest::READABLE).unwrap();
    let read = async move {
        receiver.read_with(|mut pipe| std::io::Read::read(&mut pipe, &mut [0; 8])).await.unwrap()
    };
    case(Case::new("any source", read, move || drop(sender)));
}

#[cfg(not(unix))]
fn sockets(_: &mut impl FnMut(Case)) {}

/// Those behind features.
#[cfg(unix)]
fn full(case: &mut impl FnMut(Case)) {
    use sideline::blocking::CancelToken;
    use sideline::process::Command;
    use sideline::signal::unix::{SignalKind, signal};
    use std::process::Stdio;

    let token = CancelToken::new();
    let below = token.clone();
    case(Case::new("a cancellation", async move { below.cancelled().await }, move || _ = token.cancel()));
    let mut listener = signal(SignalKind::window_change()).unwrap();
    // By this thread, so that it has come when the call returns. SAFETY: takes no pointers.
    let raise = || assert_eq!(unsafe { libc::raise(libc::SIGWINCH) }, 0);
    case(Case::new("a signal", async move { listener.recv().await.unwrap() }, raise));
    let mut child = Command::new("cat").stdin(Stdio::piped()).spawn().unwrap();
    let stdin = child.stdin.take();
    case(Case::new("a child", async move { child.wait().await.unwrap() }, move || drop(stdin)));
}

#[cfg(not(unix))]
fn full(_: &mut impl FnMut(Case)) {}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Fails {
    Clone,
    Wake,
    Drop,
}

/// A waker of which one operation panics.
fn failing(point: Fails) -> Waker {
    macro_rules! vtable {
        ($name:ident, $clone:expr, $wake:expr, $drop:expr) => {
            static $name: RawWakerVTable = RawWakerVTable::new($clone, $wake, $wake, $drop);
        };
    }
    vtable!(CLONE, |_| panic!("hostile: clone"), |_| (), |_| ());
    vtable!(WAKE, |data| RawWaker::new(data, &WAKE), |_| panic!("hostile: wake"), |_| ());
    vtable!(DROP, |data| RawWaker::new(data, &DROP), |_| (), |_| panic!("hostile: drop"));
    let vtable = match point {
        Fails::Clone => &CLONE,
        Fails::Wake => &WAKE,
        Fails::Drop => &DROP,
    };
    // SAFETY: the vtable's functions use no data, from any thread.
    unsafe { Waker::from_raw(RawWaker::new(std::ptr::null(), vtable)) }
}

/// Polls once. A clone that panics reaches us, and nothing else does.
fn poll_with(waker: Waker, case: &mut Case) {
    // Its drop is our own affair, as is that of all others.
    let waker = std::mem::ManuallyDrop::new(waker);
    let poll = || case.future.as_mut().poll(&mut Context::from_waker(&waker)).is_pending();
    match catch_unwind(AssertUnwindSafe(poll)) {
        Ok(pending) => assert!(pending, "{} was ready at once", case.name),
        Err(payload) => assert_eq!(*payload.downcast::<&str>().unwrap(), "hostile: clone"),
    }
}

/// They share a signal.
fn one_at_a_time() -> impl Drop {
    static ONE: Mutex<()> = Mutex::new(());
    ONE.lock().unwrap_or_else(PoisonError::into_inner)
}

fn quiet() -> Runtime {
    Runtime::builder().on_report(|_| ()).build().unwrap()
}

async fn is_ready(name: &str, future: &mut Awaited) {
    let ready = timeout(Duration::from_secs(30), poll_fn(|cx| future.as_mut().poll(cx))).await;
    ready.unwrap_or_else(|_| panic!("nobody was woken for {name}"));
}

/// Polled by one whose waker is hostile, and then by another one.
#[test]
fn a_waker_that_panics_keeps_nobody_else_from_the_result() {
    let _one = one_at_a_time();
    let runtime = quiet();
    for point in [Fails::Clone, Fails::Wake, Fails::Drop] {
        runtime.block_on(async {
            for mut case in cases() {
                poll_with(failing(point), &mut case);
                yield_now().await;
                // The second waker takes the place of the first.
                let mut future = case.future;
                let awaiting = spawn(async move {
                    is_ready(case.name, &mut future).await;
                });
                yield_now().await;
                (case.finish)();
                if let Err(error) = awaiting.await {
                    let error = error.to_string();
                    // A block of code that is async ends with a panic of its own.
                    let is_over = point == Fails::Clone && error.contains("resumed after panicking");
                    assert!(is_over, "{} with a waker that fails at {point:?}: {error}", case.name);
                }
            }
        });
    }
}

/// The hostile one is what is woken.
#[test]
fn a_waker_that_panics_when_it_is_woken_stops_neither_the_loop_nor_a_worker() {
    let _one = one_at_a_time();
    let runtime = quiet();
    for point in [Fails::Wake, Fails::Drop] {
        runtime.block_on(async {
            for mut case in cases() {
                poll_with(failing(point), &mut case);
                (case.finish)();
                sleep(SOON).await;
                is_ready(case.name, &mut case.future).await;
                assert_eq!(spawn(async { 1 }).await.unwrap() + to_thread(|| 1).await, 2);
            }
        });
    }
}

#[test]
fn a_waker_that_panics_when_it_is_dropped_does_not_reach_who_drops_the_future() {
    let _one = one_at_a_time();
    let runtime = quiet();
    runtime.block_on(async {
        for mut case in cases() {
            poll_with(failing(Fails::Drop), &mut case);
            let dropped = catch_unwind(AssertUnwindSafe(|| drop(case.future)));
            assert!(dropped.is_ok(), "{}", case.name);
            (case.finish)();
        }
    });
    // Nor who ends the runtime.
    runtime.block_on(async {
        for mut case in cases() {
            poll_with(failing(Fails::Drop), &mut case);
            (case.finish)();
            std::mem::forget(case.future);
        }
    });
    drop(runtime);
}

/// Drops the very future that it is woken for, and uses the runtime in every way there is, when it is woken and when it is dropped.
struct CallsBack {
    runtime: Handle,
    future: Mutex<Option<Awaited>>,
    called: Arc<AtomicUsize>,
}

impl CallsBack {
    fn call_back(&self) {
        // Not in the lock's scope: dropping it may drop a waker, which comes here again.
        let future = self.future.lock().unwrap().take();
        drop(future);
        let task = self.runtime.spawn(pending::<()>());
        task.abort();
        let mut join = self.runtime.spawn(async {});
        let mut cx = Context::from_waker(Waker::noop());
        let _ = Pin::new(&mut join).poll(&mut cx);
        drop(self.runtime.spawn_blocking(|| ()));
        let _ = self.runtime.metrics();
        // The loop's thread is in a runtime, and a worker while it runs a job.
        if Handle::try_current().is_ok() {
            let _ = Box::pin(sleep(HOUR)).as_mut().poll(&mut cx);
        }
        // Refused on the loop's own thread, by a panic.
        let handle = self.runtime.clone();
        let _ = catch_unwind(AssertUnwindSafe(|| handle.block_on(async {})));
        self.called.fetch_add(1, SeqCst);
    }
}

impl Wake for CallsBack {
    fn wake(self: Arc<Self>) {
        self.call_back();
    }
}

impl Drop for CallsBack {
    fn drop(&mut self) {
        self.call_back();
    }
}

#[test]
fn a_waker_may_drop_what_it_is_woken_for_and_use_the_runtime() {
    let _one = one_at_a_time();
    let runtime = quiet();
    runtime.block_on(async {
        for Case { name, mut future, finish } in cases() {
            let called = Arc::new(AtomicUsize::new(0));
            let calls_back = Arc::new(CallsBack {
                runtime: Handle::current(),
                future: Mutex::new(None),
                called: Arc::clone(&called),
            });
            let waker = Waker::from(Arc::clone(&calls_back));
            assert!(future.as_mut().poll(&mut Context::from_waker(&waker)).is_pending(), "{name}");
            *calls_back.future.lock().unwrap() = Some(future);
            drop((waker, calls_back));
            finish();
            // Woken, and then dropped.
            let was_called = async {
                while called.load(SeqCst) < 2 {
                    sleep(Duration::from_micros(100)).await;
                }
            };
            timeout(Duration::from_secs(30), was_called).await.unwrap_or_else(|_| panic!("{name}"));
        }
    });
}

/// Their memory is lost, and nothing else.
#[test]
fn what_is_forgotten_holds_up_nobody() {
    let _one = one_at_a_time();
    let runtime = quiet();
    runtime.block_on(async {
        for mut case in cases() {
            // With the loop's own waker, and without any.
            poll_fn(|cx| {
                assert!(case.future.as_mut().poll(cx).is_pending());
                Poll::Ready(())
            })
            .await;
            std::mem::forget(case.future);
            (case.finish)();
        }
        for case in cases() {
            (case.finish)();
            std::mem::forget(case.future);
        }
        sleep(SOON).await;
        assert_eq!(spawn(async { 1 }).await.unwrap() + to_thread(|| 1).await, 2);
    });
    drop(runtime);
    assert_eq!(block_on(async { 3 }), 3);
}

/// A future that does all of it in one go: it panics in its poll, and in its drop it spawns, aborts itself, lets its own
/// handle go, blocks on another runtime, ends it, and panics again.
#[test]
fn a_future_whose_end_is_one_mischief_after_the_other_leaves_the_loop_whole() {
    struct Mischief {
        own: Arc<Mutex<Option<sideline::JoinHandle<()>>>>,
        other: Option<Runtime>,
        drops: super::Dropped,
    }
    impl Future for Mischief {
        type Output = ();
        fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
            cx.waker().wake_by_ref();
            panic!("in its poll");
        }
    }
    impl Drop for Mischief {
        fn drop(&mut self) {
            let _drops = &self.drops;
            drop(spawn(pending::<()>()));
            if let Some(own) = self.own.lock().unwrap().take() {
                own.abort();
            }
            let other = self.other.take().unwrap();
            // Refused by a panic, unless no loop of this thread's is running any more.
            let _ = catch_unwind(AssertUnwindSafe(|| other.block_on(async {})));
            drop(other.spawn(pending::<()>()));
            drop(other);
            panic!("in its drop");
        }
    }
    for ends in ["by itself", "by an abort", "with the runtime"] {
        let drops = super::Drops::default();
        let reports = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&reports);
        let hook = move |report: &sideline::Report| seen.lock().unwrap().push(report.to_string());
        let runtime = Runtime::builder().on_report(hook).build().unwrap();
        runtime.block_on(async {
            for _ in 0..3 {
                let own = Arc::new(Mutex::new(None));
                let other = Some(Runtime::new().unwrap());
                let task = spawn(Mischief { own: Arc::clone(&own), other, drops: drops.guard() });
                if ends == "by an abort" {
                    task.abort();
                }
                *own.lock().unwrap() = Some(task);
            }
            if ends != "with the runtime" {
                yield_now().await;
                assert_eq!(drops.count(), 3);
            }
            // The loop goes on, but for what ends before it has had a turn.
            if ends != "with the runtime" {
                assert_eq!(spawn(async { 1 }).await.unwrap(), 1);
            }
        });
        drop(runtime);
        assert_eq!(drops.count(), 3, "{ends}");
        let reports = reports.lock().unwrap();
        let of = |end: &str| reports.iter().filter(|report| report.ends_with(end)).count();
        assert_eq!(of("in its drop"), 3, "{ends}: {reports:?}");
        assert_eq!(of("in its poll"), if ends == "by itself" { 3 } else { 0 }, "{ends}: {reports:?}");
    }
}

/// In the destructors of thread-locals there is no loop any more, or not yet an end of it.
#[test]
fn handles_and_futures_in_thread_locals_end_after_their_loop() {
    thread_local!(static LEFT: Cell<Vec<Case>> = const { Cell::new(Vec::new()) });
    struct UsesAll(Handle);
    impl Drop for UsesAll {
        fn drop(&mut self) {
            let late = block_on(self.0.spawn(async {}));
            assert!(late.unwrap_err().is_cancelled());
            assert!(block_on(self.0.spawn_blocking(|| ())).unwrap_err().is_rejected());
        }
    }
    thread_local!(static USES: Cell<Option<UsesAll>> = const { Cell::new(None) });
    let _one = one_at_a_time();
    for used_first in [true, false] {
        let thread = std::thread::spawn(move || {
            if used_first {
                drop((LEFT.take(), USES.take()));
            }
            let runtime = quiet();
            runtime.block_on(async {
                let mut left = Vec::new();
                for mut case in cases() {
                    poll_fn(|cx| Poll::Ready(case.future.as_mut().poll(cx).is_pending())).await;
                    (std::mem::replace(&mut case.finish, Box::new(|| ())))();
                    left.push(case);
                }
                LEFT.set(left);
            });
            USES.set(Some(UsesAll(runtime.handle().clone())));
        });
        thread.join().unwrap();
    }
}
