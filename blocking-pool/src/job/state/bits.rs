//! The layout of a job's state word: the phase, the flags, a bit for each owner, and the job's number.

use std::fmt;

use crate::sync::left_out;

pub(super) const QUEUED: u64 = 0;
pub(super) const CLAIMED: u64 = 1;
pub(super) const DONE: u64 = 2;
pub(super) const PHASE: u64 = 0b11;
/// A waker is in its cell, and the cell belongs to the completer.
pub(super) const WAKER: u64 = 1 << 2;
/// The queue's side (a queued entry, or the one who popped it) holds the job.
pub(super) const ENTRY: u64 = 1 << 3;
/// A `JoinHandle` holds the job.
pub(super) const HANDLE: u64 = 1 << 4;
/// The job's token holds it, to take it out of its queue.
pub(super) const WATCH: u64 = 1 << 5;
/// The handle looks for the outcome, and is in a hurry. It will come back by itself: nobody has to wake it.
pub(super) const ASKED: u64 = 1 << 6;
/// One abort handle, by which the job can be taken out of its queue; there is room for 511 of them.
pub(super) const ABORTER: u64 = 1 << 7;
pub(super) const ABORTERS: u64 = 0x1ff * ABORTER;
pub(super) const OWNERS: u64 = ENTRY | HANDLE | WATCH | ABORTERS;

/// Above the bits: the job's number. 48 bits are enough for a million jobs a second for eight years.
pub(super) const NUMBER_SHIFT: u32 = 16;

/// The bits of all who hold the job.
pub(super) fn owners(s: u64) -> u64 {
    if left_out("aborters-own") { s & OWNERS & !ABORTERS } else { s & OWNERS }
}

/// Who may hold a job.
#[derive(Debug, Clone, Copy)]
pub(in crate::job) enum Owner {
    Entry,
    Handle,
    Watch,
    Aborter,
}

impl Owner {
    pub(super) const fn bit(self) -> u64 {
        match self {
            Self::Entry => ENTRY,
            Self::Handle => HANDLE,
            Self::Watch => WATCH,
            Self::Aborter => ABORTER,
        }
    }
}

/// A word with its bits by name.
pub(super) struct Bits(pub(super) u64);

impl fmt::Debug for Bits {
    #[inline]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 & PHASE {
            QUEUED => "QUEUED",
            CLAIMED => "CLAIMED",
            DONE => "DONE",
            _ => "INVALID",
        })?;
        for (bit, name) in [
            (WAKER, " | WAKER"),
            (ASKED, " | ASKED"),
            (ENTRY, " | ENTRY"),
            (HANDLE, " | HANDLE"),
            (WATCH, " | WATCH"),
        ] {
            if self.0 & bit != 0 {
                f.write_str(name)?;
            }
        }
        match (self.0 & ABORTERS) / ABORTER {
            0 => Ok(()),
            count => write!(f, " | {count} ABORTERS"),
        }
    }
}
