//! Locks that no panic poisons: `std`'s, or loom's in a model.
//!
//! No code of the user's runs under them, and what is behind one is whole between any two of our own statements.
//!
//! In a child of `fork` a lock of the parent's may be held by a thread that is not there. So whoever may come to one
//! there asks first whether this is a fork, in what everybody builds; the others are [`Inherited`](crate::fork::Inherited), so that each
//! process has its own.
//!
//! They are `std`'s and not `parking_lot`'s: on Linux a call is then an exchange of one word and the system call, and a
//! sleep the same. A thread that comes out of its sleep finds its caches cold, and what it runs through first counts by the
//! line: `parking_lot` looks its sleepers up in a table that the whole process shares. It is also five crates, an eighth
//! of what a program waited for when it was built.

use std::sync::PoisonError;
#[cfg(feature = "job-control")]
use std::sync::TryLockError;
use std::time::{Duration, Instant};

use crate::sync::{CLOCKS, locks};

pub(crate) use locks::MutexGuard;

#[derive(Debug)]
pub(crate) struct Mutex<T>(locks::Mutex<T>);

impl<T> Mutex<T> {
    pub(crate) fn new(value: T) -> Self {
        Self(locks::Mutex::new(value))
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, T> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// `None` if somebody has it.
    #[cfg(feature = "job-control")]
    pub(crate) fn try_lock(&self) -> Option<MutexGuard<'_, T>> {
        match self.0.try_lock() {
            Ok(guard) => Some(guard),
            Err(TryLockError::Poisoned(error)) => Some(error.into_inner()),
            Err(TryLockError::WouldBlock) => None,
        }
    }
}

impl<T: Default> Default for Mutex<T> {
    fn default() -> Self {
        Self::new(T::default())
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
        self.0.wait(guard).unwrap_or_else(PoisonError::into_inner)
    }

    #[inline(never)]
    pub(crate) fn wait_for<'a, T>(&self, guard: MutexGuard<'a, T>, timeout: Duration) -> MutexGuard<'a, T> {
        if !CLOCKS {
            return guard;
        }
        self.0.wait_timeout(guard, timeout).unwrap_or_else(PoisonError::into_inner).0
    }

    /// True if `until` had passed before: then it has not waited.
    #[inline(never)]
    pub(crate) fn wait_until<'a, T>(
        &self,
        guard: MutexGuard<'a, T>,
        until: Option<Instant>,
    ) -> (MutexGuard<'a, T>, bool) {
        let Some(until) = until else { return (self.wait(guard), false) };
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() || !CLOCKS {
            return (guard, true);
        }
        (self.wait_for(guard, left), false)
    }

    pub(crate) fn notify_one(&self) {
        self.0.notify_one();
    }

    pub(crate) fn notify_all(&self) {
        self.0.notify_all();
    }
}
