//! What becomes of a pool whose monitor the operating system refuses a thread.
//!
//! It goes on with the threads it has, and a later `poke` tries again: that of a submit, of a worker that finds a job and sees
//! another, or of whoever begins to wait for a job's outcome (`seek_thread_if_short`).
//! The next one does after one or two refusals; after more in a row some are passed over (1, 3, 7 ... 63), or a burst of submits
//! would make a refused system call each. A loop that is awake after such a refusal tries again now and then, whatever it does; and if it goes to
//! sleep while jobs of its own are outstanding, it has a timer: it wakes up every ten milliseconds, for as long as jobs wait. One that was asleep
//! before has none.
//!
//! If nobody submits from then on, or begins to wait, and no job ends, nobody tries again, and what waits goes on waiting although
//! the system might give a thread by now: if it was a worker that was refused, say, and the loop was asleep by then. (If that is the
//! first refusal of a row, the worker tries once more a millisecond later.) There is nobody who could: every thread of the pool is
//! blocked in a job, and a thread kept in reserve for this is what the system has just refused. A worker that stood in for the
//! monitor would keep the job waiting that it has just taken, perhaps the very one that would end the wait. The refusal is reported
//! when it happens (`Report::ThreadFailed`), and shows as `queued` jobs beside `threads` below the maximum.

// Plain counts, written by one at a time: whoever has made the monitor's mode AWAKE.
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

/// Refusals of a monitor thread, by the one poke that is starting it.
#[derive(Default)]
pub(super) struct Refused {
    /// Pokes still to be passed over.
    skip: AtomicU32,
    /// Half of it is passed over after the next refusal; doubled by each.
    pause: AtomicU32,
}

/// Half of this is the longest run of pokes that are passed over.
const LONGEST_PAUSE: u32 = 127;

impl Refused {
    /// Whether this poke is to be passed over.
    pub(super) fn pass_over(&self) -> bool {
        let skip = self.skip.load(Relaxed);
        self.skip.store(skip.saturating_sub(1), Relaxed);
        skip > 0
    }

    /// A thread was refused.
    pub(super) fn note(&self) {
        let pause = self.pause.load(Relaxed);
        self.skip.store(pause / 2, Relaxed);
        self.pause.store((2 * pause + 1).min(LONGEST_PAUSE), Relaxed);
    }

    /// Whether the last one was refused. Nothing is decided by it but to look.
    #[inline]
    pub(super) fn is_any(&self) -> bool {
        self.pause.load(Relaxed) > 0
    }

    /// A thread was started.
    pub(super) fn forget(&self) {
        self.pause.store(0, Relaxed);
    }
}
