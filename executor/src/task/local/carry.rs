//! How task-locals go along with blocking jobs.
//!
//! The thread has a list of the carried keys that are in scope on it. A job that is spawned there takes a clone of each
//! key's value along ([`Locals::capture`]), and puts them in scope on its worker ([`Locals::enter`]). If the list is empty,
//! that costs one look.
//!
//! All of this is `#[inline]`: it is compiled for those who have task-locals or offload closures, not for everybody.

use super::LocalKey;
use std::cell::RefCell;
use std::mem::ManuallyDrop;

/// A carried key, whatever the type of its values.
pub(super) trait Carry: Sync {
    /// A clone of the value that is in scope here, to be put in scope elsewhere. `None` if there is none.
    fn capture(&'static self) -> Option<Box<dyn Exchange + Send>>;
}

/// A value and its key, whatever their type.
pub(super) trait Exchange {
    /// Exchanges the value in here with the one in the thread's slot.
    fn exchange(&mut self);
}

thread_local! {
    /// The carried keys that are in scope on this thread; one that is in scope twice is here twice.
    /// It has no destructor: see `context.rs`. When no key is in scope it owns no memory.
    static CARRIED: ManuallyDrop<RefCell<Keys>> =
        const { ManuallyDrop::new(RefCell::new(Keys::new())) };
}

/// How many carried keys may be in scope at once without an allocation.
const NEAR: usize = 4;

struct Keys {
    /// The first ones.
    near: [Option<&'static dyn Carry>; NEAR],
    /// Those for which there was no room in `near`.
    far: Vec<&'static dyn Carry>,
    count: usize,
}

impl Keys {
    const fn new() -> Self {
        Self { near: [None; NEAR], far: Vec::new(), count: 0 }
    }

    #[inline]
    fn push(&mut self, key: &'static dyn Carry) {
        match self.near.get_mut(self.count) {
            Some(place) => *place = Some(key),
            None => self.far.push(key),
        }
        self.count += 1;
    }

    #[inline]
    fn pop(&mut self) {
        self.count -= 1;
        if self.far.pop().is_some() && self.far.is_empty() {
            self.far = Vec::new();
        }
    }

    /// The key at `index`, in the order in which the scopes were entered.
    #[inline]
    fn get(&self, index: usize) -> Option<&'static dyn Carry> {
        let place = if index < NEAR { self.near[index] } else { self.far.get(index - NEAR).copied() };
        place.filter(|_| index < self.count)
    }
}

/// What [`LocalKey::carried`] notes of its type.
pub(super) fn as_carry<T: Clone + Send + 'static>(key: &'static LocalKey<T>) -> &'static dyn Carry {
    key
}

/// A scope of this key begins.
#[inline]
pub(super) fn list(key: &'static dyn Carry) {
    let _ = CARRIED.try_with(|keys| keys.borrow_mut().push(key));
}

/// The scope that began last ends: scopes end in the opposite order in which they began.
#[inline]
pub(super) fn unlist() {
    let _ = CARRIED.try_with(|keys| keys.borrow_mut().pop());
}

/// A value that a job takes along.
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
    /// Clones the values that are in scope on this thread. `None` if no carried key is in scope.
    #[inline]
    pub(crate) fn capture() -> Option<Self> {
        let has_any = CARRIED.try_with(|keys| keys.borrow().count > 0).unwrap_or(false);
        has_any.then(Self::capture_all)
    }

    #[cold]
    #[inline]
    fn capture_all() -> Self {
        let mut captured: Vec<(&'static dyn Carry, _)> = Vec::new();
        // The list is borrowed for each key anew, since the clones are the user's code. What that code puts in scope is out of
        // scope again when it returns.
        for key in (0..).map_while(|index| CARRIED.with(|keys| keys.borrow().get(index))) {
            // Each key once: its slot has the innermost value.
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

/// While it lives, the values are in scope.
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

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    thread_local!(static SLOT: RefCell<Option<u32>> = const { RefCell::new(None) });

    #[test]
    fn keys_beyond_the_near_ones_are_kept_in_order_and_leave_nothing() {
        static KEYS: [LocalKey<u32>; NEAR + 2] = [const { LocalKey::carried(&SLOT) }; NEAR + 2];
        let mut keys = Keys::new();
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
