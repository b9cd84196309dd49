//! Giving way. A future that finds the next thing ready whenever it asks never returns to the loop, and everybody
//! else waits: a socket whose peer sends as fast as we read, a `JoinSet` whose jobs end as fast as they are joined.
//! So after a number of operations in one poll, one waits for the loop's next round before it starts.
//!
//! The count is that of a poll. One across all tasks would be as fair in the long run, but it hits those who do an
//! operation or two and wait: of a server's requests, one in some twenty had to queue twice, which was its p99.
//!
//! Nobody gives way again and again, since it might then never start: an operation that has to wait does not count
//! ([`poll_in_turn`]), and a sleep that is over gives way once.

use std::cell::Cell;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

/// An operation takes up to ten microseconds, so that this is about the loop's own budget for a turn. Giving way
/// costs a fraction of a microsecond.
const OPERATIONS: u32 = 64;

thread_local! {
    /// How many operations are left to this poll. Under another executor, which does not say when a poll begins, the count goes on
    /// from task to task.
    static LEFT: Cell<u32> = const { Cell::new(OPERATIONS) };
    /// How often something has given way. It wraps: only differences matter.
    static GIVEN_WAY: Cell<u32> = const { Cell::new(0) };
}

/// A task, or a main future, is about to be polled.
pub(crate) fn begin_poll() {
    let _ = LEFT.try_with(|left| left.set(OPERATIONS));
}

/// How often something has given way here. If that is more after a poll than before it, something in there has.
#[inline]
pub(crate) fn given_way() -> u32 {
    // Err: as below.
    GIVEN_WAY.try_with(Cell::get).unwrap_or(0)
}

/// Ready if the next operation may start now; otherwise the task has already been woken to try again.
#[inline]
pub(crate) fn poll_turn(cx: &mut Context<'_>) -> Poll<()> {
    // Err: the thread is ending. Nobody is left there who would have to wait.
    let left =
        LEFT.try_with(|left| left.replace(left.get().checked_sub(1).unwrap_or(OPERATIONS))).unwrap_or(1);
    if left > 0 {
        return Poll::Ready(());
    }
    let _ = GIVEN_WAY.try_with(|times| times.set(times.get().wrapping_add(1)));
    cx.waker().wake_by_ref();
    Poll::Pending
}

/// Polls `operation`, once it may start. One that has to wait does not count. It holds nobody up; and if it counted, a task
/// that waits for many operations would get to the same few of them in each poll.
#[inline]
pub(crate) fn poll_in_turn<R>(
    cx: &mut Context<'_>,
    operation: impl FnOnce(&mut Context<'_>) -> Poll<R>,
) -> Poll<R> {
    ready!(poll_turn(cx));
    let polled = operation(cx);
    if polled.is_pending() {
        let _ = LEFT.try_with(|left| left.set((left.get() + 1).min(OPERATIONS)));
    }
    polled
}

/// `future`, once it may start. Smaller than an async block that awaits both, which keeps the future twice.
pub(crate) fn in_turn<F: Future + Unpin>(future: F) -> InTurn<F> {
    InTurn { future, started: false }
}

/// The future of [`in_turn`].
pub(crate) struct InTurn<F> {
    future: F,
    started: bool,
}

impl<F: Future + Unpin> Future for InTurn<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        if !self.started {
            ready!(poll_turn(cx));
            self.started = true;
        }
        Pin::new(&mut self.future).poll(cx)
    }
}

/// As [`poll_turn`], for `async` code.
pub(crate) fn turn() -> impl Future<Output = ()> {
    std::future::poll_fn(poll_turn)
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use std::task::Waker;

    #[test]
    fn one_operation_in_so_many_gives_way_and_then_starts() {
        let mut cx = Context::from_waker(Waker::noop());
        let given_way = (0..10 * (OPERATIONS + 1)).filter(|_| poll_turn(&mut cx).is_pending()).count();
        assert_eq!(given_way, 10);
    }

    #[test]
    fn what_waits_does_not_count() {
        let mut cx = Context::from_waker(Waker::noop());
        begin_poll();
        for _ in 0..10 * OPERATIONS {
            let mut asked = false;
            let polled = poll_in_turn(&mut cx, |_| {
                asked = true;
                Poll::<()>::Pending
            });
            assert!(polled.is_pending() && asked);
        }
        assert!((0..OPERATIONS).all(|_| poll_in_turn(&mut cx, |_| Poll::Ready(())).is_ready()));
        assert!(poll_in_turn(&mut cx, |_| Poll::Ready(())).is_pending());
    }

    #[test]
    fn each_poll_has_a_count_of_its_own() {
        let mut cx = Context::from_waker(Waker::noop());
        for _ in 0..10 {
            begin_poll();
            assert!((0..OPERATIONS).all(|_| poll_turn(&mut cx).is_ready()));
        }
        assert!(poll_turn(&mut cx).is_pending());
    }
}
