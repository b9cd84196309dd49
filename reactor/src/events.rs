//! What one wait brings.
//!
//! In glibc `epoll_wait` is a point at which a thread can be cancelled. So as soon as a process has several threads, it makes a
//! locked operation before the system call and one after it, and runs through two more functions, all cold after a sleep.
//! Rust cancels no thread. Without that a wait that finds an event takes 267 ns in place of 306 (glibc 2.36, x86-64), and a loop
//! with one busy connection makes one a request. The events are then in memory of our own: only mio can fill its `Events`.
//!
//! Elsewhere, and where a pointer is shorter than a system call's argument (x32), it is mio's wait.

#[cfg(all(
    target_os = "linux",
    target_pointer_width = "64",
    any(target_arch = "x86_64", target_arch = "aarch64")
))]
mod chosen {
    #![allow(unsafe_code)] // One system call that std does not offer, and what it has written.

    use crate::readiness::{Ready, Report};
    use libc::{EPOLLERR, EPOLLHUP, EPOLLIN, EPOLLOUT, EPOLLPRI, EPOLLRDHUP, c_int, c_long, epoll_event};
    use mio::{Poll, Token};
    use std::io;
    use std::os::fd::AsRawFd;
    use std::time::Duration;

    pub(crate) struct Events(Vec<epoll_event>);

    const NO_LIMIT: c_int = -1;
    /// Of the milliseconds in which the kernel counts.
    const ALMOST_ONE: Duration = Duration::from_nanos(999_999);

    /// The newer architectures have the second one only, whose last two arguments the first one does not look at.
    #[cfg(target_arch = "x86_64")]
    const WAIT: c_long = libc::SYS_epoll_wait;
    #[cfg(not(target_arch = "x86_64"))]
    const WAIT: c_long = libc::SYS_epoll_pwait;
    const NO_SIGNALS: c_long = 0;

    impl Events {
        /// Room for so many.
        pub(crate) fn with_capacity(most: usize) -> Events {
            Events(Vec::with_capacity(most))
        }

        /// Waits for events, so long at most, in whole milliseconds that are rounded up. They take the place of those before, and
        /// an error leaves none.
        pub(crate) fn wait(&mut self, poll: &mut Poll, timeout: Option<Duration>) -> io::Result<()> {
            let timeout = timeout.map_or(NO_LIMIT, |time| {
                time.saturating_add(ALMOST_ONE).as_millis().try_into().unwrap_or(c_int::MAX)
            });
            self.0.clear();
            let (queue, room, most) = (poll.as_raw_fd(), self.0.as_mut_ptr(), self.0.capacity() as c_int);
            // SAFETY: the descriptor is open, there is room for as many as are asked for, and no set of signals is given.
            let came = unsafe {
                libc::syscall(
                    WAIT,
                    c_long::from(queue),
                    room,
                    c_long::from(most),
                    c_long::from(timeout),
                    NO_SIGNALS,
                    NO_SIGNALS,
                )
            };
            let came = usize::try_from(came).map_err(|_| io::Error::last_os_error())?;
            // SAFETY: the kernel has just written so many of them.
            unsafe { self.0.set_len(came) };
            Ok(())
        }

        /// What the last wait has brought.
        pub(crate) fn iter(&self) -> impl Iterator<Item = (Token, Report)> {
            self.0.iter().map(|event| (Token(event.u64 as usize), report(event.events)))
        }
    }

    /// As mio reads them, too.
    fn report(events: u32) -> Report {
        let has = |bits: c_int| events & bits as u32 != 0;
        let mut report = Report::default();
        // Whoever tries next gets the error, reader or writer: an ICMP error of a UDP socket, a broken pipe.
        if has(EPOLLIN | EPOLLPRI | EPOLLERR) {
            report.read |= Ready::READY;
        }
        if has(EPOLLOUT | EPOLLERR) {
            report.write |= Ready::READY;
        }
        if has(EPOLLHUP) || has(EPOLLIN) && has(EPOLLRDHUP) {
            report.read |= Ready::CLOSED;
        }
        // An error is all that is said of a pipe whose other end is closed.
        if has(EPOLLHUP) || has(EPOLLERR) && (has(EPOLLOUT) || events == EPOLLERR as u32) {
            report.write |= Ready::CLOSED;
        }
        if has(EPOLLPRI) {
            report.read |= Ready::URGENT;
        }
        report
    }

    #[cfg(all(test, not(loom)))]
    mod tests {
        use super::*;

        #[test]
        fn what_the_kernel_says_of_each_end() {
            let (none, ready, closed) = (Ready::default(), Ready::READY, Ready::CLOSED);
            let both = |mut one: Ready, other| {
                one |= other;
                one
            };
            let all = both(ready, closed);
            for (events, read, write) in [
                (0, none, none),
                (EPOLLIN, ready, none),
                (EPOLLOUT, none, ready),
                (EPOLLIN | EPOLLOUT, ready, ready),
                (EPOLLIN | EPOLLPRI, both(ready, Ready::URGENT), none),
                // The peer sends no more; nor is there more to be had.
                (EPOLLIN | EPOLLOUT | EPOLLRDHUP, all, ready),
                (EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLHUP, all, all),
                (EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLHUP | EPOLLERR, all, all),
                // The writer of a pipe is gone; the reader of one that was full, and of one that was not.
                (EPOLLHUP, closed, closed),
                (EPOLLERR, ready, all),
                (EPOLLOUT | EPOLLERR, ready, all),
                // A datagram could not be delivered.
                (EPOLLIN | EPOLLERR, ready, ready),
            ] {
                assert_eq!(report(events as u32), Report { read, write }, "{events:#x}");
            }
        }

        #[test]
        fn timeouts_are_rounded_up_and_events_do_not_stay() {
            let mut poll = Poll::new().unwrap();
            let waker = mio::Waker::new(poll.registry(), Token(7)).unwrap();
            let mut events = Events::with_capacity(4);
            waker.wake().unwrap();
            events.wait(&mut poll, None).unwrap();
            assert_eq!(events.iter().map(|(token, _)| token).collect::<Vec<_>>(), [Token(7)]);
            let start = std::time::Instant::now();
            events.wait(&mut poll, Some(Duration::from_nanos(1_000_001))).unwrap();
            assert!(start.elapsed() >= Duration::from_millis(2) && events.iter().next().is_none());
        }
    }
}

#[cfg(not(all(
    target_os = "linux",
    target_pointer_width = "64",
    any(target_arch = "x86_64", target_arch = "aarch64")
)))]
mod chosen {
    use crate::readiness::{Ready, Report};
    use mio::event::Event;
    use mio::{Poll, Token};
    use std::io;
    use std::time::Duration;

    pub(crate) struct Events(mio::Events);

    impl Events {
        /// Room for so many.
        pub(crate) fn with_capacity(most: usize) -> Events {
            Events(mio::Events::with_capacity(most))
        }

        /// Waits for events, so long at most. They take the place of those before, and an error leaves none.
        pub(crate) fn wait(&mut self, poll: &mut Poll, timeout: Option<Duration>) -> io::Result<()> {
            self.0.clear();
            poll.poll(&mut self.0, timeout)
        }

        /// What the last wait has brought.
        pub(crate) fn iter(&self) -> impl Iterator<Item = (Token, Report)> {
            self.0.iter().map(|event| (event.token(), report(event)))
        }
    }

    fn report(event: &Event) -> Report {
        let mut report = Report::default();
        if event.is_readable() {
            report.read |= Ready::READY;
        }
        if event.is_writable() {
            report.write |= Ready::READY;
        }
        if event.is_read_closed() {
            report.read |= Ready::CLOSED;
        }
        if event.is_write_closed() {
            report.write |= Ready::CLOSED;
        }
        if event.is_error() {
            // Whoever tries next gets the error, reader or writer: an ICMP error of a UDP socket, a broken pipe.
            report.read |= Ready::READY;
            report.write |= Ready::READY;
        }
        if event.is_priority() {
            report.read |= Ready::URGENT;
        }
        report
    }
}

pub(crate) use chosen::*;
