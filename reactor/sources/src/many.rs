//! Those who wait for one source beside the first, in the order of their ids.
//!
//! In place of a `VecDeque`, whose code for the same is a tenth of all that is compiled for this crate.

use crate::Direction;
use crate::waiters::{Waiter, WaiterId};
use std::cmp::Ordering;
use std::task::Waker;

/// At either end one is taken out without moving the others.
#[derive(Default)]
pub(crate) struct Many {
    /// From `first` on everybody is there, before it nobody.
    places: Vec<Option<Waiter>>,
    first: usize,
}

impl Many {
    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.first == self.places.len()
    }

    pub(crate) fn get(&mut self, id: WaiterId) -> Option<&mut Waiter> {
        let at = self.find(id)?;
        self.places[at].as_mut()
    }

    /// Those who have just come stay where they are. One who comes back with the id it had goes before those who came later.
    #[inline(never)]
    pub(crate) fn insert(&mut self, waiter: Waiter) {
        if self.first > self.places.len() / 2 {
            // More have gone than are there, so that moving these costs each of those one step.
            self.take_ready(&|_| false, &mut Vec::new());
        }
        let mut at = self.places.len();
        while at > self.first && self.id_at(at - 1) > waiter.id {
            at -= 1;
        }
        self.places.insert(at, Some(waiter));
    }

    #[inline(never)]
    pub(crate) fn remove(&mut self, id: WaiterId) -> Option<Waiter> {
        let at = self.find(id)?;
        self.places.remove(at)
    }

    #[inline(never)]
    pub(crate) fn pop_first(&mut self) -> Option<Waiter> {
        let waiter = self.places.get_mut(self.first)?.take();
        self.first += 1;
        waiter
    }

    pub(crate) fn pop_last(&mut self) -> Option<Waiter> {
        if self.is_empty() { None } else { self.places.pop()? }
    }

    /// Moves the wakers of those whose direction is ready to `woken`, in one pass. The memory is kept.
    #[cold]
    pub(crate) fn take_ready(&mut self, is_ready: &dyn Fn(Direction) -> bool, woken: &mut Vec<Waker>) {
        let mut kept = 0;
        for at in self.first..self.places.len() {
            match self.places[at].take() {
                Some(waiter) if is_ready(waiter.id.direction()) => woken.push(waiter.waker),
                waiter => {
                    self.places[kept] = waiter;
                    kept += 1;
                }
            }
        }
        self.first = 0;
        self.places.truncate(kept);
    }

    fn id_at(&self, at: usize) -> WaiterId {
        match &self.places[at] {
            Some(waiter) => waiter.id,
            None => WaiterId::none(Direction::Read),
        }
    }

    /// Where it is, by halves.
    fn find(&self, id: WaiterId) -> Option<usize> {
        let (mut start, mut end) = (self.first, self.places.len());
        while start < end {
            let middle = usize::midpoint(start, end);
            match self.id_at(middle).cmp(&id) {
                Ordering::Less => start = middle + 1,
                Ordering::Equal => return Some(middle),
                Ordering::Greater => end = middle,
            }
        }
        None
    }
}
