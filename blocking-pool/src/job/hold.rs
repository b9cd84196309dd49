//! What both owners of a job can do: claim it, give it up, deliver it, let go.
//!
//! A completer keeps its owner's bit until the awaiter has been woken and the job is off its account; releasing it
//! is the last thing it does, because the memory may be gone with it (rayon#740: a latch read after it was set).

// Follows the pointer to the header; the vtable's calls.
#![allow(unsafe_code)]

use std::ptr::NonNull;

use super::JobInfo;
use super::cell::{Header, Unread};
use super::state::{Claim, Completion, Owner, Release};
use crate::cancel::CancelToken;
use crate::contain;
use crate::error::Failure;
use crate::report::Report;

/// One of the two bits that keep a job's memory, as a value.
pub(super) struct Hold {
    pub(super) header: NonNull<Header>,
    pub(super) owner: Owner,
}

// SAFETY: `F` and `T` are `Send` (see `new`), the waker is, and the state word says who may touch them.
unsafe impl Send for Hold {}
// SAFETY: through a shared `Hold` only the state word, the id, the location and the account are reached, and the
// stage only after winning the claim.
unsafe impl Sync for Hold {}

impl Hold {
    pub(super) fn header(&self) -> &Header {
        // SAFETY: our owner's bit is set as long as we exist, and it keeps the memory.
        unsafe { self.header.as_ref() }
    }

    /// The same hold once more, for a drop that consumes it.
    pub(super) fn copy(&self) -> Self {
        Self { header: self.header, owner: self.owner }
    }

    pub(super) fn claim(&self) -> Claim {
        let claim = self.header().state.claim();
        if claim == Claim::Won {
            self.header().account.unqueued();
        }
        claim
    }

    /// Gives up a claimed job: drops its closure and delivers `why` instead.
    pub(super) fn refuse(&self, why: Failure) {
        let header = self.header();
        header.account.refused(&why);
        // SAFETY: the caller has claimed the job, so the stage is its own.
        if let Err(message) = unsafe { (header.vtable.refuse)(self.header, why) } {
            self.report(|job, message| Report::DropPanicked { job, message }, message);
        }
        if let Some(terms) = &header.terms {
            terms.leave_line();
        }
        self.deliver();
    }

    /// Publishes the outcome, wakes, and takes the job off its account. By the claimer, once.
    pub(super) fn deliver(&self) {
        let header = self.header();
        match header.state.complete() {
            Completion::Quiet => {}
            Completion::Wake => {
                // SAFETY: WAKER was set when we completed, so its cell is ours.
                let waker = header.waker.with_mut(|waker| unsafe { (*waker).take() });
                let waker = waker.expect("WAKER is only set with a waker in its cell");
                if let Err(payload) = contain::contain(|| waker.wake()) {
                    let message = contain::message_and_discard(payload);
                    self.report(|job, message| Report::WakerPanicked { job, message }, message);
                }
            }
            Completion::Unobserved => self.drop_outcome(),
        }
        if header.terms.is_some() {
            self.unbind();
        }
        header.account.leave();
    }

    #[cold]
    fn unbind(&self) {
        if let Some(token) = self.token() {
            token.unbind();
        }
    }

    /// Drops an outcome that nobody will read. The caller owns the stage.
    pub(super) fn drop_outcome(&self) {
        // SAFETY: the job is complete and its handle gone or going, so the outcome is the caller's.
        match unsafe { (self.header().vtable.drop_outcome)(self.header) } {
            Unread::Nothing => {}
            Unread::Panic(message) => {
                self.report(|job, message| Report::JobPanicked { job, message }, message);
            }
            Unread::DropPanicked(message) => {
                self.report(|job, message| Report::DropPanicked { job, message }, message);
            }
        }
    }

    pub(super) fn report(&self, kind: fn(JobInfo, String) -> Report, message: String) {
        let header = self.header();
        header.account.pool().report(&kind(header.info(), message));
    }

    pub(super) fn token(&self) -> Option<&CancelToken> {
        self.header().terms.as_ref()?.token.as_ref()
    }

    /// Lets go; frees the job if the other side has, too.
    pub(super) fn release(self) {
        if self.header().state.release(self.owner) == Release::Free {
            self.free();
        }
    }

    pub(super) fn free(self) {
        // SAFETY: both owners have let go; our bit was the last.
        unsafe { (self.header().vtable.free)(self.header) };
    }
}
