//! Whether a write is queued or under way, for whoever has only `&File` and must come after it.
//!
//! The file's own next operation waits for the job's handle. What asks the file as a whole (for its length, or that the
//! disk has it) goes without the handle, any number of tasks at once; on a pool of several threads it would overtake
//! the write. A waker is put on the list under the lock that the end of the write takes: the one or the other is first.
//!
//! In a child of `fork` nothing of the parent's is under way, whoever has the lock there.

use parking_lot::Mutex;
use sideline_blocking_pool::fork::Inherited;
use sideline_reactor::{discard, wake_all};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

#[derive(Default)]
pub(super) struct Writing(Inherited<Mutex<State>>);

#[derive(Default)]
struct State {
    /// Not a flag: the job of one that the pool did not take may be dropped after the next has begun.
    under_way: usize,
    waiting: Vec<Waker>,
}

/// A write, until this is dropped, which is when it is done or will never be.
pub(super) struct UnderWay(Arc<Writing>);

impl Writing {
    pub(super) fn begin(self: &Arc<Self>) -> UnderWay {
        self.0.own().lock().under_way += 1;
        UnderWay(Arc::clone(self))
    }

    pub(super) fn poll_over(&self, cx: &mut Context<'_>) -> Poll<()> {
        // A waker is foreign code: not under the lock.
        let waker = cx.waker().clone();
        let (polled, unused) = self.0.own().lock().poll_over(waker);
        unused.into_iter().for_each(discard);
        polled
    }
}

impl State {
    /// And the waker, if it is not wanted.
    fn poll_over(&mut self, waker: Waker) -> (Poll<()>, Option<Waker>) {
        if self.under_way == 0 {
            return (Poll::Ready(()), Some(waker));
        }
        if self.waiting.iter().any(|waiting| waiting.will_wake(&waker)) {
            return (Poll::Pending, Some(waker));
        }
        self.waiting.push(waker);
        (Poll::Pending, None)
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        let mut waiting = {
            let mut state = self.0.0.own().lock();
            // In a child it may be one of the parent's.
            state.under_way = state.under_way.saturating_sub(1);
            if state.under_way > 0 {
                return;
            }
            std::mem::take(&mut state.waiting)
        };
        wake_all(&mut waiting);
    }
}
