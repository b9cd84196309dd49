//! The event queue as a descriptor, for loops that wait on it among others.

use crate::handle::Handle;
use std::os::fd::{AsFd, BorrowedFd};

/// The event queue (epoll, kqueue), which is readable while it has events. It is for waiting only.
///
/// # Panics
/// If it is not open yet: see [`LocalReactor::lazy`](crate::LocalReactor::lazy).
impl AsFd for Handle {
    fn as_fd(&self) -> BorrowedFd<'_> {
        // A duplicate of the selector's own descriptor: the same event queue.
        self.0.queue.ends().registry.0.as_fd()
    }
}
