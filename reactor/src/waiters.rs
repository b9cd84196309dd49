//! Who waits for one source, in the order of arrival.
//!
//! Almost always nobody or one, so there is a place for one here, and memory elsewhere only for more.

use crate::registration::Direction;
use std::mem;
use std::task::Waker;

#[derive(Default)]
pub(crate) struct Waiters {
    first: Option<Waiter>,
    /// Empty if there is no first. Boxed, so that it is one word for the many that never have any.
    #[allow(clippy::box_collection)]
    more: Option<Box<Vec<Waiter>>>,
}

pub(crate) struct Waiter {
    pub(crate) id: WaiterId,
    pub(crate) waker: Waker,
}

/// Bit 0 is the direction. 0 and 1 have not waited yet, 2 and 3 are the two poll slots, everything above belongs to
/// one operation each.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct WaiterId(u64);

/// What is above bit 0 in the poll slots.
const POLL_SLOT: u64 = 1;

/// Gives out ids, none twice.
pub(crate) struct WaiterIds(u64);

impl Default for WaiterIds {
    fn default() -> WaiterIds {
        WaiterIds(POLL_SLOT)
    }
}

impl WaiterIds {
    fn take(&mut self, direction: Direction) -> WaiterId {
        self.0 += 1;
        WaiterId(self.0 << 1 | direction as u64)
    }
}

impl WaiterId {
    /// To be given an id of its own if it has to wait.
    pub(crate) const fn none(direction: Direction) -> WaiterId {
        WaiterId(direction as u64)
    }

    /// The one slot per direction behind `poll_*` methods: the last caller is the one that is woken.
    pub(crate) const fn poll_slot(direction: Direction) -> WaiterId {
        WaiterId(POLL_SLOT << 1 | direction as u64)
    }

    pub(crate) fn is_none(self) -> bool {
        self.0 >> 1 == 0
    }

    pub(crate) fn direction(self) -> Direction {
        if self.0 & 1 == Direction::Read as u64 { Direction::Read } else { Direction::Write }
    }
}

impl Waiters {
    pub(crate) fn find(&mut self, id: WaiterId) -> Option<&mut Waiter> {
        let more = self.more.iter_mut().flat_map(|more| more.iter_mut());
        self.first.iter_mut().chain(more).find(|waiter| waiter.id == id)
    }

    /// Adds one that is not there, under an id of its own if it has none.
    pub(crate) fn add(&mut self, id: &mut WaiterId, ids: &mut WaiterIds, waker: Waker) {
        if id.is_none() {
            *id = ids.take(id.direction());
        }
        self.push(Waiter { id: *id, waker });
    }

    pub(crate) fn remove(&mut self, id: WaiterId) -> Option<Waiter> {
        let more = self.more.as_mut().filter(|more| !more.is_empty());
        if self.first.as_ref()?.id == id {
            // The next one takes its place.
            let next = more.map(|more| more.remove(0));
            return mem::replace(&mut self.first, next);
        }
        let more = more?;
        let at = more.iter().position(|waiter| waiter.id == id)?;
        Some(more.remove(at))
    }

    /// Moves those to `woken` whose direction is ready.
    #[inline]
    pub(crate) fn take_ready(&mut self, is_ready: impl Fn(Direction) -> bool, woken: &mut Vec<Waker>) {
        if self.more.as_ref().is_none_or(|more| more.is_empty()) {
            let first = self.first.take_if(|first| is_ready(first.id.direction()));
            if let Some(first) = first {
                woken.push(first.waker);
            }
        } else {
            self.take_ready_of_many(&is_ready, woken);
        }
    }

    /// In one pass, however many there are.
    #[cold]
    fn take_ready_of_many(&mut self, is_ready: &dyn Fn(Direction) -> bool, woken: &mut Vec<Waker>) {
        let mut more = self.more.take().unwrap_or_default();
        if more.iter().all(|waiter| is_ready(waiter.id.direction())) {
            // All or none but the first, as a rule, and the memory is kept.
            let first = self.first.take_if(|first| is_ready(first.id.direction()));
            woken.extend(first.into_iter().chain(more.drain(..)).map(|waiter| waiter.waker));
            self.more = Some(more);
            return;
        }
        for waiter in self.first.take().into_iter().chain(*more) {
            if is_ready(waiter.id.direction()) {
                woken.push(waiter.waker);
            } else {
                self.push(waiter);
            }
        }
    }

    #[inline]
    fn push(&mut self, waiter: Waiter) {
        if self.first.is_none() {
            self.first = Some(waiter);
        } else {
            self.more.get_or_insert_default().push(waiter);
        }
    }
}

impl IntoIterator for Waiters {
    type Item = Waiter;
    type IntoIter = std::iter::Chain<std::option::IntoIter<Waiter>, std::vec::IntoIter<Waiter>>;

    fn into_iter(self) -> Self::IntoIter {
        self.first.into_iter().chain(*self.more.unwrap_or_default())
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use Direction::{Read, Write};
    use std::sync::{Arc, Mutex};
    use std::task::Wake;

    /// Says its number when it is woken.
    struct Number(usize, Arc<Mutex<Vec<usize>>>);

    impl Wake for Number {
        fn wake(self: Arc<Self>) {
            self.1.lock().unwrap().push(self.0);
        }
    }

    #[test]
    fn those_who_are_ready_are_taken_in_their_order_and_the_others_keep_theirs() {
        let order = Arc::default();
        let (mut waiters, mut ids) = (Waiters::default(), WaiterIds::default());
        for (number, direction) in [Read, Write, Read, Read, Write, Write].into_iter().enumerate() {
            let waker = Waker::from(Arc::new(Number(number, Arc::clone(&order))));
            waiters.add(&mut WaiterId::none(direction), &mut ids, waker);
        }
        for (ready, expected) in [(None, &[][..]), (Some(Write), &[1, 4, 5]), (Some(Read), &[0, 2, 3])] {
            let mut woken = Vec::new();
            waiters.take_ready(|direction| ready == Some(direction), &mut woken);
            woken.into_iter().for_each(Waker::wake);
            assert_eq!(std::mem::take(&mut *order.lock().unwrap()), expected);
        }
        assert_eq!(waiters.into_iter().count(), 0);
    }

    #[test]
    fn the_next_one_who_stays_is_the_first() {
        let (mut waiters, mut ids) = (Waiters::default(), WaiterIds::default());
        let mut two = [Read, Write].map(WaiterId::none);
        two.iter_mut().for_each(|id| waiters.add(id, &mut ids, Waker::noop().clone()));
        waiters.take_ready(|direction| direction == Read, &mut Vec::new());
        assert!(waiters.remove(two[0]).is_none());
        assert!(waiters.remove(two[1]).is_some());
    }
}
