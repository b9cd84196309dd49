//! Where a node has its list, in each process.
//!
//! In a child of `fork` the lock may be held by a thread that is not there. So the child's list has a place of its own. It begins
//! with what was on the parent's: hooks, nodes below, a job that waits. Only if a thread was about to change that, the list begins
//! empty; then what stood on it is nobody's there, and the memory of a job that it held is not freed. Hooks that were running
//! are not running in the child.

use std::mem;

use super::List;
use crate::sys::fork::Inherited;
use crate::sys::lock::{Condvar, Mutex, MutexGuard};

pub(super) struct Place(Inherited<Belled>);

/// A list, and a bell that is rung when a hook has returned and somebody waits for that.
pub(super) struct Belled {
    list: Mutex<List>,
    pub(super) bell: Condvar,
}

impl Place {
    pub(super) fn new(list: List) -> Self {
        Self(Inherited::new(Belled::new(list)))
    }

    /// That of this process.
    pub(super) fn here(&self) -> &Belled {
        self.0.here(|parents| {
            let list = parents.list.try_lock().map(|mut list| mem::take(&mut *list));
            Belled::new(List { running: Vec::new(), waiting: 0, ..list.unwrap_or_default() })
        })
    }
}

impl Belled {
    fn new(list: List) -> Self {
        Self { list: Mutex::new(list), bell: Condvar::new() }
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, List> {
        self.list.lock()
    }
}
