//! One connection as two values: one reads, the other writes. What becomes of a connection that two of them own is in
//! `owned`.
//!
//! A stream can be shared as it is, since its methods take `&self`. Halves are for code that wants each direction to
//! have one owner: their methods take `&mut self`. Each waits in the stream's one place for poll functions of its
//! direction, which is why there may be one half of a kind only.

use crate::io::bytes::{self, write_zero};
use std::fmt;
use std::future::{Future, poll_fn};
use std::io::{self, IoSlice, IoSliceMut};
use std::net::Shutdown;
use std::task::{Context, Poll};

mod owned;

pub(super) use owned::into_split;
pub use owned::{OwnedReadHalf, OwnedWriteHalf, ReuniteError};

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
    #[doc(hidden)]
    fn is_parents(&self) -> bool;
}

/// Reads from a borrowed stream. From `split`.
#[derive(Debug)]
pub struct ReadHalf<'a, S>(pub(super) &'a S);

/// Writes to a borrowed stream. From `split`. Dropping it changes nothing for the connection.
#[derive(Debug)]
pub struct WriteHalf<'a, S>(pub(super) &'a S);

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
            #[inline]
            pub fn read_exact(&mut self, buf: &mut [u8]) -> impl Future<Output = io::Result<()>> {
                bytes::read_exact(self, buf)
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

            #[inline]
            fn is_parents(&self) -> bool {
                self.as_async().is_parents()
            }
        }
    };
}

pub(super) use halves;
