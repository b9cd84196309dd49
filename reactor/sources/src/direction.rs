//! The two things that an operation may wait for.

/// What an operation waits for.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Direction {
    /// Something to read: bytes, a datagram, a connection to accept, the end of the stream.
    Read = 0,
    /// Room to write, or a connection that is established.
    Write = 1,
}
