//! Sources: their events against operations, and the reactor's end against their registration.

use super::{Quiet, block_on, check, lazy, waker_of_this_thread};
use crate::ready::Report;
use crate::sync::{Arc, AtomicBool, AtomicU64, Ordering, thread};
use crate::{Clock, Direction, Reactor, Registration};
use std::future::poll_fn;
use std::io;
use std::task::Poll;

/// A source that is registered, and waited for, while the reactor closes: the wait ends with an error.
fn register_against_close(reactor: Reactor) {
    let reader = thread::spawn({
        let handle = reactor.handle().clone();
        move || {
            let registration = handle.register(&mut Quiet, mio::Interest::READABLE)?;
            block_on(
                registration.async_io(Direction::Read, || Err::<(), _>(io::ErrorKind::WouldBlock.into())),
            )
        }
    });
    drop(reactor);
    let error = reader.join().unwrap().unwrap_err();
    assert!(error.to_string().contains("shut down"), "{error}");
}

#[test]
fn register_against_close_always_resolves() {
    check(|| register_against_close(Reactor::new(Clock::manual()).unwrap()));
}

/// The same, and nobody may be there any more for whom the event queue is opened.
#[test]
fn first_source_against_close_always_resolves() {
    check(|| register_against_close(lazy()));
}

/// Data arrives, and its event, while a task finds nothing, clears the readiness and goes to wait.
fn event_against_operation() {
    let reactor = Reactor::new(Clock::manual()).unwrap();
    let registration = Arc::new(reactor.handle().register(&mut Quiet, mio::Interest::READABLE).unwrap());
    let data = Arc::new(AtomicBool::new(false));
    let reader = thread::spawn({
        let (registration, data) = (registration.clone(), data.clone());
        move || {
            let read = || match data.load(Ordering::Relaxed) {
                true => Ok(()),
                false => Err(io::ErrorKind::WouldBlock.into()),
            };
            block_on(registration.async_io(Direction::Read, read)).unwrap();
        }
    });
    data.store(true, Ordering::Relaxed);
    let mut woken = Vec::new();
    reactor.handle().0.table.dispatch([(registration.token(), Report::READABLE)].into_iter(), &mut woken);
    crate::contain::wake_all(&mut woken);
    reader.join().unwrap();
}

#[test]
fn event_against_operation_loses_no_edge() {
    check(event_against_operation);
}

/// Two events of a source that a task with a known waker waits for. `reads` is that task: it is given a read that would block
/// until as many are there as it asks for.
fn events_against_a_known_waker(
    reads: impl Fn(&Registration, &dyn Fn(u64) -> io::Result<()>) + Send + 'static,
) {
    let vtable = waker_of_this_thread().vtable();
    let reactor = Reactor::with_known_wakers(Clock::manual(), vtable).unwrap();
    let registration = Arc::new(reactor.handle().register(&mut Quiet, mio::Interest::READABLE).unwrap());
    let data = Arc::new(AtomicU64::new(0));
    let reader = thread::spawn({
        let (registration, data) = (registration.clone(), data.clone());
        move || {
            reads(&registration, &|wanted| match data.load(Ordering::Relaxed) {
                there if there >= wanted => Ok(()),
                _ => Err(io::ErrorKind::WouldBlock.into()),
            });
        }
    });
    let mut woken = Vec::new();
    for there in [1, 2] {
        data.store(there, Ordering::Relaxed);
        let event = (registration.token(), Report::READABLE);
        reactor.handle().0.table.dispatch([event].into_iter(), &mut woken);
        assert!(woken.is_empty());
    }
    reader.join().unwrap();
}

/// The waker is kept from the first wait to the second.
#[test]
fn events_against_operations_of_a_known_waker_lose_no_edge() {
    check(|| {
        events_against_a_known_waker(|registration, read| {
            block_on(async {
                registration.async_io(Direction::Read, || read(1)).await.unwrap();
                registration.async_io(Direction::Read, || read(2)).await.unwrap();
            });
        });
    });
}

/// The task polls again what it has polled in vain: it may find itself listed already.
#[test]
fn polls_that_find_themselves_listed_lose_no_edge() {
    check(|| {
        events_against_a_known_waker(|registration, read| {
            for wanted in [1, 2] {
                block_on(poll_fn(|cx| {
                    let mut poll = || registration.poll_io(Direction::Read, cx, || read(wanted));
                    // Both come to the same, but that the second one may not have to be listed.
                    if poll().is_ready() { Poll::Ready(Ok(())) } else { poll() }
                }))
                .unwrap();
            }
        });
    });
}
