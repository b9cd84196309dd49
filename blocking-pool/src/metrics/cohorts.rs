//! How long has the job waited that has waited longest?
//!
//! Nobody can look: the head of an injector or of a deque cannot be read without taking it, jobs in the deque of a
//! worker that blocks are passed by others, and aborted jobs leave from the middle. So we do not follow jobs but
//! *cohorts*: the jobs that were submitted at about the same time. There are [`PLACES`] for cohorts. Each place knows when its
//! cohort began, how many jobs came, and how many have left. The oldest cohort that has not been left by all tells the age.
//!
//! Counting who comes costs nothing: the place is the mark of the pool's gate, so every job learns its cohort by the
//! operation that lets it in, and how many came is the difference of the gate's count between two marks. Those who leave
//! are counted by the workers, each in cells of its own.
//!
//! **How precise?** A cohort begins with a submission, at its very stamp: a job that came alone is told exactly. Jobs
//! that come within [`NARROWEST`] ticks (up to 0.13 ms) may share a cohort, and then the age is that of the first
//! of them, although it may have left: too old by at most that width. The width doubles for every [`STEP`] places that
//! are taken, so that the places suffice for a backlog of minutes; a cohort then spans at most about a sixth of the
//! time for which the backlog has been growing. If all places are taken the youngest cohort stays open, which makes its
//! later jobs look too old. An age is never too young by more than a submitter was held up between taking its stamp and
//! passing the gate.
//!
//! **Who may do what.** One submitter at a time opens a new cohort, under a lock that the others do not wait for. It
//! takes a place that it has seen empty (all who came have left), which is the current one or another. Another one
//! stays empty, as nobody can come to it before its mark is up again. To the current one somebody may come meanwhile: a
//! submitter that was held up at the gate.
//!
//! `left` is written by whoever starts or cancels a job, in a cell that is its own or is shared by addition. A reader
//! reads it first, so it never gets ahead of how many came. A reader that looks while a cohort is being opened may find
//! one number of a place new and another one old, and be wrong for that moment.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use super::stamp::Stamp;
use crate::submit::gate::{Gate, MARKS};
use crate::sync::MEASURES;
use crate::sys::lock::Mutex;
use crate::sys::padded::Padded;

/// Cohorts that can be told apart at a time.
const PLACES: usize = MARKS;
/// Before all beginnings.
const FREE: u64 = 0;
/// How many ticks a cohort lasts at least: 131 us where a tick is a nanosecond, 30 to 60 where it is the processor's.
const NARROWEST: u64 = 1 << 17;
/// Each time that this many more places are taken, cohorts last twice as long.
const STEP: u32 = 3;
/// How many taken places are looked at, at most, when a cohort is opened: more than one, so that the free ones do not
/// run out while jobs leave in time. Not all, because each look reads a cell of every worker.
const LOOKS: usize = 2;

/// Where a job was counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Cohort(u8);

#[derive(Debug)]
pub(super) struct Cohorts {
    /// Up to when submissions belong to the current cohort.
    until: Padded<AtomicU64>,
    /// When the cohort of each place began; [`FREE`] if it has been seen empty and is not the current one.
    since: [AtomicU64; PLACES],
    /// How many have come to each place but the current one, and to that one less what the gate has counted. Counts
    /// wrap: only differences matter.
    came: [AtomicU32; PLACES],
    /// One array for each core worker, the last one for everybody else.
    left: Vec<Padded<[AtomicU32; PLACES]>>,
    turnover: Mutex<Turnover>,
}

#[derive(Debug)]
struct Turnover {
    /// A bit for each place that was seen empty and has not been taken since.
    free: u64,
    /// Where to look next for one that has become empty.
    cursor: usize,
}

impl Cohort {
    pub(crate) fn of_mark(mark: u8) -> Self {
        Self(mark)
    }

    pub(crate) fn mark(self) -> u8 {
        self.0
    }
}

impl Cohorts {
    #[inline(never)]
    pub(super) fn new(core: usize) -> Self {
        Self {
            // The first submission opens the first cohort.
            until: Padded(AtomicU64::new(0)),
            since: [const { AtomicU64::new(FREE) }; PLACES],
            came: [const { AtomicU32::new(0) }; PLACES],
            left: Padded::many(core + 1, || [const { AtomicU32::new(0) }; PLACES]),
            turnover: Mutex::new(Turnover { free: !1, cursor: 0 }),
        }
    }

    /// A job that was submitted now is about to enter the gate.
    #[inline]
    pub(super) fn before_entry(&self, gate: &Gate, now: Stamp) {
        if MEASURES && now.to_bits() >= self.until.load(Ordering::Relaxed) {
            self.open(gate, now);
        }
    }

    /// A job of this cohort is started or cancelled, by the core worker with this index or by somebody else.
    #[inline]
    pub(super) fn leave(&self, cohort: Cohort, worker: Option<usize>) {
        let place = usize::from(cohort.0);
        // Release: pairs with the Acquire in is_empty(); whoever sees that a job left sees that it came.
        match worker {
            Some(index) => {
                let mine = &self.left[index][place];
                mine.store(mine.load(Ordering::Relaxed).wrapping_add(1), Ordering::Release);
            }
            None => _ = self.left[self.left.len() - 1][place].fetch_add(1, Ordering::Release),
        }
    }

    /// For how long the oldest job has waited, in nanoseconds; `None` if none waits.
    ///
    /// A look at a place reads a cell of every worker, and whom a full queue turns away is told this, too: so the places are looked at
    /// in the order in which they were taken, and only up to the first that is not empty.
    #[inline]
    pub(super) fn oldest(&self, gate: &Gate, now: Stamp) -> Option<u64> {
        let mut looked_at = FREE;
        loop {
            let taken = self.since.iter().map(|since| since.load(Ordering::Relaxed)).zip(0..);
            let (since, place) = taken.filter(|&(since, _)| since > looked_at).min()?;
            // If the place has been taken anew meanwhile, it has its turn later.
            if !self.is_empty(gate, place) && self.since[place].load(Ordering::Relaxed) == since {
                return Stamp::from_bits(since).map(|since| now.nanos_since(since));
            }
            looked_at = since;
        }
    }

    #[inline(never)]
    fn is_empty(&self, gate: &Gate, place: usize) -> bool {
        // Acquire, and those who left first: then all of them are among those who have come.
        let mut left = 0_u32;
        for cells in &self.left {
            left = left.wrapping_add(cells[place].load(Ordering::Acquire));
        }
        let came = self.came[place].load(Ordering::Acquire);
        match gate.marked() {
            (mark, count) if usize::from(mark) == place => came.wrapping_add(count as u32) == left,
            _ => came == left,
        }
    }

    /// Opens a cohort that begins now, unless somebody else is about to, or there is no room for it.
    #[cold]
    fn open(&self, gate: &Gate, now: Stamp) {
        let Some(mut turnover) = self.turnover.try_lock() else { return };
        if now.to_bits() < self.until.load(Ordering::Relaxed) {
            return;
        }
        // Nobody else puts up marks.
        let current = usize::from(gate.marked().0);
        self.find_empty(gate, &mut turnover, current);
        if self.is_empty(gate, current) {
            // Most often, if jobs come one by one: the place is as good as another, and nothing has to be put up.
            self.since[current].store(now.to_bits(), Ordering::Relaxed);
        } else if turnover.free != 0 {
            let place = turnover.free.trailing_zeros() as usize;
            turnover.free &= !(1 << place);
            self.since[place].store(now.to_bits(), Ordering::Relaxed);
            let (came, mut count) = (self.came[place].load(Ordering::Relaxed), 0);
            gate.put_up(place as u8, |before| {
                count = before as u32;
                self.came[place].store(came.wrapping_sub(count), Ordering::Relaxed);
            });
            // Release: pairs with the Acquire in is_empty().
            self.came[current].fetch_add(count, Ordering::Release);
        }
        let taken = PLACES as u32 - turnover.free.count_ones();
        let until = now.plus_ticks(NARROWEST << (taken / STEP));
        self.until.store(until.to_bits(), Ordering::Relaxed);
    }

    /// Looks whether taken places have become empty, the current one not counted.
    fn find_empty(&self, gate: &Gate, turnover: &mut Turnover, current: usize) {
        if turnover.free | 1 << current == u64::MAX {
            return;
        }
        let mut looks = 0;
        for _ in 0..PLACES {
            let place = turnover.cursor;
            turnover.cursor = (place + 1) % PLACES;
            if place == current || turnover.free & (1 << place) != 0 {
                continue;
            }
            if self.is_empty(gate, place) {
                turnover.free |= 1 << place;
                self.since[place].store(FREE, Ordering::Relaxed);
            }
            looks += 1;
            if looks == LOOKS {
                return;
            }
        }
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    /// Cohorts with the gate they belong to.
    struct House(Cohorts, Gate);

    impl House {
        fn new(core: usize) -> Self {
            Self(Cohorts::new(core), Gate::new())
        }

        fn enter(&self, now: Stamp) -> Cohort {
            self.0.before_entry(&self.1, now);
            Cohort::of_mark(self.1.enter().expect("the gate is open"))
        }

        fn leave(&self, cohort: Cohort, worker: Option<usize>) {
            self.0.leave(cohort, worker);
        }

        fn oldest(&self, now: Stamp) -> Option<u64> {
            self.0.oldest(&self.1, now)
        }
    }

    fn at(ticks: u64) -> Stamp {
        Stamp::from_bits(1 + ticks).unwrap()
    }

    /// How old the oldest is said to be, and the nanoseconds since `since`, both by one rate of the counter: a test beside this one
    /// may refine that between two readings.
    fn told_and_exact(cohorts: &House, now: Stamp, since: Stamp) -> (Option<u64>, u64) {
        loop {
            let exact = now.nanos_since(since);
            let told = cohorts.oldest(now);
            if now.nanos_since(since) == exact {
                return (told, exact);
            }
        }
    }

    #[track_caller]
    fn is_exactly(cohorts: &House, now: Stamp, since: Stamp) {
        let (told, exact) = told_and_exact(cohorts, now, since);
        assert_eq!(told, Some(exact));
    }

    #[test]
    fn a_job_that_came_alone_is_told_exactly() {
        let cohorts = House::new(1);
        assert_eq!(cohorts.oldest(at(10)), None);
        let first = cohorts.enter(at(1_000));
        let second = cohorts.enter(at(1_000_000));
        assert_ne!(first, second);
        is_exactly(&cohorts, at(5_000_000), at(1_000));
        cohorts.leave(first, Some(0));
        is_exactly(&cohorts, at(5_000_000), at(1_000_000));
        cohorts.leave(second, None);
        assert_eq!(cohorts.oldest(at(9_000_000)), None);
    }

    #[test]
    fn jobs_one_by_one_begin_the_same_place_anew() {
        let cohorts = House::new(1);
        let alone = |since| {
            let cohort = cohorts.enter(at(since));
            is_exactly(&cohorts, at(since + 5), at(since));
            cohorts.leave(cohort, Some(0));
            cohort
        };
        let first = alone(0);
        assert!((1..100).all(|n| alone(n * 2 * NARROWEST) == first));
    }

    #[test]
    fn jobs_of_a_burst_share_a_cohort_until_its_time_is_over() {
        let cohorts = House::new(1);
        let first = cohorts.enter(at(0));
        assert_eq!(cohorts.enter(at(NARROWEST - 2)), first);
        assert_ne!(cohorts.enter(at(NARROWEST)), first);
    }

    #[test]
    fn places_of_those_who_left_are_taken_again_for_ever() {
        let cohorts = House::new(2);
        for n in 0..10_000 {
            let now = at(n * 2 * NARROWEST);
            let cohort = cohorts.enter(now);
            // Nobody else waits, so each has a cohort of its own, as narrow as can be.
            assert_eq!(cohorts.oldest(now), Some(0));
            cohorts.leave(cohort, Some((n % 2) as usize));
        }
    }

    #[test]
    fn one_who_is_stuck_does_not_make_the_others_imprecise() {
        let cohorts = House::new(1);
        let stuck = cohorts.enter(at(5));
        for n in 1..10_000 {
            let now = at(n * 2 * NARROWEST);
            let cohort = cohorts.enter(now);
            is_exactly(&cohorts, now, at(5));
            cohorts.leave(cohort, Some(0));
        }
        let now = at(10_000 * 2 * NARROWEST);
        let last = cohorts.enter(now);
        cohorts.leave(stuck, None);
        assert_eq!(cohorts.oldest(now), Some(0));
        cohorts.leave(last, None);
        assert_eq!(cohorts.oldest(now), None);
    }

    /// A backlog that grows for minutes and is then worked off, first come first served.
    #[test]
    fn the_age_in_a_long_backlog_is_off_by_a_fraction_of_it() {
        let cohorts = House::new(1);
        let span = 300 << 30; // Ticks; some minutes.
        let (count, mut waiting) = (100_000, std::collections::VecDeque::new());
        for n in 0..count {
            let now = at(span / count * n);
            waiting.push_back((now, cohorts.enter(now)));
        }
        let now = at(span);
        while let Some((since, cohort)) = waiting.pop_front() {
            let (told, exact) = told_and_exact(&cohorts, now, since);
            let told = told.unwrap();
            assert!(told >= exact, "{told} for {exact}");
            assert!(told - exact <= now.nanos_since(at(0)) / 4, "{told} for {exact}");
            cohorts.leave(cohort, Some(0));
        }
        assert_eq!(cohorts.oldest(now), None);
    }

    #[test]
    fn full_of_people_who_are_stuck_it_still_counts_right() {
        let cohorts = House::new(1);
        let mut inside = Vec::new();
        for n in 0..200u64 {
            inside.push(cohorts.enter(at(n << 50)));
        }
        assert!(cohorts.oldest(at(200 << 50)).is_some());
        inside.into_iter().for_each(|cohort| cohorts.leave(cohort, None));
        assert_eq!(cohorts.oldest(at(200 << 50)), None);
        let last = cohorts.enter(at(201 << 50));
        assert_eq!(cohorts.oldest(at(201 << 50)), Some(0));
        cohorts.leave(last, None);
    }

    #[test]
    fn submitters_and_workers_at_once_leave_nobody_behind() {
        let cohorts = House::new(3);
        std::thread::scope(|scope| {
            for worker in 0..3 {
                let cohorts = &cohorts;
                scope.spawn(move || {
                    for n in 0..20_000u64 {
                        let cohort = cohorts.enter(at(n * NARROWEST / 3));
                        cohorts.leave(cohort, (worker > 0).then_some(worker));
                    }
                });
            }
        });
        assert_eq!(cohorts.oldest(at(u64::MAX / 2)), None);
    }
}
