//! Reading and writing bytes: the same methods for sockets and pipes.

use super::ReadBytes;
use std::future::poll_fn;
use std::io::{self, IoSlice, IoSliceMut};

#[inline]
pub(crate) fn unexpected_end() -> io::Error {
    io::Error::new(io::ErrorKind::UnexpectedEof, "the stream ended before the buffer was full")
}

#[inline]
pub(crate) fn write_zero() -> io::Error {
    io::Error::new(io::ErrorKind::WriteZero, "the stream takes no more bytes")
}

/// Fills `buf` from `reader`, which keeps nothing for whoever gives up.
pub(crate) async fn read_exact<R: ReadBytes>(reader: &mut R, mut buf: &mut [u8]) -> io::Result<()> {
    while !buf.is_empty() {
        match poll_fn(|cx| reader.poll_read(cx, buf)).await? {
            0 => return Err(unexpected_end()),
            n => buf = &mut buf[n..],
        }
    }
    Ok(())
}

/// A connection that the peer has reset needs no closing: those who close what they have used do not take it for a
/// failure of theirs.
#[inline]
pub(crate) fn closed(shutdown: io::Result<()>) -> io::Result<()> {
    match shutdown {
        Err(error) if error.kind() == io::ErrorKind::NotConnected => Ok(()),
        result => result,
    }
}

/// How many bytes a transfer by way of `bufs` moves at most in one call: the kernel looks at the first [`MOST`] only.
#[inline]
pub(crate) fn total(bufs: &[IoSlice<'_>]) -> usize {
    bufs.iter().take(MOST).map(|buf| buf.len()).sum()
}

/// As [`total`].
#[inline]
pub(crate) fn total_mut(bufs: &[IoSliceMut<'_>]) -> usize {
    bufs.iter().take(MOST).map(|buf| buf.len()).sum()
}

/// What the standard library gives the kernel at once. More would be an error for `writev(2)`; so it leaves the others
/// out, and that they were not moved says nothing about the connection.
const MOST: usize = if cfg!(any(target_os = "solaris", target_os = "illumos")) { 16 } else { 1024 };

/// Writes what is in `bufs` by one system call.
///
/// One alone, as what a TLS stream writes mostly is, goes the way of `write`: `sendmsg(2)` takes longer for the same bytes.
/// Small buffers are joined first. For the head and the body of a short HTTP response over TCP, `writev(2)` takes 2.46 µs where
/// `send(2)` takes 2.26 µs with the bytes of both; next to that copying them is nothing.
#[inline]
pub(crate) fn write_vectored<S>(
    stream: &S,
    write: impl FnOnce(&S, &[u8]) -> io::Result<usize>,
    write_several: impl FnOnce(&S, &[IoSlice<'_>]) -> io::Result<usize>,
    bufs: &[IoSlice<'_>],
) -> io::Result<usize> {
    if let [alone] = bufs {
        return write(stream, alone);
    }
    let bufs = &bufs[..bufs.len().min(MOST)];
    let total = total(bufs);
    if total <= SHORT {
        write_joined::<S, SHORT>(stream, write, bufs)
    } else if total <= JOINED {
        write_joined::<S, JOINED>(stream, write, bufs)
    } else {
        write_several(stream, bufs)
    }
}

/// `bufs` have at most `N` bytes together.
#[inline]
fn write_joined<S, const N: usize>(
    stream: &S,
    write: impl FnOnce(&S, &[u8]) -> io::Result<usize>,
    bufs: &[IoSlice<'_>],
) -> io::Result<usize> {
    let mut joined = [0; N];
    let mut len = 0;
    for buf in bufs {
        joined[len..][..buf.len()].copy_from_slice(buf);
        len += buf.len();
    }
    write(stream, &joined[..len])
}

/// Up to how many bytes that pays, with a wide margin.
const JOINED: usize = 1024;
/// What the head of a response and a few words take. Room for more would have to be filled with zeros, each time.
const SHORT: usize = 256;

/// The methods that read, for a type whose first field is an `Async` of something that is `Read` by reference. `$read` is the
/// call that reads into one buffer, `$append` the one of [`read_to_end`](super::read_to_end).
/// `$wanted(n)` is what an operation on `n` bytes reports as wanted: `n` where moving fewer proves the kernel's buffer
/// drained, 0 where it does not.
///
/// What waits for one thing returns the future of that. An `async fn` around it would be one more, which keeps the arguments
/// twice and has to be compiled, for each method of each type.
macro_rules! byte_reader {
    ($reader:ident, $read:path, $append:path, $wanted:expr) => {
        impl $reader {
            /// Reads at least one byte into `buf`. `Ok(0)` is the end of the stream, or of `buf`: into an empty one a socket reads when
            /// there is something to be read, as a blocking one does.
            ///
            /// # Errors
            /// What the kernel says of the connection; if the runtime was shut down.
            #[inline]
            pub fn read(&self, buf: &mut [u8]) -> impl std::future::Future<Output = std::io::Result<usize>> {
                let wanted = $wanted(buf.len());
                self.0.transfer(sideline_reactor::Direction::Read, wanted, move |stream| $read(stream, buf))
            }

            /// As [`read`](Self::read), into several buffers in order.
            ///
            /// # Errors
            /// As [`read`](Self::read).
            #[inline]
            pub fn read_vectored(
                &self,
                bufs: &mut [std::io::IoSliceMut<'_>],
            ) -> impl std::future::Future<Output = std::io::Result<usize>> {
                let wanted = $wanted($crate::io::bytes::total_mut(bufs));
                self.0.transfer(sideline_reactor::Direction::Read, wanted, move |mut stream| {
                    std::io::Read::read_vectored(&mut stream, bufs)
                })
            }

            /// Fills `buf`. If the future is dropped before, the bytes it has read so far are lost.
            ///
            /// # Errors
            /// `UnexpectedEof` if the stream ends before; otherwise as [`read`](Self::read).
            pub async fn read_exact(&self, buf: &mut [u8]) -> std::io::Result<()> {
                let mut filled = 0;
                while filled < buf.len() {
                    match self.read(&mut buf[filled..]).await? {
                        0 => return Err($crate::io::bytes::unexpected_end()),
                        n => filled += n,
                    }
                }
                Ok(())
            }

            /// Appends everything up to the end of the stream to `buf`, and returns how much that was. If the future
            /// is dropped before, what it has read so far is in `buf`.
            ///
            /// # Errors
            /// `OutOfMemory` if there is none for it; otherwise as [`read`](Self::read).
            #[inline]
            pub fn read_to_end(
                &self,
                buf: &mut Vec<u8>,
            ) -> impl std::future::Future<Output = std::io::Result<usize>> {
                $crate::io::read_to_end::read_to_end(&self.0, $append, $wanted, buf)
            }

            /// Reads what is there, without waiting.
            ///
            /// # Errors
            /// `WouldBlock` if there is nothing; otherwise as [`read`](Self::read).
            #[inline]
            pub fn try_read(&self, buf: &mut [u8]) -> std::io::Result<usize> {
                self.0.try_read_with(|stream| $read(stream, buf))
            }

            /// [`read`](Self::read) for poll functions: the last caller is woken.
            #[inline]
            pub fn poll_read(
                &self,
                cx: &mut std::task::Context<'_>,
                buf: &mut [u8],
            ) -> std::task::Poll<std::io::Result<usize>> {
                let wanted = $wanted(buf.len());
                self.0
                    .poll_transfer(sideline_reactor::Direction::Read, cx, wanted, |stream| $read(stream, buf))
            }

            /// [`read_vectored`](Self::read_vectored) for poll functions: the last caller is woken.
            #[inline]
            pub fn poll_read_vectored(
                &self,
                cx: &mut std::task::Context<'_>,
                bufs: &mut [std::io::IoSliceMut<'_>],
            ) -> std::task::Poll<std::io::Result<usize>> {
                let wanted = $wanted($crate::io::bytes::total_mut(bufs));
                self.0.poll_transfer(sideline_reactor::Direction::Read, cx, wanted, |mut stream| {
                    std::io::Read::read_vectored(&mut stream, bufs)
                })
            }
        }
    };
}

pub(crate) use byte_reader;

/// The methods that write, one buffer by `$write` and several by `$write_several`; see [`byte_reader`].
macro_rules! byte_writer {
    ($writer:ident, $write:path, $write_several:path, $wanted:expr) => {
        impl $writer {
            /// Writes at least one byte of `buf` and returns how many. They are then the kernel's to deliver.
            ///
            /// # Errors
            /// What the kernel says of the connection; if the runtime was shut down.
            #[inline]
            pub fn write(&self, buf: &[u8]) -> impl std::future::Future<Output = std::io::Result<usize>> {
                let wanted = $wanted(buf.len());
                self.0.transfer(sideline_reactor::Direction::Write, wanted, move |stream| $write(stream, buf))
            }

            /// As [`write`](Self::write), from several buffers in order.
            ///
            /// # Errors
            /// As [`write`](Self::write).
            #[inline]
            pub fn write_vectored(
                &self,
                bufs: &[std::io::IoSlice<'_>],
            ) -> impl std::future::Future<Output = std::io::Result<usize>> {
                let wanted = $wanted($crate::io::bytes::total(bufs));
                self.0.transfer(sideline_reactor::Direction::Write, wanted, move |stream| {
                    $crate::io::bytes::write_vectored(stream, $write, $write_several, bufs)
                })
            }

            /// Writes all of `buf`. If the future is dropped before, some of it may have been written.
            ///
            /// # Errors
            /// As [`write`](Self::write).
            pub async fn write_all(&self, mut buf: &[u8]) -> std::io::Result<()> {
                while !buf.is_empty() {
                    match self.write(buf).await? {
                        0 => return Err($crate::io::bytes::write_zero()),
                        n => buf = &buf[n..],
                    }
                }
                Ok(())
            }

            /// Writes what there is room for, without waiting.
            ///
            /// # Errors
            /// `WouldBlock` if there is none; otherwise as [`write`](Self::write).
            #[inline]
            pub fn try_write(&self, buf: &[u8]) -> std::io::Result<usize> {
                self.0.try_write_with(|stream| $write(stream, buf))
            }

            /// [`write`](Self::write) for poll functions: the last caller is woken.
            #[inline]
            pub fn poll_write(
                &self,
                cx: &mut std::task::Context<'_>,
                buf: &[u8],
            ) -> std::task::Poll<std::io::Result<usize>> {
                let wanted = $wanted(buf.len());
                self.0.poll_transfer(sideline_reactor::Direction::Write, cx, wanted, |stream| {
                    $write(stream, buf)
                })
            }

            /// [`write_vectored`](Self::write_vectored) for poll functions: the last caller is woken.
            #[inline]
            pub fn poll_write_vectored(
                &self,
                cx: &mut std::task::Context<'_>,
                bufs: &[std::io::IoSlice<'_>],
            ) -> std::task::Poll<std::io::Result<usize>> {
                let wanted = $wanted($crate::io::bytes::total(bufs));
                self.0.poll_transfer(sideline_reactor::Direction::Write, cx, wanted, |stream| {
                    $crate::io::bytes::write_vectored(stream, $write, $write_several, bufs)
                })
            }
        }
    };
}

pub(crate) use byte_writer;

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    /// What is written at once, or `None` if it takes several buffers.
    fn written(bufs: &[&[u8]]) -> Option<Vec<u8>> {
        let bufs: Vec<_> = bufs.iter().map(|buf| IoSlice::new(buf)).collect();
        let mut at_once = None;
        let write = |_: &(), buf: &[u8]| {
            at_once = Some(buf.to_vec());
            Ok(buf.len())
        };
        let several = |_: &(), bufs: &[IoSlice<'_>]| Ok(total(bufs));
        assert_eq!(write_vectored(&(), write, several, &bufs).unwrap(), total(&bufs));
        at_once
    }

    #[test]
    fn a_buffer_alone_and_short_ones_together_are_written_at_once() {
        let long = [7; JOINED + 1];
        assert_eq!(written(&[&long]).unwrap(), long);
        assert_eq!(written(&[]).unwrap(), []);
        assert_eq!(written(&[b"head", b"", b"body"]).unwrap(), b"headbody");
        assert_eq!(written(&[&long[..JOINED], b""]).unwrap(), long[..JOINED]);
        assert_eq!(written(&[&long[..JOINED], b"!"]), None);
    }
}
