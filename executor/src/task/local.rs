//! Values that belong to a task, or to a piece of one: task-locals, and how some of them go along with blocking jobs.
//!
//! A value lives in a thread-local slot while its future is being polled, and with the future in between. *Carried*
//! keys, while they are in scope, are also on a list of the thread; a job that is spawned takes clones of their values
//! along, and puts them in scope on its worker. With nothing on the list that is one look. All of that is `#[inline]`: it is compiled
//! for those who have task-locals or offload closures, not for everybody.

use std::cell::RefCell;
use std::fmt;
use std::future::Future;
use std::mem::{self, ManuallyDrop};
use std::pin::Pin;
use std::task::{Context, Poll};
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
    /// Makes a carried key what a list of keys of different types holds.
    carry: Option<fn(&'static LocalKey<T>) -> &'static dyn Carry>,
}

/// There is no value: the call is outside of every scope of this key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OutOfScope(());

trait Carry: Sync {
    /// A clone of the value, to be put in scope elsewhere.
    fn capture(&'static self) -> Option<Box<dyn Exchange + Send>>;
}

trait Exchange {
    /// Exchanges the value in here with the one in the thread's slot.
    fn exchange(&mut self);
}

thread_local! {
    /// The carried keys that are in scope on this thread; one that is in scope twice is here twice.
    /// Nothing that is dropped: see `context.rs`. Empty when no scope is entered, and owns nothing then.
    static CARRIED: ManuallyDrop<RefCell<Keys>> =
        const { ManuallyDrop::new(RefCell::new(Keys { near: [None; NEAR], far: Vec::new(), count: 0 })) };
}

/// So many carried keys are entered and left without an allocation.
const NEAR: usize = 4;

struct Keys {
    near: [Option<&'static dyn Carry>; NEAR],
    /// Those beyond.
    far: Vec<&'static dyn Carry>,
    count: usize,
}

impl Keys {
    fn push(&mut self, key: &'static dyn Carry) {
        match self.near.get_mut(self.count) {
            Some(place) => *place = Some(key),
            None => self.far.push(key),
        }
        self.count += 1;
    }

    fn pop(&mut self) {
        self.count -= 1;
        if self.far.pop().is_some() && self.far.is_empty() {
            self.far = Vec::new();
        }
    }

    /// In the order in which they were entered.
    fn get(&self, index: usize) -> Option<&'static dyn Carry> {
        let place = if index < NEAR { self.near[index] } else { self.far.get(index - NEAR).copied() };
        place.filter(|_| index < self.count)
    }
}

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
        Scope { key: self, value: Some(value), future: Some(future) }
    }

    /// Calls `f` with `value` in scope.
    ///
    /// # Panics
    /// Inside [`with`](Self::with) of the same key.
    pub fn sync_scope<R>(&'static self, value: T, f: impl FnOnce() -> R) -> R {
        let mut value = Some(value);
        let _entered = Entered::new(self, &mut value);
        f()
    }

    /// Calls `f` with the value.
    ///
    /// # Panics
    /// Outside of every scope of this key; [`try_with`](Self::try_with) says so instead. `f` must not open another scope
    /// of the same key: that panics.
    #[track_caller]
    pub fn with<R>(&'static self, f: impl FnOnce(&T) -> R) -> R {
        self.try_with(f).unwrap_or_else(|error| panic!("{error}"))
    }

    /// Calls `f` with the value, if there is one.
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

    /// Exchanges the value in the thread's slot with another. False, and nothing is done, inside `with`, which lends it.
    fn exchange(&'static self, value: &mut Option<T>) -> bool {
        let exchanged = self.slot.try_with(|slot| {
            let free = slot.try_borrow_mut().map(|mut slot| mem::swap(&mut *slot, value));
            free.is_ok()
        });
        // Err: the thread is ending and has lost its slots; nothing is in scope there.
        exchanged.unwrap_or(true)
    }
}

/// A future and its value; dropping it drops the future in scope.
struct Scope<T: 'static, F> {
    key: &'static LocalKey<T>,
    value: Option<T>,
    /// `None` only in the drop.
    future: Option<F>,
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
        // It may be dropped while a panic unwinds, that of its own poll for one, and must not panic itself.
        let _entered = Entered::try_new(self.key, &mut self.value);
        self.future = None;
    }
}

/// While it lives, the value is in its slot.
struct Entered<'a, T: 'static> {
    key: &'static LocalKey<T>,
    value: &'a mut Option<T>,
}

impl<'a, T: 'static> Entered<'a, T> {
    fn new(key: &'static LocalKey<T>, value: &'a mut Option<T>) -> Self {
        Self::try_new(key, value)
            .unwrap_or_else(|| panic!("a scope of a task-local was opened inside `with` of the same key"))
    }

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
        // Nothing is lent any more: what was lent since has been given back.
        self.key.exchange(self.value);
    }
}

fn as_carry<T: Clone + Send + 'static>(key: &'static LocalKey<T>) -> &'static dyn Carry {
    key
}

#[inline]
fn list(key: &'static dyn Carry) {
    let _ = CARRIED.try_with(|keys| keys.borrow_mut().push(key));
}

/// Scopes end in the opposite order in which they began.
#[inline]
fn unlist() {
    let _ = CARRIED.try_with(|keys| keys.borrow_mut().pop());
}

struct Captured<T: 'static> {
    key: &'static LocalKey<T>,
    value: Option<T>,
}

impl<T: Clone + Send + 'static> Carry for LocalKey<T> {
    fn capture(&'static self) -> Option<Box<dyn Exchange + Send>> {
        let value = self.try_with(T::clone).ok()?;
        Some(Box::new(Captured { key: self, value: Some(value) }))
    }
}

impl<T: Clone + Send + 'static> Exchange for Captured<T> {
    fn exchange(&mut self) {
        self.key.exchange(&mut self.value);
    }
}

/// The values that a job takes along.
pub(crate) struct Locals(Vec<(&'static dyn Carry, Box<dyn Exchange + Send>)>);

impl Locals {
    /// Of this thread; `None` if no carried key is in scope.
    #[inline]
    pub(crate) fn capture() -> Option<Self> {
        let has_any = CARRIED.try_with(|keys| keys.borrow().count > 0).unwrap_or(false);
        has_any.then(Self::capture_all)
    }

    #[cold]
    #[inline]
    fn capture_all() -> Self {
        let mut captured: Vec<(&'static dyn Carry, _)> = Vec::new();
        // Not borrowed for long: the clones are the user's code. What that puts in scope is out again when it returns.
        for key in (0..).map_while(|index| CARRIED.with(|keys| keys.borrow().get(index))) {
            // Each once: the slot has the innermost value.
            if captured.iter().all(|(other, _)| address(*other) != address(key)) {
                if let Some(value) = key.capture() {
                    captured.push((key, value));
                }
            }
        }
        Self(captured)
    }

    /// Puts them in scope until the guard is dropped.
    #[inline]
    pub(crate) fn enter(mut self) -> LocalsEntered {
        for (key, value) in &mut self.0 {
            value.exchange();
            list(*key);
        }
        LocalsEntered(self)
    }
}

fn address(key: &'static dyn Carry) -> usize {
    std::ptr::from_ref(key).cast::<()>() as usize
}

pub(crate) struct LocalsEntered(Locals);

impl Drop for LocalsEntered {
    #[inline]
    fn drop(&mut self) {
        for (_, value) in self.0.0.iter_mut().rev() {
            unlist();
            value.exchange();
        }
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

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    thread_local!(static SLOT: RefCell<Option<u32>> = const { RefCell::new(None) });

    #[test]
    fn keys_beyond_the_near_ones_are_kept_in_order_and_leave_nothing() {
        static KEYS: [LocalKey<u32>; NEAR + 2] = [const { LocalKey::carried(&SLOT) }; NEAR + 2];
        let mut keys = Keys { near: [None; NEAR], far: Vec::new(), count: 0 };
        let all = |keys: &Keys| -> Vec<_> { (0..).map_while(|index| keys.get(index)).map(address).collect() };
        let entered: Vec<_> = KEYS.iter().map(|key| address(key)).collect();
        for count in 0..entered.len() {
            assert_eq!(all(&keys), entered[..count]);
            keys.push(&KEYS[count]);
        }
        for count in (0..entered.len()).rev() {
            keys.pop();
            assert_eq!(all(&keys), entered[..count]);
        }
        assert_eq!(keys.far.capacity(), 0);
    }
}
