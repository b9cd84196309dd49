//! Hearing that a process has ended.
//!
//! Linux gives a descriptor for a process, which becomes readable when it ends. Where there is none (another system, a
//! kernel before 5.3, a sandbox that does not know the call) every `SIGCHLD` is a reason to ask.
//!
//! In a process that ignores `SIGCHLD`, perhaps because its parent did, the kernel forgets a child as soon as that has ended, and
//! asking for its status is an error, as with the standard library. That is not changed by listening to the signal: other code
//! may rely on it. So a child that is gone already when the descriptor is asked for is no reason to listen.
//!
//! The number of such a child may be given to another process as soon as it has ended, which nobody here is told of. The same
//! is so if somebody else in this process has asked for its status. So a process is killed by its descriptor, if there is one.

#[cfg(target_os = "linux")]
use crate::io::{Async, Fd, Interest};
use crate::signal::unix::{Signal, SignalKind, signal};
use std::io;
use std::task::{Context, Poll, ready};

#[derive(Debug)]
pub(super) enum Ended {
    #[cfg(target_os = "linux")]
    Descriptor(Async<Fd<std::os::fd::OwnedFd>>),
    Signal(Signal),
    /// The kernel knows of no such process any more.
    #[cfg(target_os = "linux")]
    Forgotten,
}

impl Ended {
    /// For a child of ours whose status nobody has asked for yet, so that the number is still its own.
    pub(super) fn of(pid: u32) -> io::Result<Ended> {
        #[cfg(target_os = "linux")]
        match pidfd::open(pid) {
            Ok(pidfd) => {
                return Async::with_interest(Fd::nonblocking(pidfd), Interest::READABLE)
                    .map(Ended::Descriptor);
            }
            Err(error) if error.raw_os_error() == Some(libc::ESRCH) => return Ok(Ended::Forgotten),
            // There is another way.
            Err(_) => {}
        }
        let _ = pid;
        signal(SignalKind::child()).map(Ended::Signal)
    }

    /// Asks `status`, and again whenever there is reason to, until it knows.
    pub(super) fn poll<T>(
        &mut self,
        cx: &mut Context<'_>,
        mut status: impl FnMut() -> io::Result<Option<T>>,
    ) -> Poll<io::Result<T>> {
        match self {
            #[cfg(target_os = "linux")]
            Ended::Descriptor(pidfd) => {
                pidfd.poll_read_with(cx, |_| status()?.ok_or_else(|| io::ErrorKind::WouldBlock.into()))
            }
            #[cfg(target_os = "linux")]
            Ended::Forgotten => {
                let nobody = || io::Error::from_raw_os_error(libc::ECHILD);
                Poll::Ready(status().and_then(|known| known.ok_or_else(nobody)))
            }
            Ended::Signal(signal) => loop {
                if let Some(known) = status()? {
                    return Poll::Ready(Ok(known));
                }
                ready!(signal.poll_recv(cx))?;
            },
        }
    }

    /// Kills the process, and no other that may have its number by now. False if it has to be done by the number.
    pub(super) fn kill(&self) -> bool {
        match self {
            #[cfg(target_os = "linux")]
            Ended::Descriptor(pidfd) => pidfd::kill(pidfd),
            #[cfg(target_os = "linux")]
            Ended::Forgotten => true,
            Ended::Signal(_) => false,
        }
    }
}

#[cfg(target_os = "linux")]
mod pidfd {
    #![allow(unsafe_code)]

    use std::io;
    use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
    use std::ptr;

    /// A descriptor for the process, which children do not inherit.
    pub(super) fn open(pid: u32) -> io::Result<OwnedFd> {
        let pid = libc::pid_t::try_from(pid).map_err(io::Error::other)?;
        // SAFETY: takes no pointers.
        let fd = unsafe { libc::syscall(libc::SYS_pidfd_open, pid, 0) };
        let Some(fd) = RawFd::try_from(fd).ok().filter(|&fd| fd >= 0) else {
            return Err(io::Error::last_os_error());
        };
        // SAFETY: the call has just opened it, and nobody else knows of it.
        Ok(unsafe { OwnedFd::from_raw_fd(fd) })
    }

    /// Kills the process. True also if it has ended; false if this is refused.
    pub(super) fn kill(pidfd: &impl AsRawFd) -> bool {
        let (signal, no_info) = (libc::SIGKILL, ptr::null::<libc::siginfo_t>());
        // SAFETY: the descriptor is open, and nothing is read from the null pointer.
        let sent =
            unsafe { libc::syscall(libc::SYS_pidfd_send_signal, pidfd.as_raw_fd(), signal, no_info, 0) };
        sent == 0 || io::Error::last_os_error().raw_os_error() == Some(libc::ESRCH)
    }
}
