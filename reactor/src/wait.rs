//! How long a turn may wait in the kernel.

use crate::epoch::Moment;
use crate::sync::sys;
use std::time::Duration;

/// How many events one wait may bring: 12 KiB on Linux.
pub(crate) const MOST_EVENTS: usize = 1024;

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

    #[inline]
    pub(crate) fn is_zero(self) -> bool {
        matches!(self, Wait::For(Duration::ZERO))
    }

    /// For how long at most; `None` is without a limit.
    #[inline]
    pub(crate) fn at_most(self) -> Option<Duration> {
        match self {
            Wait::Forever => None,
            Wait::For(time) | Wait::Until(_, time) => Some(time),
        }
    }

    /// For how long a thread may sleep on a word instead, if the kernel ends that sleep exactly enough: `Some(None)` is without a
    /// limit. `None` if only the selector, with its timerfd, ends the wait in time.
    #[inline]
    pub(crate) fn roughly(self) -> Option<Option<Duration>> {
        match self {
            Wait::Forever => Some(None),
            Wait::For(time) => Some(Some(time)),
            Wait::Until(_, left) => sys::roughly(left).map(Some),
        }
    }
}
