//! What is another thing in each process.
//!
//! A chain of places, one for each process from the first that asked down to this one, which is the last. A child goes past the
//! places of its ancestors and adds its own. It may take something over from the nearest of them that has a value.
//!
//! A thread of the parent may have been making the parent's value when it was forked, and that is never done here. So nobody waits
//! at a place of another process. Within one process a value is made once, and whoever comes meanwhile waits for it.
//!
//! A place is added by one compare-exchange, so that there is nothing in the chain itself that a fork could leave half done.
//! (The timers have such a pointer by itself, in their `set_once.rs`. The pool depends on no other crate, and this one is the same for all types.)

// The chain is made of pointers that are set once.
#![allow(unsafe_code)]

use std::fmt;
use std::marker::PhantomData;
use std::ptr::{self, NonNull};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicPtr, Ordering};

use super::{is_child_of, note};

/// What each process has one of, made when it is first asked for. That of a fork's parent stays as it is, and nobody's.
pub struct PerProcess<T> {
    chain: Chain,
    /// To be shared between threads, and sent, if that can be.
    owns: PhantomData<OnceLock<T>>,
}

impl<T> PerProcess<T> {
    /// None is made yet.
    #[allow(clippy::new_without_default)] // For statics.
    pub const fn new() -> Self {
        Self { chain: Chain::new(), owns: PhantomData }
    }

    /// That of this process, if it is made. A few loads: a signal handler may ask.
    #[inline]
    pub fn get(&self) -> Option<&T> {
        // SAFETY: in this chain.
        self.chain.get().map(|value| unsafe { value.cast().as_ref() })
    }

    /// That of this process, or, while there is none, of its nearest ancestor that has one. As good for a signal handler.
    #[inline]
    pub fn nearest(&self) -> Option<&T> {
        // SAFETY: in this chain.
        self.chain.nearest().map(|value| unsafe { value.cast().as_ref() })
    }

    /// That of this process. Of several threads that find none, one calls `make`, with that of the nearest ancestor that has one,
    /// and the others wait for it.
    #[inline]
    pub fn get_or_init(&self, make: impl FnOnce(Option<&T>) -> T) -> &T {
        self.get().unwrap_or_else(|| self.init(make))
    }

    #[cold]
    #[inline(never)]
    fn init(&self, make: impl FnOnce(Option<&T>) -> T) -> &T {
        let mut make = Some(make);
        let value = self.chain.init(&mut |above| {
            let make = make.take().expect("the chain asks for one value");
            // SAFETY: in this chain.
            Value::new(make(above.map(|above| unsafe { above.cast().as_ref() })))
        });
        // SAFETY: in this chain.
        unsafe { value.cast().as_ref() }
    }
}

/// The chain, which does not know what the values are: so it is compiled once for all of them. All in one chain are of one type, and
/// they and the places stay where they are for as long as the chain is there.
struct Chain {
    /// Null, or from a box, and then the same for ever.
    first: AtomicPtr<Place>,
}

struct Place {
    /// Of the process whose place it is.
    born: u32,
    value: OnceLock<Value>,
    /// Those of its descendants.
    below: Chain,
}

impl Place {
    fn at(&self) -> Option<NonNull<()>> {
        self.value.get().map(|value| value.at)
    }
}

/// From a box of its own.
struct Value {
    at: NonNull<()>,
    drop: unsafe fn(NonNull<()>),
}

impl Value {
    fn new<T>(value: T) -> Self {
        unsafe fn drop_box<T>(at: NonNull<()>) {
            // SAFETY: from the box below, and dropped once, with the value that owns it.
            drop(unsafe { Box::from_raw(at.cast::<T>().as_ptr()) });
        }
        Self { at: NonNull::from(Box::leak(Box::new(value))).cast(), drop: drop_box::<T> }
    }
}

impl Drop for Value {
    #[inline(never)]
    fn drop(&mut self) {
        // SAFETY: they were made together.
        unsafe { (self.drop)(self.at) };
    }
}

impl Chain {
    const fn new() -> Self {
        Self { first: AtomicPtr::new(ptr::null_mut()) }
    }

    #[inline(never)]
    fn get(&self) -> Option<NonNull<()>> {
        let mut last = self.first()?;
        while let Some(place) = last.below.first() {
            last = place;
        }
        if is_child_of(last.born) { None } else { last.at() }
    }

    #[inline(never)]
    fn nearest(&self) -> Option<NonNull<()>> {
        let (mut at, mut nearest) = (self, None);
        while let Some(place) = at.first() {
            nearest = place.at().or(nearest);
            at = &place.below;
        }
        nearest
    }

    #[inline(never)]
    fn init(&self, make: &mut dyn FnMut(Option<NonNull<()>>) -> Value) -> NonNull<()> {
        let born = note();
        let (mut at, mut nearest) = (self, None);
        loop {
            let place = at.first_or_add(born);
            if place.born == born {
                return place.value.get_or_init(|| make(nearest)).at;
            }
            nearest = place.at().or(nearest);
            at = &place.below;
        }
    }

    fn first(&self) -> Option<&Place> {
        // Acquire: pairs with the Release of whoever added it. SAFETY: null or from a box that is freed with `self`.
        unsafe { self.first.load(Ordering::Acquire).as_ref() }
    }

    fn first_or_add(&self, born: u32) -> &Place {
        if let Some(first) = self.first() {
            return first;
        }
        let added = Box::into_raw(Box::new(Place { born, value: OnceLock::new(), below: Self::new() }));
        // Release: whoever finds it finds what is in it. Acquire: the same for us, if somebody was quicker.
        match self.first.compare_exchange(ptr::null_mut(), added, Ordering::Release, Ordering::Acquire) {
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

impl Drop for Chain {
    #[inline(never)]
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

impl<T: Default> Default for Inherited<T> {
    #[inline]
    fn default() -> Self {
        Self::new(T::default())
    }
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
    #[inline(never)]
    fn in_child(&self, inherit: impl FnOnce(&T) -> T) -> &T {
        self.in_fork.init(|above| inherit(above.unwrap_or(&self.value)))
    }
}
