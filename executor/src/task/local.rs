//! Task-locals: values that belong to a task, or to a piece of one.
//!
//! A value lives in a thread-local slot while its future is being polled, and with the future in between (`scope.rs`).
//! The values of *carried* keys also go along with blocking jobs (`carry.rs`).

mod carry;
mod scope;

pub(crate) use carry::Locals;
use carry::{Carry, as_carry};
use scope::{Entered, Scope};
use std::cell::RefCell;
use std::fmt;
use std::future::Future;
use std::mem;
use std::thread;

/// Declares task-locals: values that a future and everything it calls can see, wherever the loop polls it.
///
/// ```
/// sideline::task_local! {
///     /// Of the request that is being served.
///     pub carried static REQUEST: u64;
///     static DEPTH: u32;
/// }
///
/// sideline::block_on(REQUEST.scope(7, async {
///     assert_eq!(REQUEST.get(), 7);
///     DEPTH.scope(1, async { assert_eq!(DEPTH.get(), 1) }).await;
///     // A carried one is there in blocking jobs, too.
///     assert_eq!(sideline::to_thread(|| REQUEST.get()).await, 7);
/// }));
/// ```
///
/// A key is a [`task::LocalKey`](crate::task::LocalKey). Values of `carried` keys go along with
/// [`spawn_blocking`](crate::spawn_blocking), [`to_thread`](crate::to_thread) and [`blocking::job`](crate::blocking::job):
/// they are cloned where the job is spawned, so their types are `Clone + Send`. Tasks do not inherit values: wrap what
/// you spawn in a scope of its own.
#[macro_export]
macro_rules! task_local {
    () => {};
    ($(#[$attr:meta])* $vis:vis carried static $name:ident: $t:ty $(; $($rest:tt)*)?) => {
        $(#[$attr])*
        $vis static $name: $crate::task::LocalKey<$t> = {
            ::std::thread_local! {
                static SLOT: ::std::cell::RefCell<::std::option::Option<$t>> =
                    const { ::std::cell::RefCell::new(::std::option::Option::None) };
            }
            $crate::task::LocalKey::carried(&SLOT)
        };
        $($crate::task_local!($($rest)*);)?
    };
    ($(#[$attr:meta])* $vis:vis static $name:ident: $t:ty $(; $($rest:tt)*)?) => {
        $(#[$attr])*
        $vis static $name: $crate::task::LocalKey<$t> = {
            ::std::thread_local! {
                static SLOT: ::std::cell::RefCell<::std::option::Option<$t>> =
                    const { ::std::cell::RefCell::new(::std::option::Option::None) };
            }
            $crate::task::LocalKey::new(&SLOT)
        };
        $($crate::task_local!($($rest)*);)?
    };
}

/// A task-local, as declared by [`task_local!`](crate::task_local).
pub struct LocalKey<T: 'static> {
    slot: &'static thread::LocalKey<RefCell<Option<T>>>,
    /// Of a carried key: turns it into what a list of keys of different types can hold.
    carry: Option<fn(&'static LocalKey<T>) -> &'static dyn Carry>,
}

/// The error of a [`LocalKey`] that has no value here: the call is outside of every scope of the key.
///
/// From [`LocalKey::try_with`]. A carried key has none either in a job that was spawned outside of its scope.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OutOfScope(());

impl<T: 'static> LocalKey<T> {
    #[doc(hidden)] // For the macro.
    pub const fn new(slot: &'static thread::LocalKey<RefCell<Option<T>>>) -> Self {
        Self { slot, carry: None }
    }

    #[doc(hidden)] // For the macro.
    pub const fn carried(slot: &'static thread::LocalKey<RefCell<Option<T>>>) -> Self
    where
        T: Clone + Send,
    {
        Self { slot, carry: Some(as_carry) }
    }

    /// Runs `future` with `value` in scope: while it is polled, and while it is dropped, whether or not it has been polled.
    ///
    /// The value is dropped with the future. An outer value of the same key is hidden meanwhile.
    ///
    /// # Panics
    /// When it is polled inside [`with`](Self::with) of the same key. Dropped there, the future is dropped out of scope.
    pub fn scope<F: Future>(&'static self, value: T, future: F) -> impl Future<Output = F::Output> {
        Scope::new(self, value, future)
    }

    /// Calls `f` with `value` in scope, and returns what it returns. The value is dropped afterwards.
    ///
    /// # Panics
    /// Inside [`with`](Self::with) of the same key.
    #[track_caller]
    pub fn sync_scope<R>(&'static self, value: T, f: impl FnOnce() -> R) -> R {
        let mut value = Some(value);
        let _entered = Entered::new(self, &mut value);
        f()
    }

    /// Calls `f` with the value, and returns what it returns.
    ///
    /// # Panics
    /// Outside of every scope of this key; [`try_with`](Self::try_with) returns an error instead. If `f` opens another scope
    /// of the same key, that panics, too.
    #[track_caller]
    pub fn with<R>(&'static self, f: impl FnOnce(&T) -> R) -> R {
        match self.try_with(f) {
            Ok(result) => result,
            Err(error) => panic!("{error}"),
        }
    }

    /// Calls `f` with the value, if there is one, and returns what it returns.
    ///
    /// # Errors
    /// [`OutOfScope`] if there is none.
    pub fn try_with<R>(&'static self, f: impl FnOnce(&T) -> R) -> Result<R, OutOfScope> {
        let found = self.slot.try_with(|slot| slot.borrow().as_ref().map(f));
        found.ok().flatten().ok_or(OutOfScope(()))
    }

    /// The value, copied.
    ///
    /// # Panics
    /// As [`with`](Self::with).
    #[track_caller]
    pub fn get(&'static self) -> T
    where
        T: Copy,
    {
        self.with(|value| *value)
    }

    /// Exchanges the value in the thread's slot with another. Inside `with`, which lends that value, nothing is done, and the
    /// answer is false.
    fn exchange(&'static self, value: &mut Option<T>) -> bool {
        let exchanged = self.slot.try_with(|slot| {
            let free = slot.try_borrow_mut().map(|mut slot| mem::swap(&mut *slot, value));
            free.is_ok()
        });
        // Err: the thread is ending and has lost its slots; nothing is in scope there.
        exchanged.unwrap_or(true)
    }
}

impl fmt::Display for OutOfScope {
    #[inline]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "the task-local has no value here: call it inside `scope` or `sync_scope` of its key, or declare the key \
             `carried` if this is a blocking job",
        )
    }
}

impl std::error::Error for OutOfScope {}

impl<T: 'static> fmt::Debug for LocalKey<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LocalKey").field("carried", &self.carry.is_some()).finish()
    }
}
