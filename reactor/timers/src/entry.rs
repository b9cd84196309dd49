//! One timer in the order of deadlines.

/// Names a value from [`insert`](crate::schedule::Schedule::insert) to [`remove`](crate::schedule::Schedule::remove).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Key(pub(crate) u32);

/// Two words, so that it travels in two registers.
#[derive(Clone, Copy)]
pub(crate) struct Entry {
    pub(crate) deadline: u64,
    /// The upper half is the turn, which breaks ties; the lower half is the key. Turns wrap, after which four
    /// thousand million timers later a tie may go the other way.
    turn_and_key: u64,
}

/// No entry. It comes after all others.
pub(crate) const NOBODY: Entry = Entry { deadline: u64::MAX, turn_and_key: u64::MAX };

impl Entry {
    pub(crate) fn new(deadline: u64, turn: u32, key: Key) -> Entry {
        Entry { deadline, turn_and_key: u64::from(turn) << 32 | u64::from(key.0) }
    }

    pub(crate) fn key(self) -> Key {
        Key(self.turn_and_key as u32)
    }

    pub(crate) fn is_nobody(self) -> bool {
        self.turn_and_key == NOBODY.turn_and_key
    }

    /// One number, so that comparing takes no branch: which of several is the least cannot be foretold.
    fn order(self) -> u128 {
        u128::from(self.deadline) << 64 | u128::from(self.turn_and_key)
    }

    pub(crate) fn is_before(self, other: Entry) -> bool {
        self.order() < other.order()
    }
}

/// Where each key's entry is: an index of the heap, a node of the lane, or one of the constants below. For a key that names
/// nothing, the next key of that sort. These are apart from the values because every step through the heap writes one of them:
/// packed densely, they stay in the cache.
pub(crate) type Places = Vec<u32>;

/// No longer queued.
pub(crate) const POPPED: u32 = u32::MAX;
/// From here on, less this, it is a node of the lane.
pub(crate) const LANE: u32 = 1 << 31;
/// Beside the heap.
pub(crate) const NEWEST: u32 = LANE - 1;
