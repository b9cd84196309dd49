//! From one stream of bytes to another.

use super::bytes::write_zero;
use super::stream_traits::{ReadBytes, WriteBytes};
use std::future::poll_fn;
use std::io;
use std::task::{Context, Poll, ready};

/// Copies everything up to the end of `reader` to `writer`, and returns how many bytes that was. `writer` stays open.
///
/// It moves at most 16 KiB at a time, to standard output 64 KiB, and 256 KiB if one of the two is a file. If the future is
/// dropped before it is ready, what has been read and not written yet is lost.
///
/// # Errors
/// Those of reading and writing.
///
/// # Example
/// ```no_run
/// use sideline::fs::File;
/// use sideline::net::TcpStream;
///
/// sideline::block_on(async {
///     let mut file = File::open("movie").await?;
///     let mut stream = TcpStream::connect("example.org:80").await?;
///     let sent = sideline::io::copy(&mut file, &mut stream).await?;
///     println!("{sent} bytes");
///     std::io::Result::Ok(())
/// })
/// # .unwrap()
/// ```
pub async fn copy<R, W>(reader: &mut R, writer: &mut W) -> io::Result<u64>
where
    R: ReadBytes + ?Sized,
    W: WriteBytes + ?Sized,
{
    let mut transfer = Transfer::new(reader.portion().max(writer.portion()));
    poll_fn(|cx| {
        ready!(transfer.poll(cx, reader, writer))?;
        writer.poll_flush(cx)
    })
    .await?;
    Ok(transfer.total)
}

/// One direction.
pub(super) struct Transfer {
    buffer: Box<[u8]>,
    /// What was read and not written yet.
    rest: std::ops::Range<usize>,
    pub(super) total: u64,
    state: State,
}

#[derive(PartialEq)]
enum State {
    Copying,
    Ended,
    ShutDown,
}

impl Transfer {
    #[inline]
    pub(super) fn new(portion: usize) -> Transfer {
        Transfer { buffer: vec![0; portion].into(), rest: 0..0, total: 0, state: State::Copying }
    }

    /// Ready when the reader has ended and all is written.
    fn poll<R, W>(&mut self, cx: &mut Context<'_>, reader: &mut R, writer: &mut W) -> Poll<io::Result<()>>
    where
        R: ReadBytes + ?Sized,
        W: WriteBytes + ?Sized,
    {
        while self.state == State::Copying {
            if self.rest.is_empty() {
                let n = ready!(reader.poll_read(cx, &mut self.buffer))?;
                self.rest = 0..n;
                if n == 0 {
                    self.state = State::Ended;
                }
            } else {
                let n = ready!(writer.poll_write(cx, &self.buffer[self.rest.clone()]))?;
                if n == 0 {
                    return Poll::Ready(Err(write_zero()));
                }
                self.rest.start += n;
                self.total += n as u64;
            }
        }
        Poll::Ready(Ok(()))
    }

    /// How many bytes were read and written: it grows whenever something moves.
    #[inline]
    pub(super) fn moved(&self) -> u64 {
        2 * self.total + self.rest.len() as u64
    }

    /// [`poll`](Transfer::poll), and then ends writing.
    pub(super) fn poll_to_shutdown<R, W>(
        &mut self,
        cx: &mut Context<'_>,
        reader: &mut R,
        writer: &mut W,
    ) -> Poll<io::Result<()>>
    where
        R: ReadBytes + ?Sized,
        W: WriteBytes + ?Sized,
    {
        ready!(self.poll(cx, reader, writer))?;
        if self.state == State::Ended {
            ready!(writer.poll_shutdown(cx))?;
            self.state = State::ShutDown;
        }
        Poll::Ready(Ok(()))
    }
}
