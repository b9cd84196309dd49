//! The awaiter's side of a job that was accepted: polling, cancelling, letting go.

// The waker's cell, and the outcome that is moved out of the stage.
#![allow(unsafe_code)]

use std::fmt;
use std::marker::PhantomData;
use std::panic::Location;
use std::ptr::NonNull;
use std::task::{Context, Poll, Waker};

use super::aborter::Aborter;
use super::cell::{JobCell, Outcome, Stage};
use super::hold::Hold;
use super::look::{Looked, Looking};
use super::state::{Claim, Detach, Owner, Register, Release};
use super::work::Work;
use super::{JobId, JobInfo};
use crate::job::error::{Failure, Rejection};
use crate::sync::left_out;
use crate::user_code::contain;
use crate::user_code::nested;
use crate::user_code::report::Report;

/// The handle of a job whose submitter still knows the closure's type.
pub(crate) struct Fresh<W: Work> {
    handle: JobHandle<W::Output>,
    work: PhantomData<fn() -> W>,
}

impl<W: Work> Fresh<W> {
    /// By `cell::new`, which knows that the types are those of the cell.
    pub(super) fn new(hold: Hold) -> Self {
        let handle = JobHandle { hold, looking: Looking::new(), result: PhantomData };
        Self { handle, work: PhantomData }
    }

    pub(crate) fn hold(&self) -> &Hold {
        &self.handle.hold
    }

    pub(crate) fn into_handle(self) -> JobHandle<W::Output> {
        self.handle
    }

    /// The closure back, if nobody has claimed it.
    pub(crate) fn take_back(self) -> Result<W, JobHandle<W::Output>> {
        let hold = &self.handle.hold;
        if hold.claim() == Claim::Lost {
            return Err(self.handle);
        }
        hold.will_not_run(&Failure::Cancelled);
        let outcome = Stage::Outcome(Err(Failure::Cancelled));
        // SAFETY: claimed, hence ours; the types are those of `new`, which alone makes a `Fresh`.
        let stage = unsafe { JobCell::<W, W::Output>::replace(hold.header, outcome) };
        hold.deliver_refusal();
        match stage {
            Stage::Closure(closure) => Ok(closure),
            _ => unreachable!("a claimed job holds its closure"),
        }
    }
}

/// The awaiter's side of a job that was accepted.
pub(crate) struct JobHandle<T> {
    hold: Hold,
    looking: Looking,
    /// The outcome comes out by value: covariant, and `Send` with `T`.
    result: PhantomData<T>,
}

// SAFETY: a shared handle gives no access to the `T`; only polling does, and that takes `&mut`.
unsafe impl<T: Send> Sync for JobHandle<T> {}

impl<T> Unpin for JobHandle<T> {}

impl<T> JobHandle<T> {
    pub(crate) fn id(&self) -> JobId {
        self.hold.header().state.id()
    }

    pub(crate) fn name(&self) -> Option<&str> {
        self.hold.header().terms.as_ref()?.name.as_deref()
    }

    pub(crate) fn location(&self) -> &'static Location<'static> {
        self.hold.header().location
    }

    pub(crate) fn info(&self) -> JobInfo {
        self.hold.header().info()
    }

    pub(crate) fn is_done(&self) -> bool {
        self.hold.is_done()
    }

    /// The hold, for those who need not know the type of the outcome.
    pub(crate) fn hold(&self) -> &Hold {
        &self.hold
    }

    /// Takes the job out of its queue if it has not started; false if there is nothing to stop any more.
    pub(crate) fn cancel(&self, why: Failure) -> bool {
        self.hold.cancel(why)
    }

    pub(crate) fn abort(&self) -> bool {
        self.hold.abort()
    }

    /// `None`: there are as many as there can be.
    pub(crate) fn aborter(&self) -> Option<Aborter> {
        let hold = &self.hold;
        hold.header().state.add_aborter().then(|| Aborter::new(hold.copy()))
    }

    /// `Ready(None)`: the outcome has been taken before.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<Outcome<T>>> {
        let header = self.hold.header();
        if header.terms.is_some() {
            self.expire();
        }
        if self.looking.is_over() {
            if header.state.reclaim_waker() == Register::Finished {
                let was_woken = header.state.was_woken();
                return Poll::Ready(self.take(was_woken));
            }
            return self.register(cx);
        }
        if header.state.is_done() {
            self.looking.found(header);
            return Poll::Ready(self.take(false));
        }
        match self.looking.look(header) {
            Looked::Found => Poll::Ready(self.take(false)),
            Looked::Again => {
                come_back(cx);
                Poll::Pending
            }
            Looked::NoMore => self.register(cx),
        }
    }

    /// Leaves a waker, to be woken. By a poll that has found that the job is not done, and that the waker's cell is the handle's.
    fn register(&mut self, cx: &mut Context<'_>) -> Poll<Option<Outcome<T>>> {
        // It may be what this very thread has put off that is waited for.
        nested::catch_up();
        let header = self.hold.header();
        // Asked only here: as a rule a handle gets here once, and not at all if its job is done when it looks.
        if header.account.pool().is_forked() {
            return Poll::Ready(Some(Err(Failure::rejected(Rejection::Forked))));
        }
        // SAFETY: the job was not done and WAKER is clear, so the waker's cell is the handle's: ours, by `&mut`.
        let known = header
            .waker
            .with_mut(|waker| unsafe { &*waker }.as_ref().is_some_and(|w| w.will_wake(cx.waker())));
        if !known {
            header.account.pool().seek_thread_if_short();
            // Cloning may panic: then the cell is ours with the old waker in it, and the next poll starts afresh.
            let new = cx.waker().clone();
            // SAFETY: as above; nothing but `offer_waker` gives the cell away.
            let old = header.waker.with_mut(|waker| unsafe { (*waker).replace(new) });
            self.discard_waker(old);
        }
        let header = self.hold.header();
        match header.state.offer_waker() {
            Register::Ok => Poll::Pending,
            Register::Finished => {
                // SAFETY: the job was completed while WAKER was clear, so the cell has stayed ours.
                let unused = header.waker.with_mut(|waker| unsafe { (*waker).take() });
                self.discard_waker(unused);
                Poll::Ready(self.take(false))
            }
        }
    }

    /// Gives the job up if it waits longer than it may.
    #[cold]
    fn expire(&self) {
        let Some(terms) = &self.hold.header().terms else { return };
        if let Some(why) = terms.forbid() {
            self.cancel(why);
        } else if let Some(token) = &terms.token {
            token.will_be_waited_for();
        }
    }

    /// The outcome of a job that is DONE; `None` if it was taken before. The handoff that is measured here is the time from the
    /// end of the closure to this moment, if the awaiter had to be woken.
    fn take(&mut self, was_woken: bool) -> Option<Outcome<T>> {
        let mut outcome: Option<Outcome<T>> = None;
        let to = NonNull::from(&mut outcome).cast::<()>();
        // SAFETY: DONE was observed with Acquire and belongs to the handle; `to` is an `Option<Outcome<T>>`.
        unsafe { (self.hold.header().vtable.take)(self.hold.header, to) };
        if let (Some(end), true) = (self.hold.header().times.take_out(), was_woken) {
            self.hold.note_handoff(end);
        }
        outcome
    }

    /// One look, in a hurry or not, for a model to race.
    #[cfg(test)]
    pub(crate) fn look(&mut self, asks: bool, cx: &mut Context<'_>) -> Poll<Option<Outcome<T>>> {
        let state = &self.hold.header().state;
        let is_done = if asks { state.ask() == Register::Finished } else { state.is_done() };
        if is_done {
            return Poll::Ready(self.take(false));
        }
        come_back(cx);
        Poll::Pending
    }

    fn discard_waker(&self, waker: Option<Waker>) {
        if let Err(message) = contain::discard(waker) {
            self.hold.report(|job, message| Report::WakerPanicked { job, message }, message);
        }
    }
}

/// By a handle that has looked in vain, and is pending without having registered a waker.
fn come_back(cx: &Context<'_>) {
    if !left_out("asker-comes-back") {
        cx.waker().wake_by_ref();
    }
}

impl<T> Drop for JobHandle<T> {
    fn drop(&mut self) {
        let hold = self.hold.copy();
        if hold.header().times.is_taken_out() {
            // Nothing is left to do but to let go.
            return hold.release(Owner::Handle);
        }
        loop {
            match hold.header().state.detach() {
                Detach::TakeWaker => {
                    // SAFETY: `detach` has just taken WAKER back, so its cell is the handle's.
                    let waker = hold.header().waker.with_mut(|waker| unsafe { (*waker).take() });
                    self.discard_waker(waker);
                }
                Detach::DropOutcome => return hold.discard_outcome(),
                Detach::Gone(Release::Keep) => return,
                Detach::Gone(Release::Free) => return hold.free(),
            }
        }
    }
}

impl<T> fmt::Debug for JobHandle<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let header = self.hold.header();
        f.debug_struct("JoinHandle")
            .field("id", &header.state.id())
            .field("location", &format_args!("{}", header.location))
            .field("state", &header.state)
            .finish()
    }
}

const _: () = {
    const fn sendable<T: Send>() {}
    const fn shareable<T: Sync>() {}
    sendable::<JobHandle<contain::Payload>>();
    shareable::<JobHandle<contain::Payload>>();
};
