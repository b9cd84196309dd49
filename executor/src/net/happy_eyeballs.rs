//! Connecting to a host that has several addresses, some of which may lead nowhere (RFC 8305, "Happy Eyeballs").
//!
//! An address that is unreachable often does not refuse but stays silent, for minutes. So the next one is tried as
//! soon as the one before has failed, or has said nothing for a moment; the silent one stays in the race. IPv6 and
//! IPv4 take turns, because what is broken is usually one of the two as a whole. The first connection wins, and the
//! others are closed before the winner is returned.

use super::failures::Failures;
use sideline_reactor::{Handle, Timer};
use std::collections::VecDeque;
use std::future::{Future, poll_fn};
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

/// The "Connection Attempt Delay" that RFC 8305 recommends.
const STAGGER: Duration = Duration::from_millis(250);

/// The first of `addrs` for which `attempt` succeeds.
///
/// # Errors
/// All that were met, in one.
pub(super) async fn race<T, F>(
    reactor: &Handle,
    addrs: Vec<SocketAddr>,
    attempt: impl FnMut(SocketAddr) -> F,
) -> io::Result<T>
where
    F: Future<Output = io::Result<T>>,
{
    let mut race = Race {
        reactor,
        attempt,
        waiting: interleave(addrs),
        running: Vec::new(),
        next_at: None,
        failures: Failures::default(),
    };
    poll_fn(|cx| race.poll(cx)).await
}

struct Race<'a, A, F> {
    reactor: &'a Handle,
    attempt: A,
    /// In the order in which they will be tried.
    waiting: VecDeque<SocketAddr>,
    running: Vec<(SocketAddr, Pin<Box<F>>)>,
    /// When the next one starts, if none of those that run fails before.
    next_at: Option<Timer>,
    failures: Failures,
}

impl<T, A, F> Race<'_, A, F>
where
    A: FnMut(SocketAddr) -> F,
    F: Future<Output = io::Result<T>>,
{
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<T>> {
        loop {
            let before = self.running.len();
            if let Some(winner) = self.poll_running(cx) {
                return Poll::Ready(Ok(winner));
            }
            let one_failed = self.running.len() < before;
            let is_time = self.next_at.as_mut().is_none_or(|timer| timer.poll(cx).is_ready());
            if (one_failed || is_time) && self.start_next() {
                continue;
            }
            if self.running.is_empty() {
                return Poll::Ready(Err(std::mem::take(&mut self.failures).into_error()));
            }
            return Poll::Pending;
        }
    }

    fn poll_running(&mut self, cx: &mut Context<'_>) -> Option<T> {
        let mut index = 0;
        while let Some((addr, attempt)) = self.running.get_mut(index) {
            match attempt.as_mut().poll(cx) {
                Poll::Ready(Ok(value)) => return Some(value),
                Poll::Ready(Err(error)) => {
                    self.failures.push(*addr, error);
                    // Closes its socket.
                    drop(self.running.remove(index));
                }
                Poll::Pending => index += 1,
            }
        }
        None
    }

    /// False if there is none left.
    fn start_next(&mut self) -> bool {
        let Some(addr) = self.waiting.pop_front() else { return false };
        self.running.push((addr, Box::pin((self.attempt)(addr))));
        self.next_at = Some(Timer::new(self.reactor, self.reactor.clock().now() + STAGGER));
        true
    }
}

/// The families in turn, beginning with that of the first address, which the resolver prefers; within a family in the
/// resolver's order.
#[inline]
fn interleave(addrs: Vec<SocketAddr>) -> VecDeque<SocketAddr> {
    let starts_with_v6 = addrs.first().is_some_and(SocketAddr::is_ipv6);
    let (preferred, other): (Vec<_>, Vec<_>) =
        addrs.into_iter().partition(|addr| addr.is_ipv6() == starts_with_v6);
    let (mut preferred, mut other) = (preferred.into_iter(), other.into_iter());
    let mut order = VecDeque::new();
    loop {
        let pair = [preferred.next(), other.next()];
        if pair == [None, None] {
            return order;
        }
        order.extend(pair.into_iter().flatten());
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use crate::Runtime;
    use crate::runtime::context;
    use crate::time::{now, sleep};
    use std::cell::{Cell, RefCell};
    use std::io::ErrorKind;
    use std::time::Instant;

    fn addr(name: &str) -> SocketAddr {
        name.parse().unwrap()
    }

    /// What an address does: after this many milliseconds it connects or fails.
    type Script = (&'static str, u64, Result<(), ErrorKind>);

    /// Counts itself as open as long as it lives, as a socket does.
    struct Open<'a>(&'a Cell<usize>);

    impl<'a> Open<'a> {
        fn new(open: &'a Cell<usize>) -> Open<'a> {
            open.set(open.get() + 1);
            Open(open)
        }
    }

    impl Drop for Open<'_> {
        fn drop(&mut self) {
            self.0.set(self.0.get() - 1);
        }
    }

    /// The winner, at which millisecond it was known, and when each attempt started.
    fn play(script: &[Script]) -> (io::Result<SocketAddr>, u64, Vec<(SocketAddr, u64)>) {
        let runtime = Runtime::builder().paused_clock().build().unwrap();
        let starts = RefCell::new(Vec::new());
        let open = Cell::new(0);
        let (winner, took) = runtime.block_on(async {
            let begin = now();
            let since = |begin: Instant| (now() - begin).as_millis() as u64;
            let addrs = script.iter().map(|&(name, ..)| addr(name)).collect();
            let attempt = |tried: SocketAddr| {
                starts.borrow_mut().push((tried, since(begin)));
                let &(_, delay, outcome) = script.iter().find(|&&(name, ..)| addr(name) == tried).unwrap();
                let open = &open;
                async move {
                    let _open = Open::new(open);
                    sleep(Duration::from_millis(delay)).await;
                    outcome.map(|()| tried).map_err(io::Error::from)
                }
            };
            let winner = race(&context::reactor().unwrap(), addrs, attempt).await;
            assert_eq!(open.get(), 0, "the losers are closed by now");
            (winner, since(begin))
        });
        (winner, took, starts.into_inner())
    }

    const SILENCE: u64 = 100_000;

    #[test]
    fn families_take_turns_from_the_one_the_resolver_prefers() {
        let of = |names: &[&str]| names.iter().map(|name| addr(name)).collect::<Vec<_>>();
        let order = interleave(of(&["[::1]:1", "[::2]:1", "[::3]:1", "1.1.1.1:1", "2.2.2.2:1"]));
        assert_eq!(order, of(&["[::1]:1", "1.1.1.1:1", "[::2]:1", "2.2.2.2:1", "[::3]:1"]));
        let order = interleave(of(&["1.1.1.1:1", "2.2.2.2:1", "[::1]:1"]));
        assert_eq!(order, of(&["1.1.1.1:1", "[::1]:1", "2.2.2.2:1"]));
        assert!(interleave(Vec::new()).is_empty());
    }

    #[test]
    fn one_that_answers_in_time_has_no_rival() {
        let (winner, took, starts) = play(&[("[::1]:1", 249, Ok(())), ("1.1.1.1:1", 0, Ok(()))]);
        assert_eq!((winner.unwrap(), took, starts.len()), (addr("[::1]:1"), 249, 1));
    }

    #[test]
    fn a_silent_one_is_passed_after_a_moment() {
        let (winner, took, starts) = play(&[
            ("[::1]:1", SILENCE, Ok(())),
            ("[::2]:1", SILENCE, Ok(())),
            ("1.1.1.1:1", SILENCE, Ok(())),
            ("2.2.2.2:1", 10, Ok(())),
        ]);
        assert_eq!((winner.unwrap(), took), (addr("2.2.2.2:1"), 760));
        assert_eq!(starts.iter().map(|&(_, at)| at).collect::<Vec<_>>(), [0, 250, 500, 750]);
    }

    #[test]
    fn a_slow_one_stays_in_the_race_and_may_win_it() {
        let (winner, took, starts) = play(&[("[::1]:1", 300, Ok(())), ("1.1.1.1:1", 100, Ok(()))]);
        assert_eq!((winner.unwrap(), took, starts.len()), (addr("[::1]:1"), 300, 2));
    }

    #[test]
    fn after_a_failure_the_next_starts_at_once_and_the_pause_anew() {
        let refused = Err(ErrorKind::ConnectionRefused);
        let (winner, _, starts) =
            play(&[("[::1]:1", 20, refused), ("1.1.1.1:1", SILENCE, Ok(())), ("[::2]:1", 5, Ok(()))]);
        assert_eq!(winner.unwrap(), addr("[::2]:1"));
        assert_eq!(starts.iter().map(|&(_, at)| at).collect::<Vec<_>>(), [0, 20, 270]);
    }

    #[test]
    fn if_all_fail_the_error_lists_them_all() {
        let (winner, took, _) = play(&[
            ("[::1]:1", 300, Err(ErrorKind::TimedOut)),
            ("1.1.1.1:1", 0, Err(ErrorKind::ConnectionRefused)),
        ]);
        let error = winner.unwrap_err();
        assert_eq!((error.kind(), took), (ErrorKind::TimedOut, 300));
        let text = error.to_string();
        assert!(text.contains("1.1.1.1:1: connection refused; [::1]:1: timed out"), "{text}");
        let none = play(&[]).0.unwrap_err();
        assert_eq!(none.kind(), ErrorKind::InvalidInput);
    }
}
