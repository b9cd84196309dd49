//! Who waits for one source, in the order of arrival.
//!
//! Almost always nobody or one, so there is a place for one here and an allocation only for more.

use crate::registration::Direction;
use std::task::Waker;

#[derive(Default)]
pub(crate) struct Waiters {
    first: Option<Waiter>,
    /// Empty if there is no first.
    more: Vec<Waiter>,
    last_id: u64,
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
        self.first.iter_mut().chain(&mut self.more).find(|waiter| waiter.id == id)
    }

    /// Adds one that is not there, under an id of its own if it has none.
    pub(crate) fn add(&mut self, id: &mut WaiterId, waker: Waker) {
        if id.is_none() {
            self.last_id += 1;
            *id = WaiterId((POLL_SLOT + self.last_id) << 1 | id.0);
        }
        let waiter = Waiter { id: *id, waker };
        if self.first.is_none() {
            self.first = Some(waiter);
        } else {
            self.more.push(waiter);
        }
    }

    pub(crate) fn remove(&mut self, id: WaiterId) -> Option<Waiter> {
        if self.first.as_ref()?.id == id {
            return self.take_first();
        }
        let at = self.more.iter().position(|waiter| waiter.id == id)?;
        Some(self.more.remove(at))
    }

    /// Moves those to `woken` whose direction is ready.
    pub(crate) fn take_ready(&mut self, is_ready: impl Fn(Direction) -> bool, woken: &mut Vec<Waker>) {
        while self.first.as_ref().is_some_and(|first| is_ready(first.id.direction())) {
            woken.extend(self.take_first().map(|first| first.waker));
        }
        let mut at = 0;
        while let Some(waiter) = self.more.get(at) {
            if is_ready(waiter.id.direction()) {
                woken.push(self.more.remove(at).waker);
            } else {
                at += 1;
            }
        }
    }

    /// The next one takes its place.
    fn take_first(&mut self) -> Option<Waiter> {
        let next = if self.more.is_empty() { None } else { Some(self.more.remove(0)) };
        std::mem::replace(&mut self.first, next)
    }
}

impl IntoIterator for Waiters {
    type Item = Waiter;
    type IntoIter = std::iter::Chain<std::option::IntoIter<Waiter>, std::vec::IntoIter<Waiter>>;

    fn into_iter(self) -> Self::IntoIter {
        self.first.into_iter().chain(self.more)
    }
}
