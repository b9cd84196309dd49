//! The kernel, through mio: a selector for the loop, a registry and a wakeup for everybody else.

use crate::readiness::Ready;
use mio::event::{Event, Source};
use mio::{Events, Interest, Poll, Token};
use std::io;
use std::time::Duration;

/// The token of the wakeup. No registration gets it: see `table.rs`.
const WAKEUP: Token = Token(usize::MAX);

/// How many events one system call may bring: 12 KiB on Linux.
const EVENTS_PER_TURN: usize = 1024;

/// Opens the three descriptors of a reactor. An error leaves none of them open.
pub(crate) fn open() -> io::Result<(Selector, Registry, Wakeup)> {
    let poll = Poll::new()?;
    let wakeup = mio::Waker::new(poll.registry(), WAKEUP)?;
    let registry = poll.registry().try_clone()?;
    Ok((
        Selector { poll, events: Events::with_capacity(EVENTS_PER_TURN) },
        Registry(registry),
        Wakeup(wakeup),
    ))
}

/// Owned by the loop: the only one that waits.
pub(crate) struct Selector {
    poll: Poll,
    events: Events,
}

impl Selector {
    /// Waits for events, at most `timeout`, which is rounded up to whole milliseconds and cut at 24 days.
    /// A signal that interrupts the wait is an empty success: the caller computes a new timeout anyway.
    pub(crate) fn wait(&mut self, timeout: Option<Duration>) -> io::Result<()> {
        match self.poll.poll(&mut self.events, timeout.map(|wait| wait.min(LONGEST_WAIT))) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {
                self.events.clear();
                Ok(())
            }
            result => result,
        }
    }

    /// What the last wait brought, without the wakeup's own events.
    pub(crate) fn events(&self) -> impl Iterator<Item = (Token, Ready)> {
        self.events.iter().filter(|event| event.token() != WAKEUP).map(|event| (event.token(), ready(event)))
    }
}

/// The kernel takes milliseconds in an `i32`.
const LONGEST_WAIT: Duration = Duration::from_secs(24 * 86_400);

fn ready(event: &Event) -> Ready {
    let mut ready = Ready::default();
    if event.is_readable() {
        ready |= Ready::READABLE;
    }
    if event.is_writable() {
        ready |= Ready::WRITABLE;
    }
    if event.is_read_closed() {
        ready |= Ready::READ_CLOSED;
    }
    if event.is_write_closed() {
        ready |= Ready::WRITE_CLOSED;
    }
    if event.is_error() {
        // Whoever tries next gets the error, reader or writer: an ICMP error of a UDP socket, a broken pipe.
        ready |= Ready::READABLE | Ready::WRITABLE;
    }
    if event.is_priority() {
        ready |= Ready::URGENT;
    }
    ready
}

/// Adds sources and takes them away, from any thread.
pub(crate) struct Registry(mio::Registry);

impl Registry {
    pub(crate) fn register<S>(&self, source: &mut S, token: Token, interest: Interest) -> io::Result<()>
    where
        S: Source + ?Sized,
    {
        source.register(&self.0, token, interest)
    }

    pub(crate) fn deregister<S: Source + ?Sized>(&self, source: &mut S) -> io::Result<()> {
        source.deregister(&self.0)
    }
}

/// Ends the selector's wait, from any thread. Owns its own descriptor, so it outlives the selector safely.
pub(crate) struct Wakeup(mio::Waker);

impl Wakeup {
    pub(crate) fn wake(&self) -> io::Result<()> {
        self.0.wake()
    }
}
