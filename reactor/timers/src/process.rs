//! Whether this is the process in which a reactor was made.
//!
//! A child of `fork` has a copy of its parent's tables, and of their locks as they were just then: one that another thread had is
//! never given back there. So whoever is about to take one asks first whether this is a child, and then leaves the table as it is: the
//! child has no use for it, as nobody waits there, and nobody fires.
//!
//! Who runs the loop counts the forks. A reactor that has been told of no count never finds that it is a copy.

use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

/// The process in which something was made.
#[derive(Clone, Copy)]
pub struct Process {
    forks: &'static AtomicU32,
    born: u32,
}

impl Process {
    /// This one, where nobody counts forks.
    pub fn of_nobody() -> Process {
        static NONE: AtomicU32 = AtomicU32::new(0);
        Process { forks: &NONE, born: 0 }
    }

    /// This one. The count is raised in each child, before anything else is done there.
    pub fn counted_by(forks: &'static AtomicU32) -> Process {
        Process { forks, born: forks.load(Relaxed) }
    }

    /// Whether this is a child of that process, or a grandchild.
    #[inline]
    pub fn is_forked(self) -> bool {
        // Relaxed: in a child it was written by the only thread there, before.
        self.forks.load(Relaxed) != self.born
    }
}
