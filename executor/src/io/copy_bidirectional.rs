//! Between two streams of bytes, both ways at once.

use super::copy::Transfer;
use super::idle::Idle;
use super::stream_traits::{ReadBytes, WriteBytes};
use crate::core::fairness;
use std::fmt;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

/// Copies between two connections, both ways at once, until both have ended; returns how many bytes went from `a` to
/// `b`, and from `b` to `a`. When one ends, the other is shut down for writing, and the other direction goes on.
///
/// Peers may be silent for ever, unless an [`idle_timeout`](CopyBidirectional::idle_timeout) is set.
///
/// If the future is dropped before, what was read and not written yet is lost.
///
/// # Errors
/// Those of reading and writing, of either. Nothing more is copied then, in either direction.
/// [`copied`](CopyBidirectional::copied) says how much was.
///
/// # Example
/// ```no_run
/// use sideline::net::{TcpListener, TcpStream};
///
/// sideline::block_on(async {
///     let listener = TcpListener::bind("127.0.0.1:8080").await?;
///     loop {
///         let (mut client, _) = listener.accept().await?;
///         sideline::spawn(async move {
///             let mut server = TcpStream::connect("example.org:80").await?;
///             sideline::io::copy_bidirectional(&mut client, &mut server).await
///         }).detach();
///     }
///     # #[allow(unreachable_code)]
///     std::io::Result::Ok(())
/// })
/// # .unwrap()
/// ```
/// `executor/examples/tcp_proxy.rs` has limits and an end as well.
pub fn copy_bidirectional<'a, A, B>(a: &'a mut A, b: &'a mut B) -> CopyBidirectional<'a, A, B>
where
    A: ReadBytes + WriteBytes + ?Sized,
    B: ReadBytes + WriteBytes + ?Sized,
{
    let portion = a.portion().max(b.portion());
    CopyBidirectional {
        a,
        b,
        forth: Transfer::new(portion),
        back: Transfer::new(portion),
        idle: Idle::never(),
    }
}

/// The future of [`copy_bidirectional`].
#[must_use = "a future does nothing unless it is awaited"]
pub struct CopyBidirectional<'a, A: ?Sized, B: ?Sized> {
    a: &'a mut A,
    b: &'a mut B,
    forth: Transfer,
    back: Transfer,
    idle: Idle,
}

impl<A: ?Sized, B: ?Sized> CopyBidirectional<'_, A, B> {
    /// Gives up if for this long no byte was read or written, in neither direction: neither peer says anything, or who is to be
    /// told takes nothing. The time counts from the first poll. Default: never.
    ///
    /// The error is `TimedOut`. The streams are as they were; to drop them ends both connections.
    ///
    /// # Panics
    /// With a limit, the first poll panics outside a runtime.
    ///
    /// # Example
    /// ```
    /// use sideline::io::copy_bidirectional;
    /// use sideline::net::UnixStream;
    /// use std::time::Duration;
    ///
    /// # sideline::block_on(async {
    /// let ((client, mut near), (mut far, server)) = (UnixStream::pair()?, UnixStream::pair()?);
    /// client.write_all(b"anybody?").await?; // and nobody says anything after that
    /// let mut copying = copy_bidirectional(&mut near, &mut far).idle_timeout(Duration::from_millis(5));
    /// let error = (&mut copying).await.unwrap_err();
    /// assert_eq!(error.kind(), std::io::ErrorKind::TimedOut);
    /// assert_eq!(copying.copied(), (8, 0));
    /// # drop(server);
    /// # std::io::Result::Ok(())
    /// # })
    /// # .unwrap();
    /// ```
    pub fn idle_timeout(mut self, limit: Duration) -> Self {
        self.idle = Idle::after(limit);
        self
    }

    /// How many bytes were written to `b`, and to `a`, so far: for who awaits `&mut` of this, and has an error.
    pub fn copied(&self) -> (u64, u64) {
        (self.forth.total, self.back.total)
    }
}

impl<A, B> Future for CopyBidirectional<'_, A, B>
where
    A: ReadBytes + WriteBytes + ?Sized,
    B: ReadBytes + WriteBytes + ?Sized,
{
    type Output = io::Result<(u64, u64)>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Self { a, b, forth, back, idle } = &mut *self;
        let given_way = fairness::given_way();
        let is_over = forth.poll_to_shutdown(cx, *a, *b)?.is_ready();
        if back.poll_to_shutdown(cx, *b, *a)?.is_ready() && is_over {
            return Poll::Ready(Ok((forth.total, back.total)));
        }
        idle.poll(cx, forth.moved() + back.moved(), given_way).map(Err)
    }
}

impl<A: ?Sized, B: ?Sized> fmt::Debug for CopyBidirectional<'_, A, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CopyBidirectional").field("copied", &self.copied()).finish_non_exhaustive()
    }
}
