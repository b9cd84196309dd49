//! The kernel, through mio: a selector for the loop, a registry and a wakeup for everybody else.
//!
//! # Short waits
//! `epoll_wait` takes whole milliseconds, and for long waits the kernel allows itself some slack. So on Linux a wait
//! until a deadline has two parts: far from it, `epoll_wait` alone, cut short enough to end before it; within
//! [`FINE`] of it, a timerfd set to the nanosecond. Waits that no timer ends, and deadlines that are cancelled while they
//! are far away, cost no further system call. The timerfd is opened for the first timer that needs it.
//!
//! Most sleeps do not: they are of whole milliseconds, and the loop comes to wait some microseconds after they have begun.
//! Then `epoll_wait` alone ends the wait hardly later than a thread's own sleep would end ([`whole_millis`]). That saves a
//! sleep of 5 ms the system call that sets the timerfd, and one of 20 ms a wake-up on the way, too.

use crate::epoch::Moment;
use crate::errors::KernelError;
use crate::ready::{Ready, Report};
#[cfg(target_os = "linux")]
use crate::timerfd::Armed;
use crate::wait::{MOST_EVENTS, Wait};
use mio::event::{Event, Source};
use mio::{Events, Interest, Poll, Token};
use std::io;
use std::time::Duration;

/// The token of the wakeup. No registration gets it: see the `table.rs` of the sources.
const WAKEUP: Token = Token(usize::MAX);
/// The token of the timerfd. Nor this.
const TIMER: Token = Token(usize::MAX - 1);

/// Opens the three descriptors of a reactor. An error leaves none of them open.
#[inline(never)]
pub(crate) fn open() -> io::Result<(Selector, Registry, Wakeup)> {
    let poll = Poll::new()?;
    let wakeup = mio::Waker::new(poll.registry(), WAKEUP)?;
    let registry = poll.registry().try_clone()?;
    let selector = Selector { poll, events: Events::with_capacity(MOST_EVENTS), fine: Fine::default() };
    Ok((selector, Registry(registry), Wakeup(wakeup)))
}

/// Owned by the loop: the only one that waits.
pub(crate) struct Selector {
    poll: Poll,
    events: Events,
    fine: Fine,
}

impl Selector {
    /// Waits for events. A signal that interrupts the wait is an empty success, and so is a wait for a deadline that
    /// ends before it: the caller computes a new one anyway.
    pub(crate) fn wait(&mut self, wait: Wait) -> Result<(), KernelError> {
        let timeout = match wait {
            Wait::Forever => None,
            // Rounded up to milliseconds by mio, cut at 24 days.
            Wait::For(time) => Some(time.min(LONGEST_WAIT)),
            Wait::Until(deadline, left) => {
                self.fine.timeout(&self.poll, deadline, left).map(|time| time.min(LONGEST_WAIT))
            }
        };
        match self.poll.poll(&mut self.events, timeout) {
            Ok(()) => Ok(()),
            Err(error) => {
                self.events.clear();
                let error = KernelError::of(error);
                if error.kind() == io::ErrorKind::Interrupted { Ok(()) } else { Err(error) }
            }
        }
    }

    /// What the last wait brought, without the wakeup's own events.
    pub(crate) fn events(&self) -> impl Iterator<Item = (usize, Report)> {
        let sources = self.events.iter().filter(|event| event.token() != WAKEUP && event.token() != TIMER);
        sources.map(|event| (event.token().0, report(event)))
    }
}

/// Deadlines that are nearer than this get the timerfd.
#[cfg(target_os = "linux")]
const FINE: Duration = Duration::from_millis(10);
/// What the kernel may be late anyway, in a thread's sleep as in `epoll_wait`, unless `prctl` has been told otherwise.
#[cfg(target_os = "linux")]
const SLACK: Duration = Duration::from_micros(50);
/// Of a shorter wait that is more than a 50th or so; in a longer one the kernel allows itself more, 0.1 % of the wait.
#[cfg(target_os = "linux")]
const SHORTEST_WHOLE: Duration = Duration::from_millis(3);
#[cfg(target_os = "linux")]
const LONGEST_WHOLE: Duration = Duration::from_millis(50);

/// How the timerfd is doing.
#[cfg(target_os = "linux")]
#[derive(Default)]
enum Fine {
    /// No timer has come near yet.
    #[default]
    Unopened,
    Open(crate::timerfd::TimerFd),
    /// The kernel, or a sandbox, does not let us: milliseconds have to do. (They do as well while there is no descriptor
    /// left; but that passes.)
    Unavailable,
}

#[cfg(target_os = "linux")]
impl Fine {
    /// How long `epoll_wait` may take when the earliest timer is due at `deadline`, `left` from now. `None`: until the
    /// timerfd ends it.
    fn timeout(&mut self, poll: &Poll, deadline: Moment, left: Duration) -> Option<Duration> {
        if let Some(wait) = roughly(left) {
            return Some(wait);
        }
        if let Fine::Unopened = self {
            *self = match crate::timerfd::TimerFd::new(poll.registry(), TIMER) {
                Ok(timerfd) => Fine::Open(timerfd),
                // Not dropped here: see KernelError.
                Err(error) => match KernelError::of(error).is_lack_of_descriptors() {
                    true => Fine::Unopened,
                    false => Fine::Unavailable,
                },
            };
        }
        if let Fine::Open(timerfd) = self {
            match timerfd.set(deadline, left) {
                // Armed just now for a moment to come. A timeout beside it would be a second timer of the kernel's.
                Ok(Armed::Now) => return None,
                // A millisecond more, so that the timerfd ends the wait, and not the rounding. Should it have ended an
                // earlier wait already, before we find the deadline passed, then it will not end this one.
                Ok(Armed::Before) => return Some(left + Duration::from_millis(1)),
                Err(error) => _ = KernelError::of(error),
            }
        }
        Some(left)
    }
}

/// How long a wait may take that the kernel ends as it ends a thread's sleep, so that it ends before what is due `left` from
/// now, or hardly later. `None`: that has to be the timerfd's.
#[cfg(target_os = "linux")]
pub(crate) fn roughly(left: Duration) -> Option<Duration> {
    // The kernel's slack is 0.1 % of the wait, 0.5 % at a raised nice value: stay well below.
    let part = || (left >= FINE).then(|| left - (left / 128).max(FINE / 2));
    whole_millis(left).or_else(part)
}

#[cfg(not(target_os = "linux"))]
pub(crate) fn roughly(_left: Duration) -> Option<Duration> {
    None
}

/// `left` rounded up to milliseconds, if it hardly differs from that: an `epoll_wait` of that length ends soon enough.
#[cfg(target_os = "linux")]
fn whole_millis(left: Duration) -> Option<Duration> {
    if left < SHORTEST_WHOLE || left > LONGEST_WHOLE {
        return None;
    }
    let whole = Duration::from_millis(left.subsec_nanos().div_ceil(1_000_000).into());
    (whole - left <= SLACK).then_some(whole)
}

/// Elsewhere mio's own resolution is all there is.
#[cfg(not(target_os = "linux"))]
#[derive(Default)]
struct Fine;

#[cfg(not(target_os = "linux"))]
impl Fine {
    fn timeout(&mut self, _: &Poll, _: Moment, left: Duration) -> Option<Duration> {
        Some(left)
    }
}

/// The kernel takes milliseconds in an `i32`.
const LONGEST_WAIT: Duration = Duration::from_secs(24 * 86_400);

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

/// Adds sources and takes them away, from any thread.
pub(crate) struct Registry(pub(crate) mio::Registry);

impl Registry {
    pub(crate) fn register<S>(&self, source: &mut S, token: Token, interest: Interest) -> io::Result<()>
    where
        S: Source + ?Sized,
    {
        source.register(&self.0, token, interest)
    }

    pub(crate) fn deregister<S: Source + ?Sized>(&self, source: &mut S) -> io::Result<()> {
        match source.deregister(&self.0) {
            // It is off the list: where mio calls `poll(2)` it takes those off that have been hung up.
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            result => result,
        }
    }
}

/// Ends the selector's wait, from any thread. Owns its own descriptor, so it outlives the selector safely.
pub(crate) struct Wakeup(mio::Waker);

impl Wakeup {
    pub(crate) fn wake(&self) -> io::Result<()> {
        self.0.wake()
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn only_what_differs_from_whole_milliseconds_is_left_to_the_timerfd() {
        let (ms, us) = (Duration::from_millis, Duration::from_micros);
        let poll = Poll::new().unwrap();
        let wait = |left| {
            let mut fine = Fine::default();
            let timeout = fine.timeout(&poll, 1, left);
            assert_eq!(timeout.is_some(), matches!(fine, Fine::Unopened), "{left:?}");
            timeout
        };
        for left in [us(1), us(900), ms(1), us(2_999), us(4_949), us(5_001), us(9_500)] {
            assert_eq!(wait(left), None, "{left:?}");
        }
        for (left, whole) in
            [(us(3_950), 4), (us(4_950), 5), (us(4_999), 5), (ms(5), 5), (us(19_960), 20), (ms(50), 50)]
        {
            assert_eq!(wait(left), Some(ms(whole)));
        }
        // A part of the wait, to end before the deadline whatever slack the kernel takes.
        for left in [us(19_949), us(50_001), ms(60), ms(3_600_000)] {
            assert!(wait(left).unwrap() <= left - FINE / 2, "{left:?}");
        }
    }
}
