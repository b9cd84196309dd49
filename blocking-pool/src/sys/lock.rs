//! Locks that no panic poisons: `std`'s, or loom's in a model.
//!
//! No code of the user's runs under them, and what is behind one is whole between any two of our own statements.
//!
//! In a child of `fork` a lock of the parent's may be held by a thread that is not there. So whoever may come to one
//! there asks first whether this is a fork, in what everybody builds; the others are [`Inherited`](crate::sys::fork::Inherited), so that each
//! process has its own.
//!
//! They are `std`'s and not `parking_lot`'s: on Linux a call is then an exchange of one word and the system call, and a
//! sleep the same. A thread that comes out of its sleep finds its caches cold, and what it runs through first counts by the
//! line: `parking_lot` looks its sleepers up in a table that the whole process shares. It is also five crates, an eighth
//! of what a program waited for when it was built.
//!
//! What is locked is a word, and what it guards lies beside it. So `std`'s part is compiled once, and not for each type that is
//! behind a lock.

// The value beside the lock is reached through its guard.
#![allow(unsafe_code)]

use std::cell::UnsafeCell;
use std::fmt;
use std::ops::{Deref, DerefMut};
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::sync::{PoisonError, TryLockError};
use std::time::{Duration, Instant};

use crate::sync::{CLOCKS, locks};

pub(crate) struct Mutex<T> {
    lock: locks::Mutex<()>,
    value: UnsafeCell<T>,
}

// SAFETY: a shared lock gives the value to one thread at a time, which is to send it there and back.
unsafe impl<T: Send> Sync for Mutex<T> {}

// As `std`'s: nothing is seen half done.
impl<T> UnwindSafe for Mutex<T> {}
impl<T> RefUnwindSafe for Mutex<T> {}

/// As long as it is there, the value is its holder's. Not `Sync`, nor `Send`.
#[must_use]
pub(crate) struct MutexGuard<'a, T> {
    value: &'a UnsafeCell<T>,
    held: Held<'a>,
}

type Held<'a> = locks::MutexGuard<'a, ()>;

impl<T> Mutex<T> {
    pub(crate) fn new(value: T) -> Self {
        Self { lock: locks::Mutex::new(()), value: UnsafeCell::new(value) }
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, T> {
        self.held(lock(&self.lock))
    }

    /// `None` if somebody has it.
    pub(crate) fn try_lock(&self) -> Option<MutexGuard<'_, T>> {
        try_lock(&self.lock).map(|held| self.held(held))
    }

    fn held<'a>(&'a self, held: Held<'a>) -> MutexGuard<'a, T> {
        MutexGuard { value: &self.value, held }
    }
}

#[inline(never)]
fn lock(lock: &locks::Mutex<()>) -> Held<'_> {
    lock.lock().unwrap_or_else(PoisonError::into_inner)
}

#[inline(never)]
fn try_lock(lock: &locks::Mutex<()>) -> Option<Held<'_>> {
    match lock.try_lock() {
        Ok(held) => Some(held),
        Err(TryLockError::Poisoned(error)) => Some(error.into_inner()),
        Err(TryLockError::WouldBlock) => None,
    }
}

impl<T> Deref for MutexGuard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        // SAFETY: the lock is held, so nobody else has the value, and who has it from us borrows us.
        unsafe { &*self.value.get() }
    }
}

impl<T> DerefMut for MutexGuard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: as in deref(), and we are borrowed by nobody else.
        unsafe { &mut *self.value.get() }
    }
}

impl<T: Default> Default for Mutex<T> {
    fn default() -> Self {
        Self::new(T::default())
    }
}

impl<T> fmt::Debug for Mutex<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Mutex")
    }
}

/// In a model time does not pass: a wait with an end is over at once, which is one more interleaving.
#[derive(Debug)]
pub(crate) struct Condvar(locks::Condvar);

impl Condvar {
    pub(crate) fn new() -> Self {
        Self(locks::Condvar::new())
    }

    pub(crate) fn wait<'a, T>(&self, guard: MutexGuard<'a, T>) -> MutexGuard<'a, T> {
        MutexGuard { held: self.wait_held(guard.held), ..guard }
    }

    pub(crate) fn wait_for<'a, T>(&self, guard: MutexGuard<'a, T>, timeout: Duration) -> MutexGuard<'a, T> {
        MutexGuard { held: self.wait_held_for(guard.held, timeout), ..guard }
    }

    /// True if `until` had passed before: then it has not waited.
    pub(crate) fn wait_until<'a, T>(
        &self,
        guard: MutexGuard<'a, T>,
        until: Option<Instant>,
    ) -> (MutexGuard<'a, T>, bool) {
        let (held, is_over) = self.wait_held_until(guard.held, until);
        (MutexGuard { held, ..guard }, is_over)
    }

    #[inline(never)]
    fn wait_held<'a>(&self, held: Held<'a>) -> Held<'a> {
        self.0.wait(held).unwrap_or_else(PoisonError::into_inner)
    }

    #[inline(never)]
    fn wait_held_for<'a>(&self, held: Held<'a>, timeout: Duration) -> Held<'a> {
        if !CLOCKS {
            return held;
        }
        self.0.wait_timeout(held, timeout).unwrap_or_else(PoisonError::into_inner).0
    }

    #[inline(never)]
    fn wait_held_until<'a>(&self, held: Held<'a>, until: Option<Instant>) -> (Held<'a>, bool) {
        let Some(until) = until else { return (self.wait_held(held), false) };
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() || !CLOCKS {
            return (held, true);
        }
        (self.wait_held_for(held, left), false)
    }

    pub(crate) fn notify_one(&self) {
        self.0.notify_one();
    }

    pub(crate) fn notify_all(&self) {
        self.0.notify_all();
    }
}
