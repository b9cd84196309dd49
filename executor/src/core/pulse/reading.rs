//! The watchdog's side of the [`Pulse`]: it sees that something is being polled, and reads what that is while it is.
//!
//! W1 to W3 are told in `pulse.rs`.

// One block: the task that is held is read.
#![allow(unsafe_code)]

use super::{MAIN, Pulse, WAKERS};
use crate::Id;
use crate::runtime::report::Culprit;
use crate::sync::atomic::{Ordering::*, fence};
use crate::sync::left_out;
use crate::task::TaskPtr;
use std::panic::Location;
use std::ptr;

/// What is being polled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Polled {
    pub(crate) who: Who,
    /// Where the task was spawned, or the loop is driven from.
    pub(crate) location: &'static Location<'static>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Who {
    Task(Id),
    Main,
    /// Of sockets and timers.
    Wakers,
}

impl Who {
    pub(crate) fn task(self) -> Option<Id> {
        if let Who::Task(id) = self { Some(id) } else { None }
    }
}

impl Pulse {
    /// What changes with whatever begins. Both numbers only grow, so the sum is the same only if both are.
    pub(crate) fn beginnings(&self) -> u64 {
        self.polls().wrapping_add(self.turns.load(Relaxed))
    }

    /// What is being polled now. By the watchdog.
    pub(crate) fn read(&self) -> Option<Polled> {
        self.hold(|current| {
            if current == MAIN || current == WAKERS {
                let location = self.driven_from.load(Relaxed);
                // SAFETY: null, or the `&'static Location` that driven_from() stored.
                let location = unsafe { location.as_ref() };
                let who = if current == MAIN { Who::Main } else { Who::Wakers };
                return location.map(|location| Polled { who, location });
            }
            // SAFETY: begin_task() or begin_drop() was given it, and it is held: the loop keeps its reference.
            let Culprit { id, location } = unsafe { TaskPtr::culprit_at(current) };
            Some(Polled { who: Who::Task(id), location })
        })
    }

    fn hold<R>(&self, read: impl FnOnce(*mut ()) -> Option<R>) -> Option<R> {
        debug_assert!(self.watched, "the loop would not wait");
        let current = self.current.load(Relaxed);
        // W1.
        self.held.store(current, Relaxed);
        // W2. SeqCst: pairs with L2.
        fence(SeqCst);
        // W3. Acquire: pairs with the Release in show().
        let still = self.current.load(Acquire) == current || left_out("watchdog-looks-at-current-again");
        let seen = if still && !current.is_null() { read(current) } else { None };
        // Release: pairs with L3, so that the task is read before it is freed.
        self.held
            .store(ptr::null_mut(), if left_out("watchdog-has-read-before") { Relaxed } else { Release });
        seen
    }

    /// In a model, where what is current is just a number.
    #[cfg(all(test, loom))]
    pub(crate) fn read_model(&self, read: impl FnOnce(usize)) {
        self.hold(|current| Some(read(current.addr())));
    }
}
