//! What was asked for a job beyond running it. Most jobs have none, and pay a null pointer for it.

use std::borrow::Cow;
use std::time::Instant;

use super::watch::Watch;
use crate::control::cancel::CancelToken;
use crate::control::limiter::{self, Limiter};
use crate::job::error::Failure;
use crate::sync::atomic::{AtomicU64, Ordering};

pub(crate) struct Terms {
    pub(crate) name: Option<Cow<'static, str>>,
    /// The job's own: it is over when the closure has ended.
    pub(crate) token: Option<CancelToken>,
    pub(crate) limiter: Option<Limiter>,
    /// Where the job stands with its limiter: see [`crate::control::limiter`].
    pub(crate) place: AtomicU64,
}

impl Terms {
    pub(crate) fn new(
        name: Option<Cow<'static, str>>,
        token: Option<CancelToken>,
        limiter: Option<Limiter>,
    ) -> Self {
        Self { name, token, limiter, place: AtomicU64::new(limiter::NONE) }
    }

    /// The job was cancelled: it waits in no line any more.
    #[cold]
    pub(super) fn leave_line(&self) {
        if let Some(limiter) = &self.limiter {
            // Relaxed: under the limiter's lock.
            limiter.forget(|| self.place.load(Ordering::Relaxed));
        }
    }

    pub(super) fn has_slot(&self) -> bool {
        // Relaxed: nothing but an order is decided by it.
        self.place.load(Ordering::Relaxed) == limiter::SLOT
    }

    /// By whoever has claimed the job, or has its entry: it does not run, or not any more.
    #[cold]
    pub(super) fn give_back_slot(&self) {
        if let Some(limiter) = &self.limiter {
            // Relaxed: see set_place(), and leave_line() for one who has cancelled the job. Once, whoever comes twice.
            if self.place.swap(limiter::NONE, Ordering::Relaxed) == limiter::SLOT {
                limiter.release();
            }
        }
    }

    /// By the maker of the job: lets the token take it out of its queue. The job was made with a watch if there is one.
    #[cold]
    pub(super) fn bind(&self, watch: impl FnOnce() -> Watch) {
        if let Some(token) = &self.token {
            token.bind(watch());
        }
    }

    /// The closure has ended.
    #[cold]
    pub(super) fn end_job(&self) {
        if let Some(token) = &self.token {
            token.end_job();
        }
    }

    /// Why the job must not start any more, if so.
    #[cold]
    pub(crate) fn forbid(&self) -> Option<Failure> {
        let token = self.token.as_ref().filter(|token| token.is_cancelled())?;
        let expired = token.deadline().is_some_and(|deadline| Instant::now() >= deadline);
        Some(if expired { Failure::Expired } else { Failure::Cancelled })
    }
}
