//! The queue's side of a job: first an [`Entry`]; then [`Claimed`], by the worker that has taken it; then [`Ready`], when the
//! closure has run.

// The vtable's `run`; and the way through the queues as a bare pointer.
#![allow(unsafe_code)]

use std::borrow::Cow;
use std::mem::{self, ManuallyDrop};
use std::panic::Location;
use std::ptr::NonNull;
use std::sync::Arc;

use super::JobId;
use super::cell::Ran;
use super::hold::{Delivery, Hold};
use super::state::{Claim, Owner};
use super::times::Times;
use crate::control::limiter::Limiter;
use crate::job::error::Failure;
use crate::metrics::Stamp;
use crate::pool::account::Account;
use crate::queue::pointer::Pointer;
use crate::sync::atomic::Ordering;

/// The queue's side of a job. Dropping it gives the job up: a job still queued is cancelled.
pub(crate) struct Entry(Hold);

impl Entry {
    pub(super) fn new(hold: Hold) -> Self {
        Self(hold)
    }

    /// Makes the job the caller's to run or refuse. `None`: it was cancelled before, and is gone.
    pub(crate) fn claim(self) -> Option<Claimed> {
        (self.0.claim() == Claim::Won).then_some(Claimed(self))
    }

    pub(crate) fn account(&self) -> &Arc<Account> {
        &self.0.header().account
    }

    /// The limiter it has to ask first, if any.
    pub(crate) fn limiter(&self) -> Option<&Limiter> {
        self.0.header().terms.as_ref()?.limiter.as_ref()
    }

    /// Somebody has cancelled it, if this is asked before it is in a queue.
    pub(crate) fn is_claimed(&self) -> bool {
        self.0.header().state.is_claimed()
    }

    /// Notes where the job stands with its limiter. By that limiter.
    pub(crate) fn set_place(&self, place: u64) {
        let terms = self.0.header().terms.as_ref().expect("a limited job has terms");
        // Relaxed: who reads it has the limiter's lock, as we do, or has been given the entry since.
        terms.place.store(place, Ordering::Relaxed);
    }

    /// By the claimer: gives the limiter's slot back, delivers, and lets go.
    fn settle<R>(self, deliver: impl FnOnce(&Hold) -> R) -> R {
        // Before anybody can see the outcome: see `crate::control::limiter`.
        self.0.give_back_slot();
        let hold = self.0.copy();
        // All that its drop does is done here instead. (The drop would also claim the job; that has been done.)
        mem::forget(self);
        let delivered = deliver(&hold);
        hold.release(Owner::Entry);
        delivered
    }
}

impl Pointer for Entry {
    fn into_raw(self) -> NonNull<()> {
        ManuallyDrop::new(self).0.header.cast()
    }

    unsafe fn from_raw(raw: NonNull<()>) -> Self {
        // The entry's bit is set as long as this one or what it was made of exists.
        Self(Hold::new(raw.cast()))
    }
}

impl Drop for Entry {
    #[inline(never)]
    fn drop(&mut self) {
        let hold = self.0.copy();
        if hold.claim() == Claim::Won {
            hold.refuse(Failure::Cancelled);
        }
        hold.give_back_slot();
        hold.release(Owner::Entry);
    }
}

/// A job that is the holder's alone until it is delivered.
pub(crate) struct Claimed(Entry);

impl Claimed {
    pub(crate) fn id(&self) -> JobId {
        self.0.0.header().state.id()
    }

    pub(crate) fn location(&self) -> &'static Location<'static> {
        self.0.0.header().location
    }

    #[cold]
    pub(crate) fn name(&self) -> Option<&Cow<'static, str>> {
        self.0.0.header().terms.as_ref()?.name.as_ref()
    }

    /// Whether more was asked for than running it.
    pub(crate) fn has_terms(&self) -> bool {
        self.0.0.header().terms.is_some()
    }

    /// Why it must not start, if so.
    pub(crate) fn forbid(&self) -> Option<Failure> {
        let header = self.0.0.header();
        if header.account.is_abandoned() {
            return Some(Failure::Cancelled);
        }
        header.terms.as_ref()?.forbid()
    }

    pub(crate) fn account(&self) -> &Arc<Account> {
        self.0.account()
    }

    /// The limiter it belongs to, if any.
    pub(crate) fn limiter(&self) -> Option<&Limiter> {
        self.0.limiter()
    }

    pub(crate) fn times(&self) -> &Times {
        &self.0.0.header().times
    }

    /// Runs the closure and keeps its outcome to itself, until [`Ready::deliver`].
    pub(crate) fn run(self) -> (Ran, Ready) {
        let hold = &self.0.0;
        // SAFETY: claimed, hence the stage is ours; consuming `self` makes it happen once.
        let ran = unsafe { (hold.header().vtable.run)(hold.header) };
        (ran, Ready(self))
    }

    /// Drops the closure; the awaiter gets `why`.
    #[inline(never)]
    pub(crate) fn refuse(self, why: Failure) {
        self.0.settle(|hold| hold.refuse(why));
    }
}

/// A job that has run and whose outcome nobody can see yet.
#[must_use]
pub(crate) struct Ready(Claimed);

impl Ready {
    pub(crate) fn account(&self) -> &Arc<Account> {
        self.0.account()
    }

    pub(crate) fn limiter(&self) -> Option<&Limiter> {
        self.0.limiter()
    }

    /// Delivers what the closure came to when it ended, at `end`. `on_wake` is called if somebody waited for it, before
    /// it is woken.
    pub(crate) fn deliver(self, end: Stamp, on_wake: &dyn Fn()) -> Delivery {
        self.0.0.settle(|hold| {
            hold.header().times.end(end);
            hold.deliver(on_wake)
        })
    }

    /// The same for a dedicated closure, which was in no queue and is not measured.
    pub(crate) fn deliver_unmeasured(self) {
        self.0.0.settle(|hold| {
            hold.header().times.never_ran();
            hold.deliver(&|| ());
        });
    }
}

const _: () = {
    const fn sendable<T: Send>() {}
    sendable::<Entry>();
};
