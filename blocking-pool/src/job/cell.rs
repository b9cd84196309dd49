//! The memory of a job: header and stage in one allocation, reached through the pointers of its owners.
//!
//! ```text
//!    Entry ----+          +-----------------------------------------------+
//!  (queue, worker) -----> | Header: state (and id), vtable, waker,        |
//!              |          |         location, times, account, terms       |
//!  JobHandle --+--------> | Stage:  Closure(F) -> Empty -> Outcome(T)     |
//!                         +-----------------------------------------------+
//! ```
//!
//! (Abort handles, and the token of a job that has one, are owners, too.) The queue knows neither `F` nor `T`, the handle knows
//! only `T`. So all of them hold the header ([`super::hold`]), and the vtable knows the rest. Who may touch stage and waker, and
//! when, is told in [`super::state`]; every `SAFETY` comment of this module's files refers to the transition that allows it.
//!
//! # What stays of a job that was cancelled
//!
//! What the closure had captured is gone at once. The memory stays until a worker takes the entry out of the queue: of each of a million jobs behind
//! a long one 104 bytes with a closure of one word, 424 with a token. Nobody can take the entry out of the middle of a queue without a lock.
//! And it is a pointer to the state, which tells the worker that there is nothing to run. The terms with the token could go before, if whoever
//! lets go as the last but the entry knew that nobody is looking into them. But the submitter and the worker do so, for the limiter, and hold the same
//! bit as an entry that lies in the queue; to tell them apart would take one more change of the word for each job with terms.

// The allocation itself, and what is done to it by type.
#![allow(unsafe_code)]

use std::mem;
use std::panic::Location;
use std::ptr::NonNull;
use std::sync::Arc;
use std::task::Waker;

use super::entry::Entry;
use super::hold::Hold;
use super::job_handle::Fresh;
use super::state::State;
use super::terms::Terms;
use super::times::Times;
use super::watch::Watch;
use super::work::Work;
use super::{JobId, JobInfo};
use crate::job::error::Failure;
use crate::pool::account::Account;
use crate::sync::{Memory, UnsafeCell};
use crate::user_code::contain;

pub(crate) type Outcome<T> = Result<T, Failure>;

pub(super) struct Header {
    pub(super) state: State,
    pub(super) vtable: &'static VTable,
    /// The handle's while WAKER is clear, the completer's once it is set.
    pub(super) waker: UnsafeCell<Option<Waker>>,
    pub(super) location: &'static Location<'static>,
    pub(super) times: Times,
    pub(super) account: Arc<Account>,
    pub(super) terms: Option<Box<Terms>>,
    /// For what an owner reads through its hold without a cell of its own.
    pub(super) memory: Memory,
}

impl Header {
    #[inline(never)]
    pub(super) fn info(&self) -> JobInfo {
        let name = self.terms.as_ref().and_then(|terms| terms.name.clone());
        JobInfo { id: self.state.id(), name, location: self.location }
    }
}

/// `repr(C)` puts the header first: a pointer to the cell is a pointer to its header.
#[repr(C)]
pub(super) struct JobCell<F, T> {
    header: Header,
    stage: UnsafeCell<Stage<F, T>>,
}

pub(super) enum Stage<F, T> {
    Closure(F),
    /// The closure is running, or the outcome has been taken.
    Empty,
    Outcome(Outcome<T>),
}

/// What can be done to a stage by those who do not know its types. Each is unsafe to call: the caller says that the
/// pointer is to a live cell of these types and that the stage is its own at this moment.
pub(super) struct VTable {
    pub(super) run: unsafe fn(NonNull<Header>) -> Ran,
    pub(super) refuse: unsafe fn(NonNull<Header>, Failure) -> Result<(), String>,
    pub(super) take: unsafe fn(NonNull<Header>, NonNull<()>),
    pub(super) drop_outcome: unsafe fn(NonNull<Header>) -> Unread,
    pub(super) free: unsafe fn(NonNull<Header>),
}

/// How a closure ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ran {
    Completed,
    Panicked,
}

/// What an outcome turned out to be that nobody had read.
pub(super) enum Unread {
    Nothing,
    /// The panic of a job that nobody awaited.
    Panic(String),
    /// The result's own drop panicked.
    DropPanicked(String),
}

impl<F, T> JobCell<F, T>
where
    F: Work<Output = T>,
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
    pub(super) unsafe fn replace(header: NonNull<Header>, stage: Stage<F, T>) -> Stage<F, T> {
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
        // SAFETY: live, says the caller; terms are only read.
        let terms = unsafe { header.as_ref() }.terms.as_deref();
        // The call consumes the closure: what it captured is dropped in here, too, before anybody can see DONE.
        let outcome = contain::contain(|| closure.run(terms));
        if let Some(terms) = terms {
            terms.end_job();
        }
        let ran = if outcome.is_ok() { Ran::Completed } else { Ran::Panicked };
        // SAFETY: passed on to the caller.
        let _empty = unsafe { Self::replace(header, Stage::Outcome(outcome.map_err(Failure::panicked))) };
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
                Unread::Panic(contain::message_and_discard(*payload))
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
        // SAFETY: it came from `Box::into_raw` in `new` with this very type, and all owners have let go.
        let cell = unsafe { Box::from_raw(header.cast::<Self>().as_ptr()) };
        // So that a loom model sees an access to each cell here: it must come after all those of the others.
        cell.header.memory.is_freed();
        cell.header.waker.with_mut(|_| ());
        cell.stage.with_mut(|_| ());
        // The account may be the last of a closed pool, whose hooks are the user's.
        let _ = contain::discard(cell);
    }
}

/// Makes a job; one allocation.
#[inline]
pub(crate) fn new<W: Work>(
    work: W,
    location: &'static Location<'static>,
    account: Arc<Account>,
    terms: Option<Box<Terms>>,
    times: Times,
) -> (Entry, Fresh<W>) {
    let watched = terms.as_ref().is_some_and(|terms| terms.token.is_some());
    let cell = Box::new(JobCell {
        header: Header {
            state: State::new(JobId::next(), watched),
            vtable: &JobCell::<W, W::Output>::VTABLE,
            waker: UnsafeCell::new(None),
            location,
            times,
            account,
            terms,
            memory: Memory::new(),
        },
        stage: UnsafeCell::new(Stage::<W, W::Output>::Closure(work)),
    });
    // SAFETY: a box is never null.
    let header = unsafe { NonNull::new_unchecked(Box::into_raw(cell)) }.cast::<Header>();
    let entry = Entry::new(Hold::new(header));
    if watched {
        bind(header);
    }
    (entry, Fresh::new(Hold::new(header)))
}

/// Gives the token of a job that has just been made its hold on the job, the third after the entry's and the handle's.
#[cold]
fn bind(header: NonNull<Header>) {
    // SAFETY: its maker has the entry, which keeps it; terms are only read.
    if let Some(terms) = unsafe { header.as_ref() }.terms.as_deref() {
        terms.bind(|| Watch::new(Hold::new(header)));
    }
}

#[cfg(all(test, target_pointer_width = "64", not(loom)))]
mod tests {
    use super::*;

    /// What 100,000 jobs in flight cost is, for the most part, that their memory has to be there.
    #[test]
    fn a_job_takes_no_more_memory_than_it_was_given() {
        assert_eq!(size_of::<Hold>(), 8);
        assert_eq!(size_of::<Entry>(), 8);
        assert_eq!(size_of::<Header>(), 64);
        assert_eq!(size_of::<Failure>(), 16);
        assert_eq!(size_of::<Outcome<u64>>(), 16);
        assert_eq!(size_of::<JobCell<(), ()>>(), 64 + 16);
        assert_eq!(size_of::<crate::JoinHandle<[u64; 9]>>(), 16);
        // As a runtime makes it, with a context that is one of two pointers, and a closure of one word.
        enum Context {
            #[allow(dead_code)]
            One(Box<u8>),
            #[allow(dead_code)]
            Other(Box<u8>),
        }
        assert_eq!(size_of::<JobCell<(Context, u64), u64>>(), 64 + 24);
    }
}
