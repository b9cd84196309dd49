//! Any source that reads and writes through `&T` is a stream of bytes.

use super::Async;
use super::stream_traits::{ReadBytes, Sealed, WriteBytes};
use mio::event::Source;
use std::io::{self, Read, Write};
use std::task::{Context, Poll};

impl<T: Source> Sealed for &Async<T> {}

impl<T: Source> ReadBytes for &Async<T>
where
    for<'a> &'a T: Read,
{
    fn poll_read(&mut self, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        self.poll_read_with(cx, |mut source| source.read(buf))
    }
}

/// It does not shut down, which a source in general cannot: the end of writing is its drop.
impl<T: Source> WriteBytes for &Async<T>
where
    for<'a> &'a T: Write,
{
    fn poll_write(&mut self, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.poll_write_with(cx, |mut source| source.write(buf))
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_write_with(cx, |mut source| source.flush())
    }
}

impl<T: Source> Sealed for Async<T> {}

impl<T: Source> ReadBytes for Async<T>
where
    for<'a> &'a T: Read,
{
    fn poll_read(&mut self, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        (&*self).poll_read(cx, buf)
    }
}

/// As by reference.
impl<T: Source> WriteBytes for Async<T>
where
    for<'a> &'a T: Write,
{
    fn poll_write(&mut self, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        (&*self).poll_write(cx, buf)
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        (&*self).poll_flush(cx)
    }
}
