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
//! # Two ends
//! The registry and the wakeup are everybody's as soon as it is open. The selector is the loop's: it lies in `selector` until the
//! loop comes for it.
//!
//! | what | who | when |
//! |---|---|---|
//! | `ends` | set by who opens, under the lock; read by anybody | once |
//! | `selector` | put in by who opens, taken out by the loop, at its end at the latest, both under the lock | once each |
//!
//! # The bad interleavings
//! * Two threads open it at once, and one of two event queues has sources that nobody waits for. So who opens looks again under
//!   the lock.
//! * A notifier finds the loop PARKED, and there is no eventfd to write. So the loop parks only with the selector in its hands, and
//!   PARKED is written with Release and read with Acquire.
//! * The loop learns that there is a source before it sees the open queue. It is on its way to its word then, looks once more after
//!   it has said so, and goes to the selector from there: see "Where the loop sleeps" in `notifier.rs`.
//!
//! Models: `first_sources_of_two_threads`, twin `queue-looks-again`; `opening_against_notify_loses_no_wake`, twin `parked-shows-the-wakeup`;
//! `sleep_on_the_word_against_register`.

use crate::errors::{self, KernelError};
use crate::lock::Mutex;
use crate::sync::{OnceLock, left_out, sys};
use crate::wait::Wait;
use std::io;

pub(crate) struct Queue {
    ends: OnceLock<Ends>,
    /// Opened, and not fetched by the loop yet.
    selector: Mutex<Option<sys::Selector>>,
}

/// Everybody's side of the open queue.
pub(crate) struct Ends {
    pub(crate) registry: sys::Registry,
    pub(crate) wakeup: sys::Wakeup,
}

impl Queue {
    pub(crate) fn new() -> Queue {
        Queue { ends: OnceLock::new(), selector: Mutex::new(None) }
    }

    /// Opens it, if it is not open.
    ///
    /// # Errors
    /// What the kernel says; a lack of descriptors names the limit. Then the next one tries again.
    #[inline]
    pub(crate) fn open(&self) -> io::Result<&Ends> {
        match self.ends.get() {
            Some(ends) => Ok(ends),
            None => self.open_first(),
        }
    }

    #[inline(never)]
    fn open_first(&self) -> io::Result<&Ends> {
        let mut place = self.selector.lock();
        if let Some(ends) = self.ends.get().filter(|_| !left_out("queue-looks-again")) {
            return Ok(ends);
        }
        let (selector, registry, wakeup) = sys::open().map_err(errors::name_queue_limit)?;
        *place = Some(selector);
        Ok(self.ends.get_or_init(|| Ends { registry, wakeup }))
    }

    /// Of a queue that is known to be open.
    #[inline]
    pub(crate) fn ends(&self) -> &Ends {
        self.ends.get().expect("a loop that stands by, or has sources, has opened its event queue")
    }

    #[inline]
    pub(crate) fn is_open(&self) -> bool {
        self.ends.get().is_some()
    }

    /// The loop's end, once. `None`, too, if the queue is not open.
    pub(crate) fn fetch_selector(&self) -> Option<sys::Selector> {
        self.ends.get()?;
        self.selector.lock().take()
    }
}

/// The loop's side.
#[derive(Default)]
pub(crate) struct Fetched(Option<sys::Selector>);

impl Fetched {
    /// The selector, if the queue is open.
    #[inline]
    pub(crate) fn selector(&mut self, queue: &Queue) -> Option<&mut sys::Selector> {
        if self.0.is_none() {
            self.0 = queue.fetch_selector();
        }
        self.0.as_mut()
    }

    /// Opens the queue, if it is not open. False if the kernel does not let us.
    #[inline(never)]
    pub(crate) fn open(&mut self, queue: &Queue) -> bool {
        // Not dropped here: see KernelError.
        queue.open().map_err(KernelError::of).is_ok() && self.selector(queue).is_some()
    }

    /// Waits in the selector, which has been fetched.
    #[inline]
    pub(crate) fn wait(&mut self, wait: Wait) -> Result<(), KernelError> {
        self.0.as_mut().expect("the loop parks only with the selector in its hands").wait(wait)
    }
}
