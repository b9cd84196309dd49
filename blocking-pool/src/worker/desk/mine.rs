//! The desk of the current thread: asked by whatever runs inside jobs.

// What is found by an address is borrowed for the call.
#![allow(unsafe_code)]

use std::cell::Cell;
use std::marker::PhantomData;
use std::ptr;

use super::Desk;
use crate::job::JobId;
use crate::sync::thread_local;

// Without a destructor, so that it exists to the very end of the thread.
thread_local! {
    /// Null if the thread has none.
    static MINE: Cell<*const Desk> = const { Cell::new(ptr::null()) };
}

/// As long as this is there, the desk is the current thread's. It is never forgotten, and stays on its thread.
#[must_use]
pub(crate) struct Seated<'a>(PhantomData<(&'a Desk, *const ())>);

impl<'a> Seated<'a> {
    pub(crate) fn at(desk: &'a Desk) -> Self {
        MINE.with(|mine| mine.set(desk));
        Self(PhantomData)
    }
}

impl Drop for Seated<'_> {
    fn drop(&mut self) {
        MINE.with(|mine| mine.set(ptr::null()));
    }
}

impl JobId {
    /// The job whose closure calls this. `None` on a thread that runs none.
    ///
    /// ```
    /// use sideline_blocking_pool::{JobId, Pool};
    ///
    /// let job = Pool::global().spawn(JobId::current);
    /// let id = job.id();
    /// assert_eq!(pollster::block_on(job).unwrap(), Some(id));
    /// assert_eq!(JobId::current(), None);
    /// ```
    #[inline]
    pub fn current() -> Option<JobId> {
        // Err: only in a loom model, at the end of a thread.
        let mine = MINE.try_with(Cell::get).unwrap_or(ptr::null());
        // SAFETY: `Seated` borrows the desk, and takes the address away when it goes, on this very thread.
        match unsafe { mine.as_ref() }?.job() {
            0 => None,
            id => Some(JobId::from_raw(id)),
        }
    }
}
