//! Waits that end to the microsecond, where `epoll_wait` counts in milliseconds: Linux's timerfd.
//!
//! The descriptor sits in the selector like any source, edge-triggered, so nobody ever reads it: setting a new time
//! forgets the old expiry, and the next one is a new edge.
#![allow(unsafe_code)] // Two system calls that std does not offer.

use crate::epoch::Moment;
use mio::unix::SourceFd;
use mio::{Interest, Registry, Token};
use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::time::Duration;

#[derive(Debug)]
pub(crate) struct TimerFd {
    fd: OwnedFd,
    /// The deadline it is set to, so that turns which end for other reasons do not set it again.
    set_to: Option<Moment>,
}

/// When the descriptor was set to the deadline that is asked for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Armed {
    Now,
    /// In an earlier turn. It may have fired since.
    Before,
}

impl TimerFd {
    #[inline(never)]
    pub(crate) fn new(registry: &Registry, token: Token) -> io::Result<TimerFd> {
        // SAFETY: takes no pointers.
        let fd =
            unsafe { libc::timerfd_create(libc::CLOCK_MONOTONIC, libc::TFD_NONBLOCK | libc::TFD_CLOEXEC) };
        if fd < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: the kernel has just given us this descriptor, and nobody else knows it.
        let fd = unsafe { OwnedFd::from_raw_fd(fd) };
        // Readable alone: mio adds the edge trigger. Closing the only descriptor takes it out again.
        mio::event::Source::register(&mut SourceFd(&fd.as_raw_fd()), registry, token, Interest::READABLE)?;
        Ok(TimerFd { fd, set_to: None })
    }

    /// Makes the selector's wait end at `deadline`, which is `left` from now and not zero.
    pub(crate) fn set(&mut self, deadline: Moment, left: Duration) -> io::Result<Armed> {
        if self.set_to == Some(deadline) {
            return Ok(Armed::Before);
        }
        let never = libc::timespec { tv_sec: 0, tv_nsec: 0 };
        let time = libc::itimerspec {
            it_interval: never,
            it_value: libc::timespec {
                tv_sec: left.as_secs().try_into().unwrap_or(libc::time_t::MAX),
                // Below a billion, which every C long holds.
                tv_nsec: left.subsec_nanos() as libc::c_long,
            },
        };
        // SAFETY: `time` is valid for the call, and a null pointer says that the old time is not wanted.
        let result = unsafe { libc::timerfd_settime(self.fd.as_raw_fd(), 0, &time, std::ptr::null_mut()) };
        if result < 0 {
            return Err(io::Error::last_os_error());
        }
        self.set_to = Some(deadline);
        Ok(Armed::Now)
    }
}
