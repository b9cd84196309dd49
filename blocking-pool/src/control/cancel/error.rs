//! What a cancelled token says.

use std::error::Error;
use std::fmt;
use std::io;

/// What [`CancelToken::check`](crate::CancelToken::check) says of a cancelled token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cancelled(pub(super) ());

impl fmt::Display for Cancelled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("cancelled by its token")
    }
}

impl Error for Cancelled {}

impl From<Cancelled> for io::Error {
    fn from(cancelled: Cancelled) -> Self {
        // Not `Interrupted`, which `read_to_end` and the like would try again.
        io::Error::other(cancelled)
    }
}
