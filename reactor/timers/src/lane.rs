//! Timers that came in the order of their deadlines.
//!
//! A program's timeouts have a few durations. Those of one duration are due in the order in which they were armed, and most of
//! them are cancelled, or put off to become the last, long before that. For them order costs nothing: they are a list, from
//! whose end a new one goes on, if nobody there is due later, and which each leaves from wherever it is.

use crate::entry::{Entry, Key, NOBODY};

pub(crate) struct Lane {
    /// Key `k` has node `k + 1`, if it has ever been here. Node 0 is nobody's: the one before the first and after the last.
    nodes: Vec<Node>,
    /// The deadline of the last; 0 if there is none.
    latest: u64,
    len: usize,
}

#[derive(Clone, Copy)]
struct Node {
    entry: Entry,
    before: u32,
    after: u32,
}

const ENDS: usize = 0;

impl Lane {
    #[inline(never)]
    pub(crate) fn new() -> Lane {
        Lane { nodes: vec![Node { entry: NOBODY, before: 0, after: 0 }], latest: 0, len: 0 }
    }

    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// Nobody, if there is none.
    #[inline]
    pub(crate) fn first(&self) -> Entry {
        self.after(ENDS).entry
    }

    pub(crate) fn second(&self) -> Entry {
        match self.nodes[ENDS].after as usize {
            ENDS => NOBODY,
            first => self.after(first).entry,
        }
    }

    #[inline]
    fn after(&self, node: usize) -> Node {
        self.nodes[self.nodes[node].after as usize]
    }

    /// Whether an entry with this deadline would be the last.
    #[inline]
    pub(crate) fn takes(&self, deadline: u64) -> bool {
        self.latest <= deadline
    }

    /// To the end, where it belongs.
    #[inline]
    pub(crate) fn push(&mut self, entry: Entry) {
        let node = entry.key().0 as usize + 1;
        if node >= self.nodes.len() {
            self.grow(node);
        }
        let last = self.nodes[ENDS].before;
        self.nodes[node] = Node { entry, before: last, after: ENDS as u32 };
        // Lossless: there are fewer than 2^32 - 1 keys.
        self.nodes[last as usize].after = node as u32;
        self.nodes[ENDS].before = node as u32;
        self.latest = entry.deadline;
        self.len += 1;
    }

    #[cold]
    #[inline(never)]
    fn grow(&mut self, node: usize) {
        while self.nodes.len() <= node {
            self.nodes.push(self.nodes[ENDS]);
        }
    }

    /// Takes an entry out that is here, and returns its deadline.
    #[inline]
    pub(crate) fn remove(&mut self, key: Key) -> u64 {
        let Node { entry, before, after } = self.nodes[key.0 as usize + 1];
        self.nodes[before as usize].after = after;
        self.nodes[after as usize].before = before;
        self.len -= 1;
        if after as usize == ENDS {
            self.latest = if self.len == 0 { 0 } else { self.nodes[before as usize].entry.deadline };
        }
        entry.deadline
    }

    #[cfg(all(test, not(loom)))]
    pub(crate) fn capacity(&self) -> usize {
        self.nodes.capacity()
    }
}
