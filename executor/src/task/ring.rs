//! A ring that grows: entries go in at both ends and come out at the front.
//!
//! In place of `VecDeque`, whose code for the same is four times as long. A program with a loop has it compiled whether or not it spawns.

use std::mem;

/// An empty ring keeps the memory for this many entries.
const KEPT: usize = 4096;
/// A power of two.
const FEWEST: usize = 16;

#[derive(Debug)]
pub(super) struct Ring<T> {
    /// None, or as many as a power of two. Those that are not in use have some former entry.
    places: Vec<T>,
    /// The numbers of the first entry and of the next one. An entry is in the place with its number, modulo their count.
    first: usize,
    end: usize,
}

impl<T> Default for Ring<T> {
    fn default() -> Self {
        Self { places: Vec::new(), first: 0, end: 0 }
    }
}

impl<T: Copy> Ring<T> {
    #[inline]
    pub(super) fn len(&self) -> usize {
        self.end.wrapping_sub(self.first)
    }

    #[inline]
    pub(super) fn push_back(&mut self, entry: T) {
        self.make_room(entry);
        let place = self.place(self.end);
        self.places[place] = entry;
        self.end = self.end.wrapping_add(1);
    }

    #[inline]
    pub(super) fn push_front(&mut self, entry: T) {
        self.make_room(entry);
        self.first = self.first.wrapping_sub(1);
        let place = self.place(self.first);
        self.places[place] = entry;
    }

    #[inline]
    pub(super) fn pop_front(&mut self) -> Option<T> {
        if self.first == self.end {
            return None;
        }
        let entry = self.places[self.place(self.first)];
        self.first = self.first.wrapping_add(1);
        if self.first == self.end && self.places.len() > KEPT {
            drop(mem::take(self));
        }
        Some(entry)
    }

    #[inline]
    fn place(&self, number: usize) -> usize {
        number & self.places.len().wrapping_sub(1)
    }

    #[inline]
    fn make_room(&mut self, any: T) {
        if self.len() == self.places.len() {
            self.grow(any);
        }
    }

    /// Twice as many places, and all entries twice: so each is in the place with its number again.
    #[cold]
    #[inline(never)]
    fn grow(&mut self, any: T) {
        let more = if self.places.is_empty() { FEWEST } else { self.places.len() };
        for place in 0..more {
            let entry = self.places.get(place).copied().unwrap_or(any);
            self.places.push(entry);
        }
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use std::collections::VecDeque;

    /// Whatever the place of the first entry when it grows.
    #[test]
    fn it_does_what_a_vec_deque_does() {
        for before in 0..40 {
            let (mut ring, mut deque) = (Ring::default(), VecDeque::new());
            for number in 0..before {
                ring.push_back(number);
                ring.pop_front();
            }
            for number in 0..200 {
                if number % 3 == 0 {
                    ring.push_front(number);
                    deque.push_front(number);
                } else {
                    ring.push_back(number);
                    deque.push_back(number);
                }
                if number % 5 == 0 {
                    assert_eq!(ring.pop_front(), deque.pop_front());
                }
                assert_eq!(ring.len(), deque.len());
            }
            while let Some(number) = deque.pop_front() {
                assert_eq!(ring.pop_front(), Some(number));
            }
            assert_eq!(ring.pop_front(), None);
        }
    }

    #[test]
    fn after_a_flood_the_memory_goes() {
        let mut ring = Ring::default();
        for most in [KEPT, KEPT + 1] {
            (0..most).for_each(|number| ring.push_back(number));
            while ring.pop_front().is_some() {}
            assert_eq!(ring.places.is_empty(), most > KEPT);
        }
    }
}
