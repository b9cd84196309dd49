//! A source and its registration with the loop, in one value.

use super::Interest;
use crate::core::fairness;
use crate::runtime::context;
use mio::event::Source;
use sideline_blocking_pool::fork;
use sideline_reactor::{Direction, Handle, Registration};
use std::fmt;
use std::future::{Future, poll_fn};
use std::io;
use std::pin::pin;
use std::task::{Context, Poll};

/// Asynchronous operations on any mio source, or through [`Fd`](super::Fd) on any file descriptor.
///
/// It belongs to the runtime in which it was made, and may be used from any thread and any executor as long as that
/// runtime's loop runs; after that, waiting is the error "the runtime was shut down".
///
/// Operations must not block. They are tried first, and again when the kernel has reported an event, until they do
/// something else than `WouldBlock`. They have to use the source by its own methods, or by mio's `try_io`: on Windows, and where
/// there is neither epoll nor kqueue, mio reports nothing more until it has heard of a `WouldBlock`.
///
/// Any number of tasks may wait at once, in each direction. Dropping a future that waits cancels it; an operation that has been
/// done is never lost, because its future is then ready.
///
/// Dropping it ends the kernel's reports, then closes the source. In a child of `fork` it only closes the source: the reports
/// are its parent's.
///
/// # Example
/// ```
/// use sideline::io::Async;
/// use std::io::{Read, Write};
///
/// sideline::block_on(async {
///     let (sender, receiver) = mio::net::UnixStream::pair()?;
///     let (sender, receiver) = (Async::new(sender)?, Async::new(receiver)?);
///     sender.write_with(|mut socket| socket.write(b"ping")).await?;
///     let mut buffer = [0; 8];
///     let n = receiver.read_with(|mut socket| socket.read(&mut buffer)).await?;
///     assert_eq!(&buffer[..n], b"ping");
///     std::io::Result::Ok(())
/// })
/// # .unwrap()
/// ```
pub struct Async<T: Source> {
    registration: Registration,
    /// `None` only in `into_inner`, between giving the source away and dropping the rest.
    source: Option<T>,
    /// The process it was made in; see [`fork`].
    born: u32,
}

impl<T: Source> Async<T> {
    /// Registers `source`, which must be non-blocking, with the current runtime's loop, for reading and writing.
    ///
    /// # Errors
    /// Outside a runtime; after its shutdown; and what the kernel says: a regular file has no readiness.
    pub fn new(source: T) -> io::Result<Async<T>> {
        Async::with_interest(source, Interest::READABLE | Interest::WRITABLE)
    }

    /// As [`new`](Async::new), for one direction or with other events.
    ///
    /// # Errors
    /// As [`new`](Async::new).
    pub fn with_interest(source: T, interest: Interest) -> io::Result<Async<T>> {
        Async::register(&context::reactor()?, source, interest)
    }

    pub(crate) fn register(reactor: &Handle, mut source: T, interest: Interest) -> io::Result<Async<T>> {
        let registration = reactor.register(&mut source, interest)?;
        Ok(Async { registration, source: Some(source), born: fork::note() })
    }

    /// The source. Operations that may say `WouldBlock` belong into [`read_with`](Async::read_with) and its like:
    /// readiness that they use up is not noticed otherwise.
    pub fn get_ref(&self) -> &T {
        self.source.as_ref().expect("only into_inner takes it, and it takes self")
    }

    /// Takes the source out, after ending the kernel's reports.
    ///
    /// # Errors
    /// If the kernel cannot take it off its list. The source is closed then.
    pub fn into_inner(mut self) -> io::Result<T> {
        let mut source = self.source.take().expect("only into_inner takes it, and it takes self");
        self.end_reports(&mut source)?;
        Ok(source)
    }

    /// A child of `fork` has the event queue in common with its parent, and an entry in there belongs to the open file, which
    /// they have in common, too: taken out by the child, it would be gone for the parent.
    fn end_reports(&self, source: &mut T) -> io::Result<()> {
        if self.is_parents() { Ok(()) } else { self.registration.deregister(source) }
    }

    /// Whether this is a child of `fork`, and the source its parent's.
    pub(crate) fn is_parents(&self) -> bool {
        fork::is_child_of(self.born)
    }

    /// Waits until the kernel has reported something to read.
    ///
    /// Another task may be faster: then [`try_read_with`](Async::try_read_with) says `WouldBlock`, and the next wait
    /// is a real one. An operation that goes past the methods of this type leaves the readiness standing.
    ///
    /// # Errors
    /// If the runtime was shut down.
    pub async fn readable(&self) -> io::Result<()> {
        fairness::turn().await;
        self.registration.ready(Direction::Read).await
    }

    /// Waits until the kernel has reported room to write. See [`readable`](Async::readable).
    ///
    /// # Errors
    /// If the runtime was shut down.
    pub async fn writable(&self) -> io::Result<()> {
        fairness::turn().await;
        self.registration.ready(Direction::Write).await
    }

    /// Waits until one of the directions in `interest` is ready, and says which are.
    ///
    /// # Errors
    /// If the runtime was shut down. `InvalidInput` if `interest` is neither reading nor writing.
    pub async fn ready(&self, interest: Interest) -> io::Result<Interest> {
        fairness::turn().await;
        let mut read = pin!(interest.is_readable().then(|| self.registration.ready(Direction::Read)));
        let mut write = pin!(interest.is_writable().then(|| self.registration.ready(Direction::Write)));
        poll_fn(|cx| {
            let read = read.as_mut().as_pin_mut().map(|read| read.poll(cx));
            let write = write.as_mut().as_pin_mut().map(|write| write.poll(cx));
            match (read, write) {
                (Some(Poll::Ready(read)), Some(Poll::Ready(write))) => {
                    Poll::Ready(read.and(write).map(|()| Interest::READABLE | Interest::WRITABLE))
                }
                (Some(Poll::Ready(read)), _) => Poll::Ready(read.map(|()| Interest::READABLE)),
                (_, Some(Poll::Ready(write))) => Poll::Ready(write.map(|()| Interest::WRITABLE)),
                (None, None) => Poll::Ready(Err(neither_direction())),
                _ => Poll::Pending,
            }
        })
        .await
    }

    /// Calls `op` once if a direction in `interest` may be ready, without waiting.
    ///
    /// # Errors
    /// `WouldBlock` if none is, or `op` says so, which takes the readiness back; otherwise those of `op`.
    pub fn try_io<R>(&self, interest: Interest, op: impl FnOnce(&T) -> io::Result<R>) -> io::Result<R> {
        let mut op = Some(op);
        let mut result = Err(io::ErrorKind::WouldBlock.into());
        for (wanted, direction) in
            [(interest.is_readable(), Direction::Read), (interest.is_writable(), Direction::Write)]
        {
            // The closure is not called if the direction is known not to be ready.
            let call = || op.take().expect("called once")(self.get_ref());
            if wanted {
                result = self.registration.try_io(direction, call);
            }
            if op.is_none() {
                break;
            }
        }
        result
    }

    /// Calls `op` until it says something else than `WouldBlock`, waiting for a direction in `interest` in between.
    ///
    /// # Errors
    /// Those of `op`, except `WouldBlock` and `Interrupted`; and if the runtime was shut down. `InvalidInput` if `interest` is
    /// neither reading nor writing.
    pub async fn async_io<R>(
        &self,
        interest: Interest,
        mut op: impl FnMut(&T) -> io::Result<R>,
    ) -> io::Result<R> {
        fairness::turn().await;
        loop {
            match self.try_io(interest, &mut op) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.ready(interest).await?;
                }
                result => return result,
            }
        }
    }

    /// Reads with `op`, waiting as long as it says `WouldBlock`.
    ///
    /// # Errors
    /// Those of `op`, except `WouldBlock` and `Interrupted`; and if the runtime was shut down.
    #[inline]
    pub fn read_with<R>(&self, op: impl FnMut(&T) -> io::Result<R>) -> impl Future<Output = io::Result<R>> {
        self.run(Direction::Read, op)
    }

    /// Writes with `op`, waiting as long as it says `WouldBlock`.
    ///
    /// # Errors
    /// Those of `op`, except `WouldBlock` and `Interrupted`; and if the runtime was shut down.
    #[inline]
    pub fn write_with<R>(&self, op: impl FnMut(&T) -> io::Result<R>) -> impl Future<Output = io::Result<R>> {
        self.run(Direction::Write, op)
    }

    /// Reads with `op` if there may be something to read, without waiting.
    ///
    /// # Errors
    /// `WouldBlock` if there is nothing; otherwise those of `op`.
    pub fn try_read_with<R>(&self, op: impl FnOnce(&T) -> io::Result<R>) -> io::Result<R> {
        self.registration.try_io(Direction::Read, || op(self.get_ref()))
    }

    /// Writes with `op` if there may be room, without waiting.
    ///
    /// # Errors
    /// `WouldBlock` if there is none; otherwise those of `op`.
    pub fn try_write_with<R>(&self, op: impl FnOnce(&T) -> io::Result<R>) -> io::Result<R> {
        self.registration.try_io(Direction::Write, || op(self.get_ref()))
    }

    /// [`readable`](Async::readable) for poll functions, which share one place: the last caller is woken.
    pub fn poll_readable(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        fairness::poll_in_turn(cx, |cx| self.registration.poll_ready(Direction::Read, cx))
    }

    /// [`writable`](Async::writable) for poll functions, which share one place: the last caller is woken.
    pub fn poll_writable(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        fairness::poll_in_turn(cx, |cx| self.registration.poll_ready(Direction::Write, cx))
    }

    /// [`read_with`](Async::read_with) for poll functions, which share one place: the last caller is woken.
    pub fn poll_read_with<R>(
        &self,
        cx: &mut Context<'_>,
        mut op: impl FnMut(&T) -> io::Result<R>,
    ) -> Poll<io::Result<R>> {
        fairness::poll_in_turn(cx, |cx| self.registration.poll_io(Direction::Read, cx, || op(self.get_ref())))
    }

    /// The same by a waker that does something itself: it is not told to come back for others' sake.
    #[cfg(all(unix, feature = "signal"))]
    pub(crate) fn poll_read_at_once<R>(
        &self,
        cx: &mut Context<'_>,
        mut op: impl FnMut(&T) -> io::Result<R>,
    ) -> Poll<io::Result<R>> {
        self.registration.poll_io(Direction::Read, cx, || op(self.get_ref()))
    }

    /// [`write_with`](Async::write_with) for poll functions, which share one place: the last caller is woken.
    pub fn poll_write_with<R>(
        &self,
        cx: &mut Context<'_>,
        mut op: impl FnMut(&T) -> io::Result<R>,
    ) -> Poll<io::Result<R>> {
        fairness::poll_in_turn(cx, |cx| {
            self.registration.poll_io(Direction::Write, cx, || op(self.get_ref()))
        })
    }

    pub(crate) fn run<R>(
        &self,
        direction: Direction,
        mut op: impl FnMut(&T) -> io::Result<R>,
    ) -> impl Future<Output = io::Result<R>> {
        fairness::in_turn(self.registration.async_io(direction, move || op(self.get_ref())))
    }

    /// For a byte stream whose short transfers mean that the kernel's buffer is drained, or full.
    pub(crate) fn transfer(
        &self,
        direction: Direction,
        wanted: usize,
        mut op: impl FnMut(&T) -> io::Result<usize>,
    ) -> impl Future<Output = io::Result<usize>> {
        fairness::in_turn(self.registration.transfer(direction, wanted, move || op(self.get_ref())))
    }

    pub(crate) fn poll_transfer(
        &self,
        direction: Direction,
        cx: &mut Context<'_>,
        wanted: usize,
        mut op: impl FnMut(&T) -> io::Result<usize>,
    ) -> Poll<io::Result<usize>> {
        fairness::poll_in_turn(cx, |cx| {
            self.registration.poll_transfer(direction, cx, wanted, || op(self.get_ref()))
        })
    }

    pub(crate) fn reactor(&self) -> &Handle {
        self.registration.handle()
    }
}

impl<T: Source> Drop for Async<T> {
    fn drop(&mut self) {
        if let Some(mut source) = self.source.take() {
            // There is nobody to tell; closing the source is what remains, and that follows.
            let _ = self.end_reports(&mut source);
        }
    }
}

impl<T: Source + fmt::Debug> fmt::Debug for Async<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Async").field(self.get_ref()).finish()
    }
}

fn neither_direction() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, "an interest in reading or writing is needed")
}

#[cfg(unix)]
mod fd {
    use super::{Async, Source};
    use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};

    impl<T: Source + AsFd> AsFd for Async<T> {
        fn as_fd(&self) -> BorrowedFd<'_> {
            self.get_ref().as_fd()
        }
    }

    impl<T: Source + AsRawFd> AsRawFd for Async<T> {
        fn as_raw_fd(&self) -> RawFd {
            self.get_ref().as_raw_fd()
        }
    }
}
