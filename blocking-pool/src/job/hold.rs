//! What all owners of a job can do: claim it, give it up, deliver it, let go.
//!
//! A completer keeps its owner's bit until the awaiter has been woken and the job is off its account; releasing it
//! is the last thing it does, because the memory may be gone with it (rayon#740: a latch read after it was set).

// Follows the pointer to the header; the vtable's calls.
#![allow(unsafe_code)]

use std::ptr::NonNull;

use super::JobInfo;
use super::cell::{Header, Unread};
use super::state::{Claim, Completion, Owner, Release};
use crate::control::cancel::CancelToken;
use crate::job::error::Failure;
use crate::metrics::Stamp;
use crate::sync::left_out;
use crate::user_code::contain;
use crate::user_code::nested;
use crate::user_code::report::Report;

/// One of the bits that keep a job's memory, as a value.
///
/// Which bit that is, the owner's type knows, and says so when the owner lets go. So a hold is one word. The queues and the
/// users' handles have many of them, and pass them on in a register.
pub(crate) struct Hold {
    pub(super) header: NonNull<Header>,
}

/// How an outcome was received.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Delivery {
    /// Nobody has asked for it yet.
    Quiet,
    /// Somebody is looking for it.
    Asked,
    /// Code of the user's has run, which may have taken some time: a waker, or the drop of what nobody wants.
    UserCode,
}

// SAFETY: `F` and `T` are `Send` (see `new`), the waker is, and the state word says who may touch them.
unsafe impl Send for Hold {}
// SAFETY: through a shared `Hold` only atomics are reached, what never changes and may be shared (location, account, terms), and the
// stage only after winning the claim.
unsafe impl Sync for Hold {}

impl Hold {
    pub(super) fn new(header: NonNull<Header>) -> Self {
        Self { header }
    }

    pub(super) fn header(&self) -> &Header {
        // SAFETY: our owner's bit is set as long as we exist, and it keeps the memory.
        let header = unsafe { self.header.as_ref() };
        header.memory.is_used();
        header
    }

    /// The same hold once more, for a drop that consumes it.
    pub(super) fn copy(&self) -> Self {
        Self { header: self.header }
    }

    pub(super) fn claim(&self) -> Claim {
        let claim = self.header().state.claim();
        if claim == Claim::Won {
            self.header().account.unqueued();
        }
        claim
    }

    /// Gives up a claimed job: drops its closure and delivers `why` instead.
    #[inline(never)]
    pub(super) fn refuse(&self, why: Failure) {
        let header = self.header();
        self.will_not_run(&why);
        let refused = header.account.delivering(|| {
            // SAFETY: the caller has claimed the job, so the stage is its own.
            unsafe { (header.vtable.refuse)(self.header, why) }
        });
        if let Err(message) = refused {
            self.report(|job, message| Report::DropPanicked { job, message }, message);
        }
        if let Some(terms) = &header.terms {
            terms.leave_line();
            self.give_back_slot();
        }
        self.deliver_refusal();
    }

    /// Counts a claimed job as one that will not run.
    pub(super) fn will_not_run(&self, why: &Failure) {
        let header = self.header();
        header.account.refused(why, header.times.submission().cohort());
        header.times.never_ran();
    }

    /// Delivers the outcome of a job that has run, and takes the job off its account. By the claimer, once. `on_wake` is
    /// called if there is somebody to wake, just before.
    pub(super) fn deliver(&self, on_wake: &dyn Fn()) -> Delivery {
        let delivery = self.publish(on_wake);
        self.header().account.leave();
        delivery
    }

    /// The same for a job that will not run.
    pub(super) fn deliver_refusal(&self) {
        self.publish(&|| ());
        self.header().account.leave_cancelled();
    }

    /// Publishes the outcome and wakes the awaiter. The job is still on its account afterwards.
    fn publish(&self, on_wake: &dyn Fn()) -> Delivery {
        let header = self.header();
        let completion = header.state.complete();
        let delivery = match completion {
            Completion::Quiet => Delivery::Quiet,
            Completion::Asked => Delivery::Asked,
            Completion::Wake => {
                // SAFETY: WAKER was set when we completed, so its cell is ours.
                let waker = header.waker.with_mut(|waker| unsafe { (*waker).take() });
                let waker = waker.expect("WAKER is only set with a waker in its cell");
                on_wake();
                if let Err(payload) = header.account.delivering(|| contain::contain(|| waker.wake())) {
                    let message = contain::message_and_discard(payload);
                    self.report(|job, message| Report::WakerPanicked { job, message }, message);
                }
                Delivery::UserCode
            }
            Completion::Unobserved => {
                header.account.delivering(|| self.drop_outcome());
                Delivery::UserCode
            }
        };
        if header.terms.is_none() {
            return delivery;
        }
        self.unbind();
        Delivery::UserCode
    }

    /// By a handle that was woken, when it has taken the outcome: measures how long the outcome has lain there.
    #[inline(never)] // Out of the way of those who were not.
    pub(super) fn note_handoff(&self, end: Stamp) {
        let header = self.header();
        let lay = Stamp::now().nanos_since(end);
        header.account.pool().counters.taken(header.account.id, lay);
        if let Some(limiter) = header.terms.as_ref().and_then(|terms| terms.limiter.as_ref()) {
            limiter.times().handoff.record_nanos_shared(lay);
        }
    }

    /// By a handle that was woken, when it lets go: counts the outcome as unread if it is still there.
    #[inline(never)]
    fn note_unread(&self) {
        let header = self.header();
        if header.times.take_out().is_some() {
            header.account.pool().counters.unread(header.account.id);
        }
    }

    #[cold]
    fn unbind(&self) {
        if let Some(token) = self.token() {
            token.unbind();
        }
    }

    /// Drops an outcome that nobody will read. The caller owns the stage.
    pub(super) fn drop_outcome(&self) {
        let header = self.header();
        // SAFETY: the job is complete and its handle gone or going, so the outcome is the caller's.
        match unsafe { (header.vtable.drop_outcome)(self.header) } {
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
        header.account.pool().report(kind(header.info(), message));
    }

    pub(super) fn token(&self) -> Option<&CancelToken> {
        self.header().terms.as_ref()?.token.as_ref()
    }

    /// Whether its tenant or its pool was abandoned: the job is not to be started any more.
    pub(crate) fn is_abandoned(&self) -> bool {
        self.header().account.is_abandoned()
    }

    /// The job does not run, or not any more: gives its limiter's slot back, if it has one.
    pub(super) fn give_back_slot(&self) {
        let header = self.header();
        if let Some(terms) = &header.terms {
            // In a forked child the slot is the parent's: see `crate::control::limiter`.
            if !header.account.pool().is_forked() {
                terms.give_back_slot();
            }
        }
    }

    /// Takes the job out of its queue if it has not started; false if there is nothing to stop any more.
    #[inline(never)]
    pub(crate) fn cancel(&self, why: Failure) -> bool {
        let won = self.claim() == Claim::Won;
        if won {
            self.refuse(why);
        }
        won
    }

    /// The same by the user; a job that is running is told by its token, if it has one.
    #[inline(never)]
    pub(super) fn abort(&self) -> bool {
        let won = self.claim() == Claim::Won;
        if won {
            let level = nested::enter();
            // What is put off needs a hold of its own. If there are as many as there can be, it is not put off.
            if level.is_none() && (left_out("put-off-owns") || self.header().state.add_aborter()) {
                let hold = self.copy();
                nested::put_off(Box::new(move || {
                    hold.refuse(Failure::Cancelled);
                    hold.release(Owner::Aborter);
                }));
            } else {
                self.refuse(Failure::Cancelled);
            }
        }
        if self.header().terms.is_some() {
            self.tell();
        }
        won
    }

    /// The outcome is there, also if it was this thread that has put it off.
    #[inline(never)]
    pub(super) fn is_done(&self) -> bool {
        let state = &self.header().state;
        state.is_done() || {
            nested::catch_up();
            state.is_done()
        }
    }

    /// By a handle that goes, and has not taken the outcome, which is there: drops it and lets go.
    #[inline(never)]
    pub(super) fn discard_outcome(self) {
        nested::dropping(move || {
            if self.header().state.was_woken() {
                self.note_unread();
            }
            self.drop_outcome();
            self.release(Owner::Handle);
        });
    }

    #[cold]
    fn tell(&self) {
        if let Some(token) = self.token() {
            token.cancel_job();
        }
    }

    /// Lets go, as this owner; frees the job if the others have, too.
    pub(super) fn release(self, owner: Owner) {
        if self.header().state.release(owner) == Release::Free {
            self.free();
        }
    }

    pub(super) fn free(self) {
        // SAFETY: all other owners have let go; our bit was the last.
        unsafe { (self.header().vtable.free)(self.header) };
    }
}
