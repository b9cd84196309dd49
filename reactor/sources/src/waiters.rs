//! Who waits for one source, in the order of arrival.
//!
//! Almost always that is nobody or one waiter. So there is a place for one in here, and memory elsewhere only if there are more.
//!
//! Those are in the order of their ids, which is the order of their arrival, since a waiter that is woken in vain comes back with
//! the id it had. So each of many thousands is found in a few steps when it comes back or gives up.
//!
//! Almost always, too, it is the same task again and again. So if its waker is a [known](KnownWakers) one, the waker stays in the
//! first place after it has been woken, and the task finds it there when it waits again. A waiter that is kept so has no id,
//! and is not woken.

use crate::Direction;
use crate::known::KnownWakers;
use crate::many::Many;
use std::mem;
use std::task::Waker;

#[derive(Default)]
pub(crate) struct Waiters {
    first: Option<Waiter>,
    /// Empty if there is no first, or if that is only kept. Boxed, because most sources never have more than one waiter, and then
    /// it is one word.
    more: Option<Box<Many>>,
}

pub(crate) struct Waiter {
    pub(crate) id: WaiterId,
    pub(crate) waker: Waker,
}

/// Which waiter it is. Bit 0 is the direction. 0 and 1 do not wait, 2 and 3 are the two poll slots, everything above belongs to
/// one operation each.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct WaiterId(u64);

/// The number, above bit 0, of both poll slots.
const POLL_SLOT: u64 = 1;

/// Gives out ids, none twice.
pub(crate) struct WaiterIds(u64);

impl Default for WaiterIds {
    fn default() -> WaiterIds {
        WaiterIds(POLL_SLOT)
    }
}

impl WaiterIds {
    pub(crate) fn take(&mut self, direction: Direction) -> WaiterId {
        self.0 += 1;
        WaiterId(self.0 << 1 | direction as u64)
    }
}

impl WaiterId {
    /// For a waiter that does not wait yet. It is given an id of its own when it has to.
    pub const fn none(direction: Direction) -> WaiterId {
        WaiterId(direction as u64)
    }

    /// The one slot per direction behind `poll_*` methods: the last caller is the one that is woken.
    pub const fn poll_slot(direction: Direction) -> WaiterId {
        WaiterId(POLL_SLOT << 1 | direction as u64)
    }

    /// The poll slot that reads. It alone has a mark: see `scheduled_io.rs`, "Who is listed already".
    pub const READER: WaiterId = WaiterId::poll_slot(Direction::Read);

    /// Whether it does not wait.
    #[inline]
    #[must_use]
    pub fn is_none(self) -> bool {
        self.0 >> 1 == 0
    }

    /// What it waits for.
    #[inline]
    #[must_use]
    pub fn direction(self) -> Direction {
        if self.0 & 1 == Direction::Read as u64 { Direction::Read } else { Direction::Write }
    }
}

impl Waiters {
    /// The waiter that has been woken and stays.
    #[inline]
    pub(crate) fn kept(&mut self) -> Option<&mut Waiter> {
        self.first.as_mut().filter(|first| first.id.is_none())
    }

    /// The first place, if it is this waiter's, or kept for whoever comes.
    #[inline]
    pub(crate) fn kept_for(&mut self, id: WaiterId) -> Option<&mut Waiter> {
        self.first.as_mut().filter(|first| first.id.is_none() || first.id == id)
    }

    /// The place of a waiter that is here, or the one that is kept for whoever comes.
    #[inline]
    pub(crate) fn place_of(&mut self, id: WaiterId) -> Option<&mut Waiter> {
        if self.first.as_ref().is_some_and(|first| first.id.is_none() || first.id == id) {
            return self.first.as_mut();
        }
        if id.is_none() {
            // It is nowhere yet. If many come at once, none of them should have to look through all the others.
            return None;
        }
        self.more.as_mut()?.get(id)
    }

    pub(crate) fn remove(&mut self, id: WaiterId) -> Option<Waiter> {
        if self.first.as_ref()?.id == id {
            // The next one takes its place.
            let next = self.more.as_mut().and_then(|more| more.pop_first());
            return mem::replace(&mut self.first, next);
        }
        self.more.as_mut()?.remove(id)
    }

    /// Wakes those whose direction is ready: directly if there is only one, with a known waker; otherwise by moving their wakers
    /// to `woken`.
    #[inline]
    pub(crate) fn wake_ready(
        &mut self,
        is_ready: impl Fn(Direction) -> bool,
        known: KnownWakers,
        woken: &mut Vec<Waker>,
    ) {
        if self.more.as_ref().is_some_and(|more| !more.is_empty()) {
            return self.take_ready_of_many(&is_ready, woken);
        }
        match &mut self.first {
            Some(first) if !first.id.is_none() && is_ready(first.id.direction()) => {
                if known.include(&first.waker) {
                    first.id = WaiterId::none(first.id.direction());
                    first.waker.wake_by_ref();
                } else if let Some(first) = self.first.take() {
                    woken.push(first.waker);
                }
            }
            _ => {}
        }
    }

    /// In one pass, however many there are. The memory is kept.
    #[cold]
    fn take_ready_of_many(&mut self, is_ready: &dyn Fn(Direction) -> bool, woken: &mut Vec<Waker>) {
        if let Some(first) = self.first.take_if(|first| is_ready(first.id.direction())) {
            woken.push(first.waker);
        }
        let Some(more) = &mut self.more else { return };
        more.take_ready(is_ready, woken);
        if self.first.is_none() {
            self.first = more.pop_first();
        }
    }

    /// Moves everybody who waits to `woken`.
    pub(crate) fn take_all(&mut self, woken: &mut Vec<Waker>) {
        if self.kept().is_none() {
            self.take_ready_of_many(&|_| true, woken);
        }
    }

    /// Takes one of them, in no particular order.
    pub(crate) fn take_one(&mut self) -> Option<Waiter> {
        let of_many = self.more.as_mut().and_then(|more| more.pop_last());
        of_many.or_else(|| self.first.take())
    }

    /// Adds one that is not here, and for whom none is kept.
    #[inline]
    pub(crate) fn push(&mut self, waiter: Waiter) {
        if self.first.is_none() {
            self.first = Some(waiter);
            return;
        }
        self.more.get_or_insert_default().insert(waiter);
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
            waiters.push(Waiter { id: ids.take(direction), waker });
        }
        for (ready, expected) in [(None, &[][..]), (Some(Write), &[1, 4, 5]), (Some(Read), &[0, 2, 3])] {
            let mut woken = Vec::new();
            waiters.wake_ready(|direction| ready == Some(direction), KnownWakers::default(), &mut woken);
            woken.into_iter().for_each(Waker::wake);
            assert_eq!(std::mem::take(&mut *order.lock().unwrap()), expected);
        }
        assert!(waiters.take_one().is_none());
    }

    /// Against a plain list: poll slots among them, some coming back with the id they had, some giving up, in any order.
    #[test]
    fn whoever_waits_is_found_and_nobody_else() {
        fastrand::seed(5);
        let (mut waiters, mut ids) = (Waiters::default(), WaiterIds::default());
        let (mut here, mut away) = (Vec::new(), vec![WaiterId::poll_slot(Write), WaiterId::poll_slot(Read)]);
        for _ in 0..5000 {
            match fastrand::u8(..8) {
                0..3 => {
                    let id = match away.len() {
                        0 => ids.take(Read),
                        n if n < 20 || fastrand::bool() => ids.take(Write),
                        n => away.swap_remove(fastrand::usize(..n)),
                    };
                    assert!(waiters.place_of(id).is_none());
                    waiters.push(Waiter { id, waker: Waker::noop().clone() });
                    here.push(id);
                }
                3..6 if !here.is_empty() => {
                    let id = here.swap_remove(fastrand::usize(..here.len()));
                    assert!(waiters.place_of(id).is_some_and(|place| place.id == id));
                    assert!(waiters.remove(id).is_some_and(|waiter| waiter.id == id));
                    assert!(waiters.remove(id).is_none());
                    away.push(id);
                }
                6 if fastrand::u8(..10) == 0 => {
                    let is_ready = |direction| direction == Write;
                    let mut woken = Vec::new();
                    waiters.wake_ready(is_ready, KnownWakers::default(), &mut woken);
                    let (gone, rest): (Vec<_>, _) = here.iter().partition(|id| is_ready(id.direction()));
                    assert_eq!(gone.len(), woken.len());
                    away.extend(gone);
                    here = rest;
                }
                _ => assert!(here.iter().all(|&id| waiters.place_of(id).is_some_and(|place| place.id == id))),
            }
        }
        assert_eq!(std::iter::from_fn(|| waiters.take_one()).count(), here.len());
    }

    #[test]
    fn the_next_one_who_stays_is_the_first() {
        let (mut waiters, mut ids) = (Waiters::default(), WaiterIds::default());
        let two = [Read, Write].map(|direction| ids.take(direction));
        two.iter().for_each(|&id| waiters.push(Waiter { id, waker: Waker::noop().clone() }));
        waiters.wake_ready(|direction| direction == Read, KnownWakers::default(), &mut Vec::new());
        assert!(waiters.remove(two[0]).is_none());
        assert!(waiters.remove(two[1]).is_some());
    }

    #[test]
    fn a_known_waker_stays_and_is_woken_only_while_it_waits() {
        let woken = Arc::default();
        let waker = Waker::from(Arc::new(Number(1, Arc::clone(&woken))));
        let known = KnownWakers::new(waker.vtable());
        let (mut waiters, mut ids, mut foreign) = (Waiters::default(), WaiterIds::default(), Vec::new());
        waiters.push(Waiter { id: ids.take(Read), waker });
        waiters.wake_ready(|direction| direction == Write, known, &mut foreign);
        assert_eq!(woken.lock().unwrap().len(), 0);
        for _ in 0..2 {
            waiters.wake_ready(|_| true, known, &mut foreign);
            assert_eq!((woken.lock().unwrap().len(), foreign.len()), (1, 0));
        }
        let place = waiters.place_of(WaiterId::none(Write)).expect("it is kept for whoever comes");
        place.id = ids.take(Write);
        assert!(waiters.place_of(WaiterId::none(Read)).is_none(), "it waits again");
        waiters.wake_ready(|_| true, known, &mut foreign);
        assert_eq!(woken.lock().unwrap().len(), 2);
        waiters.wake_ready(|_| true, KnownWakers::default(), &mut foreign);
        assert_eq!(foreign.len(), 0, "nobody waits");
    }
}
