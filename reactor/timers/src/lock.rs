//! A lock that no panic poisons: `std`'s, or loom's in a model.
//!
//! It is held for moments, uncontended, and never while foreign code runs; then `std`'s is as quick as any, and built
//! already.

use crate::sync::locks;
use std::sync::PoisonError;

/// For moments only, and never while foreign code runs.
pub struct Mutex<T>(locks::Mutex<T>);

impl<T> Mutex<T> {
    /// Unlocked.
    pub fn new(value: T) -> Mutex<T> {
        Mutex(locks::Mutex::new(value))
    }

    /// Waits for it. Those who panicked with it left it as it was.
    pub fn lock(&self) -> locks::MutexGuard<'_, T> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
