//! Looking for an outcome before waiting to be woken for it.
//!
//! An executor that has nothing to do parks. To be woken costs a system call on the other side and microseconds on this
//! one, tens of them if its processor has gone idle. An empty job takes a fraction of one. Sideline's loop knows that it has jobs
//! outstanding, and looks for a while before it parks. Other executors know nothing of jobs. So under them the handle does the
//! looking:
//!
//! ```text
//!         not done                  not done                         still not done
//!   poll ----------> ask, and spin ----------> wake own task, pending ----------> ... ----> register
//!                    if alone                  (others are polled, I/O is done)    no time left: to be woken
//! ```
//!
//! A handle spins inside its poll for 4 µs at most (`IN_POLL`), and only if it is *alone*: if no other handle has been looking on
//! this thread since its last poll. Otherwise it comes back at once, by waking its own task. The executor then polls what
//! else is ready, and its sockets, before it polls the handle again.
//!
//! All of that takes at most as long as a worker spins ([`Spinner`]), and is left out in the same way after it has been in vain:
//! what does not pay is done once in 64 times. While the pool wants all processors, it lasts for [`Spinner::SHORT_LIMIT`].
//!
//! Amid other handles a look is no spinning: the thread does what it has to do anyway. So there a handle gives up after
//! 16 looks (`FEW`) at the earliest, however long the others' turns took.
//!
//! **Others have their turn.** A task that awaits one short job after the other would find each within its poll, and
//! never be pending. So it gives way, as often as that costs a sixteenth of its time (`SHARE`), and after 10 µs at
//! the latest. The time from being pending to being polled again is measured. A future in `block_on` is back when the
//! kernel has been asked for events, which takes smol some microseconds. A spawned task is back after a fraction of one, and
//! never spins: executors ask the kernel once in 61 or 200 polls, and that must not have to wait for us.
//!
//! **Executors with several threads** are left alone: a task that wakes itself there wakes another thread, which is to
//! take it over. If a handle that is looking is polled by another thread than before, that is such an executor, and
//! no handle of the pool begins to look for a tenth of a second (`SETTLE`).
//!
//! **A thread that has many jobs out** waits for none of them, and does not ask: see [`super::busy`].
//!
//! Here is what a handle knows of its own looking ([`Looking`]); `looker.rs` has what a thread knows of all the looking that is
//! done on it, and decides.
//!
//! What a handle owes when it looks is told in [`super::state`]: to come back. All else here is a matter of speed.

mod looker;

use std::time::Duration;

use super::cell::Header;
use crate::metrics::Stamp;
use crate::pool::shared::Shared;
use crate::threads::spin::Spinner;
use looker::LOOKER;

/// What a handle knows of its own looking. Eight bytes; and as one of them is an enum of few variants, a type that has a handle as
/// one of its own variants needs no byte more to tell it from the others.
pub(super) struct Looking {
    phase: Phase,
    /// How often it has looked since it began.
    looks: u8,
    /// On which thread it looks.
    thread: u16,
    /// Since when: the lower half of a [`Stamp`].
    began: u32,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Phase {
    /// It has not begun.
    Fresh,
    /// On a busy thread: it is to look again, but has not asked, and no clock was read.
    Unasked,
    /// It has asked, and looks again each time it is polled.
    Looking,
    /// It does not look any more, and registers its waker.
    Over,
}

/// What came of a look.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Looked {
    /// The job is done.
    Found,
    /// Come back.
    Again,
    /// Be woken.
    NoMore,
}

impl Looking {
    pub(super) const fn new() -> Self {
        Self { phase: Phase::Fresh, looks: 0, thread: 0, began: 0 }
    }

    /// Whether looking is over. Only then may the handle have given its waker away.
    #[inline]
    pub(super) fn is_over(&self) -> bool {
        self.phase == Phase::Over
    }

    /// The job is done, as a poll has found before it looked.
    #[inline]
    pub(super) fn found(&self, header: &Header) {
        if self.phase != Phase::Fresh {
            _ = LOOKER.try_with(|looker| looker.back_and_found(self.phase, header.state.id().get()));
        }
    }

    /// The job was not done when this poll began.
    #[inline]
    pub(super) fn look(&mut self, header: &Header) -> Looked {
        let looked = if header.account.is_looked_for() { self.look_here(header) } else { Looked::NoMore };
        if looked == Looked::NoMore {
            self.phase = Phase::Over;
        }
        looked
    }

    #[inline(never)] // Out of the way of handles that do not look.
    fn look_here(&mut self, header: &Header) -> Looked {
        LOOKER.try_with(|looker| looker.look(self, header)).unwrap_or(Looked::NoMore)
    }

    /// Whether it has not looked for too long yet.
    fn has_time(&self, pool: &Shared, now: Stamp) -> bool {
        let spent = Duration::from_nanos(now.nanos_since_lower_half(self.began));
        spent < Spinner::SHORT_LIMIT || spent < Spinner::LIMIT && !pool.is_saturated()
    }
}
