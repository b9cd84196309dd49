//! Standard input.
//!
//! What has been read from it and not been used yet belongs to the process, not to one [`Stdin`]: whoever reads next,
//! in whatever runtime, gets it. So a read that is given up, or a `Stdin` that is dropped, loses nothing.

#[cfg(target_os = "linux")]
mod polled;
mod thread;

use super::bytes::unexpected_end;
use crate::context;
use parking_lot::Mutex;
use std::fmt;
use std::future::poll_fn;
use std::io;
use std::task::{Context, Poll, ready};

/// The process's standard input, for the loop. It never holds up the end of the runtime or of the process.
///
/// On Linux the loop waits for a pipe, a terminal, another device or a socket. They are not made non-blocking, which
/// other processes that have them open would notice; a pipe or a device is opened once more instead. What the kernel cannot wait for (a regular file), and everything on
/// other systems, is read by a thread of its own, one for the process, which nobody waits for. It starts with the first
/// read and reads only when somebody asks.
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
        return Ok(Stdin(Source::Polled(input)));
    }
    let _ = reactor;
    Ok(Stdin(Source::Thread))
}

/// The process's standard input. From [`stdin`].
pub struct Stdin(Source);

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
        poll_fn(|cx| self.poll_read(cx, buf)).await
    }

    /// [`read`](Stdin::read) for poll functions.
    pub fn poll_read(&mut self, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        while !buf.is_empty() {
            let n = BUFFER.lock().take(buf);
            if n > 0 {
                return Poll::Ready(Ok(n));
            }
            if ready!(self.poll_fill(cx))? == 0 {
                break;
            }
        }
        Poll::Ready(Ok(0))
    }

    /// Fills `buf`. If the future is dropped before, the bytes it has read so far are lost.
    ///
    /// # Errors
    /// `UnexpectedEof` if the input ends before; otherwise as [`read`](Stdin::read).
    pub async fn read_exact(&mut self, mut buf: &mut [u8]) -> io::Result<()> {
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
        loop {
            BUFFER.lock().take_all(buf);
            if poll_fn(|cx| self.poll_fill(cx)).await? == 0 {
                return Ok(buf.len() - start);
            }
        }
    }

    /// Appends the next line to `line`, with its end, and returns how many bytes that was: 0 at the end of the input.
    /// Dropping the future loses nothing.
    ///
    /// # Errors
    /// `InvalidData` if the line is not UTF-8; it is taken from the input all the same. Otherwise as
    /// [`read`](Stdin::read).
    pub async fn read_line(&mut self, line: &mut String) -> io::Result<usize> {
        let mut searched = 0;
        let bytes = loop {
            if let Some(bytes) = BUFFER.lock().take_line(&mut searched) {
                break bytes;
            }
            if poll_fn(|cx| self.poll_fill(cx)).await? == 0 {
                let mut rest = Vec::new();
                BUFFER.lock().take_all(&mut rest);
                break rest;
            }
        };
        let text =
            std::str::from_utf8(&bytes).map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
        line.push_str(text);
        Ok(bytes.len())
    }

    /// Adds to the buffer. How much that was, or 0 at the end.
    fn poll_fill(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        match &mut self.0 {
            #[cfg(target_os = "linux")]
            Source::Polled(input) => input.poll_fill(cx),
            Source::Thread => thread::poll_fill(cx),
        }
    }
}

impl fmt::Debug for Stdin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let source = match self.0 {
            #[cfg(target_os = "linux")]
            Source::Polled(_) => "waited for by the loop",
            Source::Thread => "read by a thread",
        };
        write!(f, "Stdin({source})")
    }
}

/// How much is read at once.
const CHUNK: usize = 8 * 1024;

static BUFFER: Mutex<Buffer> = Mutex::new(Buffer { bytes: Vec::new(), used: 0 });

/// What was read and not used yet.
struct Buffer {
    bytes: Vec<u8>,
    /// How many of them, from the front, are used up.
    used: usize,
}

impl Buffer {
    fn rest(&self) -> &[u8] {
        &self.bytes[self.used..]
    }

    fn append(&mut self, bytes: &[u8]) {
        if self.used == self.bytes.len() {
            self.bytes.clear();
            self.used = 0;
        }
        self.bytes.extend_from_slice(bytes);
    }

    fn take(&mut self, buf: &mut [u8]) -> usize {
        let n = self.rest().len().min(buf.len());
        buf[..n].copy_from_slice(&self.rest()[..n]);
        self.used += n;
        n
    }

    fn take_all(&mut self, buf: &mut Vec<u8>) {
        buf.extend_from_slice(self.rest());
        self.used = self.bytes.len();
    }

    /// The first line, if it is complete. `searched` bytes are known to hold no end of a line.
    fn take_line(&mut self, searched: &mut usize) -> Option<Vec<u8>> {
        let rest = self.rest();
        // Another reader may have taken some meanwhile.
        let from = (*searched).min(rest.len());
        let Some(end) = rest[from..].iter().position(|&byte| byte == b'\n') else {
            *searched = rest.len();
            return None;
        };
        let line = rest[..=from + end].to_vec();
        self.used += line.len();
        Some(line)
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn lines_and_pieces_come_out_as_they_went_in() {
        let mut buffer = Buffer { bytes: Vec::new(), used: 0 };
        let mut searched = 0;
        buffer.append(b"on");
        assert_eq!(buffer.take_line(&mut searched), None);
        assert_eq!(searched, 2);
        buffer.append(b"e\ntwo\nthr");
        assert_eq!(buffer.take_line(&mut searched).unwrap(), b"one\n");
        searched = 0;
        let mut piece = [0; 2];
        assert_eq!((buffer.take(&mut piece), &piece), (2, b"tw"));
        assert_eq!(buffer.take_line(&mut searched).unwrap(), b"o\n");
        let mut rest = Vec::new();
        buffer.take_all(&mut rest);
        assert_eq!(rest, b"thr");
        assert_eq!(buffer.take(&mut piece), 0);
        buffer.append(b"ee");
        assert_eq!(buffer.bytes, b"ee", "what is used up is not kept");
    }

    #[test]
    fn what_was_searched_does_not_matter_once_others_have_taken_it() {
        let mut buffer = Buffer { bytes: b"long beginning".to_vec(), used: 0 };
        let mut searched = 0;
        assert_eq!(buffer.take_line(&mut searched), None);
        buffer.take_all(&mut Vec::new());
        buffer.append(b"\n");
        assert_eq!(buffer.take_line(&mut 0).unwrap(), b"\n");
        assert_eq!(searched, 14);
    }
}
