//! Moving bytes over a stream in both directions, on any runtime.

use quinn::{Connection, RecvStream, SendStream};
use std::error::Error;

type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

/// Sends all of `content`, and ends the stream.
///
/// # Errors
/// If the connection is lost.
pub async fn send(mut stream: SendStream, content: &[u8]) -> Result<()> {
    for piece in content.chunks(64 * 1024) {
        stream.write_all(piece).await?;
    }
    stream.finish()?;
    // Until the peer has all of it.
    stream.stopped().await?;
    Ok(())
}

/// Receives to the end of the stream, and says whether it was `content`.
///
/// # Errors
/// If the connection is lost.
pub async fn receive(mut stream: RecvStream, content: &[u8]) -> Result<bool> {
    let mut received = 0;
    let mut same = true;
    while let Some(chunk) = stream.read_chunk(usize::MAX, true).await? {
        same &= content.get(received..received + chunk.bytes.len()).is_some_and(|part| *part == *chunk.bytes);
        received += chunk.bytes.len();
    }
    Ok(same && received == content.len())
}

/// Sends back what comes, on every stream, until the connection ends.
pub async fn echo(connection: Connection, spawn: impl Fn(EchoStream)) {
    while let Ok((send, receive)) = connection.accept_bi().await {
        spawn(EchoStream { send, receive });
    }
}

/// A stream that wants its bytes sent back.
#[derive(Debug)]
pub struct EchoStream {
    send: SendStream,
    receive: RecvStream,
}

impl EchoStream {
    /// Sends them back.
    ///
    /// # Errors
    /// If the connection is lost.
    pub async fn run(mut self) -> Result<()> {
        while let Some(chunk) = self.receive.read_chunk(64 * 1024, true).await? {
            self.send.write_chunk(chunk.bytes).await?;
        }
        self.send.finish()?;
        Ok(())
    }
}
