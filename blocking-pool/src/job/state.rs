//! The state word of a job, and every way it may change.
//!
//! A job has several owners. Each holds a bit in the word; whoever clears the last one frees the memory.
//!
//! | owner | bit |
//! |---|---|
//! | its *entry*: in a queue, later with whoever runs or discards it | ENTRY |
//! | its *handle* | HANDLE |
//! | its *watch*, if it has a token that may be cancelled while it waits ([`crate::control::cancel`]) | WATCH |
//! | *abort handles*, as many as its handle has been asked for, and aborts that are put off ([`crate::user_code::nested`]) | ABORTERS, a count |
//!
//! Beside these bits the word has a phase, a bit that says to whom the waker's cell belongs (WAKER), one that says that the
//! handle is looking (ASKED), and above them all the job's number, which never changes. (The layout is in `bits.rs`.)
//!
//! | phase   | closure / outcome belongs to        | left by                                                |
//! |---------|-------------------------------------|--------------------------------------------------------|
//! | QUEUED  | nobody: claim first                 | `claim`: a worker, an abort, or the pool giving it up  |
//! | CLAIMED | the claimer, alone                  | `complete`, by the claimer                             |
//! | DONE    | the handle                          | never                                                  |
//!
//! Cancelling is claiming, too: the claimer drops the closure, stores "cancelled" as the outcome and completes. So
//! there is one path out of the queue and one way for an awaiter to learn of it, and what the closure had captured
//! is gone before anybody can see the job finished.
//!
//! # The waker
//!
//! The waker's cell belongs to the handle while WAKER is clear, and to the completer once it is set. A handle that
//! wants to replace its waker takes WAKER back first.
//!
//! The bad interleaving: the handle looks (not done); the worker completes (no WAKER: nobody to wake); the handle stores its
//! waker and sleeps for ever. So WAKER is set by a compare-exchange on the very word that holds the phase. It fails if the
//! job was completed meanwhile, and then the handle takes the result itself. (Model: `job_complete_against_register`, twin
//! `register-sees-done`.)
//!
//! # Asking without a waker
//!
//! A handle may also look for the outcome, again and again, before it gives its waker away (`look.rs`). If it is in a
//! hurry it says so by the bit ASKED. That obliges the completer to nothing.
//!
//! The bad interleaving: the handle looks, the worker completes (no WAKER: nobody to wake), the handle sleeps for ever. So
//! whoever looks has to come back by itself, whether it has asked or not. Either it wakes its own task before it says
//! that it is pending; or it registers its waker, which fails if the job was completed meanwhile.
//!
//! ASKED stays when the handle registers, and when it is dropped. From then on WAKER, or the missing HANDLE, decides. (Models:
//! `job_complete_against_ask`, twin `asker-comes-back`; `job_complete_against_drop_of_an_asker`, twin `asked-is-no-waker`.)
//!
//! # The last one
//!
//! Whoever frees must have seen all that the others did to the memory before they let go.
//!
//! An owner whose bit is the only one left knows that it is the last. Bits are cleared and never set. (Of ABORTERS more are
//! added, but only by another owner, which keeps its own bit meanwhile.) So nobody can come after it, and nobody is left to be
//! told. (Models: `job_abort_by_another_against_run_and_handle_drop`, twin `aborters-own`;
//! `job_abort_put_off_against_run_and_handle_drop`, twin `put-off-owns`.) Therefore it frees after a mere load. It
//! leaves out the locked operation, which two owners need to find out which of them is the last.
//!
//! That load has to be an Acquire. Every change of the word is a read-modify-write, so each one that cleared a bit
//! heads a release sequence to which the value belongs that was read; so it happens before what follows. With Relaxed,
//! the bad interleaving is this: the worker completes, takes the waker out of its cell, and lets go. The handle sees
//! DONE, which came before the waker was taken, takes the outcome, and sees its bit alone. It frees memory to which the
//! worker's write is still on its way. (Model: `job_complete_against_second_register`, twin `last-owner-sees-all`.)
//!
//! A handle that has taken the outcome decides nothing any more: it only lets go.

mod bits;

use std::fmt;

use super::JobId;
use crate::sync::atomic::{AtomicU64, Ordering};
use crate::sync::left_out;
pub(super) use bits::Owner;
use bits::{
    ABORTER, ABORTERS, ASKED, Bits, CLAIMED, DONE, ENTRY, HANDLE, NUMBER_SHIFT, OWNERS, PHASE, QUEUED, WAKER,
    WATCH, owners,
};

pub(super) struct State(AtomicU64);

/// What came of trying to take the closure.
#[must_use]
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Claim {
    /// Closure and outcome are the caller's until it completes.
    Won,
    /// Somebody else runs, ran or cancelled it.
    Lost,
}

/// What the completer has to do now that the outcome is in its place.
#[must_use]
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Completion {
    /// Take the waker out of its cell and wake it.
    Wake,
    /// The handle has not asked yet; it will find the outcome.
    Quiet,
    /// The handle has asked and is looking; it will find the outcome.
    Asked,
    /// The handle is gone: the outcome is still the completer's to drop.
    Unobserved,
}

/// What the handle may do about its waker.
#[must_use]
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Register {
    /// The outcome is there and belongs to the handle. The waker's cell does if it had not given it away.
    Finished,
    /// Go on: the cell is the handle's (after `reclaim_waker` and `ask`), or the completer's (after `offer_waker`).
    Ok,
}

/// What a handle that is being dropped has to do next.
#[must_use]
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Detach {
    /// Take the waker out of its cell, then ask again.
    TakeWaker,
    /// Drop the outcome, then release the handle's bit.
    DropOutcome,
    /// The handle's bit is cleared: the job is not the handle's any more.
    Gone(Release),
}

/// Whether the one who let go was the last.
#[must_use]
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Release {
    Keep,
    Free,
}

impl State {
    /// `watched`: there is a token, too.
    #[inline]
    pub(super) fn new(job: JobId, watched: bool) -> Self {
        let owners = ENTRY | HANDLE | if watched { WATCH } else { 0 };
        Self(AtomicU64::new(job.get() << NUMBER_SHIFT | QUEUED | owners))
    }

    pub(super) fn id(&self) -> JobId {
        // Relaxed: it was there before anybody else was.
        JobId::from_raw(self.0.load(Ordering::Relaxed) >> NUMBER_SHIFT)
    }

    #[inline]
    pub(super) fn is_done(&self) -> bool {
        // Acquire: pairs with the Release of complete(), so that "finished" means its effects are visible. (Model:
        // `who_sees_a_job_finished_sees_what_it_did`.)
        let order = if left_out("done-shows-what-it-did") { Ordering::Relaxed } else { Ordering::Acquire };
        self.0.load(order) & PHASE == DONE
    }

    /// Somebody runs it, has run it, or has cancelled it.
    pub(super) fn is_claimed(&self) -> bool {
        // Relaxed: the one who asks has the lock of the job's limiter, and is about to give the job a place there. Whoever cancels the
        // job takes that lock after its claim: later, and it finds the place; or before, and the lock shows the claim.
        self.0.load(Ordering::Relaxed) & PHASE != QUEUED
    }

    /// Of a job that is DONE: whether its completer found a waker.
    #[inline]
    pub(super) fn was_woken(&self) -> bool {
        // Relaxed: nobody changes it any more, and the caller has seen that it is DONE.
        self.0.load(Ordering::Relaxed) & WAKER != 0
    }

    pub(super) fn claim(&self) -> Claim {
        self.transition(|s| match s & PHASE {
            QUEUED => (Some(s & !PHASE | CLAIMED), Claim::Won),
            _ => (None, Claim::Lost),
        })
    }

    /// By the claimer, after the outcome is in its place.
    pub(super) fn complete(&self) -> Completion {
        self.transition(|s| {
            debug_assert_eq!(s & PHASE, CLAIMED, "only the claimer completes: {:?}", Bits(s));
            if s & HANDLE == 0 {
                // Nobody asks whether it is done, but for abort handles.
                let next = (s & ABORTERS != 0).then_some(s & !PHASE | DONE);
                return (next, Completion::Unobserved);
            }
            let action = match s & (WAKER | ASKED) {
                0 => Completion::Quiet,
                ASKED if !left_out("asked-is-no-waker") => Completion::Asked,
                _ => Completion::Wake,
            };
            (Some(s & !PHASE | DONE), action)
        })
    }

    /// By the handle: makes the waker's cell its own, unless the job is done.
    pub(super) fn reclaim_waker(&self) -> Register {
        self.transition(|s| match (s & PHASE, s & WAKER) {
            (DONE, _) => (None, Register::Finished),
            (_, 0) => (None, Register::Ok),
            (_, _) => (Some(s & !WAKER), Register::Ok),
        })
    }

    /// By the handle, with a waker in the cell: gives the cell to the completer, unless there has been one already.
    #[inline]
    pub(super) fn offer_waker(&self) -> Register {
        self.transition(|s| match s & PHASE {
            DONE if left_out("register-sees-done") => (Some(s | WAKER), Register::Ok),
            DONE => (None, Register::Finished),
            _ => (Some(s | WAKER), Register::Ok),
        })
    }

    /// By a handle that has not given its waker's cell away: says that somebody wants the outcome and will look for it.
    pub(super) fn ask(&self) -> Register {
        self.transition(|s| match (s & PHASE, s & ASKED) {
            (DONE, _) => (None, Register::Finished),
            (_, 0) => (Some(s | ASKED), Register::Ok),
            (_, _) => (None, Register::Ok),
        })
    }

    /// By a handle that is being dropped.
    pub(super) fn detach(&self) -> Detach {
        self.transition(|s| match (s & PHASE, s & WAKER) {
            (DONE, _) => (None, Detach::DropOutcome),
            (_, 0) => {
                let last = if owners(s) == HANDLE { Release::Free } else { Release::Keep };
                (Some(s & !HANDLE), Detach::Gone(last))
            }
            (_, _) => (Some(s & !WAKER), Detach::TakeWaker),
        })
    }

    pub(super) fn release(&self, owner: Owner) -> Release {
        let bit = owner.bit();
        // Acquire: pairs with the Release of each of those who let go before, see above.
        let order = if left_out("last-owner-sees-all") { Ordering::Relaxed } else { Ordering::Acquire };
        if owners(self.0.load(order)) == bit {
            return Release::Free;
        }
        // AcqRel: the one who frees has seen everything the other did before it let go.
        let before = self.0.fetch_sub(bit, Ordering::AcqRel);
        debug_assert!(before & OWNERS >= bit, "released twice: {:?}", Bits(before));
        if owners(before) == bit { Release::Free } else { Release::Keep }
    }

    /// By an owner, which keeps the job meanwhile. False: there are as many as there can be.
    #[inline(never)]
    pub(super) fn add_aborter(&self) -> bool {
        self.transition(|s| match s & ABORTERS {
            ABORTERS => (None, false),
            _ => (Some(s + ABORTER), true),
        })
    }

    /// The one place where the word changes by decision: `step` says what it becomes (if anything) and what that
    /// obliges the caller to do.
    fn transition<A>(&self, mut step: impl FnMut(u64) -> (Option<u64>, A)) -> A {
        // Acquire: pairs with the Release half of whoever wrote what we act upon.
        let mut now = self.0.load(Ordering::Acquire);
        loop {
            let (next, action) = step(now);
            let Some(next) = next else { return action };
            // AcqRel: publishes what we wrote (outcome, waker), and sees what the other side wrote.
            match self.0.compare_exchange_weak(now, next, Ordering::AcqRel, Ordering::Acquire) {
                Ok(_) => return action,
                Err(seen) => now = seen,
            }
        }
    }
}

impl fmt::Debug for State {
    #[inline]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Relaxed: for reading by people only.
        Bits(self.0.load(Ordering::Relaxed)).fmt(f)
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    fn new() -> State {
        State::new(JobId::next(), false)
    }

    #[test]
    fn the_number_stays_whatever_happens_to_the_job() {
        let id = JobId::from_raw((1 << 48) - 1);
        let state = State::new(id, true);
        assert_eq!((state.claim(), state.complete()), (Claim::Won, Completion::Quiet));
        for (owner, last) in
            [(Owner::Entry, Release::Keep), (Owner::Watch, Release::Keep), (Owner::Handle, Release::Free)]
        {
            assert_eq!((state.id(), state.release(owner)), (id, last));
        }
    }

    #[test]
    fn the_word_reads_as_names() {
        let state = new();
        assert_eq!(format!("{state:?}"), "QUEUED | ENTRY | HANDLE");
        assert_eq!(state.offer_waker(), Register::Ok);
        assert_eq!(state.claim(), Claim::Won);
        assert_eq!(format!("{state:?}"), "CLAIMED | WAKER | ENTRY | HANDLE");
        assert_eq!(state.complete(), Completion::Wake);
        assert!(state.was_woken());
        assert_eq!(state.release(Owner::Entry), Release::Keep);
        assert_eq!(format!("{state:?}"), "DONE | WAKER | HANDLE");
    }

    #[test]
    fn abort_handles_are_owners_up_to_as_many_as_the_word_can_count() {
        let state = new();
        let room = ABORTERS / ABORTER;
        assert!((0..room).all(|_| state.add_aborter()) && !state.add_aborter());
        assert_eq!(format!("{state:?}"), "QUEUED | ENTRY | HANDLE | 511 ABORTERS");
        assert_eq!(state.detach(), Detach::Gone(Release::Keep));
        assert_eq!(state.release(Owner::Entry), Release::Keep);
        assert!((1..room).all(|_| state.release(Owner::Aborter) == Release::Keep));
        assert_eq!(state.release(Owner::Aborter), Release::Free);
    }

    #[test]
    fn who_asks_is_not_woken_and_who_registers_afterwards_is() {
        let state = new();
        assert_eq!((state.ask(), state.ask()), (Register::Ok, Register::Ok));
        assert_eq!(format!("{state:?}"), "QUEUED | ASKED | ENTRY | HANDLE");
        assert_eq!((state.claim(), state.complete()), (Claim::Won, Completion::Asked));
        assert_eq!(state.ask(), Register::Finished);
        assert!(!state.was_woken());

        let state = new();
        assert_eq!((state.ask(), state.offer_waker()), (Register::Ok, Register::Ok));
        assert_eq!((state.claim(), state.complete()), (Claim::Won, Completion::Wake));
        assert!(state.was_woken());

        let state = new();
        assert_eq!((state.ask(), state.detach()), (Register::Ok, Detach::Gone(Release::Keep)));
        assert_eq!((state.claim(), state.complete()), (Claim::Won, Completion::Unobserved));
    }

    #[test]
    fn a_job_is_claimed_once() {
        let state = new();
        assert_eq!(state.claim(), Claim::Won);
        assert_eq!(state.claim(), Claim::Lost);
        assert_eq!(state.complete(), Completion::Quiet);
        assert_eq!(state.claim(), Claim::Lost);
        assert_eq!(state.detach(), Detach::DropOutcome);
        assert_eq!(state.release(Owner::Handle), Release::Keep);
        assert_eq!(state.release(Owner::Entry), Release::Free);
    }

    #[test]
    fn a_dropped_handle_takes_its_waker_back_first() {
        let state = new();
        assert_eq!(state.offer_waker(), Register::Ok);
        assert_eq!(state.detach(), Detach::TakeWaker);
        assert_eq!(state.detach(), Detach::Gone(Release::Keep));
        assert_eq!(state.claim(), Claim::Won);
        assert_eq!(state.complete(), Completion::Unobserved);
        assert_eq!(state.release(Owner::Entry), Release::Free);
    }

    #[test]
    fn a_waker_offered_too_late_stays_the_handles() {
        let state = new();
        assert_eq!(state.reclaim_waker(), Register::Ok);
        assert_eq!(state.claim(), Claim::Won);
        assert_eq!(state.complete(), Completion::Quiet);
        assert_eq!(state.offer_waker(), Register::Finished);
        assert!(!state.was_woken());
        assert_eq!(format!("{state:?}"), "DONE | ENTRY | HANDLE");
    }
}
