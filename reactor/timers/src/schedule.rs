//! The order of deadlines.
//!
//! Timers that come in order are in a lane, where arming and cancelling one takes a few steps, however many there are
//! (`lane.rs`). All others are in a heap (`heap.rs`). The earlier of the two firsts is the first.
//!
//! What is due before the last in the lane goes to the heap. So a timer of a day at the end of the lane would send all others
//! there. Therefore one that is alone in the lane gives way: it goes to the heap itself, and the newcomer has the lane. It is alone
//! as soon as those before it are due or cancelled. Of timeouts with two durations the longer ones have the lane, of which there
//! are most at a time.
//!
//! Why not a timing wheel: deadlines keep their nanosecond, the first is always known, there is no slot to wrap around after
//! twelve days, and no timer that is not due is ever moved to be sorted once more.
//!
//! Timers with the same deadline leave in the order in which they came.

use crate::entry::{Entry, Key, LANE, NEWEST, POPPED, Places};
use crate::heap::Heap;
use crate::lane::Lane;
use std::mem;

/// Values, each with a deadline. A value leaves when its deadline is popped; its key stays until it is removed.
pub(crate) struct Schedule<T> {
    lane: Lane,
    heap: Heap,
    /// By key. `None` once it has been popped.
    values: Vec<Option<T>>,
    places: Places,
    /// The first key that names nothing; the number of values, if every key names one.
    free: u32,
    /// How many keys name something.
    named: usize,
    next_turn: u32,
}

/// Beyond this, the memory of a schedule that has become empty is given back.
const KEPT: usize = 1024;

impl<T> Schedule<T> {
    #[inline(never)]
    pub(crate) fn new() -> Schedule<T> {
        Schedule {
            lane: Lane::new(),
            heap: Heap::new(),
            values: Vec::new(),
            places: Places::new(),
            free: 0,
            named: 0,
            next_turn: 0,
        }
    }

    /// How many are queued. Popped values do not count.
    pub(crate) fn len(&self) -> usize {
        self.lane.len() + self.heap.len()
    }

    /// The earliest deadline, or `u64::MAX`.
    #[inline]
    pub(crate) fn first(&self) -> u64 {
        self.lane.first().deadline.min(self.heap.earliest())
    }

    /// The deadline of the second, or `u64::MAX`.
    #[inline(never)]
    pub(crate) fn second(&self) -> u64 {
        let later = self.lane.first().deadline.max(self.heap.earliest());
        later.min(self.lane.second().deadline).min(self.heap.second())
    }

    /// `deadline` is less than `u64::MAX`.
    #[inline]
    pub(crate) fn insert(&mut self, deadline: u64, value: T) -> Key {
        let key = Key(self.free);
        match self.values.get_mut(key.0 as usize) {
            Some(place) => {
                // Nothing is in there that would have to be dropped.
                mem::forget(place.replace(value));
                self.free = self.places[key.0 as usize];
            }
            None => self.grow(value),
        }
        self.named += 1;
        self.put(key, deadline);
        key
    }

    /// Makes room for one more.
    #[cold]
    #[inline(never)]
    fn grow(&mut self, value: T) {
        self.values.push(Some(value));
        self.places.push(POPPED);
        let free = u32::try_from(self.values.len()).ok().filter(|free| *free < NEWEST);
        self.free = free.expect("there are fewer than 2^31 timers");
    }

    /// Gives a queued value another deadline. Within the heap it goes from where it is to where it belongs, within the lane to the end.
    #[inline]
    pub(crate) fn change(&mut self, key: Key, deadline: u64) {
        match self.places[key.0 as usize] {
            POPPED => {}
            at if at < LANE && !self.lane.takes(deadline) => {
                let entry = self.entry(deadline, key);
                self.heap.change(at, entry, &mut self.places);
            }
            at if at >= LANE && self.lane.takes(deadline) => {
                let entry = self.entry(deadline, key);
                self.lane.exchange(at - LANE, entry);
            }
            _ => self.requeue(key, deadline),
        }
    }

    /// From the heap to the lane, or the other way.
    #[inline(never)]
    fn requeue(&mut self, key: Key, deadline: u64) {
        self.unqueue(key);
        self.put(key, deadline);
    }

    pub(crate) fn is_queued(&self, key: Key) -> bool {
        self.places[key.0 as usize] != POPPED
    }

    /// `None` once it has been popped.
    pub(crate) fn value_mut(&mut self, key: Key) -> &mut Option<T> {
        &mut self.values[key.0 as usize]
    }

    /// Takes the earliest out if its deadline is not after `now`.
    pub(crate) fn pop_due(&mut self, now: u64) -> Option<T> {
        let (lane, heap) = (self.lane.first(), self.heap.first());
        let first = if lane.is_before(heap) { lane } else { heap };
        if first.is_nobody() || first.deadline > now {
            return None;
        }
        self.unqueue(first.key());
        self.places[first.key().0 as usize] = POPPED;
        self.values[first.key().0 as usize].take()
    }

    /// Takes a value out, unless it has been popped, and takes its key back. Also returns what its deadline was, or `u64::MAX` if
    /// it has been popped.
    #[inline]
    pub(crate) fn remove(&mut self, key: Key) -> (Option<T>, u64) {
        let deadline = self.unqueue(key);
        self.places[key.0 as usize] = self.free;
        self.free = key.0;
        self.named -= 1;
        let value = self.values[key.0 as usize].take();
        if self.named == 0 && self.values.capacity() > KEPT {
            self.shrink();
        }
        (value, deadline)
    }

    #[cold]
    #[inline(never)]
    fn shrink(&mut self) {
        *self = Schedule::new();
    }

    /// Queues a key that is not queued.
    #[inline]
    fn put(&mut self, key: Key, deadline: u64) {
        let entry = self.entry(deadline, key);
        if self.lane.takes(deadline) {
            self.push(entry);
        } else if self.lane.len() == 1 {
            self.exchange_only(entry);
        } else {
            self.heap.insert(entry, &mut self.places);
        }
    }

    /// The one in the lane gives way.
    #[inline(never)]
    fn exchange_only(&mut self, entry: Entry) {
        let only = self.lane.first();
        let at = self.places[only.key().0 as usize];
        self.places[entry.key().0 as usize] = at;
        self.lane.exchange(at - LANE, entry);
        self.heap.insert(only, &mut self.places);
    }

    #[inline]
    fn push(&mut self, entry: Entry) {
        // Neither overflows nor is POPPED: there are fewer nodes than 2^31.
        self.places[entry.key().0 as usize] = LANE + self.lane.push(entry);
    }

    fn entry(&mut self, deadline: u64, key: Key) -> Entry {
        let turn = self.next_turn;
        self.next_turn = turn.wrapping_add(1);
        Entry::new(deadline, turn, key)
    }

    /// Takes a key out of the order, if it is there, and returns its deadline. The key's place is out of date afterwards.
    #[inline]
    fn unqueue(&mut self, key: Key) -> u64 {
        match self.places[key.0 as usize] {
            POPPED => u64::MAX,
            at if at >= LANE => self.lane.remove(at - LANE),
            at => self.heap.remove(at, &mut self.places),
        }
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use fastrand::Rng;
    use std::collections::BTreeMap;

    const DAY: u64 = 86_400 * 1_000_000_000;

    /// Deadlines that have broken timers before: now, one nanosecond, 25 days, as far as it goes. And timeouts of two durations.
    fn deadline(random: &mut Rng, step: u64) -> u64 {
        match random.u64(..12) {
            8 | 9 => step + 500,
            10 => step + 900,
            11 => step,
            0 => 0,
            1 => 1,
            2 => 25 * DAY,
            3 => u64::MAX - 1,
            4 => random.u64(..13 * DAY),
            _ => random.u64(..1_000),
        }
    }

    #[test]
    fn behaves_as_a_sorted_map_under_any_sequence_of_operations() {
        let mut random = Rng::with_seed(0x5eed);
        for round in 0..60 {
            let mut schedule = Schedule::new();
            let mut model: BTreeMap<(u64, u64), u64> = BTreeMap::new();
            let mut queued = Vec::new();
            let mut popped = Vec::new();
            for step in 0..1_500_u64 {
                match random.u64(..if round % 2 == 0 { 5 } else { 9 }) {
                    0 if !queued.is_empty() => {
                        let at = random.usize(..queued.len());
                        let (key, order): (Key, (u64, u64)) = queued.swap_remove(at);
                        assert_eq!(schedule.remove(key), (model.remove(&order), order.0));
                    }
                    1 => {
                        let now = deadline(&mut random, step);
                        let expected =
                            model.first_key_value().map(|(order, _)| *order).filter(|o| o.0 <= now);
                        let value = schedule.pop_due(now);
                        assert_eq!(value, expected.and_then(|order| model.remove(&order)));
                        if let Some(order) = expected {
                            let at = queued.iter().position(|(_, other)| *other == order).unwrap();
                            let key = queued.swap_remove(at).0;
                            assert!(!schedule.is_queued(key));
                            popped.push(key);
                        }
                    }
                    2 if !queued.is_empty() => {
                        let at = random.usize(..queued.len());
                        let value = model.remove(&queued[at].1).unwrap();
                        queued[at].1 = (deadline(&mut random, step), step);
                        schedule.change(queued[at].0, queued[at].1.0);
                        model.insert(queued[at].1, value);
                    }
                    3 if !popped.is_empty() => {
                        assert_eq!(schedule.remove(popped.swap_remove(0)), (None, u64::MAX));
                    }
                    _ => {
                        let order = (deadline(&mut random, step), step);
                        queued.push((schedule.insert(order.0, step), order));
                        model.insert(order, step);
                    }
                }
                assert_eq!(schedule.len(), model.len());
                let mut first_two = model.keys().map(|order| order.0).chain([u64::MAX; 2]);
                assert_eq!(
                    (schedule.first(), schedule.second()),
                    (first_two.next().unwrap(), first_two.next().unwrap())
                );
            }
            let drained: Vec<_> = std::iter::from_fn(|| schedule.pop_due(u64::MAX)).collect();
            assert_eq!(drained, model.into_values().collect::<Vec<_>>(), "in order, ties as they came");
        }
    }

    impl<T> Schedule<T> {
        fn capacity(&self) -> usize {
            let in_order = self.lane.capacity().max(self.heap.capacity());
            self.values.capacity().max(self.places.capacity()).max(in_order)
        }
    }

    #[test]
    fn timers_that_come_in_order_stay_out_of_the_heap() {
        let mut schedule = Schedule::new();
        let mut armed = std::collections::VecDeque::new();
        // A day, before and behind which there are timeouts of 50 until it is the only one left.
        for now in 0..1_000 {
            if now == 100 {
                let _of_a_day = schedule.insert(DAY, ());
            }
            armed.push_back(schedule.insert(now + 50, ()));
            if armed.len() > 10 {
                assert_eq!(schedule.remove(armed.pop_front().unwrap()).1, now + 40);
            }
            let in_heap = match now {
                ..100 => 0,
                120.. => 1,
                _ => schedule.heap.len(),
            };
            assert_eq!(schedule.heap.len(), in_heap, "at {now}");
        }
    }

    #[test]
    fn many_timeouts_of_which_the_first_and_the_last_stay_take_the_memory_of_three() {
        let mut schedule = Schedule::new();
        let _first = schedule.insert(0, ());
        let mut last = schedule.insert(1, ());
        for now in 2..100_000 {
            let next = schedule.insert(now, ());
            schedule.remove(last);
            last = next;
        }
        assert_eq!((schedule.len(), schedule.first(), schedule.second()), (2, 0, 99_999));
        assert!(schedule.capacity() <= 8);
    }

    #[test]
    fn those_in_the_heap_take_no_memory_of_the_lane() {
        let mut schedule = Schedule::new();
        for deadline in (0..10_000).rev() {
            let _armed = schedule.insert(deadline, ());
        }
        assert_eq!((schedule.lane.len(), schedule.len()), (1, 10_000));
        assert!(schedule.lane.capacity() <= 8);
    }

    #[test]
    fn a_million_timers_one_after_another_take_the_memory_of_one() {
        let mut schedule = Schedule::new();
        let _armed = schedule.insert(1, ());
        for deadline in 0..1_000_000 {
            let key = schedule.insert(deadline, ());
            schedule.remove(key);
        }
        assert_eq!((schedule.values.len(), schedule.places.len(), schedule.len()), (2, 2, 1));
        assert!(schedule.capacity() <= 8);
    }

    #[test]
    fn memory_of_a_flood_is_given_back() {
        let mut schedule = Schedule::new();
        let keys: Vec<_> = (0..100_000).map(|i| schedule.insert(i, ())).collect();
        for key in keys {
            schedule.remove(key);
        }
        assert!(schedule.capacity() <= KEPT);
    }
}
