//! For how long a copy may move nothing.

use crate::time::{Sleep, sleep};
use std::io;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

/// An idle timeout, or none. Something that moves arms no timer: who is woken at the old deadline waits for the rest.
pub(super) struct Idle {
    limit: Option<Duration>,
    /// How much had moved when it was last looked.
    moved: u64,
    /// When it has been idle for too long. `None`: in some centuries.
    due: Option<Instant>,
    /// From the first poll on, which may be in another runtime than the call.
    sleep: Option<Sleep>,
}

impl Idle {
    #[inline]
    pub(super) fn never() -> Self {
        Self { limit: None, moved: 0, due: None, sleep: None }
    }

    #[inline]
    pub(super) fn after(limit: Duration) -> Self {
        Self { limit: Some(limit), ..Self::never() }
    }

    /// Ready with an error if nothing has moved for so long. `moved` grows whenever something does; `given_way` is how often something
    /// had before the streams were asked.
    #[inline]
    pub(super) fn poll(&mut self, cx: &mut Context<'_>, moved: u64, given_way: u32) -> Poll<io::Error> {
        let Some(limit) = self.limit else { return Poll::Pending };
        let is_first = self.sleep.is_none();
        let sleep = self.sleep.get_or_insert_with(|| sleep(limit));
        if is_first || self.moved != moved {
            self.moved = moved;
            self.due = sleep.now().checked_add(limit);
        }
        loop {
            ready!(sleep.poll_limit(cx, Some(given_way)));
            match self.due {
                Some(due) if due > sleep.deadline() => sleep.reset(due),
                _ => return Poll::Ready(error(limit)),
            }
        }
    }
}

#[inline]
fn error(limit: Duration) -> io::Error {
    io::Error::new(io::ErrorKind::TimedOut, format!("no byte has moved for {limit:?}"))
}
