//! Where jobs wait: one injector for everybody, and a deque for each core worker.
//!
//! Jobs that are submitted from outside go to the injector, those of a job on a core worker to that worker's own deque. Any
//! worker can take from any of these queues, and each queue gives its jobs out in the order in which they came. A core worker
//! takes batches out of the injector into its deque; a thief takes single jobs out of a deque. A deque is a ring of fixed
//! size: what it has no room for goes to the injector, too. Workers above the core have no deque, so no job can be stuck
//! behind them.
//!
//! | file | what it is |
//! |---|---|
//! | [`injector`], [`end`], [`block`] | the queue of everybody; where it is pushed to and taken from; its memory |
//! | [`ring`] | a core worker's deque |
//! | [`mod@pointer`] | what a slot of either holds |
//!
//! The queues count what leaves them. Beside [`crate::submit::gate`], which counts what comes in, that tells when a closed
//! pool has nothing left to expect.

// The owner's end of a deque.
#![allow(unsafe_code)]

mod block;
mod end;
pub(crate) mod injector;
pub(crate) mod pointer;
pub(crate) mod ring;

use std::cell::Cell;
use std::marker::PhantomData;
use std::sync::atomic::AtomicUsize; // Even under loom: each seat goes to one thread, which nothing else depends on.

use crate::job::Entry;
use crate::sync::atomic::{AtomicU64, Ordering};
use crate::sys::padded::Padded;

use injector::Injector;
use ring::{Deque, Ring};

pub(crate) struct Queues {
    injector: Injector<Entry>,
    /// One for each core worker.
    cores: Vec<Core>,
    /// How many seats have been asked for.
    seats: AtomicUsize,
    /// Entries that others than core workers have taken out for good.
    taken: Padded<AtomicU64>,
}

/// What belongs to a core worker.
struct Core {
    deque: Ring<Entry>,
    /// Entries that it has taken out for good, wherever they were.
    taken: Padded<AtomicU64>,
}

/// The number of a core worker's deque in the queues of its pool. There is one of each number, on one thread.
pub(crate) struct Seat {
    index: usize,
    not_shared: PhantomData<Cell<()>>,
}

impl Seat {
    pub(crate) fn index(&self) -> usize {
        self.index
    }
}

impl Queues {
    #[inline(never)]
    pub(crate) fn new(core: usize) -> Self {
        let none = || Padded(AtomicU64::new(0));
        let mut cores = Vec::with_capacity(core);
        while cores.len() < core {
            cores.push(Core { deque: Ring::new(), taken: none() });
        }
        Self { injector: Injector::new(), cores, seats: AtomicUsize::new(0), taken: none() }
    }

    /// One that no other core worker has, if there is one. By a thread when it begins, so a start that failed costs none.
    #[inline(never)]
    pub(crate) fn take_seat(&self) -> Option<Seat> {
        let index = self.seats.fetch_add(1, Ordering::Relaxed);
        (index < self.cores.len()).then_some(Seat { index, not_shared: PhantomData })
    }

    /// The deque of the worker that sits there.
    #[inline]
    fn own(&self, seat: &Seat) -> Deque<'_, Entry> {
        // SAFETY: of this pool there is one seat of this number, and it is this thread's.
        unsafe { self.cores[seat.index].deque.owned() }
    }

    /// To the worker's own deque; the entry back if there is no room.
    #[inline]
    pub(crate) fn push_own(&self, seat: &Seat, entry: Entry) -> Result<(), Entry> {
        self.own(seat).push(entry)
    }

    /// From there.
    #[inline]
    pub(crate) fn pop_own(&self, seat: &Seat) -> Option<Entry> {
        self.cores[seat.index].deque.take()
    }

    pub(crate) fn push(&self, entry: Entry) {
        self.injector.push(entry);
    }

    /// Is anything waiting anywhere?
    #[inline(never)]
    pub(crate) fn has_work(&self) -> bool {
        self.more_wait_than(0)
    }

    /// Are more than `count` waiting, everywhere together? As exact as a look at one queue after another can be.
    pub(crate) fn more_wait_than(&self, count: usize) -> bool {
        let mut waiting = self.injector.len();
        let mut cores = self.cores.iter();
        while waiting <= count {
            let Some(core) = cores.next() else { return false };
            waiting += core.deque.len();
        }
        true
    }

    /// Is anything waiting in the injector? Cheap enough to be asked over and over.
    pub(crate) fn has_injected(&self) -> bool {
        !self.injector.is_empty()
    }

    /// Is a batch known to wait in the injector? Cheaper still: what submitters write to is not looked at.
    pub(crate) fn is_known_to_hold_a_batch(&self) -> bool {
        self.injector.is_known_to_hold_a_batch()
    }

    /// From the injector: a batch for one with a seat, a single job for others.
    pub(crate) fn take_injected(&self, seat: Option<&Seat>) -> Option<Entry> {
        match seat {
            Some(seat) => self.injector.pop_batch(&self.own(seat)),
            None => self.injector.pop(),
        }
    }

    /// A single job out of somebody's deque, beginning with the one at `start`.
    #[inline(never)]
    pub(crate) fn steal_from(&self, start: usize) -> Option<Entry> {
        let cores = self.cores.len();
        for turn in 0..cores {
            let stolen = self.cores[(start + turn) % cores].deque.take();
            if stolen.is_some() {
                return stolen;
            }
        }
        None
    }

    /// Any job at all. For threads that are no workers.
    pub(crate) fn pop(&self) -> Option<Entry> {
        self.take_injected(None).or_else(|| self.steal_from(0))
    }

    /// An entry was taken out for good: to run it, or because it was cancelled.
    pub(crate) fn note_taken(&self, seat: Option<&Seat>) {
        // Release: pairs with the Acquire in taken(). More than a count needs that is looked at after fences.
        match seat {
            // A single writer: no read-modify-write needed.
            Some(seat) => {
                let mine = &self.cores[seat.index].taken;
                mine.store(mine.load(Ordering::Relaxed) + 1, Ordering::Release);
            }
            None => _ = self.taken.fetch_add(1, Ordering::Release),
        }
    }

    /// How many were taken out. Never more than came in.
    #[inline(never)]
    pub(crate) fn taken(&self) -> u64 {
        let mut all = self.taken.load(Ordering::Acquire);
        for core in &self.cores {
            all += core.taken.load(Ordering::Acquire);
        }
        all
    }
}
