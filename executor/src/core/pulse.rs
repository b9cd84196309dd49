//! What the loop says of itself at every poll: that one begins, and of which task.
//!
//! The loop writes, the watchdog reads. A turn of the reactor, from the moment at which its sleep is over, counts as a
//! poll for that: it calls wakers, which are foreign code, too. At every poll the loop counts it and stores a pointer
//! to the task, and none when the poll is over; which also serves the loop itself, as its sign that no task may be
//! polled now. The watchdog reads the number all the time, since a number that stays is a poll that lasts. The task it
//! wants to see only when it is about to report one, and then it must not be freed under its eyes:
//!
//! | word | written by | meaning |
//! |---|---|---|
//! | `polls`, `turns` | loop | polls, and turns of the reactor, that have begun |
//! | `current` | loop | the task that is being polled, or dropped; null between polls |
//! | `held` | watchdog | a task that it reads, for some nanoseconds: the loop may not give it up |
//!
//! # The bad interleaving
//! The watchdog reads `current`; the poll ends, the task completes and is freed; the watchdog reads freed memory. So each
//! side writes first and looks second, and a task is given up only in between:
//!
//! ```text
//! watchdog                               loop, before it gives up a task
//! W1 held := the task                    L1 current := null
//! W2 fence                               L2 fence
//! W3 is it still current?                L3 waits while one is held
//! ```
//!
//! Of two sequentially consistent fences one comes first. If it is L2, W3 sees that the task is not current any more and
//! does not touch it. If it is W2, L3 sees that it is held. Should the task have been freed and another one been made
//! in its place before W1, then that one is current, and is held. Model: `watchdog_reads_against_completion`, twins
//! `watchdog-looks-at-current-again` and `loop-waits-for-the-watchdog`; for what is written to the task before, and read before it is
//! freed, `watchdog-sees-the-task-whole` and `watchdog-has-read-before`.
//!
//! The wait is short, and rare: tasks are read when a poll is reported. A runtime without a watchdog does without L2 and
//! L3, and so do all where the feature `watchdog` is off. L1 is there for the loop itself, too: code of the task asks which
//! task it is. Here is the loop's side; the watchdog's is in `reading.rs`.

#[cfg(feature = "watchdog")]
mod reading;

#[cfg(feature = "watchdog")]
pub(crate) use reading::{Polled, Who};

use crate::Id;
use crate::sync::atomic::{AtomicPtr, AtomicU64, Ordering::*, fence};
use crate::sync::{left_out, thread};
use crate::task::TaskPtr;
use std::panic::Location;
use std::ptr;

#[derive(Debug)]
pub(crate) struct Pulse {
    polls: AtomicU64,
    /// Turns of the reactor, if somebody watches. They are no polls for anybody else.
    turns: AtomicU64,
    current: AtomicPtr<()>,
    held: AtomicPtr<()>,
    /// Where `block_on`, or `turn`, was called last.
    driven_from: AtomicPtr<Location<'static>>,
    watched: bool,
}

/// The main future, in `current`: an address that no task can have.
const MAIN: *mut () = ptr::without_provenance_mut(1);
/// The reactor's turn, likewise.
const WAKERS: *mut () = ptr::without_provenance_mut(2);

impl Pulse {
    /// `watched`: there is somebody to read it.
    pub(crate) fn new(watched: bool) -> Self {
        Self {
            polls: AtomicU64::new(0),
            turns: AtomicU64::new(0),
            current: AtomicPtr::new(ptr::null_mut()),
            held: AtomicPtr::new(ptr::null_mut()),
            driven_from: AtomicPtr::new(ptr::null_mut()),
            watched,
        }
    }

    /// Before the loop is driven. That it is being driven is in the context of the thread, as a rule; but a thread that is
    /// ending has none, and a task that is polled within its own poll would be two `&mut` to one future.
    ///
    /// # Panics
    /// Inside a poll of this loop.
    #[track_caller]
    pub(crate) fn refuse_poll(&self, what: &str, at: &Location<'_>) {
        assert!(
            !self.is_polling(),
            "{what} at {at} was called inside a poll of the same loop: await the future instead"
        );
    }

    /// The main future is the one of this `block_on` from now on, or there is none in this `turn`.
    pub(crate) fn driven_from(&self, at: &'static Location<'static>) {
        self.driven_from.store(ptr::from_ref(at).cast_mut(), Relaxed);
    }

    /// The loop is about to poll the main future.
    pub(crate) fn begin_main(&self) {
        self.begin(MAIN);
    }

    /// The loop is about to run a task: to poll it, or to drop its future.
    ///
    /// # Panics
    /// Inside a poll.
    pub(crate) fn begin_task(&self, task: TaskPtr) {
        assert!(!self.is_polling(), "a turn of the loop was started inside a poll");
        self.begin(task.as_raw());
    }

    /// The loop ends, and is about to drop a task's future. No poll is counted.
    pub(crate) fn begin_drop(&self, task: TaskPtr) {
        self.show(task.as_raw());
    }

    /// The reactor is about to call wakers.
    pub(crate) fn begin_wakers(&self) {
        if self.watched {
            self.turns.store(self.turns.load(Relaxed).wrapping_add(1), Relaxed);
            self.show(WAKERS);
        }
    }

    /// The reactor's turn is over.
    pub(crate) fn end_wakers(&self) {
        if self.watched {
            self.end();
        }
    }

    fn begin(&self, current: *mut ()) {
        self.polls.store(self.polls.load(Relaxed).wrapping_add(1), Relaxed);
        self.show(current);
    }

    fn show(&self, current: *mut ()) {
        // Release: pairs with W3. Whoever sees the task sees it whole, and the location of the main future.
        self.current.store(current, if left_out("watchdog-sees-the-task-whole") { Relaxed } else { Release });
    }

    /// The poll is over.
    pub(crate) fn end(&self) {
        self.current.store(ptr::null_mut(), Relaxed);
    }

    /// By the loop, before it gives up its reference to a task that it has run.
    pub(crate) fn let_go(&self) {
        // L1.
        self.current.store(ptr::null_mut(), Relaxed);
        if self.watched {
            self.let_go_watched();
        }
    }

    #[cold]
    fn let_go_watched(&self) {
        // L2. SeqCst: pairs with W2.
        fence(SeqCst);
        // L3. Acquire: pairs with the Release in hold().
        while !self.held.load(Acquire).is_null() && !left_out("loop-waits-for-the-watchdog") {
            thread::yield_now();
        }
    }

    /// The task that is being run. On the loop's thread.
    #[inline]
    #[allow(unsafe_code)]
    pub(crate) fn current_task(&self) -> Option<Id> {
        let current = self.current.load(Relaxed);
        if [ptr::null_mut(), MAIN, WAKERS].contains(&current) {
            return None;
        }
        // SAFETY: begin_task() or begin_drop() was given it, on this thread, and let_go() takes it away before the loop gives up its reference.
        Some(unsafe { TaskPtr::culprit_at(current) }.id)
    }

    /// How many polls have begun.
    pub(crate) fn polls(&self) -> u64 {
        self.polls.load(Relaxed)
    }

    /// Whether something is being polled.
    pub(crate) fn is_polling(&self) -> bool {
        !self.current.load(Relaxed).is_null()
    }
}

/// A pulse in a model, where what is current is just a number.
#[cfg(all(test, loom))]
impl Pulse {
    pub(crate) fn begin_model(&self, current: usize) {
        self.begin(ptr::without_provenance_mut(current));
    }
}
