//! The order of deadlines: a 4-ary min-heap that knows where each entry is, so that any of them can be removed.
//!
//! Why a heap and not a timing wheel: deadlines keep their nanosecond, there is no slot to wrap around after twelve
//! days, and a removed entry's memory is free at once. The usual timeout is armed later than the others and
//! cancelled before it is due, which costs one comparison on the way in and a few on the way out. Four children
//! instead of two halve the depth and share a cache line (an entry is 16 bytes).
//!
//! Entries with the same deadline leave in the order in which they came.
//!
//! The newest entry is not in the heap, but beside it, until the next one comes. Many timers are cancelled before another one is
//! armed, and these have then not been compared with anything.

use std::mem;

/// Values, each with a deadline. A value leaves when its deadline is popped; its key stays until it is removed.
pub(crate) struct Heap<T> {
    /// `entries[0]` is the earliest; the children of `i` are `4i + 1 ..= 4i + 4`.
    entries: Vec<Entry>,
    /// Not among the entries; or `NOBODY`.
    newest: Entry,
    /// By key. `None` once it has been popped.
    values: Vec<Option<T>>,
    /// Where each key's entry is: an index, or `NEWEST`, or `POPPED` if it is no longer queued. For a key that names nothing, the
    /// next key of that sort. These are apart from the values because every step through the heap writes one of them: packed
    /// densely, they stay in the cache.
    positions: Vec<u32>,
    /// The first key that names nothing; the number of values, if every key names one.
    free: u32,
    /// How many keys name something.
    named: usize,
    next_turn: u32,
}

/// Names a value from [`insert`](Heap::insert) to [`remove`](Heap::remove).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Key(u32);

/// Two words, so that it travels in two registers.
#[derive(Clone, Copy)]
struct Entry {
    deadline: u64,
    /// The upper half is the turn, which breaks ties; the lower half is the key. Turns wrap, after which four
    /// thousand million timers later a tie may go the other way.
    turn_and_key: u64,
}

const POPPED: u32 = u32::MAX;
const NEWEST: u32 = u32::MAX - 1;

/// No entry. It comes after all others.
const NOBODY: Entry = Entry { deadline: u64::MAX, turn_and_key: u64::MAX };

const CHILDREN: usize = 4;

/// Beyond this, the memory of a heap that has become empty is given back.
const KEPT: usize = 1024;

impl Entry {
    fn new(deadline: u64, turn: u32, key: Key) -> Entry {
        Entry { deadline, turn_and_key: u64::from(turn) << 32 | u64::from(key.0) }
    }

    fn key(self) -> Key {
        Key(self.turn_and_key as u32)
    }

    fn is_nobody(self) -> bool {
        self.turn_and_key == NOBODY.turn_and_key
    }

    /// One number, so that comparing takes no branch: which of several children is the least cannot be foretold.
    fn order(self) -> u128 {
        u128::from(self.deadline) << 64 | u128::from(self.turn_and_key)
    }

    fn is_before(self, other: Entry) -> bool {
        self.order() < other.order()
    }
}

impl<T> Heap<T> {
    pub(crate) const fn new() -> Heap<T> {
        Heap {
            entries: Vec::new(),
            newest: NOBODY,
            values: Vec::new(),
            positions: Vec::new(),
            free: 0,
            named: 0,
            next_turn: 0,
        }
    }

    /// How many are queued. Popped values do not count.
    pub(crate) fn len(&self) -> usize {
        self.entries.len() + usize::from(!self.newest.is_nobody())
    }

    /// The earliest deadline, or `u64::MAX`.
    #[inline]
    pub(crate) fn first(&self) -> u64 {
        self.entries.first().map_or(self.newest.deadline, |first| first.deadline.min(self.newest.deadline))
    }

    /// The deadline of the second, or `u64::MAX`.
    pub(crate) fn second(&self) -> u64 {
        let Some((root, others)) = self.entries.split_first() else { return u64::MAX };
        let mut second = root.deadline.max(self.newest.deadline);
        for child in others.iter().take(CHILDREN) {
            second = second.min(child.deadline);
        }
        second
    }

    /// `deadline` is less than `u64::MAX`.
    #[inline]
    pub(crate) fn insert(&mut self, deadline: u64, value: T) -> Key {
        let key = Key(self.free);
        match self.values.get_mut(key.0 as usize) {
            Some(place) => {
                // Nothing is in there that would have to be dropped.
                mem::forget(place.replace(value));
                self.free = self.positions[key.0 as usize];
            }
            None => self.grow(value),
        }
        self.named += 1;
        self.put(key, deadline);
        key
    }

    /// Makes room for one more.
    #[cold]
    fn grow(&mut self, value: T) {
        self.values.push(Some(value));
        self.positions.push(POPPED);
        let free = u32::try_from(self.values.len()).ok().filter(|free| *free < NEWEST);
        self.free = free.expect("fewer than 2^32 timers fit into memory");
    }

    /// Gives a queued value another deadline. It goes from where it is to where it belongs.
    pub(crate) fn change(&mut self, key: Key, deadline: u64) {
        match self.positions[key.0 as usize] {
            POPPED => {}
            NEWEST => self.newest = self.entry(deadline, key),
            at => {
                let entry = self.entry(deadline, key);
                self.settle(at as usize, entry);
            }
        }
    }

    pub(crate) fn is_queued(&self, key: Key) -> bool {
        self.positions[key.0 as usize] != POPPED
    }

    /// `None` once it has been popped.
    pub(crate) fn value_mut(&mut self, key: Key) -> &mut Option<T> {
        &mut self.values[key.0 as usize]
    }

    /// Takes the earliest out if its deadline is not after `now`.
    pub(crate) fn pop_due(&mut self, now: u64) -> Option<T> {
        let first = self.entries.first().copied().unwrap_or(NOBODY);
        let first = if self.newest.is_before(first) { self.newest } else { first };
        if first.is_nobody() || first.deadline > now {
            return None;
        }
        self.unqueue(first.key());
        self.positions[first.key().0 as usize] = POPPED;
        self.values[first.key().0 as usize].take()
    }

    /// Takes a value out, unless it has been popped, and takes its key back. Also returns what its deadline was, or `u64::MAX` if
    /// it has been popped.
    #[inline]
    pub(crate) fn remove(&mut self, key: Key) -> (Option<T>, u64) {
        let deadline = self.unqueue(key);
        self.positions[key.0 as usize] = self.free;
        self.free = key.0;
        self.named -= 1;
        let value = self.values[key.0 as usize].take();
        if self.named == 0 && self.values.capacity() > KEPT {
            self.shrink();
        }
        (value, deadline)
    }

    #[cold]
    fn shrink(&mut self) {
        *self = Heap::new();
    }

    /// Queues a key that is not queued.
    #[inline]
    fn put(&mut self, key: Key, deadline: u64) {
        let entry = self.entry(deadline, key);
        self.positions[key.0 as usize] = NEWEST;
        let older = mem::replace(&mut self.newest, entry);
        if !older.is_nobody() {
            self.push(older);
        }
    }

    fn entry(&mut self, deadline: u64, key: Key) -> Entry {
        let turn = self.next_turn;
        self.next_turn = turn.wrapping_add(1);
        Entry::new(deadline, turn, key)
    }

    /// Takes a key out of the order, if it is there, and returns its deadline. The key's position is out of date afterwards.
    #[inline]
    fn unqueue(&mut self, key: Key) -> u64 {
        let at = self.positions[key.0 as usize];
        if at == NEWEST {
            return mem::replace(&mut self.newest, NOBODY).deadline;
        }
        if at == POPPED { NOBODY.deadline } else { self.take(at as usize) }
    }

    fn push(&mut self, entry: Entry) {
        self.entries.push(entry);
        self.sift_up(self.entries.len() - 1, entry);
    }

    /// Takes the entry out of the heap, and returns its deadline; the last entry fills the hole.
    fn take(&mut self, at: usize) -> u64 {
        let last = self.entries.pop().expect("there is an entry at `at`");
        let Some(taken) = self.entries.get(at) else { return last.deadline };
        let deadline = taken.deadline;
        self.settle(at, last);
        deadline
    }

    /// Moves the hole at `at` to where `entry` fits into it.
    fn settle(&mut self, at: usize, entry: Entry) {
        if at > 0 && entry.is_before(self.entries[(at - 1) / CHILDREN]) {
            self.sift_up(at, entry);
        } else {
            self.sift_down(at, entry);
        }
    }

    /// Moves the hole at `at` towards the root until `entry` fits into it.
    fn sift_up(&mut self, mut at: usize, entry: Entry) {
        while at > 0 {
            let parent = (at - 1) / CHILDREN;
            if !entry.is_before(self.entries[parent]) {
                break;
            }
            self.place(at, self.entries[parent]);
            at = parent;
        }
        self.place(at, entry);
    }

    /// Moves the hole at `at` towards the leaves until `entry` fits into it.
    fn sift_down(&mut self, mut at: usize, entry: Entry) {
        loop {
            let first = at * CHILDREN + 1;
            let Some((child, least)) = self.entries.get(first..).and_then(least_of_family) else { break };
            if !least.is_before(entry) {
                break;
            }
            self.place(at, least);
            at = first + child;
        }
        self.place(at, entry);
    }

    fn place(&mut self, at: usize, entry: Entry) {
        self.entries[at] = entry;
        // Lossless: there are fewer entries than keys, and keys are 32 bits.
        self.positions[entry.key().0 as usize] = at as u32;
    }
}

/// Which of the first four is the least, and where it is. A whole family takes two rounds of two.
fn least_of_family(entries: &[Entry]) -> Option<(usize, Entry)> {
    let less =
        |one: (usize, Entry), other: (usize, Entry)| if other.1.is_before(one.1) { other } else { one };
    match *entries {
        [a, b, c, d, ..] => Some(less(less((0, a), (1, b)), less((2, c), (3, d)))),
        _ => {
            let mut least = (0, *entries.first()?);
            for (at, &entry) in entries.iter().enumerate().skip(1) {
                least = less(least, (at, entry));
            }
            Some(least)
        }
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use fastrand::Rng;
    use std::collections::BTreeMap;

    const DAY: u64 = 86_400 * 1_000_000_000;

    /// Deadlines that have broken timers before: now, one nanosecond, 25 days, as far as it goes.
    fn deadline(random: &mut Rng) -> u64 {
        match random.u64(..8) {
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
            let mut heap = Heap::new();
            let mut model: BTreeMap<(u64, u64), u64> = BTreeMap::new();
            let mut queued = Vec::new();
            let mut popped = Vec::new();
            for step in 0..1_500_u64 {
                match random.u64(..if round % 2 == 0 { 5 } else { 9 }) {
                    0 if !queued.is_empty() => {
                        let at = random.usize(..queued.len());
                        let (key, order): (Key, (u64, u64)) = queued.swap_remove(at);
                        assert_eq!(heap.remove(key), (model.remove(&order), order.0));
                    }
                    1 => {
                        let now = deadline(&mut random);
                        let expected =
                            model.first_key_value().map(|(order, _)| *order).filter(|o| o.0 <= now);
                        let value = heap.pop_due(now);
                        assert_eq!(value, expected.and_then(|order| model.remove(&order)));
                        if let Some(order) = expected {
                            let at = queued.iter().position(|(_, other)| *other == order).unwrap();
                            let key = queued.swap_remove(at).0;
                            assert!(!heap.is_queued(key));
                            popped.push(key);
                        }
                    }
                    2 if !queued.is_empty() => {
                        let at = random.usize(..queued.len());
                        let value = model.remove(&queued[at].1).unwrap();
                        queued[at].1 = (deadline(&mut random), step);
                        heap.change(queued[at].0, queued[at].1.0);
                        model.insert(queued[at].1, value);
                    }
                    3 if !popped.is_empty() => {
                        assert_eq!(heap.remove(popped.swap_remove(0)), (None, u64::MAX));
                    }
                    _ => {
                        let order = (deadline(&mut random), step);
                        queued.push((heap.insert(order.0, step), order));
                        model.insert(order, step);
                    }
                }
                assert_eq!(heap.len(), model.len());
                let mut first_two = model.keys().map(|order| order.0).chain([u64::MAX; 2]);
                assert_eq!(
                    (heap.first(), heap.second()),
                    (first_two.next().unwrap(), first_two.next().unwrap())
                );
            }
            let drained: Vec<_> = std::iter::from_fn(|| heap.pop_due(u64::MAX)).collect();
            assert_eq!(drained, model.into_values().collect::<Vec<_>>(), "in order, ties as they came");
        }
    }

    #[test]
    fn a_million_timers_one_after_another_take_the_memory_of_one() {
        let mut heap = Heap::new();
        let _armed = heap.insert(1, ());
        for deadline in 0..1_000_000 {
            let key = heap.insert(deadline, ());
            heap.remove(key);
        }
        assert_eq!((heap.values.len(), heap.positions.len(), heap.len()), (2, 2, 1));
        assert!(
            heap.values.capacity() <= 8 && heap.positions.capacity() <= 8 && heap.entries.capacity() <= 8
        );
    }

    #[test]
    fn memory_of_a_flood_is_given_back() {
        let mut heap = Heap::new();
        let keys: Vec<_> = (0..100_000).map(|i| heap.insert(i, ())).collect();
        for key in keys {
            heap.remove(key);
        }
        assert!(
            heap.values.capacity() <= KEPT
                && heap.positions.capacity() <= KEPT
                && heap.entries.capacity() <= KEPT
        );
    }
}
