//! A source and the operations that wait for it.
//!
//! Every operation is tried first and waits only after it has said `WouldBlock`; the readiness word spares the tries
//! that are known to be in vain. What the flags mean, and how they are forgotten safely, is told in the
//! `readiness.rs` of the sources.

mod operation;

use crate::Direction;
use crate::errors;
use crate::handle::Handle;
use crate::platform;
use crate::readiness::{Disproof, ReadinessWord, Snapshot};
use crate::ready::Ready;
use crate::sync::Arc;
use crate::waiters::WaiterId;
use std::future::{Future, poll_fn};
use std::task::{Context, Poll};
use std::{fmt, io};

use operation::{Operation, Place};

/// A source whose readiness the kernel reports to the loop. Made by [`Handle::register`].
///
/// It does not own the source; whoever does calls [`deregister`](Registration::deregister) before closing it.
/// Dropping the registration alone frees its slot, and later events are ignored, but the kernel's own entry lives
/// until the descriptor and its duplicates are closed.
///
/// All methods take `&self`, from any thread. Operations must be non-blocking; after `Interrupted` they are called again, but for
/// [`try_io`](Registration::try_io), which calls once. They have to go through the methods of a mio source, which on some systems
/// reports nothing more until it has heard of a `WouldBlock`. After the reactor has gone every wait is the error "the runtime was
/// shut down".
pub struct Registration {
    handle: Handle,
    token: usize,
    word: Arc<ReadinessWord>,
}

impl Registration {
    pub(crate) fn new(handle: Handle, token: usize, word: Arc<ReadinessWord>) -> Registration {
        Registration { handle, token, word }
    }

    /// Tries `op`, and if it would block has the current task woken when `direction` is ready.
    ///
    /// There is one place per direction, for traits with `poll_*` methods: the last caller is the one that is woken.
    /// Concurrent tasks use [`async_io`](Registration::async_io).
    pub fn poll_io<R>(
        &self,
        direction: Direction,
        cx: &mut Context<'_>,
        mut op: impl FnMut() -> io::Result<R>,
    ) -> Poll<io::Result<R>> {
        self.poll_with(&mut WaiterId::poll_slot(direction), cx, &mut op, &|_| false)
    }

    /// As [`poll_io`](Registration::poll_io), for a byte stream: `op` was asked to move `wanted` bytes.
    ///
    /// Where the kernel's edges allow it, having moved fewer (but some) counts as proof that there is nothing left,
    /// and saves the system call that would have said so. The end of the stream is still seen. On Linux, register
    /// with [`PRIORITY`](mio::Interest) too: a read also stops short at TCP's urgent mark, and then proves nothing.
    /// Not for datagrams, nor for Unix streams, whose reads stop short where credentials or descriptors were sent.
    pub fn poll_transfer(
        &self,
        direction: Direction,
        cx: &mut Context<'_>,
        wanted: usize,
        mut op: impl FnMut() -> io::Result<usize>,
    ) -> Poll<io::Result<usize>> {
        self.poll_with(&mut WaiterId::poll_slot(direction), cx, &mut op, &|&moved| is_short(moved, wanted))
    }

    /// Tries `op` until it does something else than block, waiting for `direction` in between.
    ///
    /// Any number of tasks may wait at once; each is woken, and tries again. Dropping the future takes it off the
    /// list: `op` is then not called again, and what it has not done is not done.
    ///
    /// # Errors
    /// Those of `op`; or that the runtime was shut down, or the source deregistered.
    pub fn async_io<R>(
        &self,
        direction: Direction,
        op: impl FnMut() -> io::Result<R>,
    ) -> impl Future<Output = io::Result<R>> + Unpin {
        Operation::new(self, direction, op, |_: &R| false)
    }

    /// As [`async_io`](Registration::async_io), with the shortcut of [`poll_transfer`](Registration::poll_transfer).
    pub fn transfer(
        &self,
        direction: Direction,
        wanted: usize,
        op: impl FnMut() -> io::Result<usize>,
    ) -> impl Future<Output = io::Result<usize>> + Unpin {
        let drained = move |&moved: &usize| is_short(moved, wanted);
        Operation::new(self, direction, op, drained)
    }

    /// Waits until the kernel has reported `direction`, and nothing since has disproved it.
    ///
    /// It may have been used up by the time the caller tries: then [`try_io`](Registration::try_io) says
    /// `WouldBlock`, and forgets the readiness. An operation that goes past `try_io` leaves it standing, and this
    /// would return at once for ever.
    ///
    /// # Errors
    /// If the runtime was shut down, or the source deregistered.
    pub async fn ready(&self, direction: Direction) -> io::Result<()> {
        let mut place = Place::new(self, direction);
        poll_fn(|cx| place.wait_to_report(cx)).await;
        if self.word.snapshot(direction).is_gone() { Err(self.gone()) } else { Ok(()) }
    }

    /// As [`ready`](Registration::ready), in the place that [`poll_io`](Registration::poll_io) uses.
    pub fn poll_ready(&self, direction: Direction, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let ends = Ready::TO_REPORT;
        if !self.word.snapshot(direction).has_any(ends)
            && self.wait(&mut WaiterId::poll_slot(direction), cx, ends).is_pending()
        {
            return Poll::Pending;
        }
        Poll::Ready(if self.word.snapshot(direction).is_gone() { Err(self.gone()) } else { Ok(()) })
    }

    /// Tries `op` once if `direction` may be ready, without waiting.
    ///
    /// # Errors
    /// `WouldBlock` if it is not ready, or `op` says so, which is remembered; otherwise those of `op`, `Interrupted` too.
    pub fn try_io<R>(&self, direction: Direction, op: impl FnOnce() -> io::Result<R>) -> io::Result<R> {
        let seen = self.word.snapshot(direction);
        // With the loop gone nobody reports readiness any more, but the source itself still works.
        if !seen.worth_trying() && !seen.is_gone() {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        op().inspect_err(|error| _ = self.note_failure(direction, seen, error))
    }

    /// Ends the kernel's reports. Whoever still waits is woken and gets an error.
    ///
    /// To be called before the source is closed, with the source that was registered.
    ///
    /// # Errors
    /// What the kernel says; the slot is freed all the same.
    pub fn deregister<S>(&self, source: &mut S) -> io::Result<()>
    where
        S: mio::event::Source + ?Sized,
    {
        let result = self.handle.0.queue.ends().registry.deregister(source);
        self.handle.0.table.end(self.token);
        result
    }

    /// The reactor that this is registered with.
    pub fn handle(&self) -> &Handle {
        &self.handle
    }

    pub(crate) fn token(&self) -> usize {
        self.token
    }

    fn wait(&self, id: &mut WaiterId, cx: &mut Context<'_>, ends: Ready) -> Poll<()> {
        let table = &self.handle.0.table;
        if table.process.is_forked() {
            self.word.set_gone();
            return Poll::Ready(());
        }
        if *id == WaiterId::READER && self.word.has_reader(cx.waker()) && table.known.include(cx.waker()) {
            // It is listed already: see the `scheduled_io.rs` of the sources.
            return Poll::Pending;
        }
        table.wait(self.token, id, cx, ends)
    }

    /// Tries `op`, and if it would block waits in the place that has this `id`.
    ///
    /// Built once for each type of result, and so small enough to stay in the processor's cache while the kernel runs in
    /// between. A call through a pointer is nothing beside the system call in it.
    fn poll_with<R>(
        &self,
        id: &mut WaiterId,
        cx: &mut Context<'_>,
        op: &mut dyn FnMut() -> io::Result<R>,
        drained: &dyn Fn(&R) -> bool,
    ) -> Poll<io::Result<R>> {
        loop {
            if let Some(result) = self.attempt(id.direction(), op, drained) {
                return Poll::Ready(result);
            }
            // It has just been found not to be worth a try: no need to look before it is listed.
            if self.wait(id, cx, Ready::TO_TRY).is_pending() {
                return Poll::Pending;
            }
        }
    }

    /// Calls `op` as long as it is worth it. `None`: there is nothing to do but wait.
    fn attempt<R>(
        &self,
        direction: Direction,
        op: &mut dyn FnMut() -> io::Result<R>,
        drained: &dyn Fn(&R) -> bool,
    ) -> Option<io::Result<R>> {
        loop {
            // Before `op`: an event that comes while it runs makes this snapshot too old to disprove anything.
            let seen = self.word.snapshot(direction);
            if seen.is_gone() {
                return Some(Err(self.gone()));
            }
            if !seen.worth_trying() {
                return None;
            }
            match op() {
                Ok(done) => {
                    if platform::SHORT_MEANS_DRAINED && !seen.is_urgent() && drained(&done) {
                        self.word.disprove(direction, seen, Disproof::ShortTransfer);
                    }
                    return Some(Ok(done));
                }
                Err(error) => match self.note_failure(direction, seen, &error) {
                    Failure::Passes => {}
                    Failure::Final => return Some(Err(error)),
                },
            }
        }
    }

    /// An operation that began at `seen` has failed.
    fn note_failure(&self, direction: Direction, seen: Snapshot, error: &io::Error) -> Failure {
        match error.kind() {
            io::ErrorKind::WouldBlock => {
                self.word.disprove(direction, seen, Disproof::WouldBlock);
                Failure::Passes
            }
            io::ErrorKind::Interrupted => Failure::Passes,
            _ => Failure::Final,
        }
    }

    fn gone(&self) -> io::Error {
        if self.handle.is_closed() {
            errors::shut_down()
        } else if self.handle.0.table.process.is_forked() {
            errors::forked()
        } else {
            errors::deregistered()
        }
    }
}

/// What the failure of an operation means for whoever waits for it.
enum Failure {
    /// It is tried again, at once or when the source is ready.
    Passes,
    Final,
}

/// Nothing moved at all is the end of the stream, or an empty request: no proof of anything.
fn is_short(moved: usize, wanted: usize) -> bool {
    0 < moved && moved < wanted
}

impl Drop for Registration {
    fn drop(&mut self) {
        self.handle.0.table.remove(self.token);
    }
}

impl fmt::Debug for Registration {
    #[inline]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Registration").field("token", &self.token).field("readiness", &self.word).finish()
    }
}
