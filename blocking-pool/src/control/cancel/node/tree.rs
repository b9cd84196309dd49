//! The tree of nodes: a token is cancelled with its ancestors.
//!
//! A node keeps its parent alive, and is known to it as one more entry among the parent's hooks. Nodes may stand one below the
//! other in any number: a job leaves the next one behind, with its own token, and so do its successors. So nothing here goes
//! down the tree, or up, by recursion.

use std::sync::{Arc, OnceLock, Weak};
use std::time::Instant;

use super::{Hook, List, Node, Place, next_key};
use crate::control::cancel::CancelToken;
use crate::control::deadlines;
use crate::job::Watch;
use crate::sync::atomic::{AtomicBool, Ordering};
use crate::sync::left_out;
use crate::user_code::report;

impl CancelToken {
    /// A token below `parent`, if there is one, whose own deadline is `deadline`, if it has one. `on_report` is told of panics in
    /// its hooks.
    pub(crate) fn make(
        parent: Option<&CancelToken>,
        deadline: Option<Instant>,
        on_report: Option<report::Hook>,
    ) -> Self {
        let inherited = parent.and_then(|parent| parent.0.deadline);
        let earliest = [deadline, inherited].into_iter().flatten().min();
        let node = |parent| Node {
            cancelled: AtomicBool::new(false),
            deadline: earliest,
            parent,
            on_report,
            watched: OnceLock::new(),
            place: Place::new(List::default()),
        };
        let token = match parent {
            None => Self(Arc::new(node(None))),
            Some(CancelToken(above)) => {
                let key = next_key();
                let below = Arc::new(node(Some((Arc::clone(above), key))));
                let mut list = above.lock();
                if above.is_cancelled_under_lock() {
                    // Relaxed: nobody else has it yet.
                    below.cancelled.store(true, Ordering::Relaxed);
                } else {
                    list.hooks.join(key, Hook::Child(Arc::downgrade(&below)));
                }
                drop(list);
                Self(below)
            }
        };
        // An inherited deadline comes with the parent's cancellation.
        if let (Some(own), true) = (deadline, earliest != inherited) {
            let watched =
                deadlines::watch(own, WeakToken(Arc::downgrade(&token.0)), token.0.on_report.as_ref());
            let _ = token.0.watched.set(watched);
        }
        token
    }
}

impl Node {
    /// Cancels this node and those below. False if it was cancelled before.
    pub(in crate::control::cancel) fn cancel(&self) -> bool {
        if !self.set_cancelled() {
            return false;
        }
        // Before any hook: one may free the very thread that would take up a job that waits below.
        self.give_up_queued();
        // The way down to the node whose hooks are being run: each node is a child of the one before.
        let mut within: Vec<Arc<Self>> = Vec::new();
        loop {
            let node = within.last().map_or(self, |node| node);
            match node.next_hook() {
                Some((_, Hook::Task(waker))) => node.wake(waker),
                Some((key, Hook::User(hook))) => {
                    node.call(hook);
                    node.has_run(key);
                }
                Some((_, Hook::Child(child))) => {
                    if let Some(child) = child.upgrade().filter(|child| child.set_cancelled()) {
                        // Again, for a job that was bound after the nodes below had been looked through.
                        child.give_up();
                        within.push(child);
                    }
                }
                None => {
                    if within.pop().is_none() {
                        return true;
                    }
                }
            }
        }
    }

    /// False if it was cancelled before.
    fn set_cancelled(&self) -> bool {
        // Under the lock, so that whoever registers does so before this, or sees it.
        let _list = self.lock();
        // Release: pairs with the Acquire of those who look without the lock.
        let order =
            if left_out("cancelled-shows-what-came-before") { Ordering::Relaxed } else { Ordering::Release };
        !self.cancelled.swap(true, order)
    }

    /// Takes the jobs out of the queue that wait here and below. Those that have a limiter's slot come last: they give it back, and
    /// it must not go to one of the others, which may stand in that limiter's line.
    fn give_up_queued(&self) {
        let mut with_slots = Vec::new();
        let mut give_up = |node: &Self| match node.take_queued() {
            Some(job) if job.has_slot() => with_slots.push(job),
            Some(job) => job.give_up(),
            None => {}
        };
        give_up(self);
        let mut below = self.children();
        while let Some(node) = below.pop() {
            give_up(&node);
            below.extend(node.children());
        }
        with_slots.into_iter().for_each(Watch::give_up);
    }

    /// Takes the job out of the queue that waits here, if there is one.
    fn give_up(&self) {
        if let Some(job) = self.take_queued() {
            job.give_up();
        }
    }

    fn take_queued(&self) -> Option<Watch> {
        self.lock().queued.take()
    }

    /// Those right below, the last one first.
    fn children(&self) -> Vec<Arc<Self>> {
        let mut list = self.lock();
        let child = |hook: &mut Hook| match hook {
            Hook::Child(child) => child.upgrade(),
            Hook::User(_) | Hook::Task(_) => None,
        };
        let mut children: Vec<_> = list.hooks.iter_mut().filter_map(child).collect();
        children.reverse();
        children
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        let mut above = self.parent.take();
        while let Some((parent, key)) = above {
            let gone = parent.lock().hooks.take(key);
            drop(gone);
            above = Arc::into_inner(parent).and_then(|mut parent| parent.parent.take());
        }
    }
}

/// A node as the watch over deadlines knows it.
pub(crate) struct WeakToken(Weak<Node>);

impl WeakToken {
    /// False once the last token of the node has been dropped.
    pub(crate) fn is_alive(&self) -> bool {
        self.0.strong_count() > 0
    }

    /// Its deadline has passed.
    pub(crate) fn cancel(&self) {
        if let Some(node) = self.0.upgrade() {
            node.cancel();
        }
    }
}
