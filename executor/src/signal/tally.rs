//! From a signal handler to whoever waits for the signal.
//!
//! A handler may interrupt any code at all, so it takes no lock and calls no waker: it adds one to the signal's count
//! and writes a byte into a pipe. Every runtime in which somebody listens has the pipe's other end registered with its loop
//! (`ear.rs`). Whichever loop hears of it first empties the pipe, for all; the others may find it empty already
//! and report nothing. So who empties it wakes the others' listeners:
//!
//! ```text
//! handler               loop A                      loop B, which has a listener
//! count += 1
//! writes a byte
//!                       sees the pipe
//!                       empties it
//!                                                   looks: an empty pipe is no event
//!                       wakes who waits
//! ```
//!
//! A listener puts its waker on the list first, and only then looks at the count:
//!
//! ```text
//! B                     handler, and A after it
//! count as before
//!                       count += 1; the pipe is emptied; B is not on the list
//! waits                 (asleep, until the next signal)
//! ```
//!
//! Either B sees the new count, or A finds B: the list's lock is between them. Model: `signal_against_listener`, twin
//! `listener-looks-again`.
//!
//! A count says *that* signals came since a listener last looked, not how many: the kernel itself merges them.

use crate::sync::atomic::{AtomicUsize, Ordering};
use crate::sync::{Mutex, left_out};
use sideline_reactor::{discard, wake_all};
use std::collections::BTreeMap;
use std::mem;
use std::task::{Context, Poll, Waker};

pub(crate) struct Tally {
    /// Of each signal, by its number.
    counts: Box<[AtomicUsize]>,
    waiting: Mutex<Waiting>,
}

struct Waiting {
    /// By the listener's id.
    list: BTreeMap<u64, Entry>,
    next_id: u64,
}

struct Entry {
    signal: usize,
    seen: usize,
    waker: Waker,
}

impl Entry {
    fn discard(self) {
        discard(self.waker);
    }
}

/// What one listener knows of one signal.
#[derive(Debug)]
pub(crate) struct Listener {
    id: u64,
    signal: usize,
    seen: usize,
}

impl Tally {
    pub(crate) fn new(signals: usize) -> Tally {
        let waiting = Waiting { list: BTreeMap::new(), next_id: 0 };
        Tally { counts: (0..signals).map(|_| AtomicUsize::new(0)).collect(), waiting: Mutex::new(waiting) }
    }

    /// Counts a signal. All that a handler does here.
    pub(crate) fn note(&self, signal: usize) {
        // Release: pairs with the Acquire in `count`. (The byte in the pipe, or the list's lock, orders more than that. But a listener may
        // look before. Model: `what_was_written_before_a_signal_is_seen_by_its_listener`.)
        if let Some(count) = self.counts.get(signal) {
            count.fetch_add(
                1,
                if left_out("signal-carries-along") { Ordering::Relaxed } else { Ordering::Release },
            );
        }
    }

    /// A listener to what comes from now on. `signal` is less than what `new` was told.
    pub(crate) fn listen(&self, signal: usize) -> Listener {
        let seen = self.count(signal);
        let mut waiting = self.waiting.lock();
        waiting.next_id += 1;
        Listener { id: waiting.next_id, signal, seen }
    }

    fn count(&self, signal: usize) -> usize {
        self.counts[signal].load(Ordering::Acquire)
    }

    /// Ready if the signal has come since this was last ready.
    pub(crate) fn poll(&self, listener: &mut Listener, cx: &mut Context<'_>) -> Poll<()> {
        if self.take(listener) {
            return Poll::Ready(());
        }
        let Listener { id, signal, seen } = *listener;
        let entry = Entry { signal, seen, waker: cx.waker().clone() };
        let before = self.waiting.lock().list.insert(id, entry);
        // A waker is foreign code: not under the lock.
        before.into_iter().for_each(Entry::discard);
        if !left_out("listener-looks-again") && self.take(listener) {
            return Poll::Ready(());
        }
        Poll::Pending
    }

    fn take(&self, listener: &mut Listener) -> bool {
        let now = self.count(listener.signal);
        let came = now != listener.seen;
        listener.seen = now;
        came
    }

    /// Wakes all listeners whose signal has come. To be called after the pipe was emptied.
    pub(crate) fn wake_all(&self) {
        let has_come = |entry: &Entry| self.count(entry.signal) != entry.seen;
        let mut came = Vec::new();
        {
            let list = &mut self.waiting.lock().list;
            let ids: Vec<_> = list.iter().filter(|(_, entry)| has_come(entry)).map(|(&id, _)| id).collect();
            came.extend(ids.iter().filter_map(|id| list.remove(id)).map(|entry| entry.waker));
        }
        wake_all(&mut came);
    }

    /// Wakes all listeners, whatever they wait for: some runtime has ended, perhaps theirs.
    pub(crate) fn wake_everybody(&self) {
        let list = mem::take(&mut self.waiting.lock().list);
        wake_all(&mut list.into_values().map(|entry| entry.waker).collect());
    }

    /// The listener is gone.
    pub(crate) fn forget(&self, listener: &Listener) {
        let entry = self.waiting.lock().list.remove(&listener.id);
        entry.into_iter().for_each(Entry::discard);
    }
}
