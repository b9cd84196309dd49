//! Halves that own their connection together: each may go to another task. Dropping them ends it, and `reunite` makes one
//! value of them again.

use super::Stream;
use std::error::Error;
use std::fmt;
use std::net::Shutdown;
use std::sync::Arc;

/// Reads from a stream that two halves share. From `into_split`. The connection is closed when both are dropped.
#[derive(Debug)]
pub struct OwnedReadHalf<S>(Arc<S>);

/// Writes to a stream that two halves share. From `into_split`.
///
/// **Dropping it shuts the connection down for writing**, so that the peer reads the end of the stream; see
/// [`forget`](OwnedWriteHalf::forget). A child of `fork` drops only its copy.
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

pub(in crate::net) fn into_split<S: Stream>(stream: S) -> (OwnedReadHalf<S>, OwnedWriteHalf<S>) {
    let stream = Arc::new(stream);
    (OwnedReadHalf(Arc::clone(&stream)), OwnedWriteHalf { stream, shuts_down: true })
}

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
        // In a child of `fork` it would end the parent's connection.
        if self.shuts_down && !self.stream.is_parents() {
            // The connection may be gone already, and there is nobody to tell.
            let _ = self.stream.shutdown(Shutdown::Write);
        }
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
