//! Room in a bounded queue, and the line of those who wait for it.
//!
//! One word counts the jobs that are queued and says whether somebody is in line (LINE). While LINE is set the count
//! stays at the limit: whoever makes room hands it to the first in line instead of counting down, so nobody who comes
//! later can take it. LINE is set and cleared under the lock of the line, and is set exactly while somebody waits.
//!
//! The bad interleaving: somebody looks (full); a worker takes a job up, sees nobody in line, and counts down; then the
//! first one stands in line, and waits although there is room, until another job leaves the queue, if one ever does.
//! Therefore LINE is set by a compare-exchange on the very word that holds the count: it fails if room was made
//! meanwhile, and then that is taken. (Model: `room_against_standing_in_line`, twin `line-looks-again`.)
//!
//! One word has one order of its changes, so Relaxed will do for them; what is in the line is told by its lock.
//!
//! One who was handed room and gives up before it has noticed hands it on. (Model: `giving_up_against_room`, twin
//! `room-is-handed-on`.) Whoever closes the pool or a tenant shuts the gate, then calls everybody in line; whoever
//! stands in line looks at the gate afterwards. Both take the lock between, so one of them sees the other.
//!
//! Nobody waits in here: those in line are futures, and their wakers are called, cloned and dropped outside the lock.

use std::task::Waker;

use super::line::Line;
use crate::pool::shared::Shared;
use crate::sync::atomic::{AtomicU64, Ordering};
use crate::sync::left_out;
use crate::sys::fork::Inherited;
use crate::sys::lock::Mutex;

pub(crate) struct Room {
    /// `None`: there is always room, and nothing is counted.
    limit: Option<u64>,
    word: AtomicU64,
    /// In a child nobody is in it, although LINE may be set: no room is made there.
    line: Inherited<Mutex<List>>,
}

#[derive(Default)]
struct List {
    next: u64,
    /// By number, so that the first is the one that has waited longest. `None`: called, and has not asked again.
    waiting: Line<Option<Waker>>,
    /// Those who have room and do not know it yet. By number, too, since they come from the front.
    handed: Vec<u64>,
}

impl List {
    /// Whether it was handed room. Only said once.
    fn was_handed(&mut self, number: u64) -> bool {
        let found = self.handed.binary_search(&number);
        found.is_ok_and(|at| self.handed.remove(at) == number)
    }
}

/// Somebody waits.
const LINE: u64 = 1 << 63;

/// A place in line. It has to be [left](Room::leave).
#[derive(Debug)]
pub(crate) struct Place(u64);

/// What came of asking for room.
#[must_use]
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Asked {
    /// It is the caller's; the place in line, if it had one, is gone.
    Room,
    Wait,
}

impl Room {
    pub(crate) fn new(limit: Option<usize>) -> Self {
        Self { limit: limit.map(|jobs| jobs as u64), word: AtomicU64::new(0), line: Inherited::default() }
    }

    pub(crate) fn is_bounded(&self) -> bool {
        self.limit.is_some()
    }

    /// Takes room for one job, if there is some.
    #[cold]
    pub(crate) fn take(&self) -> bool {
        let Some(limit) = self.limit else { return true };
        let step = |now: u64| (now & !LINE < limit).then_some(now + 1);
        // Relaxed: a count and nothing else.
        self.word.fetch_update(Ordering::Relaxed, Ordering::Relaxed, step).is_ok()
    }

    /// A job has left the queue. The waker of whoever was handed its room, to be called.
    #[must_use]
    pub(crate) fn make(&self) -> Option<Waker> {
        self.limit?;
        let count_down = |now: u64| (now & LINE == 0).then(|| now - 1);
        loop {
            if self.word.fetch_update(Ordering::Relaxed, Ordering::Relaxed, count_down).is_ok() {
                return None;
            }
            let mut line = self.line.own().lock();
            // None: whoever was in line has left it; read the word again.
            if let Some((number, waker)) = line.waiting.take_first() {
                line.handed.push(number);
                self.clear_if_empty(&line);
                return waker;
            }
        }
    }

    /// Asks for room, and to be woken when there is some. Returns a waker that is not needed any more.
    pub(crate) fn ask(&self, place: &mut Option<Place>, waker: Waker) -> (Asked, Option<Waker>) {
        let mut line = self.line.own().lock();
        if let Some(Place(number)) = place {
            if line.was_handed(*number) {
                *place = None;
                return (Asked::Room, Some(waker));
            }
            let mine = line.waiting.get_mut(*number).expect("it is in line, or was handed room");
            return (Asked::Wait, mine.replace(waker));
        }
        if self.take_or_set_line() {
            return (Asked::Room, Some(waker));
        }
        let number = line.next;
        line.next += 1;
        line.waiting.join(number, Some(waker));
        *place = Some(Place(number));
        (Asked::Wait, None)
    }

    /// With the line locked. True: there was room, and it is taken. False: whoever makes room will look at the line.
    fn take_or_set_line(&self) -> bool {
        let limit = self.limit.unwrap_or(u64::MAX);
        let mut now = self.word.load(Ordering::Relaxed);
        if left_out("line-looks-again") && now & !LINE >= limit {
            self.word.fetch_or(LINE, Ordering::Relaxed);
            return false;
        }
        loop {
            let has_room = now & !LINE < limit;
            let next = if has_room { now + 1 } else { now | LINE };
            // Whoever counts down has seen the line, or we see what it counted.
            match self.word.compare_exchange_weak(now, next, Ordering::Relaxed, Ordering::Relaxed) {
                Ok(_) => return has_room,
                Err(seen) => now = seen,
            }
        }
    }

    /// Gives up a place in line, and the room if it was handed some; the wakers to be dropped and to be called.
    pub(crate) fn leave(&self, Place(number): Place) -> (Option<Waker>, Option<Waker>) {
        let mut line = self.line.own().lock();
        if let Some(mine) = line.waiting.take(number) {
            self.clear_if_empty(&line);
            return (mine, None);
        }
        let handed = line.was_handed(number) && !left_out("room-is-handed-on");
        drop(line);
        (None, if handed { self.make() } else { None })
    }

    fn clear_if_empty(&self, line: &List) {
        if line.waiting.is_empty() {
            self.word.fetch_and(!LINE, Ordering::Relaxed);
        }
    }

    /// All wakers in line, to be called: the pool or a tenant was closed.
    pub(crate) fn call_everybody(&self) -> Vec<Waker> {
        let mut line = self.line.own().lock();
        line.waiting.iter_mut().filter_map(Option::take).collect()
    }
}

impl Shared {
    /// A job has left the queue.
    pub(crate) fn make_room(&self) {
        if self.room.is_bounded() {
            self.make_bounded_room();
        }
    }

    #[cold]
    fn make_bounded_room(&self) {
        // In a fork nobody gets in, and the lock may be held by a thread that is not there.
        if self.is_forked() {
            return;
        }
        let next = self.room.make();
        self.wake(next);
    }

    /// The pool or a tenant was closed: whoever waits for room finds out.
    pub(crate) fn call_those_in_line(&self) {
        self.room.call_everybody().into_iter().for_each(|waker| self.wake(Some(waker)));
    }
}
