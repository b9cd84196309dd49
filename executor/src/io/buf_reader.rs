//! A stream of bytes by lines, and in small pieces.
//!
//! What was read and not used yet stays in the reader until somebody takes it, a line that is not complete as well. So whoever gives up
//! waiting for a line, as a timeout does, loses nothing of it.

use super::bytes;
use super::stream_traits::{ReadBytes, Sealed, WriteBytes};
use crate::core::fairness;
use std::fmt;
use std::future::poll_fn;
use std::io;
use std::task::{Context, Poll, ready};

/// Reads lines, or small pieces, of a stream: a connection or a half of one, a pipe, a file.
///
/// It reads ahead, 8 KiB and more at a time. So one reader stays with its stream; what it has in hand is lost if it is dropped. Writing
/// goes past it: sockets write by reference, [`get_ref`](BufReader::get_ref). And it is a stream itself, so a proxy that has read by lines
/// where to connect to can go on with [`copy_bidirectional`](fn@super::copy_bidirectional), of which nothing that came with these is left out.
///
/// **Dropping the future** of [`read_line`](BufReader::read_line), [`next_line`](BufReader::next_line), [`read_until`](BufReader::read_until) or [`peek`](BufReader::peek) loses nothing, however much of
/// the line was there. They may be given a time limit, or be one of several that are waited for, again and again.
///
/// # Example
/// A connection that is greeted line by line, and may be silent for a minute:
/// ```
/// use sideline::io::BufReader;
/// use sideline::net::{TcpListener, TcpStream};
/// use sideline::time::timeout;
/// use std::io;
/// use std::time::Duration;
///
/// async fn greet(stream: TcpStream) -> io::Result<()> {
///     let mut stream = BufReader::new(stream).max_line(1024);
///     let mut name = String::new();
///     while timeout(Duration::from_secs(60), stream.read_line(&mut name)).await?? > 0 {
///         stream.get_ref().write_all(format!("hello {}\n", name.trim_end()).as_bytes()).await?;
///         name.clear();
///     }
///     Ok(())
/// }
///
/// # sideline::block_on(async {
/// let listener = TcpListener::bind("127.0.0.1:0").await?;
/// let client = TcpStream::connect(listener.local_addr()?).await?;
/// sideline::spawn(greet(listener.accept().await?.0)).detach();
/// client.write_all(b"ann\nbob").await?;
/// client.shutdown(std::net::Shutdown::Write)?;
/// let mut answers = Vec::new();
/// client.read_to_end(&mut answers).await?;
/// assert_eq!(answers, b"hello ann\nhello bob\n");
/// # io::Result::Ok(())
/// # })
/// # .unwrap();
/// ```
pub struct BufReader<R> {
    reader: R,
    /// All of it has been written to: what was read, and room.
    memory: Vec<u8>,
    /// How many bytes, from the front, are used up.
    pub(super) used: usize,
    /// Up to where there is something.
    filled: usize,
    max_line: usize,
}

impl<R: ReadBytes> BufReader<R> {
    /// Reads from `reader`. Allocates nothing before the first read.
    pub fn new(reader: R) -> BufReader<R> {
        BufReader { reader, memory: Vec::new(), used: 0, filled: 0, max_line: usize::MAX }
    }

    /// How long a line may be, with its end. A longer one is an error, and a peer cannot have us keep whatever it sends. Default: as long
    /// as there is memory.
    pub fn max_line(mut self, bytes: usize) -> BufReader<R> {
        self.max_line = bytes;
        self
    }

    /// Appends the next line to `line`, with its end, and returns how many bytes that was: 0 at the end of the stream. The
    /// last line may lack its end. Dropping the future loses nothing.
    ///
    /// # Errors
    /// `InvalidData` if the line is not UTF-8, which is taken from the stream all the same, or longer than
    /// [`max_line`](BufReader::max_line), which is not; and what the stream says. What was read before is still there then.
    pub async fn read_line(&mut self, line: &mut String) -> io::Result<usize> {
        self.next(b'\n', |bytes| {
            let text = std::str::from_utf8(bytes)
                .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
            line.push_str(text);
            Ok(())
        })
        .await
    }

    /// The next line, without its end, which is `\n` or `\r\n`; `None` at the end of the stream. Dropping the future loses nothing.
    ///
    /// # Errors
    /// As [`read_line`](BufReader::read_line), which needs no new `String` for each line.
    ///
    /// # Example
    /// ```
    /// # sideline::block_on(async {
    /// let mut lines = sideline::io::BufReader::new(&b"one\r\ntwo"[..]);
    /// while let Some(line) = lines.next_line().await? {
    ///     assert!(line == "one" || line == "two");
    /// }
    /// # std::io::Result::Ok(())
    /// # })
    /// # .unwrap();
    /// ```
    pub async fn next_line(&mut self) -> io::Result<Option<String>> {
        let mut line = String::new();
        if self.read_line(&mut line).await? == 0 {
            return Ok(None);
        }
        let text = line.strip_suffix('\n').map_or(&*line, |text| text.strip_suffix('\r').unwrap_or(text));
        line.truncate(text.len());
        Ok(Some(line))
    }

    /// Appends everything up to the next `end` to `buf`, and `end`, and returns how many bytes that was: 0 at the end of the
    /// stream. What comes last may lack its `end`. Dropping the future loses nothing.
    ///
    /// # Errors
    /// As [`read_line`](BufReader::read_line), without the first.
    pub async fn read_until(&mut self, end: u8, buf: &mut Vec<u8>) -> io::Result<usize> {
        self.next(end, |bytes| {
            buf.extend_from_slice(bytes);
            Ok(())
        })
        .await
    }

    async fn next(&mut self, end: u8, take: impl FnOnce(&[u8]) -> io::Result<()>) -> io::Result<usize> {
        // So many bytes hold no end.
        let mut searched = 0;
        let len =
            poll_fn(|cx| fairness::poll_in_turn(cx, |cx| self.poll_next(cx, end, &mut searched))).await?;
        let taken = take(&self.buffer()[..len]);
        self.used += len;
        taken.map(|()| len)
    }

    /// How long the next line is; all that is left, at the end of the stream.
    fn poll_next(&mut self, cx: &mut Context<'_>, end: u8, searched: &mut usize) -> Poll<io::Result<usize>> {
        loop {
            let found = self.buffer()[*searched..].iter().position(|&byte| byte == end);
            let len = found.map_or(self.buffer().len(), |at| *searched + at + 1);
            if len > self.max_line {
                return Poll::Ready(Err(too_long(self.max_line)));
            }
            if found.is_some() {
                return Poll::Ready(Ok(len));
            }
            *searched = len;
            if ready!(self.poll_fill(cx))? == 0 {
                return Poll::Ready(Ok(len));
            }
        }
    }

    /// Reads at least one byte into `buf`. `Ok(0)` is the end of the stream, or of `buf`. Dropping the future loses nothing.
    ///
    /// # Errors
    /// What the stream says.
    pub async fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        poll_fn(|cx| self.poll_read(cx, buf)).await
    }

    /// Fills `buf`. If the future is dropped before, the bytes it has read so far are lost; [`peek`](BufReader::peek) loses none.
    ///
    /// # Errors
    /// `UnexpectedEof` if the stream ends before; otherwise what it says.
    pub fn read_exact(&mut self, buf: &mut [u8]) -> impl Future<Output = io::Result<()>> {
        bytes::read_exact(self, buf)
    }

    /// Reads on, behind what is there. Ready with 0 at the end of the stream.
    pub(super) fn poll_fill(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        if self.used == self.filled {
            (self.used, self.filled) = (0, 0);
            // What one long line needed is not kept for all that follow.
            self.memory.truncate(PORTION);
            self.memory.shrink_to(PORTION);
        }
        if self.filled == self.memory.len() {
            if self.used >= self.filled / 2 {
                self.memory.copy_within(self.used.., 0);
                (self.used, self.filled) = (0, self.filled - self.used);
            }
            // Twice as much each time: what is copied is less than what was read.
            let room = PORTION.max(self.filled);
            self.memory.resize(self.memory.len().max(self.filled + room), 0);
        }
        let n = ready!(self.reader.poll_read(cx, &mut self.memory[self.filled..]))?;
        self.filled += n;
        Poll::Ready(Ok(n))
    }
}

impl<R> BufReader<R> {
    /// The stream inside. What is read from there comes after what [`buffer`](BufReader::buffer) has.
    pub fn get_ref(&self) -> &R {
        &self.reader
    }

    /// The stream inside, to be changed. See [`get_ref`](BufReader::get_ref).
    pub fn get_mut(&mut self) -> &mut R {
        &mut self.reader
    }

    /// What was read from the stream and not used yet.
    pub fn buffer(&self) -> &[u8] {
        &self.memory[self.used..self.filled]
    }

    /// Gives the stream back. What the [`buffer`](BufReader::buffer) has is lost.
    pub fn into_inner(self) -> R {
        self.reader
    }
}

impl<R: ReadBytes> Sealed for BufReader<R> {
    fn portion(&self) -> usize {
        self.reader.portion()
    }
}

impl<R: ReadBytes> ReadBytes for BufReader<R> {
    fn poll_read(&mut self, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        if self.used == self.filled {
            // Who wants as much as we would read at once needs no copy.
            if buf.len() >= PORTION {
                return self.reader.poll_read(cx, buf);
            }
            ready!(self.poll_fill(cx))?;
        }
        let n = self.buffer().len().min(buf.len());
        buf[..n].copy_from_slice(&self.buffer()[..n]);
        self.used += n;
        Poll::Ready(Ok(n))
    }
}

/// What is written goes to the stream, as it comes. (Of a file: to where it was read ahead to.)
impl<R: ReadBytes + WriteBytes> WriteBytes for BufReader<R> {
    fn poll_write(&mut self, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.reader.poll_write(cx, buf)
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.reader.poll_flush(cx)
    }

    fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.reader.poll_shutdown(cx)
    }
}

impl<R: fmt::Debug> fmt::Debug for BufReader<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BufReader")
            .field("reader", &self.reader)
            .field("buffered", &self.buffer().len())
            .finish_non_exhaustive()
    }
}

#[inline]
fn too_long(most: usize) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("the line has more than {most} bytes"))
}

/// As much as the standard library reads at once.
const PORTION: usize = 8 * 1024;
