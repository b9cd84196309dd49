//! The injector's memory: blocks of slots, and the one that is kept for the next push.
//!
//! As a rule it is a taker that frees a block, and a pusher that needs the next one. They are two threads, and would meet at the
//! allocator's lock: with 100,000 jobs submitted at once, the submitter waited at that lock, or had to wake a worker that
//! did, 300 times, and so made 900 system calls. So the last block that was freed is kept, as a *spare*, and a push takes
//! that one if it is there. For all that `injector.rs` says, a spare has been freed, and a block that was a spare is new: the
//! taker has seen that all are done with the block, and the pusher sees what the taker did. (Model:
//! `a_block_comes_back_while_others_are_read`, twin `spare-begins-anew`.)

// Blocks are boxes that are passed on as pointers.
#![allow(unsafe_code)]

use std::ptr::{self, NonNull};

use crate::sync::atomic::{AtomicPtr, AtomicU64, Ordering};
use crate::sync::{LAP, Memory, left_out, no_pointers};

/// Each block has one slot less than places.
pub(crate) const SLOTS: usize = LAP - 1;

/// A block that nobody uses, or null.
pub(crate) struct Spare(AtomicPtr<Block>);

pub(crate) struct Block {
    pub(crate) slots: [AtomicPtr<()>; SLOTS],
    /// Null until a push has claimed the last slot.
    pub(crate) next: AtomicPtr<Block>,
    /// How many slots have been read.
    pub(crate) read: AtomicU64,
    pub(crate) memory: Memory,
}

impl Block {
    #[inline]
    pub(crate) fn new() -> Self {
        Self {
            slots: no_pointers(),
            next: AtomicPtr::new(ptr::null_mut()),
            read: AtomicU64::new(0),
            memory: Memory::new(),
        }
    }

    /// # Safety
    /// `block` is from a box, and nobody else will touch it any more.
    #[inline]
    pub(crate) unsafe fn freed(block: NonNull<Self>) -> Box<Self> {
        // SAFETY: says the caller.
        let block = unsafe { Box::from_raw(block.as_ptr()) };
        block.memory.is_freed();
        block
    }
}

impl Spare {
    pub(crate) fn none() -> Self {
        Self(AtomicPtr::new(ptr::null_mut()))
    }

    /// The block that is there, as new.
    #[inline]
    pub(crate) fn take(&self) -> Option<Box<Block>> {
        // Acquire: pairs with the Release in keep().
        let spare = NonNull::new(self.0.swap(ptr::null_mut(), Ordering::Acquire))?;
        // SAFETY: keep() has left it here, from a box, and the swap has made it ours alone.
        let mut block = unsafe { Block::freed(spare) };
        if !left_out("spare-begins-anew") {
            *block = Block::new();
        }
        Some(block)
    }

    /// Keeps a block that nobody needs now, in place of the one that is kept already.
    #[inline]
    pub(crate) fn keep(&self, block: Box<Block>) {
        // Release: pairs with the Acquire in take(). Acquire: as there.
        let other = self.0.swap(Box::into_raw(block), Ordering::AcqRel);
        if let Some(other) = NonNull::new(other) {
            // SAFETY: as in take().
            drop(unsafe { Block::freed(other) });
        }
    }
}
