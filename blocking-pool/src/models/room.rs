//! Room in a bounded queue: made while somebody begins, or stops, to wait for it.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use super::{block_on, check, race};
use crate::control::room::{Asked, Place, Room};
use crate::shutdown::Shutdown;
use crate::sync::thread;

fn wait_for(room: &Room) {
    let mut place: Option<Place> = None;
    block_on(poll_fn(|cx: &mut Context<'_>| match room.ask(&mut place, cx.waker().clone()).0 {
        Asked::Room => Poll::Ready(()),
        Asked::Wait => Poll::Pending,
    }));
}

fn make(room: &Room) {
    if let Some(waker) = room.make() {
        waker.wake();
    }
}

/// Room is made while somebody stands in line. One who waits although there is room is a deadlock.
#[test]
fn room_against_standing_in_line() {
    check(4, || {
        race();
        let room = Arc::new(Room::new(Some(1)));
        assert!(room.take());
        let theirs = Arc::clone(&room);
        let worker = thread::spawn(move || make(&theirs));
        wait_for(&room);
        worker.join().unwrap();
        assert!(!room.take(), "it was handed over, or taken");
        make(&room);
        assert!(room.take());
    });
}

/// The first in line gives up while it is handed room, and the second waits: it gets it.
#[test]
fn giving_up_against_room() {
    check(3, || {
        race();
        let room = Arc::new(Room::new(Some(1)));
        assert!(room.take());
        let mut place = None;
        assert_eq!(room.ask(&mut place, Waker::noop().clone()).0, Asked::Wait);
        let place = place.expect("it waits");
        let (first, theirs) = (Arc::clone(&room), Arc::clone(&room));
        let worker = thread::spawn(move || make(&theirs));
        let leaver = thread::spawn(move || {
            if let (_, Some(next)) = first.leave(place) {
                next.wake();
            }
        });
        wait_for(&room);
        worker.join().unwrap();
        leaver.join().unwrap();
        assert!(!room.take());
    });
}

/// The pool is shut down while a spawn waits for room in it: it gets an error, with the closure, or an accepted job.
#[test]
fn waiting_for_room_against_shutdown() {
    check(2, || {
        let mut config = super::config(1, 1);
        config.queue_limit = Some(1);
        let pool = crate::pool::Pool::with(config);
        let other = pool.clone();
        race();
        let blocked = pool.spawn(|| ());
        let submitter = thread::spawn(move || match block_on(other.job().spawn_when_room(|| 7)) {
            Ok(job) => assert_eq!(block_on(job).unwrap(), 7),
            Err(error) => {
                assert!(error.is_closed());
                assert_eq!(error.into_closure()(), 7);
            }
        });
        pool.shutdown(Shutdown::Drain);
        submitter.join().unwrap();
        block_on(blocked).unwrap();
    });
}
