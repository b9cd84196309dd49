//! The memory of a job: header and stage in one allocation, reached through two owning pointers.
//!
//! ```text
//!    Entry ----+          +-----------------------------------------------+
//!  (queue, worker) -----> | Header: state, vtable, waker, id, location,   |
//!              |          |         account                               |
//!  JobHandle --+--------> | Stage:  Closure(F) -> Empty -> Outcome(T)     |
//!                         +-----------------------------------------------+
//! ```
//!
//! The queue knows neither `F` nor `T`, the handle only `T`: both hold the header, and the vtable knows the rest.
//! Who may touch stage and waker, and when, is told in [`super::state`]; every `SAFETY` comment below refers to the
//! transition that allows it.
//!
//! A completer keeps its owner's bit until the awaiter has been woken and the job is off its account; releasing it
//! is the last thing it does, because the memory may be gone with it (rayon#740: a latch read after it was set).

// The one file of this crate that follows raw pointers.
#![allow(unsafe_code)]

use std::fmt;
use std::marker::PhantomData;
use std::mem;
use std::panic::Location;
use std::ptr::NonNull;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use super::JobId;
use super::state::{Claim, Completion, Detach, Owner, Register, Release, State};
use crate::contain::{self, Payload};
use crate::error::Failure;
use crate::report::Report;
use crate::sync::UnsafeCell;
use crate::tenant::Account;

pub(crate) type Outcome<T> = Result<T, Failure>;

struct Header {
    state: State,
    vtable: &'static VTable,
    /// The handle's while WAKER is clear, the completer's once it is set.
    waker: UnsafeCell<Option<Waker>>,
    id: JobId,
    location: &'static Location<'static>,
    account: Arc<Account>,
}

/// `repr(C)` puts the header first: a pointer to the cell is a pointer to its header.
#[repr(C)]
struct JobCell<F, T> {
    header: Header,
    stage: UnsafeCell<Stage<F, T>>,
}

enum Stage<F, T> {
    Closure(F),
    /// The closure is running, or the outcome has been taken.
    Empty,
    Outcome(Outcome<T>),
}

/// What can be done to a stage by those who do not know its types. Each is unsafe to call: the caller says that the
/// pointer is to a live cell of these types and that the stage is its own at this moment.
struct VTable {
    run: unsafe fn(NonNull<Header>) -> Ran,
    refuse: unsafe fn(NonNull<Header>, Failure) -> Result<(), String>,
    take: unsafe fn(NonNull<Header>, NonNull<()>),
    drop_outcome: unsafe fn(NonNull<Header>) -> Unread,
    free: unsafe fn(NonNull<Header>),
}

/// How a closure ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ran {
    Completed,
    Panicked,
}

/// What an outcome turned out to be that nobody had read.
enum Unread {
    Nothing,
    /// The panic of a job that nobody awaited.
    Panic(String),
    /// The result's own drop panicked.
    DropPanicked(String),
}

impl<F, T> JobCell<F, T>
where
    F: FnOnce() -> T,
{
    const VTABLE: VTable = VTable {
        run: Self::run,
        refuse: Self::refuse,
        take: Self::take,
        drop_outcome: Self::drop_outcome,
        free: Self::free,
    };

    /// # Safety
    /// `header` heads a live `JobCell<F, T>` whose stage is the caller's.
    unsafe fn replace(header: NonNull<Header>, stage: Stage<F, T>) -> Stage<F, T> {
        // SAFETY: live and of this type, says the caller; only the `UnsafeCell` inside is written through it.
        let cell = unsafe { header.cast::<Self>().as_ref() };
        // SAFETY: the stage is the caller's, so nobody else reads or writes it now.
        cell.stage.with_mut(|old| unsafe { mem::replace(&mut *old, stage) })
    }

    /// # Safety
    /// As `replace`; the caller has claimed the job.
    unsafe fn run(header: NonNull<Header>) -> Ran {
        // SAFETY: passed on to the caller.
        let Stage::Closure(closure) = (unsafe { Self::replace(header, Stage::Empty) }) else {
            unreachable!("a claimed job holds its closure");
        };
        // The call consumes the closure: what it captured is dropped in here, too, before anybody can see DONE.
        let outcome = contain::contain(closure);
        let ran = if outcome.is_ok() { Ran::Completed } else { Ran::Panicked };
        // SAFETY: passed on to the caller.
        let _empty = unsafe { Self::replace(header, Stage::Outcome(outcome.map_err(Failure::Panicked))) };
        ran
    }

    /// # Safety
    /// As `replace`; the caller has claimed the job.
    unsafe fn refuse(header: NonNull<Header>, why: Failure) -> Result<(), String> {
        // SAFETY: passed on to the caller.
        let closure = unsafe { Self::replace(header, Stage::Outcome(Err(why))) };
        contain::discard(closure)
    }

    /// Moves the outcome to `to`, which is a `*mut Option<Outcome<T>>`.
    ///
    /// # Safety
    /// As `replace`; the job is DONE and the caller its handle; `to` is a valid `Option<Outcome<T>>`.
    unsafe fn take(header: NonNull<Header>, to: NonNull<()>) {
        // SAFETY: passed on to the caller.
        let stage = unsafe { Self::replace(header, Stage::Empty) };
        let Stage::Outcome(outcome) = stage else { return };
        // SAFETY: the caller says what `to` points to.
        unsafe { to.cast::<Option<Outcome<T>>>().write(Some(outcome)) };
    }

    /// # Safety
    /// As `replace`; the outcome will not be read by anybody.
    unsafe fn drop_outcome(header: NonNull<Header>) -> Unread {
        // SAFETY: passed on to the caller.
        match unsafe { Self::replace(header, Stage::Empty) } {
            Stage::Outcome(Err(Failure::Panicked(payload))) => {
                Unread::Panic(contain::message_and_discard(payload))
            }
            other => match contain::discard(other) {
                Ok(()) => Unread::Nothing,
                Err(message) => Unread::DropPanicked(message),
            },
        }
    }

    /// # Safety
    /// `header` heads a `JobCell<F, T>` from `new`, and nobody holds it any more.
    unsafe fn free(header: NonNull<Header>) {
        // SAFETY: it came from `Box::into_raw` in `new` with this very type, and both owners have let go.
        let cell = unsafe { Box::from_raw(header.cast::<Self>().as_ptr()) };
        // The account may be the last of a closed pool, whose hooks are the user's.
        let _ = contain::discard(cell);
    }
}

/// Makes a job; one allocation.
pub(crate) fn new<F, T>(
    closure: F,
    location: &'static Location<'static>,
    account: Arc<Account>,
) -> (Entry, Fresh<F, T>)
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    let cell = Box::new(JobCell {
        header: Header {
            state: State::new(),
            vtable: &JobCell::<F, T>::VTABLE,
            waker: UnsafeCell::new(None),
            id: JobId::next(),
            location,
            account,
        },
        stage: UnsafeCell::new(Stage::<F, T>::Closure(closure)),
    });
    // SAFETY: a box is never null.
    let header = unsafe { NonNull::new_unchecked(Box::into_raw(cell)) }.cast::<Header>();
    let handle = JobHandle { hold: Hold { header, owner: Owner::Handle }, result: PhantomData };
    (Entry(Hold { header, owner: Owner::Entry }), Fresh { handle, closure: PhantomData })
}

/// One of the two bits that keep a job's memory, as a value.
struct Hold {
    header: NonNull<Header>,
    owner: Owner,
}

// SAFETY: `F` and `T` are `Send` (see `new`), the waker is, and the state word says who may touch them.
unsafe impl Send for Hold {}
// SAFETY: through a shared `Hold` only the state word, the id, the location and the account are reached, and the
// stage only after winning the claim.
unsafe impl Sync for Hold {}

impl Hold {
    fn header(&self) -> &Header {
        // SAFETY: our owner's bit is set as long as we exist, and it keeps the memory.
        unsafe { self.header.as_ref() }
    }

    fn claim(&self) -> Claim {
        let claim = self.header().state.claim();
        if claim == Claim::Won {
            self.header().account.unqueued();
        }
        claim
    }

    /// Gives up a claimed job: drops its closure and delivers `why` instead.
    fn refuse(&self, why: Failure) {
        let header = self.header();
        header.account.cancelled();
        // SAFETY: the caller has claimed the job, so the stage is its own.
        if let Err(message) = unsafe { (header.vtable.refuse)(self.header, why) } {
            self.report(|id, location, message| Report::DropPanicked { id, location, message }, message);
        }
        self.deliver();
    }

    /// Publishes the outcome, wakes, and takes the job off its account. By the claimer, once.
    fn deliver(&self) {
        let header = self.header();
        match header.state.complete() {
            Completion::Quiet => {}
            Completion::Wake => {
                // SAFETY: WAKER was set when we completed, so its cell is ours.
                let waker = header.waker.with_mut(|waker| unsafe { (*waker).take() });
                let waker = waker.expect("WAKER is only set with a waker in its cell");
                if let Err(payload) = contain::contain(|| waker.wake()) {
                    let message = contain::message_and_discard(payload);
                    self.report(
                        |id, location, message| Report::WakerPanicked { id, location, message },
                        message,
                    );
                }
            }
            Completion::Unobserved => self.drop_outcome(),
        }
        header.account.leave();
    }

    /// Drops an outcome that nobody will read. The caller owns the stage.
    fn drop_outcome(&self) {
        // SAFETY: the job is complete and its handle gone or going, so the outcome is the caller's.
        match unsafe { (self.header().vtable.drop_outcome)(self.header) } {
            Unread::Nothing => {}
            Unread::Panic(message) => {
                self.report(|id, location, message| Report::JobPanicked { id, location, message }, message);
            }
            Unread::DropPanicked(message) => {
                self.report(|id, location, message| Report::DropPanicked { id, location, message }, message);
            }
        }
    }

    fn report(&self, kind: fn(JobId, &'static Location<'static>, String) -> Report, message: String) {
        let header = self.header();
        header.account.pool().report(&kind(header.id, header.location, message));
    }

    /// Lets go; frees the job if the other side has, too.
    fn release(self) {
        if self.header().state.release(self.owner) == Release::Free {
            self.free();
        }
    }

    fn free(self) {
        // SAFETY: both owners have let go; our bit was the last.
        unsafe { (self.header().vtable.free)(self.header) };
    }
}

/// The queue's side of a job. Dropping it gives the job up: a job still queued is cancelled.
pub(crate) struct Entry(Hold);

impl Entry {
    /// Makes the job the caller's to run or refuse. `None`: it was cancelled before, and is gone.
    pub(crate) fn claim(self) -> Option<Claimed> {
        (self.0.claim() == Claim::Won).then_some(Claimed(self))
    }

    pub(crate) fn account(&self) -> &Arc<Account> {
        &self.0.header().account
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        let Hold { header, owner } = self.0;
        let hold = Hold { header, owner };
        if hold.claim() == Claim::Won {
            hold.refuse(Failure::Cancelled);
        }
        hold.release();
    }
}

/// A job that is the holder's alone until it is delivered.
pub(crate) struct Claimed(Entry);

impl Claimed {
    pub(crate) fn id(&self) -> JobId {
        self.0.0.header().id
    }

    pub(crate) fn location(&self) -> &'static Location<'static> {
        self.0.0.header().location
    }

    pub(crate) fn account(&self) -> &Arc<Account> {
        self.0.account()
    }

    /// Runs the closure and keeps its outcome to itself, until [`Ready::deliver`].
    pub(crate) fn run(self) -> (Ran, Ready) {
        let hold = &self.0.0;
        // SAFETY: claimed, hence the stage is ours; consuming `self` makes it happen once.
        let ran = unsafe { (hold.header().vtable.run)(hold.header) };
        (ran, Ready(self))
    }

    /// Drops the closure; the awaiter gets `why`.
    pub(crate) fn refuse(self, why: Failure) {
        self.0.0.refuse(why);
    }
}

/// A job that has run and whose outcome nobody can see yet.
#[must_use]
pub(crate) struct Ready(Claimed);

impl Ready {
    pub(crate) fn deliver(self) {
        self.0.0.0.deliver();
    }
}

/// The handle of a job whose submitter still knows the closure's type.
pub(crate) struct Fresh<F, T> {
    handle: JobHandle<T>,
    closure: PhantomData<fn() -> F>,
}

impl<F, T> Fresh<F, T>
where
    F: FnOnce() -> T,
{
    pub(crate) fn into_handle(self) -> JobHandle<T> {
        self.handle
    }

    /// The closure back, if nobody has claimed it.
    pub(crate) fn take_back(self) -> Result<F, JobHandle<T>> {
        let hold = &self.handle.hold;
        if hold.claim() == Claim::Lost {
            return Err(self.handle);
        }
        hold.header().account.cancelled();
        let outcome = Stage::Outcome(Err(Failure::Cancelled));
        // SAFETY: claimed, hence ours; `F` and `T` are those of `new`, which alone makes a `Fresh`.
        let stage = unsafe { JobCell::<F, T>::replace(hold.header, outcome) };
        hold.deliver();
        match stage {
            Stage::Closure(closure) => Ok(closure),
            _ => unreachable!("a claimed job holds its closure"),
        }
    }
}

/// The awaiter's side of a job that was accepted.
pub(crate) struct JobHandle<T> {
    hold: Hold,
    /// The outcome comes out by value: covariant, and `Send` with `T`.
    result: PhantomData<T>,
}

// SAFETY: a shared handle gives no access to the `T`; only polling does, and that takes `&mut`.
unsafe impl<T: Send> Sync for JobHandle<T> {}

impl<T> Unpin for JobHandle<T> {}

impl<T> JobHandle<T> {
    pub(crate) fn id(&self) -> JobId {
        self.hold.header().id
    }

    pub(crate) fn location(&self) -> &'static Location<'static> {
        self.hold.header().location
    }

    pub(crate) fn is_done(&self) -> bool {
        self.hold.header().state.is_done()
    }

    /// Takes the job out of its queue if it has not started; false if there is nothing to stop any more.
    pub(crate) fn cancel(&self, why: Failure) -> bool {
        let won = self.hold.claim() == Claim::Won;
        if won {
            self.hold.refuse(why);
        }
        won
    }

    /// `Ready(None)`: the outcome has been taken before.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<Outcome<T>>> {
        let header = self.hold.header();
        if header.state.reclaim_waker() == Register::Finished {
            return Poll::Ready(self.take());
        }
        // SAFETY: the job was not done and WAKER is clear, so the waker's cell is the handle's: ours, by `&mut`.
        let known = header
            .waker
            .with_mut(|waker| unsafe { &*waker }.as_ref().is_some_and(|w| w.will_wake(cx.waker())));
        if !known {
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
                Poll::Ready(self.take())
            }
        }
    }

    /// The outcome of a job that is DONE; `None` if it was taken before.
    fn take(&mut self) -> Option<Outcome<T>> {
        let mut outcome: Option<Outcome<T>> = None;
        let to = NonNull::from(&mut outcome).cast::<()>();
        // SAFETY: DONE was observed with Acquire and belongs to the handle; `to` is an `Option<Outcome<T>>`.
        unsafe { (self.hold.header().vtable.take)(self.hold.header, to) };
        outcome
    }

    fn discard_waker(&self, waker: Option<Waker>) {
        if let Err(message) = contain::discard(waker) {
            self.hold
                .report(|id, location, message| Report::WakerPanicked { id, location, message }, message);
        }
    }
}

impl<T> Drop for JobHandle<T> {
    fn drop(&mut self) {
        let Hold { header, owner } = self.hold;
        let hold = Hold { header, owner };
        loop {
            match hold.header().state.detach() {
                Detach::TakeWaker => {
                    // SAFETY: `detach` has just taken WAKER back, so its cell is the handle's.
                    let waker = hold.header().waker.with_mut(|waker| unsafe { (*waker).take() });
                    self.discard_waker(waker);
                }
                Detach::DropOutcome => {
                    hold.drop_outcome();
                    return hold.release();
                }
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
            .field("id", &header.id)
            .field("location", &format_args!("{}", header.location))
            .field("state", &header.state)
            .finish()
    }
}

const _: () = {
    const fn sendable<T: Send>() {}
    const fn shareable<T: Sync>() {}
    sendable::<Entry>();
    sendable::<JobHandle<Payload>>();
    shareable::<JobHandle<Payload>>();
};
