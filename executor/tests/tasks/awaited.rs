//! Everything that can be awaited, with what makes it ready.
#![allow(unsafe_code)]

use sideline::task::{JoinSet, yield_now};
use sideline::time::{interval, sleep, timeout};
use sideline::{Runtime, spawn, spawn_blocking, to_thread};
use std::future::{Future, pending, poll_fn};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::time::Duration;

pub(crate) type Awaited = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Something to be awaited, which is not ready yet, and what makes it so.
pub(crate) struct Case {
    pub(crate) name: &'static str,
    pub(crate) future: Awaited,
    pub(crate) finish: Box<dyn FnOnce()>,
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

pub(crate) const SOON: Duration = Duration::from_millis(5);
pub(crate) const HOUR: Duration = Duration::from_secs(3600);

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

pub(crate) fn cases() -> Vec<Case> {
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

/// Those who use the cases take turns: they share a signal.
pub(crate) fn one_at_a_time() -> impl Drop {
    static ONE: Mutex<()> = Mutex::new(());
    ONE.lock().unwrap_or_else(PoisonError::into_inner)
}

pub(crate) fn quiet() -> Runtime {
    Runtime::builder().on_report(|_| ()).build().unwrap()
}
