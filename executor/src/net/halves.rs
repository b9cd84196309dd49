//! One connection as two values: one reads, the other writes.
//!
//! A stream can be shared as it is, since its methods take `&self`. Halves are for code that wants each direction to
//! have one owner: their methods take `&mut self`. Each waits in the stream's one place for poll functions of its
//! direction, which is why there may be one half of a kind only.

use crate::io::bytes::{unexpected_end, write_zero};
use std::error::Error;
use std::fmt;
use std::future::{Future, poll_fn};
use std::io::{self, IoSlice, IoSliceMut};
use std::net::Shutdown;
use std::sync::Arc;
use std::task::{Context, Poll};

/// A connection that has halves. Out of reach, so that it can change.
pub trait Stream: fmt::Debug {
    #[doc(hidden)]
    fn poll_read(&self, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>>;
    #[doc(hidden)]
    fn poll_read_vectored(
        &self,
        cx: &mut Context<'_>,
        bufs: &mut [IoSliceMut<'_>],
    ) -> Poll<io::Result<usize>>;
    #[doc(hidden)]
    fn read_to_end(&self, buf: &mut Vec<u8>) -> impl Future<Output = io::Result<usize>>;
    #[doc(hidden)]
    fn poll_write(&self, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>>;
    #[doc(hidden)]
    fn poll_write_vectored(&self, cx: &mut Context<'_>, bufs: &[IoSlice<'_>]) -> Poll<io::Result<usize>>;
    #[doc(hidden)]
    fn shutdown(&self, how: Shutdown) -> io::Result<()>;
}

/// Reads from a borrowed stream. From `split`.
#[derive(Debug)]
pub struct ReadHalf<'a, S>(pub(super) &'a S);

/// Writes to a borrowed stream. From `split`. Dropping it changes nothing for the connection.
#[derive(Debug)]
pub struct WriteHalf<'a, S>(pub(super) &'a S);

/// Reads from a stream that two halves share. From `into_split`. The connection is closed when both are dropped.
#[derive(Debug)]
pub struct OwnedReadHalf<S>(Arc<S>);

/// Writes to a stream that two halves share. From `into_split`.
///
/// **Dropping it shuts the connection down for writing**, so that the peer reads the end of the stream; see
/// [`forget`](OwnedWriteHalf::forget).
///
/// ```
/// use sideline::net::UnixStream;
///
/// sideline::block_on(async {
///     let (near, far) = UnixStream::pair()?;
///     let (mut reader, mut writer) = near.into_split();
///     let writing = sideline::spawn(async move { writer.write_all(b"question").await }); // and drops it
///     let mut question = Vec::new();
///     far.read_to_end(&mut question).await?;
///     far.write_all(&question).await?;
///     drop(far);
///     let mut answer = Vec::new();
///     reader.read_to_end(&mut answer).await?;
///     assert_eq!(answer, b"question");
///     writing.await.unwrap()
/// })
/// # .unwrap()
/// ```
#[derive(Debug)]
pub struct OwnedWriteHalf<S: Stream> {
    stream: Arc<S>,
    shuts_down: bool,
}

pub(super) fn into_split<S: Stream>(stream: S) -> (OwnedReadHalf<S>, OwnedWriteHalf<S>) {
    let stream = Arc::new(stream);
    (OwnedReadHalf(Arc::clone(&stream)), OwnedWriteHalf { stream, shuts_down: true })
}

macro_rules! reads {
    ([$($generics:tt)*] $half:ty) => {
        impl<$($generics)*> $half {
            /// Reads at least one byte into `buf`. `Ok(0)` is the end of the stream (or of `buf`).
            ///
            /// # Errors
            /// What the kernel says of the connection; if the runtime was shut down.
            #[inline]
            pub fn read(&mut self, buf: &mut [u8]) -> impl Future<Output = io::Result<usize>> {
                poll_fn(move |cx| self.as_ref().poll_read(cx, buf))
            }

            /// As [`read`](Self::read), into several buffers in order.
            ///
            /// # Errors
            /// As [`read`](Self::read).
            #[inline]
            pub fn read_vectored(&mut self, bufs: &mut [IoSliceMut<'_>]) -> impl Future<Output = io::Result<usize>> {
                poll_fn(move |cx| self.as_ref().poll_read_vectored(cx, bufs))
            }

            /// Fills `buf`. If the future is dropped before, the bytes it has read so far are lost.
            ///
            /// # Errors
            /// `UnexpectedEof` if the stream ends before; otherwise as [`read`](Self::read).
            pub async fn read_exact(&mut self, mut buf: &mut [u8]) -> io::Result<()> {
                while !buf.is_empty() {
                    match self.read(buf).await? {
                        0 => return Err(unexpected_end()),
                        n => buf = &mut buf[n..],
                    }
                }
                Ok(())
            }

            /// Appends everything up to the end of the stream to `buf`, and returns how much that was. If the future
            /// is dropped before, what it has read so far is in `buf`.
            ///
            /// # Errors
            /// As [`read`](Self::read).
            #[inline]
            pub fn read_to_end(&mut self, buf: &mut Vec<u8>) -> impl Future<Output = io::Result<usize>> {
                (*self).as_ref().read_to_end(buf)
            }

            /// [`read`](Self::read) for poll functions.
            pub fn poll_read(&mut self, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
                self.as_ref().poll_read(cx, buf)
            }
        }
    };
}

reads!(['a, S: Stream] ReadHalf<'a, S>);
reads!([S: Stream] OwnedReadHalf<S>);

macro_rules! writes {
    ([$($generics:tt)*] $half:ty) => {
        impl<$($generics)*> $half {
            /// Writes at least one byte of `buf` and returns how many. They are then the kernel's to deliver.
            ///
            /// # Errors
            /// What the kernel says of the connection; if the runtime was shut down.
            #[inline]
            pub fn write(&mut self, buf: &[u8]) -> impl Future<Output = io::Result<usize>> {
                poll_fn(move |cx| self.as_ref().poll_write(cx, buf))
            }

            /// As [`write`](Self::write), from several buffers in order.
            ///
            /// # Errors
            /// As [`write`](Self::write).
            #[inline]
            pub fn write_vectored(&mut self, bufs: &[IoSlice<'_>]) -> impl Future<Output = io::Result<usize>> {
                poll_fn(move |cx| self.as_ref().poll_write_vectored(cx, bufs))
            }

            /// Writes all of `buf`. If the future is dropped before, some of it may have been written.
            ///
            /// # Errors
            /// As [`write`](Self::write).
            pub async fn write_all(&mut self, mut buf: &[u8]) -> io::Result<()> {
                while !buf.is_empty() {
                    match self.write(buf).await? {
                        0 => return Err(write_zero()),
                        n => buf = &buf[n..],
                    }
                }
                Ok(())
            }

            /// [`write`](Self::write) for poll functions.
            pub fn poll_write(&mut self, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
                self.as_ref().poll_write(cx, buf)
            }

            /// Ends writing: the peer reads the end of the stream after the last byte that was written.
            ///
            /// # Errors
            /// What the kernel says, such as that there is no connection any more.
            pub fn shutdown(&mut self) -> io::Result<()> {
                self.as_ref().shutdown(Shutdown::Write)
            }
        }
    };
}

writes!(['a, S: Stream] WriteHalf<'a, S>);
writes!([S: Stream] OwnedWriteHalf<S>);

impl<S: Stream> OwnedReadHalf<S> {
    /// The stream again, from both halves.
    ///
    /// # Errors
    /// If they are not of the same stream: both come back.
    pub fn reunite(self, other: OwnedWriteHalf<S>) -> Result<S, ReuniteError<S>> {
        other.reunite(self)
    }
}

impl<S: Stream> OwnedWriteHalf<S> {
    /// The stream again, from both halves.
    ///
    /// # Errors
    /// If they are not of the same stream: both come back.
    pub fn reunite(self, other: OwnedReadHalf<S>) -> Result<S, ReuniteError<S>> {
        if !Arc::ptr_eq(&self.stream, &other.0) {
            return Err(ReuniteError { read: other, write: self });
        }
        self.forget();
        Ok(Arc::into_inner(other.0).expect("the halves are the only two references, and the other is gone"))
    }

    /// Drops this half without shutting the connection down: the other one can go on waiting for the peer to end it.
    pub fn forget(mut self) {
        self.shuts_down = false;
    }
}

impl<S: Stream> Drop for OwnedWriteHalf<S> {
    fn drop(&mut self) {
        if self.shuts_down {
            // The connection may be gone already, and there is nobody to tell.
            let _ = self.stream.shutdown(Shutdown::Write);
        }
    }
}

/// The whole stream: its addresses and options.
impl<S> AsRef<S> for ReadHalf<'_, S> {
    fn as_ref(&self) -> &S {
        self.0
    }
}

/// The whole stream: its addresses and options.
impl<S> AsRef<S> for WriteHalf<'_, S> {
    fn as_ref(&self) -> &S {
        self.0
    }
}

/// The whole stream: its addresses and options.
impl<S> AsRef<S> for OwnedReadHalf<S> {
    fn as_ref(&self) -> &S {
        &self.0
    }
}

/// The whole stream: its addresses and options.
impl<S: Stream> AsRef<S> for OwnedWriteHalf<S> {
    fn as_ref(&self) -> &S {
        &self.stream
    }
}

/// Two halves that do not belong together, given back.
#[derive(Debug)]
pub struct ReuniteError<S: Stream> {
    /// The half that reads from one stream.
    pub read: OwnedReadHalf<S>,
    /// The half that writes to another.
    pub write: OwnedWriteHalf<S>,
}

impl<S: Stream> fmt::Display for ReuniteError<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the halves are of different streams")
    }
}

impl<S: Stream> Error for ReuniteError<S> {}

/// `split` and `into_split` for a stream with the methods of `byte_stream!`.
macro_rules! halves {
    ($stream:ident) => {
        impl $stream {
            /// Lends the stream as two values, each with one direction. See
            /// [`into_split`](Self::into_split) for halves that can go to different tasks.
            ///
            /// It needs `&mut` so that there is only one half of a kind at a time.
            #[inline]
            pub fn split(&mut self) -> (halves::ReadHalf<'_, Self>, halves::WriteHalf<'_, Self>) {
                (halves::ReadHalf(self), halves::WriteHalf(self))
            }

            /// Makes two values of the stream, each with one direction.
            ///
            /// Dropping the half that writes shuts the connection down for writing. `reunite` gives the stream back.
            #[inline]
            pub fn into_split(self) -> (halves::OwnedReadHalf<Self>, halves::OwnedWriteHalf<Self>) {
                halves::into_split(self)
            }
        }

        impl halves::Stream for $stream {
            #[inline]
            fn poll_read(&self, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
                self.poll_read(cx, buf)
            }

            #[inline]
            fn poll_read_vectored(
                &self,
                cx: &mut Context<'_>,
                bufs: &mut [IoSliceMut<'_>],
            ) -> Poll<io::Result<usize>> {
                self.poll_read_vectored(cx, bufs)
            }

            #[inline]
            fn read_to_end(&self, buf: &mut Vec<u8>) -> impl Future<Output = io::Result<usize>> {
                self.read_to_end(buf)
            }

            #[inline]
            fn poll_write(&self, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
                self.poll_write(cx, buf)
            }

            #[inline]
            fn poll_write_vectored(
                &self,
                cx: &mut Context<'_>,
                bufs: &[IoSlice<'_>],
            ) -> Poll<io::Result<usize>> {
                self.poll_write_vectored(cx, bufs)
            }

            #[inline]
            fn shutdown(&self, how: Shutdown) -> io::Result<()> {
                self.shutdown(how)
            }
        }
    };
}

pub(super) use halves;
