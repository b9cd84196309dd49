//! How long a turn may wait in the kernel.

use crate::epoch::Moment;
use std::time::Duration;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Wait {
    /// Until something happens.
    Forever,
    /// At most this long; zero asks without waiting.
    For(Duration),
    /// Until this moment, which is that far away and not zero.
    Until(Moment, Duration),
}

impl Wait {
    pub(crate) const ZERO: Wait = Wait::For(Duration::ZERO);
}
