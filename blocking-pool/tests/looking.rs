//! Handles that look for their outcomes: many on one thread, dropped, left alone for a while, polled by others, moved to another
//! thread. Whoever waits gets its outcome. A lost wake is a hang.

use fastrand::Rng;
use sideline_blocking_pool::{JoinHandle, Pool};
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::mpsc;
use std::task::{Context, Poll, Waker};
use std::thread;

include!("common/block_on.rs");

const AT_ONCE: u64 = 64;
const JOBS: u64 = 100_000;

type Awaited = (u64, JoinHandle<u64>);

fn poll(awaited: &mut Awaited, cx: &mut Context<'_>) -> Poll<()> {
    Pin::new(&mut awaited.1).poll(cx).map(|outcome| assert_eq!(outcome.unwrap(), awaited.0))
}

/// One job after the other in each place. A thread that does this and nothing else becomes busy, and is so no more when
/// a job takes long.
fn one_after_the_other(pool: &Pool, seed: u64, to_another: &mpsc::Sender<Awaited>) {
    let (mut random, mut spawned, mut left_alone) = (Rng::with_seed(seed), 0, Vec::new());
    let mut next = |random: &mut Rng| {
        spawned += 1;
        let (i, spins) = (spawned, if random.u64(..5_000) == 0 { 100_000 } else { 0 });
        let job = move || {
            (0..spins).for_each(|_| std::hint::spin_loop());
            i
        };
        (spawned <= JOBS).then(|| (i, pool.spawn(job)))
    };
    let mut places: Vec<_> = (0..AT_ONCE).map(|_| next(&mut random).unwrap()).collect();
    block_on(poll_fn(|cx| {
        let mut at = 0;
        while at < places.len() {
            // Whoever is pending has a wake to come, however often a handle comes back.
            if poll(&mut places[at], cx).is_pending() {
                at += 1;
                if random.u64(..1_000) > 0 {
                    continue;
                }
                at -= 1;
                let mut one = places.swap_remove(at);
                match random.u64(..4) {
                    0 => drop(one),
                    1 => left_alone.push(one),
                    2 => to_another.send(one).unwrap(),
                    _ if poll(&mut one, &mut Context::from_waker(Waker::noop())).is_pending() => {
                        left_alone.push(one);
                    }
                    _ => {}
                }
            } else {
                drop(places.swap_remove(at));
            }
            places.extend(next(&mut random));
        }
        if places.is_empty() { Poll::Ready(()) } else { Poll::Pending }
    }));
    left_alone.into_iter().for_each(|(i, handle)| assert_eq!(block_on(handle).unwrap(), i));
}

#[test]
fn no_wake_is_lost_however_they_are_polled() {
    let pool = Pool::builder().core_threads(2).build().unwrap();
    let (to_other, from_one) = mpsc::channel::<Awaited>();
    let (to_one, from_other) = mpsc::channel::<Awaited>();
    let other = thread::spawn({
        let pool = pool.clone();
        move || {
            one_after_the_other(&pool, 0x5eed, &to_one);
            drop(to_one);
            from_one.into_iter().for_each(|(i, handle)| assert_eq!(block_on(handle).unwrap(), i));
        }
    });
    one_after_the_other(&pool, 0xfeed, &to_other);
    drop(to_other);
    from_other.into_iter().for_each(|(i, handle)| assert_eq!(block_on(handle).unwrap(), i));
    other.join().unwrap();
}
