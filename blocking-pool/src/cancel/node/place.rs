//! Where a node has its list, in each process.
//!
//! In a child of `fork` the lock may be held by a thread that is not there. So the child's list has a place of its own. It begins
//! with what was on the parent's: hooks, nodes below, a job that waits. Only if a thread was about to change that, the list begins
//! empty; then what stood on it is nobody's there, and the memory of a job that it held is not freed. Hooks that were running
//! are not running in the child.

use std::mem;
use std::sync::OnceLock;

use super::List;
use crate::fork;
use crate::lock::{Condvar, Mutex};

pub(super) struct Place {
    pub(super) list: Mutex<List>,
    /// Rung when a hook has returned and somebody waits for that.
    pub(super) bell: Condvar,
    /// See [`fork`].
    born: u32,
    in_fork: OnceLock<Box<Place>>,
}

impl Place {
    pub(super) fn new(list: List) -> Self {
        Self { list: Mutex::new(list), bell: Condvar::new(), born: fork::note(), in_fork: OnceLock::new() }
    }

    /// That of this process.
    pub(super) fn here(&self) -> &Self {
        let mut place = self;
        while fork::is_child_of(place.born) {
            place = place.in_fork.get_or_init(|| Box::new(Self::new(place.leave_to_child())));
        }
        place
    }

    fn leave_to_child(&self) -> List {
        let list = self.list.try_lock().map(|mut list| mem::take(&mut *list));
        List { running: Vec::new(), waiting: 0, ..list.unwrap_or_default() }
    }
}
