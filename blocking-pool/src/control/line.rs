//! A line: values in the order of their numbers, each of which may leave it from wherever it stands.
//!
//! Those who leave from the middle leave a gap, and when there are more gaps than values the line closes up. So joining at
//! the end and leaving at the front take a constant time and leaving from the middle a binary search, all of them
//! amortised, and a line is never longer than twice what stands in it. (A `BTreeMap` does as much, at several times the
//! code for each type of value, which every user's compiler would have to build.)

use std::collections::VecDeque;

pub(crate) struct Line<T> {
    /// By number. The first is no gap.
    places: VecDeque<(u64, Option<T>)>,
    /// How many are no gaps.
    there: usize,
}

/// Gaps that are let be, and places whose memory is kept.
const FEW: usize = 16;

impl<T> Line<T> {
    pub(crate) const fn new() -> Self {
        Self { places: VecDeque::new(), there: 0 }
    }

    pub(crate) fn len(&self) -> usize {
        self.there
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.there == 0
    }

    /// Lets `value` stand behind all lower numbers, as a rule at the end. Its number is nobody else's.
    pub(crate) fn join(&mut self, number: u64, value: T) {
        let mut place = self.places.len();
        self.places.push_back((number, Some(value)));
        while place > 0 && self.places[place - 1].0 > number {
            self.places.swap(place - 1, place);
            place -= 1;
        }
        self.there += 1;
    }

    /// Takes out the one with the lowest number.
    pub(crate) fn take_first(&mut self) -> Option<(u64, T)> {
        let (number, first) = self.places.pop_front()?;
        self.there -= 1;
        self.close_up();
        first.map(|value| (number, value))
    }

    pub(crate) fn take(&mut self, number: u64) -> Option<T> {
        let taken = self.slot(number)?.take()?;
        self.there -= 1;
        self.close_up();
        Some(taken)
    }

    pub(crate) fn get_mut(&mut self, number: u64) -> Option<&mut T> {
        self.slot(number)?.as_mut()
    }

    /// Takes out all that `which` picks, in their order.
    pub(crate) fn take_if(&mut self, which: impl Fn(&T) -> bool) -> Vec<T> {
        let mut taken = Vec::new();
        for (_, value) in &mut self.places {
            taken.extend(value.take_if(|value| which(value)));
        }
        self.there -= taken.len();
        self.close_up();
        taken
    }

    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = &mut T> {
        self.places.iter_mut().filter_map(|(_, value)| value.as_mut())
    }

    fn slot(&mut self, number: u64) -> Option<&mut Option<T>> {
        let place = self.place_of(number);
        self.places.get_mut(place).filter(|(found, _)| *found == number).map(|(_, value)| value)
    }

    /// Where `number` stands or would stand.
    fn place_of(&self, number: u64) -> usize {
        self.places.partition_point(|&(there, _)| there < number)
    }

    fn close_up(&mut self) {
        while self.places.front().is_some_and(|(_, first)| first.is_none()) {
            self.places.pop_front();
        }
        if self.places.len() > 2 * self.there + FEW {
            self.places.retain(|(_, value)| value.is_some());
        }
        if self.places.is_empty() && self.places.capacity() > 2 * FEW {
            self.places = VecDeque::new();
        }
    }
}

impl<T> Default for Line<T> {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    /// The same steps on a line and on a map, from a fixed seed.
    #[test]
    fn it_is_a_map_in_order() {
        let (mut line, mut map) = (Line::new(), BTreeMap::new());
        let mut random = fastrand::Rng::with_seed(1);
        for step in 0..20_000_u64 {
            match random.u64(..8) {
                // Sometimes one comes late.
                0..4 => {
                    let is_late = step >= 10 && random.u64(..10) == 0;
                    let number = if is_late { step * 4 - 39 } else { step * 4 };
                    line.join(number, step);
                    map.insert(number, step);
                }
                4 => assert_eq!(line.take_first(), map.pop_first()),
                5..7 => {
                    let number = random.u64(..4 * step + 1);
                    assert_eq!(line.get_mut(number).copied(), map.get(&number).copied());
                    assert_eq!(line.take(number), map.remove(&number));
                }
                _ => {
                    let rest = random.u64(..1000);
                    let taken = line.take_if(|value| value % 1000 == rest);
                    assert_eq!(taken, map.extract_if_value(|value| value % 1000 == rest));
                }
            }
            assert_eq!((line.len(), line.is_empty()), (map.len(), map.is_empty()));
            assert!(line.places.len() <= 2 * map.len() + FEW);
        }
        assert!(line.iter_mut().map(|value| *value).eq(map.into_values()));
    }

    trait ExtractIf {
        fn extract_if_value(&mut self, which: impl Fn(u64) -> bool) -> Vec<u64>;
    }

    impl ExtractIf for BTreeMap<u64, u64> {
        fn extract_if_value(&mut self, which: impl Fn(u64) -> bool) -> Vec<u64> {
            let taken = self.values().copied().filter(|&value| which(value)).collect();
            self.retain(|_, value| !which(*value));
            taken
        }
    }

    #[test]
    fn an_empty_one_gives_its_memory_back() {
        let mut line = Line::new();
        (0..100_000).for_each(|number| line.join(number, ()));
        // Not from the front.
        (0..100_000).rev().for_each(|number| assert!(line.take(number).is_some()));
        assert!(line.is_empty() && line.places.capacity() <= 2 * FEW);
    }
}
