//! Which worker the current thread is, if it is one: asked by whatever runs inside jobs.
//!
//! A worker lies on the stack of its thread. Its address is here from [`Present::new`] on, until that is dropped.

// What is found by that address is borrowed for the call.
#![allow(unsafe_code)]

use std::cell::Cell;
use std::marker::PhantomData;
use std::ptr;
use std::sync::Arc;

use super::Worker;
use crate::job::Entry;
use crate::pool::shared::Shared;
use crate::sync::thread_local;

// Without destructors, so that they exist to the very end of the thread.
thread_local! {
    /// Null if the thread is no worker, or none any more.
    static HERE: Cell<*const Worker> = const { Cell::new(ptr::null()) };

    /// The pool that this thread was started by: an address, to be compared.
    static STARTED_BY: Cell<usize> = const { Cell::new(0) };
}

/// As long as this is there, the current thread is this worker. It is never forgotten, and stays on its thread.
#[must_use]
pub(super) struct Present<'a>(PhantomData<(&'a Worker, *const ())>);

impl<'a> Present<'a> {
    pub(super) fn new(worker: &'a Worker) -> Self {
        STARTED_BY.with(|by| by.set(Arc::as_ptr(&worker.pool) as usize));
        HERE.with(|here| here.set(worker));
        Self(PhantomData)
    }
}

impl Drop for Present<'_> {
    fn drop(&mut self) {
        HERE.with(|here| here.set(ptr::null()));
    }
}

/// Pushes to the current worker's own deque, if it is a core worker of `pool` and there is room; the entry back otherwise.
#[inline]
pub(crate) fn push_nested(pool: &Arc<Shared>, entry: Entry) -> Result<(), Entry> {
    on_worker_of(pool, |worker| match worker.and_then(|worker| worker.seat.as_ref()) {
        // If it is full, the injector is not.
        Some(seat) => pool.queues.push_own(seat, entry),
        None => Err(entry),
    })
}

/// The tenant whose job the current thread is running, if it is a worker of `pool`.
pub(crate) fn running_tenant(pool: &Arc<Shared>) -> Option<u64> {
    in_job_of(pool).flatten()
}

/// Whether the current thread is a worker of `pool`.
pub(crate) fn is_inside(pool: &Arc<Shared>) -> bool {
    in_job_of(pool).is_some()
}

/// The tenant of the job that this thread is in. `None`: it is no worker of `pool`. `Some(None)`: it is in none of its jobs.
fn in_job_of(pool: &Arc<Shared>) -> Option<Option<u64>> {
    on_worker_of(pool, |worker| worker.map(|worker| worker.desk.own_tenant()))
}

/// Whether the current thread is a worker of `pool`, or was one and is ending: its thread-locals are being dropped.
#[inline]
pub(crate) fn is_or_was_of(pool: &Arc<Shared>) -> bool {
    STARTED_BY.try_with(Cell::get).is_ok_and(|by| by == Arc::as_ptr(pool) as usize)
}

/// Calls `then` with the worker of `pool` that the current thread is; with `None`, if it is none.
fn on_worker_of<R>(pool: &Arc<Shared>, then: impl FnOnce(Option<&Worker>) -> R) -> R {
    // Err: only in a loom model, at the end of a thread.
    let here = HERE.try_with(Cell::get).unwrap_or(ptr::null());
    // SAFETY: `Present` borrows the worker, and takes the address away when it goes, on this very thread.
    then(match unsafe { here.as_ref() } {
        Some(worker) if Arc::ptr_eq(&worker.pool, pool) => Some(worker),
        _ => None,
    })
}
