//! One runtime's end of the pipe that signals write to, for all listeners of that runtime together.
//!
//! Whoever waits is on the tally's list. So what the pipe's event has to wake is nobody's task in particular: it is a waker of the
//! ear's own, which empties the pipe, and then wakes those on the list whose signal has come. That waker does not keep the ear:
//! with its last listener it goes, and its descriptor.
//!
//! The end of the runtime wakes it, too, and then it wakes everybody, each of whom asks. A listener puts itself on
//! the list first and asks the ear second: so either it sees the end, or the ear's waker is in its place before the end, and finds it.

use super::handler::Delivery;
use crate::io::{Async, Interest};
use crate::runtime::shared::Shared;
use mio::unix::pipe::Receiver;
use parking_lot::Mutex;
use sideline_blocking_pool::fork::Inherited;
use std::io::{self, Read};
use std::sync::{Arc, Weak};
use std::task::{Context, Poll, Wake, Waker};

pub(super) struct Ear {
    pub(super) delivery: &'static Delivery,
    pipe: Async<Receiver>,
    waker: Waker,
}

/// That of a runtime, while somebody listens there. That of a fork's parent hears the parent's signals.
#[derive(Default)]
pub(crate) struct SharedEar(Inherited<Mutex<Weak<Ear>>>);

struct EarWaker(Weak<Ear>);

impl Ear {
    /// The runtime's, made if there is none.
    pub(super) fn of(runtime: &Shared, delivery: &'static Delivery) -> io::Result<Arc<Ear>> {
        let mut place = runtime.ear.0.own().lock();
        if let Some(ear) = place.upgrade() {
            return Ok(ear);
        }
        let ear = Ear::new(runtime, delivery)?;
        *place = Arc::downgrade(&ear);
        Ok(ear)
    }

    fn new(runtime: &Shared, delivery: &'static Delivery) -> io::Result<Arc<Ear>> {
        let pipe = Async::register(&runtime.reactor, delivery.pipe()?, Interest::READABLE)?;
        Ok(Arc::new_cyclic(|ear| Ear { delivery, pipe, waker: Arc::new(EarWaker(ear.clone())).into() }))
    }

    /// # Errors
    /// In a child of `fork`, of what its parent has made.
    pub(super) fn ensure_own(&self) -> io::Result<()> {
        if self.pipe.is_parents() {
            return Err(io::Error::other(
                "this process is a fork, and the listener is its parent's: make another one",
            ));
        }
        Ok(())
    }

    /// Empties the pipe, for all (see `tally.rs`), and sees to it that the next event is heard.
    ///
    /// # Errors
    /// If the runtime was shut down.
    pub(super) fn listen(&self) -> io::Result<()> {
        let mut cx = Context::from_waker(&self.waker);
        let mut bytes = [0; 64];
        while let Poll::Ready(emptied) =
            self.pipe.poll_read_at_once(&mut cx, |mut pipe| pipe.read(&mut bytes))
        {
            emptied?;
            self.delivery.tally.wake_all();
        }
        Ok(())
    }
}

impl Wake for EarWaker {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        let Some(ear) = self.0.upgrade() else { return };
        if ear.listen().is_err() {
            ear.delivery.tally.wake_everybody();
        }
    }
}
