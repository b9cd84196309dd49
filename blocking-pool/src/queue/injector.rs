//! The queue of everybody: first in, first out, without a limit; any thread may push and take.
//!
//! Entries lie in *blocks*, linked in their order. Each end of the queue is a *place*, a number that only grows, beside
//! a pointer to the place's block:
//!
//! ```text
//!   head: place, block ──► [ read  read  x  x  x ] ──next──► [ x  x  -  -  - ] ◄── block, place :tail
//! ```
//!
//! **A push** claims the place at the tail by one compare-and-swap, and stores the entry into its slot: an entry is one
//! pointer, and an empty slot a null one, so a slot needs no state of its own. **A take** claims one place at the head,
//! or several of one block, by one compare-and-swap, reads their slots, and then adds how many it has read to the block's
//! count. Whoever completes the count frees the block.
//!
//! A look (is anything there? how much?) compares the two places, and reads no block. But it takes the tail's cache line away from
//! the next push. So takers note at the head where they have seen the tail, and look again only when what is before that is
//! nearly used up.
//!
//! # Why a block is there as long as somebody reads it
//!
//! A block is touched only by those who have claimed a place in it, and it is freed when all its slots have been read. A push's
//! last access is the store that a take waits for, so the pushes are over then. A take's last access is its addition to the
//! count. (Count before reading, and the bad interleaving is: somebody else reads the other half of the block, completes the
//! count, and frees what we are about to read. Model: `take_against_take_of_one_block`, twin `read-before-counted`.) So
//! nobody has to announce that it is reading, as with epochs or hazard pointers.
//!
//! # Who waits for whom
//!
//! A take waits for a push that has claimed a place and has not filled it yet. Both wait for whoever is turning their end. What
//! they wait for comes a few instructions after the claim, which do nothing but store: the next block has been allocated
//! before the last slot is claimed. It takes longer only if the kernel puts the thread aside just there, and then those who
//! wait leave it their processor. The alternatives cost more: slots that are left out would have to be remembered and
//! looked at again, and to look at a slot before it is claimed would need something that keeps its block.
//!
//! As for [`crate::threads::idle`], a push has happened when its place is claimed: the look of somebody who lies down shows it.
//!
//! Why place and block belong together is told in `end.rs`; where blocks come from, and what becomes of them, in `block.rs`.

// Blocks are reached through pointers, and slots hold what was taken apart.
#![allow(unsafe_code)]

use std::marker::PhantomData;
use std::ops::Range;
use std::ptr::NonNull;

use super::block::{Block, SLOTS, Spare};
use super::end::{End, slot_of, slots_before, until};
use super::pointer::Pointer;
use super::ring::Deque;
use crate::sync::atomic::{AtomicU64, Ordering};
use crate::sync::left_out;
use crate::sys::padded::Padded;

pub(crate) struct Injector<T: Pointer> {
    head: Padded<Head>,
    tail: Padded<End>,
    spare: Padded<Spare>,
    holds: PhantomData<fn(T) -> T>,
}

struct Head {
    end: End,
    /// Where the tail was when somebody who takes looked last. Old news does no harm: a tail only grows.
    seen: AtomicU64,
}

/// Some entries of one block that belong to the holder alone. Those that have not been taken out of it are dropped with it.
struct Claim<'a, T: Pointer> {
    block: NonNull<Block>,
    slots: Range<usize>,
    count: usize,
    spare: &'a Spare,
    holds: PhantomData<T>,
}

/// The most that goes into a deque at a time, to lie behind one that may be long until others steal it.
const BATCH: usize = 32;

impl<T: Pointer> Injector<T> {
    #[inline(never)]
    pub(crate) fn new() -> Self {
        let first = Box::into_raw(Box::new(Block::new()));
        let end = || End::at(first);
        let head = Head { end: end(), seen: AtomicU64::new(0) };
        let spare = Spare::none();
        Self { head: Padded(head), tail: Padded(end()), spare: Padded(spare), holds: PhantomData }
    }

    /// How many are waiting. An entry that came before the call and is not counted has been taken.
    pub(crate) fn len(&self) -> usize {
        // The tail first: what is before it, and not after the head, has been taken. Acquire: pairs with the claims.
        let tail = self.tail.place.load(Ordering::Acquire);
        let head = self.head.end.place.load(Ordering::Acquire);
        slots_before(tail).saturating_sub(slots_before(head)) as usize
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether a batch waits, as far as that was seen when somebody took one last: no look at the tail.
    pub(crate) fn is_known_to_hold_a_batch(&self) -> bool {
        // Relaxed: a hint.
        let place = self.head.end.place.load(Ordering::Relaxed);
        let seen = self.head.seen.load(Ordering::Relaxed);
        slots_before(seen) >= slots_before(place) + BATCH as u64
    }

    pub(crate) fn push(&self, entry: T) {
        let entry = entry.into_raw();
        let mut next = None;
        let (block, slot) = loop {
            let (place, block) = self.tail.read();
            let slot = slot_of(place);
            if slot + 1 == SLOTS && next.is_none() {
                next = Some(self.spare.take().unwrap_or_else(|| Box::new(Block::new())));
            }
            if self.tail.claim(place, 1) {
                break (block, slot);
            }
        };
        // SAFETY: a slot of this block is ours, and it is not freed before that has been read.
        let block = unsafe { block.as_ref() };
        block.memory.is_used();
        match next {
            Some(next) if slot + 1 == SLOTS => {
                let next = Box::into_raw(next);
                self.tail.turn(next);
                // Release: pairs with the Acquire of the take that goes on to it. As for the slot, below: whoever comes to the next block
                // may rely on what another one has seen of the tail. (Model: `turn_by_what_another_has_seen`.)
                let order =
                    if left_out("next-shows-the-block") { Ordering::Relaxed } else { Ordering::Release };
                block.next.store(next, order);
            }
            Some(for_another) => self.spare.keep(for_another),
            None => {}
        }
        // Release: pairs with the Acquire of the take that reads it. As a rule the claim has told that one what is in the entry, but not
        // if it relies on what another one has seen of the tail. (Model: `take_by_what_another_has_seen`.)
        let order = if left_out("slot-shows-the-entry") { Ordering::Relaxed } else { Ordering::Release };
        block.slots[slot].store(entry.as_ptr(), order);
    }

    /// The oldest entry.
    #[inline(never)]
    pub(crate) fn pop(&self) -> Option<T> {
        self.claim(1)?.next()
    }

    /// The oldest entry; and of what comes next up to half, as far as there is room, goes to `deque`.
    #[inline]
    pub(crate) fn pop_batch(&self, deque: &Deque<'_, T>) -> Option<T> {
        // Most often nothing is there.
        let place = self.head.end.place.load(Ordering::Relaxed);
        if self.waiting_after(place, 1) == 0 { None } else { self.pop_batch_of_some(deque) }
    }

    #[inline(never)]
    fn pop_batch_of_some(&self, deque: &Deque<'_, T>) -> Option<T> {
        let mut claim = self.claim(1 + deque.room().min(BATCH))?;
        let first = claim.next();
        deque.push_all(&mut claim);
        first
    }

    /// At most `most`, and at most half of what is there, so that others find something, too.
    fn claim(&self, most: usize) -> Option<Claim<'_, T>> {
        loop {
            let (place, block) = self.head.end.read();
            let waiting = self.waiting_after(place, 2 * most);
            if waiting == 0 {
                return None;
            }
            let first = slot_of(place);
            let count = waiting.div_ceil(2).min(most).min(SLOTS - first);
            if !self.head.end.claim(place, count) {
                continue;
            }
            let slots = first..first + count;
            let claim = Claim { block, slots, count, spare: &self.spare, holds: PhantomData };
            if claim.slots.end == SLOTS {
                // Acquire: pairs with the Release of the push that put it there.
                self.head
                    .end
                    .turn(until(|| NonNull::new(claim.block().next.load(Ordering::Acquire))).as_ptr());
            }
            if left_out("read-before-counted") {
                claim.count_off();
            }
            return Some(claim);
        }
    }
}

impl<T: Pointer> Injector<T> {
    /// How many wait behind a place of the head: all, or fewer but at least `enough`. The tail is looked at only if need be, since
    /// each look takes its cache line away from the next push.
    fn waiting_after(&self, place: u64, enough: usize) -> usize {
        let after = |tail: u64| slots_before(tail).saturating_sub(slots_before(place)) as usize;
        let seen = after(self.head.seen.load(Ordering::Relaxed));
        if seen >= enough {
            return seen;
        }
        // Acquire: pairs with the claims of pushes.
        let tail = self.tail.place.load(Ordering::Acquire);
        self.head.seen.store(tail, Ordering::Relaxed);
        after(tail)
    }

    /// The first half of a take, by somebody who is put aside then: a look at the tail.
    #[cfg(test)]
    pub(crate) fn begin_to_take(&self) {
        self.waiting_after(self.head.end.place.load(Ordering::Relaxed), usize::MAX);
    }
}

impl<T: Pointer> Drop for Injector<T> {
    #[inline(never)]
    fn drop(&mut self) {
        while self.pop().is_some() {}
        // SAFETY: all that was pushed has been read, and nobody else is here: this block is the only one left.
        drop(unsafe { Block::freed(self.head.end.read().1) });
        drop(self.spare.take());
    }
}

impl<T: Pointer> Claim<'_, T> {
    fn block(&self) -> &Block {
        // SAFETY: it has slots that are ours and not counted as read, so it is not freed.
        unsafe { self.block.as_ref() }
    }

    /// All its slots have been read. Nobody touches the block after that unless there is another claim to it.
    fn count_off(&self) {
        // AcqRel: whoever completes the count has seen all that others have done to the block.
        let count = self.count as u64;
        if self.block().read.fetch_add(count, Ordering::AcqRel) + count == SLOTS as u64 {
            // SAFETY: each slot has been filled, which is the last that a push does to a block, and read, by claims
            // that are over, too.
            self.spare.keep(unsafe { Block::freed(self.block) });
        }
    }
}

impl<T: Pointer> Iterator for Claim<'_, T> {
    type Item = T;

    fn next(&mut self) -> Option<T> {
        let slot = self.slots.next()?;
        self.block().memory.is_used();
        // Acquire: pairs with the Release of the push.
        let entry = until(|| NonNull::new(self.block().slots[slot].load(Ordering::Acquire)));
        // SAFETY: a push has taken it apart, the slot is ours, and we come to each slot once.
        Some(unsafe { T::from_raw(entry) })
    }
}

impl<T: Pointer> Drop for Claim<'_, T> {
    fn drop(&mut self) {
        while self.next().is_some() {}
        if !left_out("read-before-counted") {
            self.count_off();
        }
    }
}
