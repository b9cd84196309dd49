//! Everybody else's side of the reactor.

use crate::clock::Clock;
use crate::epoch::Moment;
use crate::errors;
use crate::notifier::Notifier;
use crate::queue::Queue;
use crate::registration::Registration;
use crate::sync::{Arc, AtomicBool, Ordering, left_out};
use crate::table::Table;
use crate::timers::Timers;
use std::time::Instant;
use std::{fmt, io};

/// Registers sources, arms timers and wakes the loop, from any thread.
///
/// Cloning is cheap. Clones keep the loop's eventfd (not the loop) alive, so that a thread which notifies and exits
/// at once does not take its event with it. Once the reactor is gone, [`register`](Handle::register) is an error,
/// [`notify`](Handle::notify) does nothing and a [`Timer`](crate::Timer) is due at once.
#[derive(Clone)]
pub struct Handle(pub(crate) Arc<Shared>);

/// What the loop and its handles have in common.
pub(crate) struct Shared {
    pub(crate) clock: Clock,
    pub(crate) notifier: Notifier,
    pub(crate) table: Table,
    pub(crate) timers: Timers,
    pub(crate) closed: AtomicBool,
    /// The loop has to sleep in the selector: there has been a source, or somebody else waits for it there.
    pub(crate) needs_selector: AtomicBool,
    pub(crate) queue: Queue,
}

impl Shared {
    #[inline]
    pub(crate) fn needs_selector(&self) -> bool {
        // Relaxed: the notifier's fence orders this after an announcement.
        self.needs_selector.load(Ordering::Relaxed)
    }

    /// From now on. The queue is open. Whoever is not the loop notifies it then.
    pub(crate) fn need_selector(&self) {
        // Relaxed: as in `needs_selector`.
        self.needs_selector.store(true, Ordering::Relaxed);
    }
}

impl Handle {
    /// Ends the loop's sleep, if it is parked or about to be; otherwise one fence and one load.
    ///
    /// Publish first, notify second: the loop looks for work after it has announced that it will sleep, so whatever
    /// was published before this call is either seen there or ends the sleep. Calls in a row cost one system call.
    pub fn notify(&self) {
        self.0.notifier.notify(|| self.0.queue.ends().wakeup.wake());
    }

    /// As [`notify`](Self::notify), on the loop's own thread: it is parked only if it stands by, which it has announced itself.
    #[inline]
    pub(crate) fn notify_here(&self) {
        if self.0.notifier.stands_by() {
            self.notify();
        }
    }

    /// The clock that this reactor's timers go by.
    pub fn clock(&self) -> &Clock {
        &self.0.clock
    }

    /// The clock, as a number.
    #[inline]
    pub(crate) fn now(&self) -> Moment {
        self.0.timers.now(&self.0.clock)
    }

    /// Has the kernel report the readiness of `source` to the loop.
    ///
    /// The source must be non-blocking. [Deregister](Registration::deregister) it before it is closed: a duplicate
    /// of its descriptor would keep the kernel's entry alive.
    ///
    /// # Errors
    /// If the reactor is closed ("the runtime was shut down"); if the kernel refuses, which for a regular file says
    /// that it has no readiness, and for a lack of descriptors names the limit. Nothing stays registered then.
    ///
    /// # Example
    /// ```
    /// use sideline_reactor::{Clock, Direction, Reactor};
    ///
    /// let reactor = Reactor::new(Clock::real())?;
    /// let mut listener = mio::net::TcpListener::bind("127.0.0.1:0".parse().unwrap())?;
    /// let registration = reactor.handle().register(&mut listener, mio::Interest::READABLE)?;
    /// let nobody = registration.try_io(Direction::Read, || listener.accept()).unwrap_err();
    /// assert_eq!(nobody.kind(), std::io::ErrorKind::WouldBlock);
    /// registration.deregister(&mut listener)?;
    /// # std::io::Result::Ok(())
    /// ```
    pub fn register<S>(&self, source: &mut S, interest: mio::Interest) -> io::Result<Registration>
    where
        S: mio::event::Source + ?Sized,
    {
        // Made first: if the source's own code fails or panics, dropping this frees the slot.
        let registration = self.reserve()?;
        let token = mio::Token(registration.token());
        self.0.queue.open()?.registry.register(source, token, interest).map_err(errors::on_register)?;
        if !self.0.needs_selector() {
            self.0.need_selector();
            // The loop may be asleep without it.
            if !left_out("register-notifies") {
                self.notify();
            }
        }
        Ok(registration)
    }

    /// A slot for a source that is not registered yet.
    fn reserve(&self) -> io::Result<Registration> {
        let (token, io) = self.0.table.insert().map_err(errors::refused)?;
        Ok(Registration::new(self.clone(), token, io))
    }

    /// When the earliest armed timer is due, `None` if none is armed. May lie in the past.
    pub fn next_deadline(&self) -> Option<Instant> {
        self.0.timers.next_deadline()
    }

    /// Whether the reactor has been dropped. Whoever sees that it has sees what was done before.
    pub fn is_closed(&self) -> bool {
        // Acquire: pairs with the Release in the reactor's drop. (Model: `who_sees_a_reactor_closed_sees_what_came_before`.)
        let order =
            if left_out("closed-shows-what-came-before") { Ordering::Relaxed } else { Ordering::Acquire };
        self.0.closed.load(order)
    }

    /// An error once the reactor has been dropped, and in a child of `fork`: for whoever would otherwise wait for it in vain.
    ///
    /// # Errors
    /// "the runtime was shut down", or that this process is a fork.
    pub fn ensure_open(&self) -> io::Result<()> {
        if self.is_closed() {
            Err(errors::shut_down())
        } else if self.0.table.process.is_forked() {
            Err(errors::forked())
        } else {
            Ok(())
        }
    }
}

impl fmt::Debug for Handle {
    #[inline]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handle")
            .field("loop", &self.0.notifier)
            .field("closed", &self.is_closed())
            .field("sources", &self.0.table.count())
            .field("timers", &self.0.timers.count())
            .field("clock", &self.0.clock)
            .finish()
    }
}
