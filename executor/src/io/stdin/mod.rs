//! Standard input.
//!
//! What has been read from it and not been used yet belongs to the process, not to one [`Stdin`]: whoever reads next,
//! in whatever runtime, gets it. So a read that is given up, or a `Stdin` that is dropped, loses nothing.

mod buffer;
mod input;
#[cfg(target_os = "linux")]
mod polled;
mod thread;

use super::bytes::unexpected_end;
use crate::core::fairness;
use crate::runtime::context;
use buffer::Buffer;
use input::{Filled, Input, Place, Seen};
use std::fmt;
use std::future::poll_fn;
use std::io;
use std::task::{Context, Poll, ready};

/// The process's standard input, for the loop. It never holds up the end of the runtime or of the process.
///
/// On Linux the loop waits for a pipe, a terminal, another device or a socket. They are not made non-blocking, which
/// other processes that have them open would notice; a pipe or a device is opened once more instead. What the kernel
/// cannot wait for (a regular file), and everything on other systems, is read by a thread of its own, one for the
/// process, which nobody waits for. It starts with the first read and reads only when somebody asks.
///
/// It is not the standard library's [`stdin`](std::io::stdin): what one of them has read, the other does not see. A read
/// that has begun in the thread takes what comes next, even if it is given up; the next one here gets it.
///
/// # Errors
/// Outside a runtime.
///
/// # Example
/// ```no_run
/// sideline::block_on(async {
///     let mut stdin = sideline::io::stdin()?;
///     let mut name = String::new();
///     println!("What is your name?");
///     stdin.read_line(&mut name).await?;
///     println!("Hello, {}", name.trim_end());
///     std::io::Result::Ok(())
/// })
/// # .unwrap()
/// ```
pub fn stdin() -> io::Result<Stdin> {
    let reactor = context::reactor()?;
    #[cfg(target_os = "linux")]
    if let Some(input) = polled::open(&reactor) {
        return Ok(Stdin { source: Source::Polled(input), place: Place::new() });
    }
    let _ = reactor;
    Ok(Stdin { source: Source::Thread, place: Place::new() })
}

/// The process's standard input. From [`stdin`].
///
/// There may be several; what comes in goes to whichever of them asks first. Dropping one loses nothing: what it has read and
/// not given out is there for the next.
pub struct Stdin {
    source: Source,
    /// Among those who wait for what others read.
    place: Place,
}

enum Source {
    #[cfg(target_os = "linux")]
    Polled(polled::Polled),
    Thread,
}

impl Stdin {
    /// Reads at least one byte into `buf`. `Ok(0)` is the end (or the end of `buf`). Dropping the future loses nothing.
    ///
    /// # Errors
    /// What the kernel says; if the runtime was shut down; if the thread cannot be started.
    pub async fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let reading = Reading(self);
        poll_fn(|cx| reading.0.poll_read(cx, buf)).await
    }

    /// [`read`](Stdin::read) for poll functions: the last caller is woken.
    pub fn poll_read(&mut self, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        self.poll_take(cx, buf.len(), |input, ended| {
            let n = input.take(buf);
            (n > 0 || ended || buf.is_empty()).then_some(n)
        })
    }

    /// Fills `buf`. If the future is dropped before, the bytes it has read so far are lost.
    ///
    /// # Errors
    /// `UnexpectedEof` if the input ends before; otherwise as [`read`](Stdin::read).
    pub async fn read_exact(&mut self, mut buf: &mut [u8]) -> io::Result<()> {
        // By `read`, which gives up its place among those who wait. What other readers share only polls.
        while !buf.is_empty() {
            match self.read(buf).await? {
                0 => return Err(unexpected_end()),
                n => buf = &mut buf[n..],
            }
        }
        Ok(())
    }

    /// Appends everything up to the end to `buf`, and returns how much that was. If the future is dropped before, what
    /// it has read so far is in `buf`.
    ///
    /// # Errors
    /// As [`read`](Stdin::read).
    pub async fn read_to_end(&mut self, buf: &mut Vec<u8>) -> io::Result<usize> {
        let start = buf.len();
        let reading = Reading(self);
        poll_fn(|cx| {
            reading.0.poll_take(cx, LARGEST, |input, ended| {
                input.take_all(buf);
                ended.then_some(())
            })
        })
        .await?;
        Ok(buf.len() - start)
    }

    /// Appends the next line to `line`, with its end, and returns how many bytes that was: 0 at the end of the input.
    /// Dropping the future loses nothing.
    ///
    /// # Errors
    /// `InvalidData` if the line is not UTF-8; it is taken from the input all the same. Otherwise as
    /// [`read`](Stdin::read).
    pub async fn read_line(&mut self, line: &mut String) -> io::Result<usize> {
        let mut searched = 0;
        let reading = Reading(self);
        let bytes = poll_fn(|cx| {
            reading.0.poll_take(cx, CHUNK, |input, ended| {
                input.take_line(&mut searched).or_else(|| ended.then(|| input.take_rest()))
            })
        })
        .await?;
        let text =
            std::str::from_utf8(&bytes).map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
        line.push_str(text);
        Ok(bytes.len())
    }

    /// Offers what has been read to `take`, with whether the input has ended, and reads on until it has taken what it
    /// wants, which is about `wanted` bytes.
    fn poll_take<T>(
        &mut self,
        cx: &mut Context<'_>,
        wanted: usize,
        mut take: impl FnMut(&mut Buffer, bool) -> Option<T>,
    ) -> Poll<io::Result<T>> {
        let mut ended = false;
        let chunk = wanted.clamp(CHUNK, LARGEST);
        // What is in the buffer may be taken in very small pieces.
        fairness::poll_in_turn(cx, |cx| {
            loop {
                let (taken, seen) = Input::of_this_process().look(|buffer| take(buffer, ended));
                if let Some(taken) = taken {
                    self.place.leave();
                    return Poll::Ready(Ok(taken));
                }
                ended = matches!(ready!(self.poll_fill(cx, seen, chunk))?, Filled::End);
            }
        })
    }

    /// Ready when there may be more in the buffer than `seen`, whoever has read it. A reader takes `chunk` bytes at most.
    fn poll_fill(&mut self, cx: &mut Context<'_>, seen: Seen, chunk: usize) -> Poll<io::Result<Filled>> {
        match &mut self.source {
            #[cfg(target_os = "linux")]
            Source::Polled(input) => match input.poll_fill(cx, chunk) {
                Poll::Ready(filled) => Poll::Ready(filled),
                // Others may read what we are told of: the loop asks the kernel again before it says so.
                Poll::Pending => self.place.wait(cx, seen).map(|()| Ok(Filled::More)),
            },
            Source::Thread => match thread::poll_fill(chunk)? {
                Some(filled) => Poll::Ready(Ok(filled)),
                None => self.place.wait(cx, seen).map(|()| Ok(Filled::More)),
            },
        }
    }
}

/// A future that reads. When it is dropped nobody waits any more.
struct Reading<'a>(&'a mut Stdin);

impl Drop for Reading<'_> {
    fn drop(&mut self) {
        self.0.place.leave();
    }
}

impl fmt::Debug for Stdin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let source = match self.source {
            #[cfg(target_os = "linux")]
            Source::Polled(_) => "waited for by the loop",
            Source::Thread => "read by a thread",
        };
        write!(f, "Stdin({source})")
    }
}

/// How much is read at once at least: as much as the standard library does.
const CHUNK: usize = 8 * 1024;
/// How much is read at once at most, for readers that want as much: what a pipe holds. A reader that wants little must not take
/// all of it from a child that is to have the rest.
const LARGEST: usize = 64 * 1024;
