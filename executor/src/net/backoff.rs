//! Keeping an accept loop from spinning when descriptors or memory run out.
//!
//! A connection that cannot be accepted for want of a descriptor, or of the kernel's memory, stays in the kernel's queue,
//! and the listener stays ready: a loop that logs the error and goes on would burn a core without getting anywhere. So
//! the error is returned at once, and the *next* accept waits a moment first. Other errors are about one connection, which
//! is gone with them: the next accept tries the next.
//!
//! Connections that were given up before they were accepted are passed over, a whole queue of them in one go. If there are still
//! more in a row, that is something that lasts (a security module or a filter refuses each one), and is treated as such.

use crate::io::Async;
use mio::event::Source;
use sideline_reactor::{Timer, name_descriptor_limit};
use std::future::poll_fn;
use std::io;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

const PAUSE: Duration = Duration::from_millis(20);

/// How many connections in a row are passed over without a pause: as many as our listeners have the kernel keep.
const PATIENCE: u32 = 1024;

#[derive(Debug, Default)]
pub(super) struct Backoff {
    // Relaxed throughout: a hint between calls, which orders nothing.
    /// Failures in a row that were passed over. At [`PATIENCE`] the next accept pauses, and then it begins anew.
    failures: AtomicU32,
    pause: Mutex<Pause>,
}

/// Both may be left from an earlier time, and over: then one pause is left out, and they are gone.
#[derive(Debug, Default)]
struct Pause {
    /// When it is over, as whoever came first has said: accepts that are given up meanwhile do not put it off.
    end: Option<Instant>,
    /// Of whoever polls to accept, while that waits. Nobody else ends it: it has their waker.
    timer: Option<Timer>,
}

impl Backoff {
    /// Accepts with `op`, after a pause if the last time there was no descriptor or no memory for it. Connections that were
    /// given up by their peers before they were accepted are passed over, with a pause if there is no end of them.
    pub(super) async fn accept<L: Source, R>(
        &self,
        listener: &Async<L>,
        mut op: impl FnMut(&L) -> io::Result<R>,
    ) -> io::Result<R> {
        loop {
            if self.is_to_pause(listener) {
                let mut timer = self.rest_of_pause(listener);
                poll_fn(|cx| timer.poll(cx)).await;
                self.end_pause();
            }
            if let Some(accepted) = self.judge(listener.read_with(&mut op).await) {
                return accepted;
            }
        }
    }

    /// The same for poll functions, which share one place: the last caller is woken.
    pub(super) fn poll_accept<L: Source, R>(
        &self,
        listener: &Async<L>,
        cx: &mut Context<'_>,
        mut op: impl FnMut(&L) -> io::Result<R>,
    ) -> Poll<io::Result<R>> {
        loop {
            if self.is_to_pause(listener) {
                // Out of its place meanwhile: a waker is foreign code, and not for under a lock.
                let waiting = self.pause().timer.take();
                let mut timer = waiting.unwrap_or_else(|| self.rest_of_pause(listener));
                if timer.poll(cx).is_pending() {
                    let another = self.pause().timer.replace(timer);
                    drop(another);
                    return Poll::Pending;
                }
                self.end_pause();
            }
            if let Some(accepted) = self.judge(ready!(listener.poll_read_with(cx, &mut op))) {
                return Poll::Ready(accepted);
            }
        }
    }

    /// Not where no pause would end: then the next try says why.
    #[inline]
    fn is_to_pause<L: Source>(&self, listener: &Async<L>) -> bool {
        self.failures.load(Ordering::Relaxed) >= PATIENCE && listener.reactor().ensure_open().is_ok()
    }

    #[inline]
    fn begin_anew(&self) {
        self.failures.store(0, Ordering::Relaxed);
    }

    /// What the caller gets; `None`: a connection was passed over.
    #[inline]
    fn judge<R>(&self, accepted: io::Result<R>) -> Option<io::Result<R>> {
        match accepted {
            Ok(accepted) => {
                self.begin_anew();
                Some(Ok(accepted))
            }
            Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => {
                self.failures.fetch_add(1, Ordering::Relaxed);
                None
            }
            Err(error) => Some(Err(self.note(error))),
        }
    }

    #[inline]
    fn pause(&self) -> MutexGuard<'_, Pause> {
        self.pause.lock().unwrap_or_else(PoisonError::into_inner)
    }

    #[inline]
    fn rest_of_pause<L: Source>(&self, listener: &Async<L>) -> Timer {
        let reactor = listener.reactor();
        let end = *self.pause().end.get_or_insert_with(|| reactor.clock().now() + PAUSE);
        Timer::new(reactor, end)
    }

    #[inline]
    fn end_pause(&self) {
        self.pause().end = None;
        self.begin_anew();
    }

    /// Remembers what will last for a while, and explains a lack of descriptors.
    #[inline]
    fn note(&self, error: io::Error) -> io::Error {
        let (number, no_memory) = (error.raw_os_error(), is_lack_of_memory(&error));
        let error = name_descriptor_limit(error);
        // The explanation replaces the number.
        if no_memory || error.raw_os_error() != number {
            self.failures.store(PATIENCE, Ordering::Relaxed);
        }
        error
    }
}

#[inline]
fn is_lack_of_memory(error: &io::Error) -> bool {
    #[cfg(unix)]
    let no_buffers = libc::ENOBUFS;
    #[cfg(windows)]
    let no_buffers = 10_055; // WSAENOBUFS
    error.kind() == io::ErrorKind::OutOfMemory || error.raw_os_error() == Some(no_buffers)
}

#[cfg(all(test, unix, not(loom)))]
mod tests {
    use super::*;
    use crate::time::{advance, now, timeout};
    use crate::{Runtime, spawn, task::yield_now};
    use std::cell::Cell;
    use std::rc::Rc;

    fn fail<R>(_: &mio::net::TcpListener) -> io::Result<R> {
        Err(io::Error::from_raw_os_error(libc::EMFILE))
    }

    /// Its pause was taken away, and with it who was to be woken.
    #[test]
    fn who_polls_is_woken_although_another_fails_meanwhile() {
        let runtime = Runtime::builder().paused_clock().build().unwrap();
        runtime.block_on(async {
            let socket = mio::net::TcpListener::bind("127.0.0.1:0".parse().unwrap()).unwrap();
            let shared = Rc::new((Backoff::default(), Async::new(socket).unwrap()));
            let (backoff, listener) = &*shared;
            assert!(backoff.accept(listener, fail::<()>).await.is_err());
            let another = spawn({
                let shared = Rc::clone(&shared);
                async move { shared.0.accept(&shared.1, fail::<()>).await.is_err() }
            });
            // That pauses by now, and will be done before the pause of this one is over.
            yield_now().await;
            advance(PAUSE / 2).await;
            let accepted = poll_fn(|cx| backoff.poll_accept(listener, cx, |_| Ok(())));
            timeout(3 * PAUSE, accepted).await.expect("nobody is woken").unwrap();
            assert!(another.await.unwrap());
        });
    }

    /// As in a `select!` in a loop, with something that is ready more often: each pause began anew.
    #[test]
    fn who_is_given_up_again_and_again_in_a_pause_accepts_after_it() {
        let runtime = Runtime::builder().paused_clock().build().unwrap();
        runtime.block_on(async {
            let socket = mio::net::TcpListener::bind("127.0.0.1:0".parse().unwrap()).unwrap();
            let (backoff, listener) = (Backoff::default(), Async::new(socket).unwrap());
            for _ in 0..3 {
                assert!(backoff.accept(&listener, fail::<()>).await.is_err());
                let start = now();
                while timeout(PAUSE / 3, backoff.accept(&listener, |_| Ok(()))).await.is_err() {
                    assert!(now() - start < PAUSE, "it never comes to accept");
                }
                assert_eq!(now() - start, PAUSE);
            }
        });
    }

    /// It tried again at once, for ever.
    #[test]
    fn who_only_meets_connections_given_up_pauses() {
        let runtime = Runtime::builder().paused_clock().build().unwrap();
        runtime.block_on(async {
            for polls in [false, true] {
                let socket = mio::net::TcpListener::bind("127.0.0.1:0".parse().unwrap()).unwrap();
                let shared = Rc::new((Backoff::default(), Async::new(socket).unwrap(), Cell::new(0)));
                let accepted = spawn({
                    let shared = Rc::clone(&shared);
                    async move {
                        let (backoff, listener, tries) = &*shared;
                        let op = |_: &_| {
                            tries.set(tries.get() + 1);
                            if tries.get() <= PATIENCE + 1 {
                                Err(io::ErrorKind::ConnectionAborted.into())
                            } else {
                                Ok(())
                            }
                        };
                        if polls {
                            poll_fn(|cx| backoff.poll_accept(listener, cx, op)).await
                        } else {
                            backoff.accept(listener, op).await
                        }
                    }
                });
                let go_on = async || {
                    for _ in 0..2 * PATIENCE {
                        yield_now().await;
                    }
                };
                go_on().await;
                assert_eq!(shared.2.get(), PATIENCE);
                advance(PAUSE).await;
                go_on().await;
                assert_eq!(shared.2.get(), PATIENCE + 2);
                accepted.await.unwrap().unwrap();
            }
        });
    }
}
