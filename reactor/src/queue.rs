//! The event queue, which is opened once it is needed.
//!
//! A loop without sources sleeps on the notifier's word. It needs no event queue, and a `block_on` whose future never waits for
//! the kernel makes no system call for one. So the queue is opened by the first of these:
//!
//! * whoever makes a reactor and wants to know at once that it has its descriptors: [`Reactor::new`](crate::Reactor::new) and
//!   all the others but [`LocalReactor::lazy`](crate::LocalReactor::lazy);
//! * whoever registers the first source, on any thread;
//! * the loop, before a sleep that only the selector ends to the microsecond.
//!
//! | what | who | when |
//! |---|---|---|
//! | the pointer | set by who opens, read by anybody: see the `set_once.rs` of the timers | once |
//! | `registry`, `wakeup` | anybody | from then on, until the last handle goes |
//! | `selector` | the loop, which has the [`LoopEnd`] | from then on, until the loop ends |
//!
//! # The bad interleavings
//! * Two threads open it at once, and one of two event queues has sources that nobody waits for. So who comes second takes the
//!   first one's, and closes its own.
//! * A notifier finds the loop PARKED, and there is no eventfd to write. So the loop parks only after it has found the queue open, and
//!   PARKED is written with Release and read with Acquire.
//! * The loop learns that there is a source before it sees the open queue. It is on its way to its word then, looks once more after
//!   it has said so, and goes to the selector from there: see "Where the loop sleeps" in `notifier.rs`.
//!
//! Models: `first_sources_of_two_threads`, twin `first-one-stays`; `opening_against_notify_loses_no_wake`, twin
//! `parked-shows-the-wakeup`; `first_source_against_notify`, this twin and `announcement-shows-the-wakeup`;
//! `sleep_on_the_word_against_register`.
#![allow(unsafe_code)] // What is the loop's behind the pointer.

use crate::errors::{self, KernelError};
use crate::set_once::SetOnce;
use crate::sync::sys;
use std::cell::UnsafeCell;
use std::io;

/// Not open, or open for as long as this is there.
pub(crate) struct Queue(SetOnce<Open>);

/// An open queue.
pub(crate) struct Open {
    pub(crate) registry: sys::Registry,
    pub(crate) wakeup: sys::Wakeup,
    /// Of whoever has the loop's end. `None` once that has closed it.
    selector: UnsafeCell<Option<sys::Selector>>,
}

// SAFETY: `selector` is for whoever has the loop's end, of which there is one; `place_of_selector` sees to it. The rest is.
unsafe impl Sync for Open {}

/// The loop's end of a queue. There is one.
pub(crate) struct LoopEnd(());

impl Queue {
    pub(crate) fn new() -> (Queue, LoopEnd) {
        (Queue(SetOnce::new()), LoopEnd(()))
    }

    #[inline]
    pub(crate) fn is_open(&self) -> bool {
        self.0.get().is_some()
    }

    /// Of a queue that is known to be open.
    #[inline]
    pub(crate) fn ends(&self) -> &Open {
        self.0.get().expect("a loop that stands by, or has sources, has opened its event queue")
    }

    /// Opens it, if it is not open.
    ///
    /// # Errors
    /// What the kernel says; a lack of descriptors names the limit. Then the next one tries again.
    #[inline]
    pub(crate) fn open(&self) -> io::Result<&Open> {
        match self.0.get() {
            Some(open) => Ok(open),
            None => self.open_first(),
        }
    }

    #[inline(never)]
    fn open_first(&self) -> io::Result<&Open> {
        let (selector, registry, wakeup) = sys::open().map_err(errors::name_queue_limit)?;
        Ok(self.0.set(Open { registry, wakeup, selector: UnsafeCell::new(Some(selector)) }))
    }

    /// As [`open`](Self::open), for the loop. False if the kernel does not let us.
    #[inline(never)]
    pub(crate) fn opens(&self) -> bool {
        // Not dropped here: see KernelError.
        self.open().map_err(KernelError::of).is_ok()
    }

    /// The selector, if the queue is open.
    #[inline]
    pub(crate) fn selector<'a>(&'a self, end: &'a mut LoopEnd) -> Option<&'a mut sys::Selector> {
        self.place_of_selector(end)?.as_mut()
    }

    /// Closes the selector. Handles, which may stay for long, have no use for it.
    #[inline(never)]
    pub(crate) fn close(&self, end: &mut LoopEnd) {
        if let Some(place) = self.place_of_selector(end) {
            *place = None;
        }
    }

    #[inline]
    fn place_of_selector<'a>(&'a self, _end: &'a mut LoopEnd) -> Option<&'a mut Option<sys::Selector>> {
        // SAFETY: the loop's end has been lent to us for as long, and nobody looks there without.
        self.0.get().map(|open| unsafe { &mut *open.selector.get() })
    }
}
