//! What may be said of a direction of a source: flags, and a report of them from the kernel.
//!
//! | flag of a direction | set by | disproved by |
//! |---|---|---|
//! | `READY` | an event | `WouldBlock`, or a short transfer |
//! | `CLOSED` | an event | `WouldBlock` only, so that the end of the stream is seen after a short read |
//! | `UNTRIED` | creation | as `READY` |
//! | `URGENT` | an event, for reading | nothing: a short read then proves nothing, it may have stopped at the urgent mark |
//! | `GONE` | deregistration, or the reactor's end | nothing |
//!
//! `UNTRIED` lets the first operation on a fresh source simply be tried: on a connection that was just
//! accepted, the request is often there before its first event.
//!
//! Who remembers them, and how they are disproved without losing an event: see `readiness.rs`.

use crate::Direction;
use std::fmt;
use std::ops::BitOrAssign;

/// A set of the flags above, of one direction.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub struct Ready(pub(crate) u64);

impl Ready {
    /// See above, as for the others.
    pub const READY: Ready = Ready(1 << 0);
    /// See above.
    pub const CLOSED: Ready = Ready(1 << 1);
    pub(crate) const UNTRIED: Ready = Ready(1 << 2);
    /// See above.
    pub const URGENT: Ready = Ready(1 << 3);
    pub(crate) const GONE: Ready = Ready(1 << 4);

    /// What makes an operation worth trying; what `WouldBlock` disproves.
    pub(crate) const WORTH_TRYING: Ready = Ready(Ready::READY.0 | Ready::CLOSED.0 | Ready::UNTRIED.0);
    /// What ends the wait of somebody who wants to try an operation.
    pub const TO_TRY: Ready = Ready(Ready::WORTH_TRYING.0 | Ready::GONE.0);
    /// What ends the wait of somebody who wants to hear from the kernel.
    pub const TO_REPORT: Ready = Ready(Ready::READY.0 | Ready::CLOSED.0 | Ready::GONE.0);
    /// What a short transfer disproves.
    pub(crate) const DISPROVED_BY_SHORT: Ready = Ready(Ready::READY.0 | Ready::UNTRIED.0);

    #[inline]
    pub(crate) const fn intersects(self, other: Ready) -> bool {
        self.0 & other.0 != 0
    }
}

impl BitOrAssign for Ready {
    fn bitor_assign(&mut self, other: Ready) {
        self.0 |= other.0;
    }
}

impl fmt::Debug for Ready {
    #[inline]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut separator = "";
        for (bit, name) in ["READY", "CLOSED", "UNTRIED", "URGENT", "GONE"].iter().enumerate() {
            if self.0 & (1 << bit) != 0 {
                f.write_str(separator)?;
                f.write_str(name)?;
                separator = " | ";
            }
        }
        if separator.is_empty() { f.write_str("NONE") } else { Ok(()) }
    }
}

/// What there is to say of both directions at once.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Report {
    /// Of reading.
    pub read: Ready,
    /// Of writing.
    pub write: Ready,
}

impl Report {
    pub(crate) const GONE: Report = Report { read: Ready::GONE, write: Ready::GONE };
    /// There is something to read.
    pub const READABLE: Report = Report { read: Ready::READY, write: Ready(0) };

    /// Whether somebody who waits for this direction is to hear of it.
    #[inline]
    #[must_use]
    pub(crate) fn concerns(self, direction: Direction) -> bool {
        let ready = if direction == Direction::Read { self.read } else { self.write };
        ready.intersects(Ready::TO_REPORT)
    }
}
