//! From a signal handler to whoever waits for the signal.
//!
//! A handler may interrupt any code at all, so it takes no lock and calls no waker: it adds one to the signal's count
//! and writes a byte into a pipe. Every listener has the pipe's other end registered with its own loop. Whichever
//! listener is polled first after that empties the pipe, for all; the loops of the others may find it empty already
//! and report nothing. So who empties it wakes the others:
//!
//! ```text
//! handler               listener A                  listener B, on another loop
//! count += 1
//! writes a byte
//!                       its loop saw the pipe
//!                       empties it
//!                                                   its loop looks: an empty pipe is no event
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
use std::task::{Context, Poll, Waker};

pub(crate) struct Tally {
    /// Of each signal, by its number.
    counts: Box<[AtomicUsize]>,
    waiting: Mutex<Waiting>,
}

struct Waiting {
    list: Vec<Entry>,
    next_id: u64,
}

struct Entry {
    id: u64,
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
        let waiting = Waiting { list: Vec::new(), next_id: 0 };
        Tally { counts: (0..signals).map(|_| AtomicUsize::new(0)).collect(), waiting: Mutex::new(waiting) }
    }

    /// Counts a signal. All that a handler does here.
    pub(crate) fn note(&self, signal: usize) {
        // Release: pairs with the Acquire in `count`. (The byte in the pipe, or the list's lock, orders more than that.)
        if let Some(count) = self.counts.get(signal) {
            count.fetch_add(1, Ordering::Release);
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
        let entry = Entry { id, signal, seen, waker: cx.waker().clone() };
        let before = {
            let mut waiting = self.waiting.lock();
            match waiting.list.iter_mut().find(|entry| entry.id == id) {
                Some(place) => Some(std::mem::replace(place, entry)),
                None => {
                    waiting.list.push(entry);
                    None
                }
            }
        };
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
        let mut came = Vec::new();
        {
            let list = &mut self.waiting.lock().list;
            let mut place = 0;
            while let Some(entry) = list.get(place) {
                if self.count(entry.signal) == entry.seen {
                    place += 1;
                } else {
                    came.push(list.swap_remove(place).waker);
                }
            }
        }
        wake_all(&mut came);
    }

    /// The listener is gone.
    pub(crate) fn forget(&self, listener: &Listener) {
        let entry = {
            let mut waiting = self.waiting.lock();
            let place = waiting.list.iter().position(|entry| entry.id == listener.id);
            place.map(|place| waiting.list.swap_remove(place))
        };
        entry.into_iter().for_each(Entry::discard);
    }
}
