//! Why none of several addresses would do.

use std::error::Error;
use std::fmt;
use std::io;
use std::net::SocketAddr;

/// What each address that was tried had to say, in the order of the answers.
#[derive(Debug, Default)]
pub(super) struct Failures(Vec<(SocketAddr, io::Error)>);

impl Failures {
    #[inline]
    pub(super) fn push(&mut self, addr: SocketAddr, error: io::Error) {
        self.0.push((addr, error));
    }

    /// The error for the caller: that of the only address as it is; of several, one that lists them all and has the
    /// last one's kind.
    #[inline]
    pub(super) fn into_error(mut self) -> io::Error {
        if self.0.len() > 1 {
            let kind = self.0[self.0.len() - 1].1.kind();
            return io::Error::new(kind, self);
        }
        let none = || io::Error::new(io::ErrorKind::InvalidInput, "there is no address to try");
        self.0.pop().map_or_else(none, |(_, error)| error)
    }
}

impl fmt::Display for Failures {
    #[inline]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "none of {} addresses would do", self.0.len())?;
        self.0.iter().try_for_each(|(addr, error)| write!(f, "; {addr}: {error}"))
    }
}

impl Error for Failures {
    #[inline]
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.0.last().map(|(_, error)| error as _)
    }
}
