//! A 4-ary min-heap of entries, each of which knows where it is, so that any of them can be taken out.
//!
//! Four children instead of two halve the depth and share a cache line (an entry is 16 bytes).
//!
//! The newest entry is not in the heap, but beside it, until the next one comes. Many timers are cancelled before another one is
//! armed, and these have then not been compared with anything.

use crate::entry::{Entry, NEWEST, NOBODY, Places};
use std::mem;

pub(crate) struct Heap {
    /// `entries[0]` is the earliest; the children of `i` are `4i + 1 ..= 4i + 4`.
    entries: Vec<Entry>,
    /// Not among the entries; or nobody.
    newest: Entry,
}

const CHILDREN: usize = 4;

impl Heap {
    pub(crate) const fn new() -> Heap {
        Heap { entries: Vec::new(), newest: NOBODY }
    }

    pub(crate) fn len(&self) -> usize {
        self.entries.len() + usize::from(!self.newest.is_nobody())
    }

    /// Nobody, if it is empty.
    #[inline]
    pub(crate) fn first(&self) -> Entry {
        match self.entries.first() {
            Some(first) if first.is_before(self.newest) => *first,
            _ => self.newest,
        }
    }

    /// The earliest deadline, or `u64::MAX`.
    #[inline]
    pub(crate) fn earliest(&self) -> u64 {
        self.entries.first().map_or(self.newest.deadline, |first| first.deadline.min(self.newest.deadline))
    }

    /// The deadline of the second, or `u64::MAX`.
    pub(crate) fn second(&self) -> u64 {
        let Some((root, others)) = self.entries.split_first() else { return u64::MAX };
        let mut second = root.deadline.max(self.newest.deadline);
        for child in others.iter().take(CHILDREN) {
            second = second.min(child.deadline);
        }
        second
    }

    #[inline]
    pub(crate) fn insert(&mut self, entry: Entry, places: &mut Places) {
        places[entry.key().0 as usize] = NEWEST;
        let older = mem::replace(&mut self.newest, entry);
        if !older.is_nobody() {
            self.push(older, places);
        }
    }

    fn push(&mut self, entry: Entry, places: &mut Places) {
        self.entries.push(entry);
        self.sift_up(self.entries.len() - 1, entry, places);
    }

    /// Takes out the entry at `at`, and returns its deadline.
    #[inline]
    pub(crate) fn remove(&mut self, at: u32, places: &mut Places) -> u64 {
        if at == NEWEST {
            return mem::replace(&mut self.newest, NOBODY).deadline;
        }
        self.take(at as usize, places)
    }

    /// The last entry fills the hole.
    fn take(&mut self, at: usize, places: &mut Places) -> u64 {
        let last = self.entries.pop().expect("there is an entry at `at`");
        let Some(taken) = self.entries.get(at) else { return last.deadline };
        let deadline = taken.deadline;
        self.settle(at, last, places);
        deadline
    }

    /// Exchanges the entry at `at` for one of the same key. That goes from where it is to where it belongs.
    #[inline]
    pub(crate) fn change(&mut self, at: u32, entry: Entry, places: &mut Places) {
        if at == NEWEST {
            self.newest = entry;
        } else {
            self.settle(at as usize, entry, places);
        }
    }

    /// Moves the hole at `at` to where `entry` fits into it.
    fn settle(&mut self, at: usize, entry: Entry, places: &mut Places) {
        if at > 0 && entry.is_before(self.entries[(at - 1) / CHILDREN]) {
            self.sift_up(at, entry, places);
        } else {
            self.sift_down(at, entry, places);
        }
    }

    /// Moves the hole at `at` towards the root until `entry` fits into it.
    fn sift_up(&mut self, mut at: usize, entry: Entry, places: &mut Places) {
        while at > 0 {
            let parent = (at - 1) / CHILDREN;
            if !entry.is_before(self.entries[parent]) {
                break;
            }
            self.place(at, self.entries[parent], places);
            at = parent;
        }
        self.place(at, entry, places);
    }

    /// Moves the hole at `at` towards the leaves until `entry` fits into it.
    fn sift_down(&mut self, mut at: usize, entry: Entry, places: &mut Places) {
        loop {
            let first = at * CHILDREN + 1;
            let Some((child, least)) = self.entries.get(first..).and_then(least_of_family) else { break };
            if !least.is_before(entry) {
                break;
            }
            self.place(at, least, places);
            at = first + child;
        }
        self.place(at, entry, places);
    }

    #[cfg(all(test, not(loom)))]
    pub(crate) fn capacity(&self) -> usize {
        self.entries.capacity()
    }

    fn place(&mut self, at: usize, entry: Entry, places: &mut Places) {
        self.entries[at] = entry;
        // Lossless: there are fewer entries than keys, and keys are 32 bits.
        places[entry.key().0 as usize] = at as u32;
    }
}

/// Which of the first four is the least, and where it is. A whole family takes two rounds of two.
fn least_of_family(entries: &[Entry]) -> Option<(usize, Entry)> {
    let less =
        |one: (usize, Entry), other: (usize, Entry)| if other.1.is_before(one.1) { other } else { one };
    match *entries {
        [a, b, c, d, ..] => Some(less(less((0, a), (1, b)), less((2, c), (3, d)))),
        _ => {
            let (&first, others) = entries.split_first()?;
            let mut least = (0, first);
            for (at, &entry) in others.iter().enumerate() {
                least = less(least, (1 + at, entry));
            }
            Some(least)
        }
    }
}
