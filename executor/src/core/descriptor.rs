//! A runtime as a descriptor: see `embed.rs`.

use super::Core;
use crate::Runtime;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};

/// The descriptor that another loop waits on, for reading, until it is time for [`turn`](Runtime::turn). It is the
/// runtime's event queue and only for waiting: `poll`, `select`, `epoll` and `kqueue` take it. It is readable when
/// the loop has something to do, other than timers: for these see [`next_deadline`](Runtime::next_deadline). Who
/// is told of edges only, as with mio, is told anew after each turn that has left something to do. It is the same
/// descriptor as long as the runtime lives.
///
/// Systems without epoll and kqueue have no such descriptor, and this is not there.
impl AsFd for Runtime {
    #[inline]
    fn as_fd(&self) -> BorrowedFd<'_> {
        // From now on the loop stands by whenever it does not run.
        let core = self.core();
        if core.stands_by.replace(Some(Core::stand_by)).is_none() {
            core.stand_by();
        }
        self.handle().shared().reactor.as_fd()
    }
}

impl AsRawFd for Runtime {
    #[inline]
    fn as_raw_fd(&self) -> RawFd {
        self.as_fd().as_raw_fd()
    }
}
