//! A value is in its slot while its future is polled or dropped, and with the future in between.

use super::LocalKey;
use super::carry::{list, unlist};
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

/// A future and its value; dropping it drops the future in scope.
pub(super) struct Scope<T: 'static, F> {
    key: &'static LocalKey<T>,
    value: Option<T>,
    /// `None` only in the drop.
    future: Option<F>,
}

impl<T: 'static, F> Scope<T, F> {
    pub(super) fn new(key: &'static LocalKey<T>, value: T, future: F) -> Self {
        Self { key, value: Some(value), future: Some(future) }
    }
}

impl<T: 'static, F: Future> Future for Scope<T, F> {
    type Output = F::Output;

    #[allow(unsafe_code, reason = "pin projection without a dependency for it")]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        // SAFETY: `future` is pinned whenever `self` is: it is never moved out, and the drop drops it where it is.
        let Scope { key, value, future } = unsafe { self.get_unchecked_mut() };
        // SAFETY: as above.
        let future = unsafe { Pin::new_unchecked(future) };
        let _entered = Entered::new(key, value);
        future.as_pin_mut().expect("it is there until the drop").poll(cx)
    }
}

impl<T: 'static, F> Drop for Scope<T, F> {
    fn drop(&mut self) {
        // It may be dropped while a panic unwinds, that of its own poll for example, and must not panic itself.
        let _entered = Entered::try_new(self.key, &mut self.value);
        self.future = None;
    }
}

/// While it lives, the value is in its slot.
pub(super) struct Entered<'a, T: 'static> {
    key: &'static LocalKey<T>,
    value: &'a mut Option<T>,
}

impl<'a, T: 'static> Entered<'a, T> {
    /// # Panics
    /// Inside `with` of the same key.
    #[track_caller]
    pub(super) fn new(key: &'static LocalKey<T>, value: &'a mut Option<T>) -> Self {
        let Some(entered) = Self::try_new(key, value) else {
            panic!("a scope of a task-local was opened inside `with` of the same key")
        };
        entered
    }

    /// `None` inside `with` of the same key, which lends what is in the slot.
    fn try_new(key: &'static LocalKey<T>, value: &'a mut Option<T>) -> Option<Self> {
        if !key.exchange(value) {
            return None;
        }
        if let Some(carry) = key.carry {
            list(carry(key));
        }
        Some(Self { key, value })
    }
}

impl<T: 'static> Drop for Entered<'_, T> {
    fn drop(&mut self) {
        if self.key.carry.is_some() {
            unlist();
        }
        // Whatever `with` has lent since has been given back, so this succeeds.
        self.key.exchange(self.value);
    }
}
