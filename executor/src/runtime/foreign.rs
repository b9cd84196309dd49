//! Blocking on a future on a thread that is not the loop's: the smallest executor there is.

use crate::core::fairness;
use crate::sync::atomic::{AtomicBool, Ordering::*};
use crate::sync::left_out;
use crate::sync::thread::{self, Thread};
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};

struct Unpark {
    /// Our own flag, because the thread's token may be used up by code inside the future.
    woken: AtomicBool,
    thread: Thread,
}

impl Wake for Unpark {
    #[inline]
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    #[inline]
    fn wake_by_ref(self: &Arc<Self>) {
        // Release: pairs with the Acquire in block_on(), also of a wake that finds it set. (Model:
        // `what_was_written_before_a_wake_is_seen_by_who_blocks_elsewhere`.)
        let order = if left_out("foreign-wake-carries-along") { Relaxed } else { Release };
        if !self.woken.swap(true, order) {
            self.thread.unpark();
        }
    }
}

pub(crate) fn block_on<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    let unpark = Arc::new(Unpark { woken: AtomicBool::new(true), thread: thread::current() });
    let waker = Waker::from(Arc::clone(&unpark));
    loop {
        // Acquire: pairs with the Release in wake_by_ref(). Cleared before the poll: a wake during it counts.
        while !unpark.woken.swap(false, Acquire) {
            thread::park();
        }
        fairness::begin_poll();
        if let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
            return output;
        }
    }
}
