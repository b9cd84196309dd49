//! Looking at what comes next in a stream, for messages that are taken as a whole.

use super::BufReader;
use super::stream_traits::ReadBytes;
use crate::core::fairness;
use std::future::poll_fn;
use std::io;
use std::task::{Context, Poll, ready};

impl<R: ReadBytes> BufReader<R> {
    /// Waits for the next `len` bytes and shows them, without using them up: [`consume`](BufReader::consume) does that. They are fewer only at
    /// the end of the stream. Dropping the future loses nothing. All of them are kept in memory, so a length that a peer has sent needs a
    /// limit.
    ///
    /// # Errors
    /// What the stream says. What was read before is still there then.
    ///
    /// # Example
    /// A message that begins with its length. However often waiting for it is given up, nothing of it is lost:
    /// ```
    /// use sideline::io::{BufReader, ReadBytes};
    /// use sideline::net::UnixStream;
    /// use std::io;
    ///
    /// async fn next<R: ReadBytes>(stream: &mut BufReader<R>) -> io::Result<Option<Vec<u8>>> {
    ///     let len = match *stream.peek(2).await? {
    ///         [] => return Ok(None), // the end, between two messages
    ///         [high, low] => 2 + usize::from(u16::from_be_bytes([high, low])),
    ///         _ => return Err(io::ErrorKind::UnexpectedEof.into()),
    ///     };
    ///     let message = stream.peek(len).await?;
    ///     if message.len() < len {
    ///         return Err(io::ErrorKind::UnexpectedEof.into());
    ///     }
    ///     let message = message[2..].to_vec();
    ///     stream.consume(len); // in one step, at the end
    ///     Ok(Some(message))
    /// }
    ///
    /// # sideline::block_on(async {
    /// let (client, server) = UnixStream::pair()?;
    /// client.write_all(b"\0\x05hello").await?;
    /// drop(client);
    /// let mut server = BufReader::new(server);
    /// assert_eq!(next(&mut server).await?.unwrap(), b"hello");
    /// assert!(next(&mut server).await?.is_none());
    /// # io::Result::Ok(())
    /// # })
    /// # .unwrap();
    /// ```
    pub async fn peek(&mut self, len: usize) -> io::Result<&[u8]> {
        poll_fn(|cx| fairness::poll_in_turn(cx, |cx| self.poll_peek(cx, len))).await?;
        let there = self.buffer();
        Ok(&there[..len.min(there.len())])
    }

    fn poll_peek(&mut self, cx: &mut Context<'_>, len: usize) -> Poll<io::Result<()>> {
        while self.buffer().len() < len {
            if ready!(self.poll_fill(cx))? == 0 {
                break;
            }
        }
        Poll::Ready(Ok(()))
    }
}

impl<R> BufReader<R> {
    /// Uses up the next `len` bytes of the [`buffer`](BufReader::buffer), or all if it has fewer.
    pub fn consume(&mut self, len: usize) {
        self.used += len.min(self.buffer().len());
    }
}
