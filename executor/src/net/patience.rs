//! Waiting for what the kernel reports no event about: room in somebody else's queue of Unix connections or datagrams.

use sideline_reactor::{Handle, Timer};
use std::task::{Context, Poll};
use std::time::Duration;

const FIRST: Duration = Duration::from_millis(1);
const LONGEST: Duration = Duration::from_millis(32);

/// Pauses that double from 1 ms to 32 ms.
pub(super) struct Patience {
    timer: Timer,
    pause: Duration,
}

impl Patience {
    pub(super) fn new(reactor: &Handle) -> Patience {
        Patience { timer: Timer::new(reactor, reactor.clock().now() + FIRST), pause: FIRST }
    }

    /// Ready once the pause is over; the next one has then begun.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let over = self.timer.poll(cx);
        if over.is_ready() {
            self.pause = (self.pause * 2).min(LONGEST);
            self.timer.reset(self.timer.deadline() + self.pause);
        }
        over
    }
}
