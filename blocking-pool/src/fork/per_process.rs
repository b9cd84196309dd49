//! What is another thing in each process.
//!
//! A chain of places, one for each process from the first that asked down to this one, which is the last. A child goes past the
//! places of its ancestors and adds its own. It may take something over from the nearest of them that has a value.
//!
//! A thread of the parent may have been making the parent's value when it was forked, and that is never done here. So nobody waits
//! at a place of another process. Within one process a value is made once, and whoever comes meanwhile waits for it.
//!
//! A place is added by one compare-exchange, so that there is nothing in the chain itself that a fork could leave half done.

// The chain is made of pointers that are set once.
#![allow(unsafe_code)]

use std::fmt;
use std::marker::PhantomData;
use std::ptr;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicPtr, Ordering};

use super::{is_child_of, note};

/// What each process has one of, made when it is first asked for. That of a fork's parent stays as it is, and nobody's.
pub struct PerProcess<T> {
    /// The first place of the chain: null, or from a box, and then the same for as long as this is there.
    first: AtomicPtr<Place<T>>,
    /// To be shared between threads, and sent, if that can be.
    owns: PhantomData<OnceLock<T>>,
}

struct Place<T> {
    /// Of the process whose place it is.
    born: u32,
    value: OnceLock<T>,
    /// Those of its descendants.
    below: PerProcess<T>,
}

impl<T> PerProcess<T> {
    /// None is made yet.
    #[allow(clippy::new_without_default)] // For statics.
    pub const fn new() -> Self {
        Self { first: AtomicPtr::new(ptr::null_mut()), owns: PhantomData }
    }

    /// That of this process, if it is made. A few loads: a signal handler may ask.
    pub fn get(&self) -> Option<&T> {
        self.places().last().filter(|place| !is_child_of(place.born))?.value.get()
    }

    /// That of this process, or, while there is none, of its nearest ancestor that has one. As good for a signal handler.
    pub fn nearest(&self) -> Option<&T> {
        self.places().filter_map(|place| place.value.get()).last()
    }

    /// That of this process. Of several threads that find none, one calls `make`, with that of the nearest ancestor that has one,
    /// and the others wait for it.
    pub fn get_or_init(&self, make: impl FnOnce(Option<&T>) -> T) -> &T {
        self.get().unwrap_or_else(|| self.init(make))
    }

    #[cold]
    fn init(&self, make: impl FnOnce(Option<&T>) -> T) -> &T {
        let born = note();
        let (mut at, mut nearest) = (self, None);
        loop {
            let place = at.first_or_add(born);
            if place.born == born {
                return place.value.get_or_init(|| make(nearest));
            }
            nearest = place.value.get().or(nearest);
            at = &place.below;
        }
    }

    fn places(&self) -> impl Iterator<Item = &Place<T>> {
        std::iter::successors(self.first(), |place| place.below.first())
    }

    fn first(&self) -> Option<&Place<T>> {
        // Acquire: pairs with the Release of whoever added it. SAFETY: null or from a box that is freed with `self`.
        unsafe { self.first.load(Ordering::Acquire).as_ref() }
    }

    fn first_or_add(&self, born: u32) -> &Place<T> {
        if let Some(first) = self.first() {
            return first;
        }
        let added = Box::into_raw(Box::new(Place { born, value: OnceLock::new(), below: Self::new() }));
        // Release: whoever finds it finds what is in it. Acquire: the same for us, if somebody was quicker.
        match self.first.compare_exchange(ptr::null_mut(), added, Ordering::AcqRel, Ordering::Acquire) {
            // SAFETY: from the box above, and freed with `self`.
            Ok(_) => unsafe { &*added },
            Err(first) => {
                // SAFETY: from the box above, and nobody else has seen it.
                drop(unsafe { Box::from_raw(added) });
                // SAFETY: not null, so from a box that is freed with `self`.
                unsafe { &*first }
            }
        }
    }
}

impl<T> Drop for PerProcess<T> {
    fn drop(&mut self) {
        let first = *self.first.get_mut();
        if !first.is_null() {
            // SAFETY: from a box; what was borrowed from it was borrowed from `self`.
            drop(unsafe { Box::from_raw(first) });
        }
    }
}

impl<T: fmt::Debug> fmt::Debug for PerProcess<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("PerProcess").field(&self.get()).finish()
    }
}

/// What was made in one process, and has another one in its place in each descendant. To find it costs a look at which process
/// this is.
#[derive(Debug)]
pub struct Inherited<T> {
    value: T,
    born: u32,
    in_fork: PerProcess<T>,
}

impl<T> Inherited<T> {
    /// That of this process.
    pub fn new(value: T) -> Self {
        Self { value, born: note(), in_fork: PerProcess::new() }
    }

    /// That of this process. In a descendant it is what `inherit` has made of that of the nearest ancestor: one thread calls that, and
    /// the others wait for it.
    #[inline]
    pub fn here(&self, inherit: impl FnOnce(&T) -> T) -> &T {
        if is_child_of(self.born) { self.in_child(inherit) } else { &self.value }
    }

    /// That of this process. A descendant begins anew.
    #[inline]
    pub fn own(&self) -> &T
    where
        T: Default,
    {
        self.here(|_| T::default())
    }

    #[cold]
    fn in_child(&self, inherit: impl FnOnce(&T) -> T) -> &T {
        self.in_fork.get_or_init(|above| inherit(above.unwrap_or(&self.value)))
    }
}
