//! A core worker's own queue: a ring of fixed size. Its owner pushes, anybody takes, first in, first out.
//!
//! `tail` is the place of the next push, `head` that of the next take; both only grow, and the slot of a place is its
//! remainder. Only the owner writes slots and the tail: a push is two stores, and a batch one more for each entry. **A
//! take** reads the slot at the head, then moves the head by a compare-and-swap, and has the entry only if that
//! succeeded. The owner takes like everybody else: being first in, first out, it is at the same end as the thieves.
//!
//! # What a thief has read
//!
//! The owner writes to a slot again only when it has seen the head beyond it. So if a thief reads what belongs to a
//! later place, somebody else has taken the entry that it was after, and the head has moved: its compare-and-swap fails,
//! as a head never comes back to a number. Claim first and read then, and the bad interleaving is: the owner sees the
//! head moved, comes round and overwrites the slot; the thief takes an entry that another one will take, too, and its
//! own is lost.
//! (Model: `steal_against_a_push_that_comes_round`, twin `slot-before-claim`.)
//!
//! The memory stays where it is, whoever is late. That, and that nothing ever has to be copied while somebody steals,
//! is why the ring does not grow: of a family of jobs that is larger, the rest goes to the injector, where all find it.

// Slots hold what was taken apart.
#![allow(unsafe_code)]

use std::marker::PhantomData;
use std::ptr::NonNull;

use super::pointer::Pointer;
use crate::sync::atomic::{AtomicPtr, AtomicU64, Ordering};
use crate::sync::{RING, left_out, no_pointers};
use crate::sys::padded::Padded;

/// The whole, and the end of everybody.
pub(crate) struct Ring<T: Pointer> {
    head: Padded<AtomicU64>,
    tail: Padded<AtomicU64>,
    slots: [AtomicPtr<()>; RING],
    holds: PhantomData<fn(T) -> T>,
}

/// The owner's end. It stays on its thread.
pub(crate) struct Deque<'a, T: Pointer> {
    ring: &'a Ring<T>,
    stays: PhantomData<*const ()>,
}

impl<T: Pointer> Deque<'_, T> {
    /// How many more entries it can hold. Only the owner's own pushes make that less.
    pub(crate) fn room(&self) -> usize {
        // Relaxed: our own.
        let tail = self.ring.tail.load(Ordering::Relaxed);
        // Acquire: pairs with the Release of a take, which has read the slot before. (No model could notice: what loom lets a load read
        // has been stored already.)
        let head = self.ring.head.load(Ordering::Acquire);
        RING - (tail - head) as usize
    }

    /// The entry back if there is no room.
    pub(crate) fn push(&self, entry: T) -> Result<(), T> {
        if self.room() == 0 {
            return Err(entry);
        }
        self.push_all(&mut Some(entry).into_iter());
        Ok(())
    }

    /// Pushes as many as there is room for, and shows them all at once.
    pub(crate) fn push_all(&self, entries: &mut impl Iterator<Item = T>) {
        let start = self.ring.tail.load(Ordering::Relaxed);
        let mut tail = start;
        for entry in entries.take(self.room()) {
            // Relaxed: shown by the tail.
            self.ring.slot(tail).store(entry.into_raw().as_ptr(), Ordering::Relaxed);
            tail += 1;
        }
        if tail != start {
            // Release: pairs with the Acquire of a take.
            self.ring.tail.store(tail, Ordering::Release);
        }
    }
}

impl<T: Pointer> Ring<T> {
    pub(crate) fn new() -> Self {
        Self {
            head: Padded(AtomicU64::new(0)),
            tail: Padded(AtomicU64::new(0)),
            slots: no_pointers(),
            holds: PhantomData,
        }
    }

    /// The owner's end.
    ///
    /// # Safety
    /// Those who have it, one after the other or at the same time, are one thread, or each knows what the one before did.
    pub(crate) unsafe fn owned(&self) -> Deque<'_, T> {
        Deque { ring: self, stays: PhantomData }
    }

    /// How many are waiting. An entry that came before the call and is not counted has been taken.
    pub(crate) fn len(&self) -> usize {
        // The tail first, as in the injector. Acquire: pairs with pushes and takes.
        let tail = self.tail.load(Ordering::Acquire);
        let head = self.head.load(Ordering::Acquire);
        tail.saturating_sub(head) as usize
    }

    /// The one that has been there for the longest.
    pub(crate) fn take(&self) -> Option<T> {
        // Acquire: so that the tail is not older than this.
        let mut head = self.head.load(Ordering::Acquire);
        loop {
            // Acquire: pairs with the Release of the push; what is before it is in its slot.
            if self.tail.load(Ordering::Acquire) == head {
                return None;
            }
            let mut entry = self.slot(head).load(Ordering::Relaxed);
            // AcqRel: Release pairs with the Acquire in room().
            match self.head.compare_exchange_weak(head, head + 1, Ordering::AcqRel, Ordering::Acquire) {
                Ok(_) => {
                    if left_out("slot-before-claim") {
                        entry = self.slot(head).load(Ordering::Relaxed);
                    }
                    let entry = NonNull::new(entry).expect("what is before the tail is in its slot");
                    // SAFETY: a push has taken it apart, and only we have moved the head beyond its place.
                    return Some(unsafe { T::from_raw(entry) });
                }
                Err(now) => head = now,
            }
        }
    }

    fn slot(&self, place: u64) -> &AtomicPtr<()> {
        &self.slots[(place % RING as u64) as usize]
    }
}

impl<T: Pointer> Drop for Ring<T> {
    #[inline(never)]
    fn drop(&mut self) {
        while self.take().is_some() {}
    }
}
