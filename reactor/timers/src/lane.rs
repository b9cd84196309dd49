//! Timers that came in the order of their deadlines.
//!
//! A program's timeouts have a few durations. Those of one duration are due in the order in which they were armed, and most of
//! them are cancelled, or put off to become the last, long before that. For them order costs nothing: they are a list, from
//! whose end a new one goes on, if nobody there is due later, and which each leaves from wherever it is.

use crate::entry::{Entry, NOBODY};

pub(crate) struct Lane {
    /// As many as there have been timers in here at a time, however many keys there are: each that is touched is memory. Node 0 is
    /// nobody's: the one before the first and after the last.
    nodes: Vec<Node>,
    /// A node that is free, from which the others follow by `after`; the number of nodes, if none is.
    free: u32,
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
        Lane { nodes: vec![Node { entry: NOBODY, before: 0, after: 0 }], free: 1, latest: 0, len: 0 }
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

    /// To the end, where it belongs. Returns its node.
    #[inline]
    pub(crate) fn push(&mut self, entry: Entry) -> u32 {
        let node = self.free;
        match self.nodes.get(node as usize) {
            Some(free) => self.free = free.after,
            None => self.grow(),
        }
        self.link(node, entry);
        node
    }

    /// Makes room for one more.
    #[cold]
    #[inline(never)]
    fn grow(&mut self) {
        self.nodes.push(self.nodes[ENDS]);
        self.free += 1;
    }

    /// Takes the entry out that has this node, and returns its deadline.
    #[inline]
    pub(crate) fn remove(&mut self, node: u32) -> u64 {
        let deadline = self.unlink(node);
        self.nodes[node as usize].after = self.free;
        self.free = node;
        deadline
    }

    /// Exchanges the entry that has this node for one that belongs to the end.
    #[inline]
    pub(crate) fn exchange(&mut self, node: u32, entry: Entry) {
        self.unlink(node);
        self.link(node, entry);
    }

    #[inline]
    fn link(&mut self, node: u32, entry: Entry) {
        let last = self.nodes[ENDS].before;
        self.nodes[node as usize] = Node { entry, before: last, after: ENDS as u32 };
        self.nodes[last as usize].after = node;
        self.nodes[ENDS].before = node;
        self.latest = entry.deadline;
        self.len += 1;
    }

    #[inline]
    fn unlink(&mut self, node: u32) -> u64 {
        let Node { entry, before, after } = self.nodes[node as usize];
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
