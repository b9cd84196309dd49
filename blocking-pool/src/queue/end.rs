//! One end of the injector: a place, a number that only grows, and the block of that place.
//!
//! # Why place and block belong together
//!
//! They are two words, read one after the other. Between the last slot of a block and the first slot of the next there is one
//! place without a slot. Whoever claims the last slot of a block leaves the end at that place. Now nobody else can claim
//! anything, and it alone *turns* the end: it puts up the next block, and then the place of its first slot.
//!
//! So whoever reads a place, and then the block, sees the block of that place or a later one. If it is a later one, the place has
//! changed meanwhile, and never comes back; so the claim fails. (Put up the place first, and the bad interleaving is:
//! somebody claims a place of the new block, and writes to the old one. Model:
//! `push_against_push_at_the_end_of_a_block`, twin `block-before-place`.)

use std::hint;
use std::ptr::NonNull;

use super::block::{Block, SLOTS};
use crate::sync::atomic::{AtomicPtr, AtomicU64, Ordering};
use crate::sync::{LAP, SPINS, left_out, thread};

pub(super) struct End {
    pub(super) place: AtomicU64,
    /// The block of that place, if it is one with a slot.
    block: AtomicPtr<Block>,
}

/// How often a waiting thread looks before it leaves its processor to others.
const LOOKS: u32 = 64;

impl End {
    /// At the first slot of the `first` block.
    pub(super) fn at(first: *mut Block) -> Self {
        Self { place: AtomicU64::new(0), block: AtomicPtr::new(first) }
    }

    /// A place with a slot, and a block. If the place can still be claimed, the block is the one of that place.
    #[inline]
    pub(super) fn read(&self) -> (u64, NonNull<Block>) {
        until(|| {
            // Acquire: pairs with the Release in turn(); what is read next is the block of this place or a later one.
            let place = self.place.load(Ordering::Acquire);
            let block = NonNull::new(self.block.load(Ordering::Acquire)).expect("each end has a block");
            (slot_of(place) < SLOTS).then_some((place, block))
        })
    }

    /// Claims `count` places from `place` on. False if that is not the place of this end any more.
    #[inline]
    pub(super) fn claim(&self, place: u64, count: usize) -> bool {
        // AcqRel: more than is needed. read() has acquired this very place, a chain of claims carries on what turn() has released, as
        // read-modify-writes do, and slots and blocks tell by themselves what is in them.
        let claimed = self.place.compare_exchange_weak(
            place,
            place + count as u64,
            Ordering::AcqRel,
            Ordering::Relaxed,
        );
        claimed.is_ok()
    }

    /// Goes on to the `next` block. By whoever has claimed the last slot.
    #[inline]
    pub(super) fn turn(&self, next: *mut Block) {
        // Relaxed: the caller has left it there, and nobody else changes it.
        let first = self.place.load(Ordering::Relaxed) + 1;
        if left_out("block-before-place") {
            self.place.store(first, Ordering::Release);
        }
        // Release: whoever comes to the block sees it as it was made.
        self.block.store(next, Ordering::Release);
        // Release: pairs with the Acquire in read().
        self.place.store(first, Ordering::Release);
    }
}

/// The slot of a place in its block; `SLOTS` if it has none.
#[inline]
pub(super) fn slot_of(place: u64) -> usize {
    (place % LAP as u64) as usize
}

/// How many slots come before a place.
#[inline]
pub(super) fn slots_before(place: u64) -> u64 {
    place / LAP as u64 * SLOTS as u64 + place % LAP as u64
}

/// What `look` finds, after a few instructions of somebody else's.
pub(super) fn until<R>(mut look: impl FnMut() -> Option<R>) -> R {
    let mut looks = 0;
    loop {
        if let Some(found) = look() {
            return found;
        }
        looks += 1;
        if SPINS && looks < LOOKS { hint::spin_loop() } else { thread::yield_now() }
    }
}
