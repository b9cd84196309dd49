//! What a pool has instead of job control when it is built without the feature of that name: tokens and limiters that
//! nobody can make, and counts that are zero.
//!
//! The types of which there is no value have the methods of the real ones, so that whoever calls them needs not know
//! which build it is in; the compiler sees that no such call is ever made, and drops it with all that leads to it.

pub(crate) mod cancel {
    use std::time::Instant;

    use crate::job::Watch;

    pub(crate) enum CancelToken {}

    impl CancelToken {
        pub(crate) fn is_cancelled(&self) -> bool {
            match *self {}
        }

        pub(crate) fn deadline(&self) -> Option<Instant> {
            match *self {}
        }

        pub(crate) fn bind(&self, _job: Watch) {
            match *self {}
        }

        pub(crate) fn unbind(&self) {
            match *self {}
        }

        pub(crate) fn end_job(&self) {
            match *self {}
        }

        pub(crate) fn cancel_job(&self) {
            match *self {}
        }

        pub(crate) fn will_be_waited_for(&self) {
            match *self {}
        }
    }
}

pub(crate) mod limiter {
    use std::sync::Arc;

    use crate::job::Entry;
    use crate::metrics::Recorder;
    use crate::pool::account::Account;
    use crate::pool::shared::Shared;

    pub(crate) const NONE: u64 = 0;
    pub(crate) const SLOT: u64 = u64::MAX;

    #[derive(Clone)]
    pub(crate) enum Limiter {}

    pub(crate) struct Times {
        pub(crate) queue_wait: Recorder,
        pub(crate) run_time: Recorder,
        pub(crate) handoff: Recorder,
    }

    impl Limiter {
        pub(crate) fn times(&self) -> &Times {
            match *self {}
        }

        pub(crate) fn admit(&self, _entry: Entry) -> Option<Entry> {
            match *self {}
        }

        pub(crate) fn release(&self) {
            match *self {}
        }

        pub(crate) fn forget(&self, _place: impl FnOnce() -> u64) {
            match *self {}
        }
    }

    pub(crate) struct Lines;

    impl Lines {
        pub(crate) fn new() -> Self {
            Self
        }

        pub(crate) fn waiting(&self) -> usize {
            0
        }

        pub(crate) fn take_out(&self, _pool: &Arc<Shared>, _whose: &dyn Fn(&Account) -> bool) -> Vec<Entry> {
            Vec::new()
        }
    }
}

pub(crate) mod dedicated {
    use crate::shutdown::Survivor;

    pub(crate) struct Dedicated;

    impl Dedicated {
        pub(crate) fn new() -> Self {
            Self
        }

        pub(crate) fn count(&self) -> usize {
            0
        }

        pub(crate) fn cancel(&self, _whose: &dyn Fn(u64) -> bool) {}

        pub(crate) fn survivors(&self, _whose: &dyn Fn(u64) -> bool) -> Vec<Survivor> {
            Vec::new()
        }
    }
}

/// No job is admitted anywhere when another one is given up.
mod rejecting {
    use std::sync::Arc;

    use crate::job::error::Rejection;
    use crate::pool::shared::Shared;

    impl Shared {
        pub(crate) fn reject_queued(self: &Arc<Self>, why: &Rejection) {
            self.reject_all(why);
        }
    }
}

/// Room in a bounded queue, which nobody waits for.
pub(crate) mod room {
    use crate::pool::shared::Shared;
    use crate::sync::atomic::{AtomicU64, Ordering};

    pub(crate) struct Room {
        /// `None`: there is always room, and nothing is counted.
        limit: Option<u64>,
        queued: AtomicU64,
    }

    impl Room {
        pub(crate) fn new(limit: Option<usize>) -> Self {
            Self { limit: limit.map(|jobs| jobs as u64), queued: AtomicU64::new(0) }
        }

        pub(crate) fn is_bounded(&self) -> bool {
            self.limit.is_some()
        }

        /// Takes room for one job, if there is some.
        #[cold]
        pub(crate) fn take(&self) -> bool {
            let Some(limit) = self.limit else { return true };
            let step = |now: u64| (now < limit).then_some(now + 1);
            // Relaxed: a count and nothing else.
            self.queued.fetch_update(Ordering::Relaxed, Ordering::Relaxed, step).is_ok()
        }
    }

    impl Shared {
        /// A job has left the queue.
        pub(crate) fn make_room(&self) {
            if self.room.is_bounded() {
                self.room.queued.fetch_sub(1, Ordering::Relaxed);
            }
        }

        pub(crate) fn call_those_in_line(&self) {}
    }
}

/// What a [`JobBuilder`](crate::JobBuilder) cannot be asked for.
pub(crate) mod wish {
    use super::cancel::CancelToken;
    use super::limiter::Limiter;
    use crate::pool::shared::Shared;

    #[derive(Clone, Debug, Default)]
    pub(crate) struct Control;

    impl Control {
        pub(crate) fn token(&self, _is_lent: bool, _pool: &Shared) -> Option<CancelToken> {
            None
        }

        pub(crate) fn into_limiter(self) -> Option<Limiter> {
            None
        }
    }
}
