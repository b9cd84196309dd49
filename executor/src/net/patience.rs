//! Waiting for what the kernel reports no event about: room in somebody else's queue of Unix connections or datagrams.

use sideline_reactor::{Handle, Timer};
use std::future::poll_fn;
use std::io;
use std::time::Duration;

const FIRST: Duration = Duration::from_micros(100);
const LONGEST: Duration = Duration::from_millis(25);

/// Pauses that grow from 0.1 ms to 25 ms.
pub(super) struct Patience {
    reactor: Handle,
    pause: Duration,
}

impl Patience {
    #[inline]
    pub(super) fn new(reactor: &Handle) -> Patience {
        Patience { reactor: reactor.clone(), pause: FIRST }
    }

    /// Ends after the pause; the next one will be longer. An error if the runtime was shut down, and in a child of `fork`.
    pub(super) async fn pause(&mut self) -> io::Result<()> {
        self.reactor.ensure_open()?;
        let mut timer = Timer::new(&self.reactor, self.reactor.clock().now() + self.pause);
        poll_fn(|cx| timer.poll(cx)).await;
        self.pause = (self.pause * 2).min(LONGEST);
        self.reactor.ensure_open()
    }
}
