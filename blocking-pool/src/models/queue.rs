//! The queues themselves. An entry that is lost shows as a leak, one that is taken twice as a number that comes twice (or as
//! memory that is used by two), a block that is freed too early or never as a race or a leak.

use std::sync::Arc;

use super::{check, race, settled};
use crate::queue::injector::Injector;
use crate::queue::ring::{Deque, Ring};
use crate::sync::atomic::{AtomicUsize, Ordering};
use crate::sync::{LAP, Memory, RING, thread};

/// A number, and memory that is watched.
type Item = Box<(usize, Memory)>;

fn item(number: usize) -> Item {
    Box::new((number, Memory::new()))
}

#[allow(clippy::boxed_local)] // As it comes out of a queue.
fn number(item: Item) -> usize {
    item.1.is_freed();
    item.0
}

/// The numbers that somebody has taken.
type Found = Vec<usize>;

fn filled(items: usize) -> Arc<Injector<Item>> {
    let injector = Arc::new(Injector::new());
    (0..items).for_each(|number| injector.push(item(number)));
    injector
}

/// An injector of which all slots of the first block but the last have been used.
fn before_the_last_slot() -> Arc<Injector<Item>> {
    let injector = filled(LAP - 2);
    while let Some(item) = injector.pop() {
        number(item);
    }
    injector
}

fn take_all(injector: &Injector<Item>) -> Found {
    std::iter::from_fn(|| injector.pop()).map(number).collect()
}

fn ring() -> Arc<Ring<Item>> {
    Arc::new(Ring::new())
}

/// By the one thread of a model that is the owner.
#[allow(unsafe_code)]
fn owned(ring: &Ring<Item>) -> Deque<'_, Item> {
    // SAFETY: says the model.
    unsafe { ring.owned() }
}

fn rest(ring: &Ring<Item>) -> impl Iterator<Item = Item> {
    std::iter::from_fn(|| ring.take())
}

fn numbers(count: usize) -> Found {
    (0..count).collect()
}

fn sorted(parts: impl IntoIterator<Item = Found>) -> Found {
    let mut all: Found = parts.into_iter().flatten().collect();
    all.sort_unstable();
    all
}

/// One takes the last slot of a block, the other one the first of the next; somebody looks for both meanwhile.
#[test]
fn push_against_push_at_the_end_of_a_block() {
    check(3, || {
        let injector = before_the_last_slot();
        let other = Arc::clone(&injector);
        race();
        let pusher = thread::spawn(move || other.push(item(1)));
        injector.push(item(2));
        let found: Found = injector.pop().map(number).into_iter().collect();
        assert!(!found.is_empty(), "our own push has happened");
        pusher.join().unwrap();
        settled();
        assert_eq!(sorted([found, take_all(&injector)]), [1, 2]);
        assert!(injector.is_empty());
    });
}

/// What one thread pushes comes out in its order, over the end of a block.
#[test]
fn push_against_take_over_the_end_of_a_block() {
    check(3, || {
        let injector = before_the_last_slot();
        let other = Arc::clone(&injector);
        race();
        let pusher = thread::spawn(move || (1..=3).for_each(|number| other.push(item(number))));
        let mut found: Found = std::iter::from_fn(|| injector.pop()).map(number).take(2).collect();
        pusher.join().unwrap();
        settled();
        found.extend(take_all(&injector));
        assert_eq!(found, [1, 2, 3]);
    });
}

/// Two share a block. Whoever is the last frees it, and only then.
#[test]
fn take_against_take_of_one_block() {
    check(3, || {
        let injector = filled(LAP - 1);
        let other = Arc::clone(&injector);
        race();
        let taker = thread::spawn(move || {
            let deque = ring();
            let first = other.pop_batch(&owned(&deque));
            first.into_iter().chain(rest(&deque)).map(number).collect::<Found>()
        });
        let found = injector.pop().map(number).into_iter().collect();
        let theirs = taker.join().unwrap();
        settled();
        assert_eq!(sorted([found, theirs, take_all(&injector)]), numbers(LAP - 1));
    });
}

/// The same with somebody who pushes into the next block, which one of them goes on to.
#[test]
fn take_against_take_against_push() {
    check(2, || {
        let injector = filled(LAP - 2);
        let others = [Arc::clone(&injector), Arc::clone(&injector)];
        race();
        let [pusher, taker] = others;
        let pusher = thread::spawn(move || [LAP - 2, LAP - 1].map(|number| pusher.push(item(number))));
        let taker = thread::spawn(move || taker.pop().map(number).into_iter().collect::<Found>());
        let found = [injector.pop(), injector.pop()].into_iter().flatten().map(number).collect();
        let theirs = taker.join().unwrap();
        pusher.join().unwrap();
        settled();
        assert_eq!(sorted([found, theirs, take_all(&injector)]), numbers(LAP));
    });
}

/// A thread has pushed so many items, and done the rest, and nothing but the injector tells of that. Two take one each, at the same time.
fn two_take_what_nothing_else_tells_of(
    injector: Arc<Injector<Item>>,
    count: usize,
    rest: fn(&Injector<Item>),
) {
    let (theirs, is_over) = (Arc::clone(&injector), Arc::new(AtomicUsize::new(0)));
    let mark = Arc::clone(&is_over);
    let pusher = thread::spawn(move || {
        (0..count).for_each(|number| theirs.push(item(number)));
        rest(&theirs);
        mark.store(1, Ordering::Relaxed);
    });
    while is_over.load(Ordering::Relaxed) == 0 {
        thread::yield_now();
    }
    let other = Arc::clone(&injector);
    race();
    let taker = thread::spawn(move || other.pop().map(number).into_iter().collect::<Found>());
    let found = injector.pop().map(number).into_iter().collect();
    let theirs = taker.join().unwrap();
    pusher.join().unwrap();
    settled();
    assert_eq!(sorted([found, theirs, take_all(&injector)]), numbers(count));
}

/// One who takes looks for the tail, and the other takes by what was seen there. What it takes is whole all the same: the slot tells.
#[test]
fn take_by_what_another_has_seen() {
    check(3, || two_take_what_nothing_else_tells_of(filled(0), 2, |_| ()));
}

/// As above, at the end of a block, and whoever has seen the tail is still put aside. One takes the last slot and goes on to the next block;
/// the other one finds that block there, and takes from it. It is whole: the one before it tells.
#[test]
fn turn_by_what_another_has_seen() {
    check(2, || two_take_what_nothing_else_tells_of(before_the_last_slot(), 3, Injector::begin_to_take));
}

/// Two take what is left of a block, while somebody comes to the end of the next, who begins again with that one if all are
/// done with it, or with another.
#[test]
fn a_block_comes_back_while_others_are_read() {
    check(3, || {
        const FILLED: usize = 2 * (LAP - 1) - 1;
        let injector = filled(FILLED);
        (2..LAP - 1).for_each(|_| _ = number(injector.pop().unwrap()));
        let others = [Arc::clone(&injector), Arc::clone(&injector)];
        race();
        let [pusher, taker] = others;
        let pusher = thread::spawn(move || [FILLED, FILLED + 1].map(|number| pusher.push(item(number))));
        let taker = thread::spawn(move || taker.pop().map(number).into_iter().collect::<Found>());
        let found = injector.pop().map(number).into_iter().collect();
        let theirs = taker.join().unwrap();
        pusher.join().unwrap();
        settled();
        // To the end of the block that came back.
        let all = FILLED + 2 + LAP;
        (FILLED + 2..all).for_each(|number| injector.push(item(number)));
        let found = sorted([found, theirs, take_all(&injector)]);
        assert_eq!(found, (LAP - 3..all).collect::<Found>());
    });
}

/// Whoever looks after a take of the last slot, and knows of it, sees that nothing is left, whatever the end is turning to.
#[test]
fn a_look_while_an_end_turns() {
    check(3, || {
        let injector = filled(LAP - 1);
        let (taken, theirs) = (Arc::new(AtomicUsize::new(0)), Arc::clone(&injector));
        let count = Arc::clone(&taken);
        (2..LAP - 1).for_each(|_| _ = number(injector.pop().unwrap()));
        race();
        let taker = thread::spawn(move || {
            while let Some(item) = theirs.pop() {
                number(item);
                count.fetch_add(1, Ordering::Release);
            }
        });
        let before = taken.load(Ordering::Acquire);
        let waiting = injector.len();
        assert!(waiting <= 2 - before && (waiting > 0 || injector.is_empty()));
        taker.join().unwrap();
        settled();
        assert!(injector.is_empty());
    });
}

fn steal(from: &Ring<Item>) -> Found {
    from.take().map(number).into_iter().collect()
}

/// A full ring. A thief takes the entry of a slot which the owner fills again as soon as there is room.
#[test]
fn steal_against_a_push_that_comes_round() {
    check(3, || {
        let deque = ring();
        (0..RING).for_each(|number| assert!(owned(&deque).push(item(number)).is_ok()));
        assert!(owned(&deque).push(item(RING)).is_err());
        let thief = Arc::clone(&deque);
        race();
        let thief = thread::spawn(move || steal(&thief));
        let mut found: Found = deque.take().map(number).into_iter().collect();
        let pushed = (RING..RING + 2).take_while(|&number| owned(&deque).push(item(number)).is_ok()).count();
        let theirs = thief.join().unwrap();
        settled();
        found.extend(rest(&deque).map(number));
        assert_eq!(sorted([found, theirs]), numbers(RING + pushed));
    });
}

/// One entry, wanted by its owner and two thieves; the owner puts another one behind it.
#[test]
fn pop_against_two_thieves() {
    check(3, || {
        let deque = ring();
        assert!(owned(&deque).push(item(0)).is_ok());
        let thieves = [Arc::clone(&deque), Arc::clone(&deque)];
        race();
        let thieves = thieves.map(|thief| thread::spawn(move || steal(&thief)));
        let mut found: Found = deque.take().map(number).into_iter().collect();
        assert!(owned(&deque).push(item(1)).is_ok());
        let theirs = thieves.map(|thief| thief.join().unwrap());
        settled();
        found.extend(deque.take().map(number));
        assert_eq!(sorted(theirs.into_iter().chain([found])), [0, 1]);
    });
}

/// A batch on its way from one queue into the other is shown to thieves as a whole, and without what goes to the owner.
#[test]
fn batch_against_thief() {
    check(3, || {
        let injector = filled(LAP - 1);
        let deque = ring();
        let thief = Arc::clone(&deque);
        race();
        let thief = thread::spawn(move || steal(&thief));
        let mut found: Found = injector.pop_batch(&owned(&deque)).map(number).into_iter().collect();
        assert_eq!(found, [0]);
        found.extend(rest(&deque).map(number));
        let theirs = thief.join().unwrap();
        settled();
        assert_eq!(sorted([found, theirs, take_all(&injector)]), numbers(LAP - 1));
    });
}

/// What is left in them goes with them.
#[test]
fn entries_are_dropped_with_their_queues() {
    check(1, || {
        let injector = filled(2 * LAP);
        let deque = ring();
        race();
        number(injector.pop_batch(&owned(&deque)).unwrap());
    });
}

/// Many of everybody, on real threads: each entry comes out once, and whoever takes one at a time out of the injector
/// sees each pusher's in their order.
#[cfg(not(loom))]
#[test]
fn everything_comes_out_once_and_in_order() {
    const EACH: usize = 50_000;
    const PUSHERS: usize = 3;
    let (injector, taken) = (Injector::new(), AtomicUsize::new(0));
    let deques = [ring(), ring()];
    let until_all = |mut take: Box<dyn FnMut() -> Option<Item> + '_>| {
        let mut found = Found::new();
        while taken.load(Ordering::Relaxed) < EACH * PUSHERS {
            match take() {
                Some(item) => {
                    found.push(number(item));
                    taken.fetch_add(1, Ordering::Relaxed);
                }
                None => thread::yield_now(),
            }
        }
        found
    };
    let found: Vec<Found> = thread::scope(|scope| {
        for pusher in 0..PUSHERS {
            let injector = &injector;
            scope.spawn(move || (0..EACH).for_each(|nth| injector.push(item(pusher * EACH + nth))));
        }
        let (injector, deques, until_all) = (&injector, &deques, &until_all);
        let owners = deques.each_ref().map(|deque| {
            scope.spawn(move || {
                let steal = || deques.iter().find_map(|deque| deque.take());
                until_all(Box::new(|| {
                    deque.take().or_else(|| injector.pop_batch(&owned(deque))).or_else(steal)
                }))
            })
        });
        let single = scope.spawn(move || until_all(Box::new(|| injector.pop())));
        let mut found: Vec<Found> = owners.map(|owner| owner.join().unwrap()).into();
        found.push(single.join().unwrap());
        found
    });
    for pusher in 0..PUSHERS {
        assert!(found[2].iter().filter(|&number| number / EACH == pusher).is_sorted());
    }
    assert_eq!(sorted(found), numbers(EACH * PUSHERS));
    assert!(injector.is_empty() && deques.iter().all(|deque| deque.len() == 0));
}
