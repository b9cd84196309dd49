//! Readiness against a real kernel: edges, short transfers, ends of streams, reused slots and descriptors.
#![cfg(unix)]

#[allow(dead_code)]
#[path = "../src/platform.rs"]
mod platform;
mod support;

use mio::Interest;
use mio::net::UnixStream;
use sideline_reactor::{Clock, Direction, Handle, Reactor, Registration};
use std::cell::Cell;
use std::future::Future;
use std::io::{self, Read, Write};
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;
use support::Count;

const BOTH: Interest = Interest::READABLE.add(Interest::WRITABLE);

fn reactor() -> Reactor {
    Reactor::new(Clock::real()).unwrap()
}

/// A registered end, and the other one, which blocks.
fn pair(handle: &Handle) -> (UnixStream, Registration, std::os::unix::net::UnixStream) {
    let (ours, theirs) = std::os::unix::net::UnixStream::pair().unwrap();
    ours.set_nonblocking(true).unwrap();
    let mut ours = UnixStream::from_std(ours);
    let registration = handle.register(&mut ours, BOTH).unwrap();
    (ours, registration, theirs)
}

/// Turns the loop while anything comes of it, never sleeping.
fn settle(reactor: &mut Reactor) {
    for _ in 0..3 {
        reactor.turn(Some(Duration::ZERO), || false).unwrap();
    }
}

/// Runs a future to its end on this thread.
fn block_on<F: Future>(reactor: &mut Reactor, future: F) -> F::Output {
    let mut future = pin!(future);
    loop {
        let (count, waker) = Count::new();
        if let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
            return output;
        }
        reactor.turn(Some(Duration::from_secs(5)), || count.get() > 0).unwrap();
    }
}

#[test]
fn a_fresh_source_is_tried_and_then_waits_for_its_edge() {
    let mut reactor = reactor();
    let (ours, registration, mut theirs) = pair(reactor.handle());
    let (count, waker) = Count::new();
    let mut cx = Context::from_waker(&waker);
    let tries = Cell::new(0);
    let mut buffer = [0; 8];
    let mut read = |cx: &mut Context<'_>| {
        registration.poll_io(Direction::Read, cx, || {
            tries.set(tries.get() + 1);
            (&ours).read(&mut buffer)
        })
    };
    assert!(read(&mut cx).is_pending());
    assert!(read(&mut cx).is_pending());
    assert_eq!(tries.get(), 1, "known not to be ready: not tried again");
    theirs.write_all(b"abc").unwrap();
    settle(&mut reactor);
    assert_eq!(count.get(), 1);
    assert!(matches!(read(&mut cx), Poll::Ready(Ok(3))));
}

#[test]
fn a_short_read_spares_the_try_that_would_block_and_still_sees_the_end() {
    let mut reactor = reactor();
    let (ours, registration, mut theirs) = pair(reactor.handle());
    let tries = Cell::new(0);
    let mut buffer = [0; 8];
    let mut cx = Context::from_waker(Waker::noop());
    let mut read = || {
        registration.poll_transfer(Direction::Read, &mut cx, 8, || {
            tries.set(tries.get() + 1);
            (&ours).read(&mut buffer)
        })
    };
    theirs.write_all(b"abc").unwrap();
    settle(&mut reactor);
    assert!(matches!(read(), Poll::Ready(Ok(3))));
    assert!(read().is_pending());
    assert_eq!(tries.get(), if platform::SHORT_MEANS_DRAINED { 1 } else { 2 });
    // Data and the end of the stream in one event: the short read must not forget the end.
    theirs.write_all(b"de").unwrap();
    drop(theirs);
    settle(&mut reactor);
    assert!(matches!(read(), Poll::Ready(Ok(2))));
    assert!(matches!(read(), Poll::Ready(Ok(0))));
    assert!(matches!(read(), Poll::Ready(Ok(0))));
}

#[test]
fn an_edge_between_a_short_read_and_its_clear_is_kept() {
    let mut reactor = reactor();
    let (ours, registration, mut theirs) = pair(reactor.handle());
    let mut cx = Context::from_waker(Waker::noop());
    theirs.write_all(b"abc").unwrap();
    settle(&mut reactor);
    let mut buffer = [0; 8];
    let first = registration.poll_transfer(Direction::Read, &mut cx, 8, || {
        let read = (&ours).read(&mut buffer);
        // More arrives, and its event, before the short read is made known.
        theirs.write_all(b"def").unwrap();
        settle(&mut reactor);
        read
    });
    assert!(matches!(first, Poll::Ready(Ok(3))));
    let second = registration.poll_transfer(Direction::Read, &mut cx, 8, || (&ours).read(&mut buffer));
    assert!(matches!(second, Poll::Ready(Ok(3))), "{second:?}");
}

#[test]
fn a_full_socket_becomes_writable_again() {
    let mut reactor = reactor();
    let (ours, registration, mut theirs) = pair(reactor.handle());
    let mut sent = 0;
    let chunk = [7; 65_536];
    let (count, waker) = Count::new();
    let mut cx = Context::from_waker(&waker);
    let write = |cx: &mut Context<'_>| {
        registration.poll_transfer(Direction::Write, cx, chunk.len(), || (&ours).write(&chunk))
    };
    while let Poll::Ready(written) = write(&mut cx) {
        sent += written.unwrap();
    }
    settle(&mut reactor);
    assert!(write(&mut cx).is_pending());
    let mut drained = vec![0; sent];
    theirs.read_exact(&mut drained).unwrap();
    settle(&mut reactor);
    assert!(count.get() > 0 && write(&mut cx).is_ready());
}

#[test]
fn the_poll_slot_wakes_the_last_caller_and_each_direction_has_its_own() {
    let mut reactor = reactor();
    let (ours, registration, mut theirs) = pair(reactor.handle());
    settle(&mut reactor);
    let (a, waker_a) = Count::new();
    let (b, waker_b) = Count::new();
    let mut buffer = [0; 8];
    for waker in [&waker_a, &waker_b] {
        let mut cx = Context::from_waker(waker);
        let read = registration.poll_io(Direction::Read, &mut cx, || (&ours).read(&mut buffer));
        assert!(read.is_pending());
    }
    let mut cx = Context::from_waker(&waker_a);
    let writing = registration.poll_io(Direction::Write, &mut cx, || (&ours).write(b"x"));
    assert!(writing.is_ready());
    theirs.write_all(b"y").unwrap();
    settle(&mut reactor);
    assert_eq!((a.get(), b.get()), (0, 1));
}

#[test]
fn many_tasks_wait_for_one_source_and_a_dropped_one_leaves_the_others() {
    let mut reactor = reactor();
    let (ours, registration, mut theirs) = pair(reactor.handle());
    let mut counts = Vec::new();
    let mut waiting = Vec::new();
    for _ in 0..50 {
        let (count, waker) = Count::new();
        let mut reading = Box::pin(registration.async_io(Direction::Read, || {
            let mut byte = [0];
            (&ours).read_exact(&mut byte).map(|()| byte[0])
        }));
        assert!(reading.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
        counts.push(count);
        waiting.push(reading);
    }
    waiting.truncate(40);
    theirs.write_all(&(0..10).collect::<Vec<u8>>()).unwrap();
    settle(&mut reactor);
    for (i, count) in counts.iter().enumerate() {
        assert_eq!(count.get(), usize::from(i < 40), "task {i}");
    }
    let mut cx = Context::from_waker(Waker::noop());
    let got: Vec<_> = waiting
        .iter_mut()
        .filter_map(|reading| match reading.as_mut().poll(&mut cx) {
            Poll::Ready(byte) => Some(byte.unwrap()),
            Poll::Pending => None,
        })
        .collect();
    assert_eq!(got, (0..10).collect::<Vec<u8>>());
}

#[test]
fn ready_waits_for_the_kernel_s_word_and_try_io_takes_it_back() {
    let mut reactor = reactor();
    let (ours, registration, mut theirs) = pair(reactor.handle());
    let mut byte = [0];
    let mut cx = Context::from_waker(Waker::noop());
    assert!(pin!(registration.ready(Direction::Read)).poll(&mut cx).is_pending());
    block_on(&mut reactor, registration.ready(Direction::Write)).unwrap();
    theirs.write_all(b"z").unwrap();
    block_on(&mut reactor, registration.ready(Direction::Read)).unwrap();
    assert_eq!(registration.try_io(Direction::Read, || (&ours).read(&mut byte)).unwrap(), 1);
    let drained = registration.try_io(Direction::Read, || (&ours).read(&mut byte)).unwrap_err();
    assert_eq!(drained.kind(), io::ErrorKind::WouldBlock);
    let known = registration.try_io(Direction::Read, || -> io::Result<()> { unreachable!("known to block") });
    assert_eq!(known.unwrap_err().kind(), io::ErrorKind::WouldBlock);
    assert!(pin!(registration.ready(Direction::Read)).poll(&mut cx).is_pending());
}

#[test]
fn an_interrupted_operation_is_tried_again() {
    let reactor = reactor();
    let (_ours, registration, _theirs) = pair(reactor.handle());
    let mut outcomes = vec![Ok(5), Err(io::ErrorKind::Interrupted), Err(io::ErrorKind::Interrupted)];
    let polled = registration.poll_io(Direction::Read, &mut Context::from_waker(Waker::noop()), || {
        outcomes.pop().unwrap().map_err(io::Error::from)
    });
    assert!(matches!(polled, Poll::Ready(Ok(5))));
}

#[test]
fn deregistering_wakes_whoever_still_waits_with_an_error() {
    let mut reactor = reactor();
    let (mut ours, registration, _theirs) = pair(reactor.handle());
    let (count, waker) = Count::new();
    let mut waiting = pin!(registration.ready(Direction::Read));
    assert!(waiting.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
    registration.deregister(&mut ours).unwrap();
    assert_eq!(count.get(), 1);
    let error = block_on(&mut reactor, waiting).unwrap_err();
    assert!(error.to_string().contains("deregistered"), "{error}");
}

#[test]
fn a_descriptor_reused_within_a_batch_gets_none_of_its_predecessor_s_events() {
    let mut reactor = reactor();
    let handle = reactor.handle().clone();
    // Two sources ready in one batch. Whichever is dispatched first closes both, and opens a new pair, which takes
    // over the slots and the descriptor numbers while the other's event is still to be dispatched.
    use std::sync::{Arc, Mutex};
    type End = (UnixStream, Registration, std::os::unix::net::UnixStream);
    struct Swap(Handle, Mutex<Vec<End>>, Mutex<Option<End>>);
    impl std::task::Wake for Swap {
        fn wake(self: Arc<Self>) {
            let mut old = self.1.lock().unwrap();
            if old.is_empty() {
                return;
            }
            for (mut ours, registration, _theirs) in old.drain(..) {
                registration.deregister(&mut ours).unwrap();
            }
            *self.2.lock().unwrap() = Some(pair(&self.0));
        }
    }
    let swap = Arc::new(Swap(handle.clone(), Mutex::default(), Mutex::default()));
    let waker = Waker::from(swap.clone());
    for _ in 0..2 {
        let (ours, registration, mut theirs) = pair(&handle);
        let mut cx = Context::from_waker(&waker);
        assert!(registration.poll_ready(Direction::Read, &mut cx).is_pending());
        theirs.write_all(b"old").unwrap();
        swap.1.lock().unwrap().push((ours, registration, theirs));
    }
    reactor.turn(Some(Duration::from_secs(5)), || false).unwrap();
    let (ours, registration, mut theirs) = swap.2.lock().unwrap().take().expect("the waker ran");
    let mut cx = Context::from_waker(Waker::noop());
    assert!(
        registration.poll_ready(Direction::Read, &mut cx).is_pending(),
        "nothing was sent to the new one"
    );
    theirs.write_all(b"new").unwrap();
    let mut buffer = [0; 8];
    let read = registration.async_io(Direction::Read, || (&ours).read(&mut buffer));
    assert_eq!(block_on(&mut reactor, read).unwrap(), 3);
    assert_eq!(&buffer[..3], b"new");
}

#[test]
fn a_duplicated_descriptor_reports_to_nobody_once_the_source_is_gone() {
    let mut reactor = reactor();
    let (mut ours, registration, mut theirs) = pair(reactor.handle());
    let duplicate = std::os::fd::AsFd::as_fd(&ours).try_clone_to_owned().unwrap();
    registration.deregister(&mut ours).unwrap();
    drop((ours, registration));
    let (count, waker) = Count::new();
    let (_ours, newcomer, _theirs) = pair(reactor.handle());
    settle(&mut reactor);
    assert!(newcomer.poll_ready(Direction::Read, &mut Context::from_waker(&waker)).is_pending());
    theirs.write_all(b"for the duplicate").unwrap();
    settle(&mut reactor);
    assert_eq!(count.get(), 0);
    drop(duplicate);
    // The same without deregistering: the kernel goes on reporting, the table ignores it.
    let (ours, registration, mut theirs) = pair(reactor.handle());
    let duplicate = std::os::fd::AsFd::as_fd(&ours).try_clone_to_owned().unwrap();
    drop((registration, ours));
    let (_ours, newcomer, _theirs) = pair(reactor.handle());
    assert!(newcomer.poll_ready(Direction::Read, &mut Context::from_waker(&waker)).is_pending());
    theirs.write_all(b"for the duplicate").unwrap();
    settle(&mut reactor);
    assert_eq!(count.get(), 0);
    drop(duplicate);
}

/// Others take a file, and call it ready.
#[test]
#[cfg(target_os = "linux")]
fn a_source_that_the_kernel_refuses_keeps_no_slot() {
    let reactor = reactor();
    let file = std::fs::File::open(std::env::current_exe().unwrap()).unwrap();
    for _ in 0..100 {
        let fd = std::os::fd::AsRawFd::as_raw_fd(&file);
        let error = reactor.handle().register(&mut mio::unix::SourceFd(&fd), BOTH).unwrap_err();
        assert!(error.to_string().contains("no readiness"), "{error}");
    }
    assert!(format!("{:?}", reactor.handle()).contains("sources: 0"), "{:?}", reactor.handle());
}

#[test]
fn everything_but_the_reactor_is_shared_between_threads() {
    fn shared<T: Send + Sync>() {}
    fn sent<T: Send>() {}
    shared::<Handle>();
    shared::<Registration>();
    shared::<sideline_reactor::Timer>();
    shared::<Clock>();
    sent::<Reactor>();
    fn futures(registration: &Registration) -> impl Send + '_ {
        (registration.async_io(Direction::Read, || Ok(())), registration.ready(Direction::Write))
    }
    let _ = futures;
}
