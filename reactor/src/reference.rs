//! A timer's hold on its reactor.
//!
//! A timer may outlive its reactor, so it keeps what the handles share. To count that reference takes two locked operations for
//! each timer, and most timers come and go on the loop's own thread. So there a reference that is given up stays counted, for
//! the next timer. How many of these there are is a plain number, among what only that thread touches
//! (`timers/src/local_timers.rs`). The number has a limit, because each timer that is made on another thread and dropped on
//! this one adds to it. The end of the reactor gives them all up.
#![allow(unsafe_code)] // Counts that are handed on without being counted.

use crate::handle::{Handle, Shared};
use crate::sync::Arc;
use std::mem::ManuallyDrop;
use std::ops::Deref;

pub(crate) struct Reference(ManuallyDrop<Handle>);

impl Reference {
    #[inline]
    pub(crate) fn new(handle: &Handle) -> Reference {
        if !handle.0.timers.local.take_reference() {
            return Reference(ManuallyDrop::new(handle.clone()));
        }
        // SAFETY: of this very reactor, and counted: somebody has given it up uncounted, and it is ours alone now.
        let shared = unsafe { Arc::from_raw(Arc::as_ptr(&handle.0)) };
        Reference(ManuallyDrop::new(Handle(shared)))
    }
}

/// Gives up the references that are kept for others. At the end of the reactor, on its thread.
pub(crate) fn give_up(shared: &Arc<Shared>) {
    for _ in 0..shared.timers.local.take_all_references() {
        // SAFETY: each was counted once, and is not taken by anybody else.
        unsafe { Arc::decrement_strong_count(Arc::as_ptr(shared)) };
    }
}

impl Deref for Reference {
    type Target = Handle;

    #[inline]
    fn deref(&self) -> &Handle {
        &self.0
    }
}

impl Drop for Reference {
    #[inline]
    fn drop(&mut self) {
        if !self.0.0.timers.local.give_reference() {
            // SAFETY: this is the drop, so nobody uses it afterwards.
            unsafe { ManuallyDrop::drop(&mut self.0) };
        }
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use crate::{Clock, LocalReactor, Timer};
    use sideline_timers::local_timers::REFERENCES;
    use std::sync::mpsc;
    use std::thread;
    use std::time::Duration;

    #[test]
    fn those_of_timers_that_were_made_elsewhere_do_not_add_up() {
        let reactor = LocalReactor::new(Clock::real()).unwrap();
        let handle = reactor.handle().clone();
        let none = Arc::strong_count(&handle.0);
        let (send, made) = mpsc::channel();
        thread::scope(|scope| {
            let make = || Timer::after(&handle, Duration::ZERO);
            scope.spawn(move || (0..REFERENCES + 1_000).for_each(|_| send.send(make()).unwrap()));
            made.into_iter().for_each(drop);
        });
        assert_eq!(Arc::strong_count(&handle.0), none + REFERENCES);
        drop(reactor);
        assert_eq!(Arc::strong_count(&handle.0), 1);
    }
}
