//! Time at random, against sums on paper: tasks that sleep, give up, tick and put off each other's sleeps on a paused clock, which
//! leaps by itself or is moved by hand. Each of them knows from its script when everything has to happen, to the nanosecond.
#![cfg(all(unix, not(loom)))]

use fastrand::Rng;
use sideline::task::yield_now;
use sideline::time::{
    MissedTickBehavior, advance, interval_at, now, sleep, sleep_until, timeout, timeout_at,
};
use sideline::{JoinHandle, Runtime, spawn, spawn_blocking};
use std::cell::RefCell;
use std::future::{Future, pending, poll_fn};
use std::pin::Pin;
use std::rc::Rc;
use std::time::{Duration, Instant};

include!("../../tests/support/seeds.rs");

/// Mostly short, so that many things happen at the same moment; now and then so long that it goes by days.
fn some_time(random: &mut Rng) -> Duration {
    match random.u32(..10) {
        0 => Duration::ZERO,
        1..7 => Duration::from_millis(random.u64(..6)),
        7 => Duration::from_nanos(random.u64(..3_000_000)),
        8 => Duration::from_micros(random.u64(..3_000)),
        _ => Duration::from_secs(random.u64(..200_000)),
    }
}

/// How a clock comes to move.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Clock {
    Leaps,
    IsMoved,
}

fn script(mut random: Rng, depth: u32, clock: Clock) -> Pin<Box<dyn Future<Output = ()>>> {
    Box::pin(async move {
        for _ in 0..random.u32(1..20) {
            let start = now();
            // Who does many things in one poll gives way, and then what is ready does not always win.
            yield_now().await;
            match random.u32(..8) {
                0 | 1 => sleeps(&mut random).await,
                2 => gives_up(&mut random).await,
                3 => ticks(&mut random).await,
                4 => is_put_off(&mut random).await,
                5 if depth > 0 => spawn(script(random.fork(), depth - 1, clock)).await.unwrap(),
                6 if depth > 0 => {
                    let limit = some_time(&mut random);
                    let other = spawn(script(random.fork(), depth - 1, clock)).abort_on_drop();
                    let is_up = timeout(limit, other).await.is_err();
                    assert!(if is_up { now() == start + limit } else { now() <= start + limit });
                }
                7 if clock == Clock::Leaps => {
                    // It stands still for a job.
                    spawn_blocking(std::thread::yield_now).await.unwrap();
                    assert_eq!(now(), start);
                }
                _ => {}
            }
        }
    })
}

async fn sleeps(random: &mut Rng) {
    let (start, length) = (now(), some_time(random));
    match random.u32(..3) {
        0 => sleep(length).await,
        1 => sleep_until(start + length).await,
        _ => {
            let over = start.checked_sub(length).unwrap_or(start);
            sleep_until(over).await;
            return assert_eq!(now(), start);
        }
    }
    assert_eq!(now() - start, length);
}

async fn gives_up(random: &mut Rng) {
    let (start, length, limit) = (now(), some_time(random), some_time(random));
    let in_time = match random.u32(..3) {
        0 => timeout(limit, sleep(length)).await.is_ok(),
        1 => timeout_at(start + limit, sleep(length)).await.is_ok(),
        _ => {
            assert!(timeout(limit, pending::<()>()).await.is_err());
            return assert_eq!(now() - start, limit);
        }
    };
    // What is ready wins.
    assert_eq!((in_time, now() - start), (length <= limit, length.min(limit)));
}

async fn ticks(random: &mut Rng) {
    let mut due = now() + some_time(random);
    let period = some_time(random).max(Duration::from_nanos(random.u64(1..999_999)));
    let mut interval = interval_at(due, period);
    for _ in 0..random.u32(..12) {
        let behaviors = [MissedTickBehavior::Burst, MissedTickBehavior::Delay, MissedTickBehavior::Skip];
        let missed = behaviors[random.usize(..3)];
        interval.set_missed_tick_behavior(missed);
        let (asked, limit) = (now(), some_time(random));
        let tick = match random.bool() {
            true => Some(interval.tick().await),
            false => timeout(limit, interval.tick()).await.ok(),
        };
        if let Some(tick) = tick {
            assert_eq!((tick, now()), (due, asked.max(due)));
            due = next_tick(due, now(), period, missed);
        } else {
            // Whoever gives up loses no tick.
            assert!(now() == asked + limit && due > now());
        }
        match random.u32(..12) {
            0 => {
                interval.reset();
                due = now() + period;
            }
            1 => {
                interval.reset_immediately();
                due = now();
            }
            2 => {
                due = now() + limit;
                interval.reset_after(limit);
            }
            3 => {
                due = asked;
                interval.reset_at(asked);
            }
            4..7 => sleep(some_time(random)).await,
            _ => {}
        }
    }
}

fn next_tick(due: Instant, now: Instant, period: Duration, missed: MissedTickBehavior) -> Instant {
    let next = due + period;
    match missed {
        MissedTickBehavior::Delay if next <= now => now + period,
        MissedTickBehavior::Skip if next <= now => {
            let periods = (now - due).as_nanos() / period.as_nanos() + 1;
            due + Duration::from_nanos((periods * period.as_nanos()).try_into().unwrap())
        }
        _ => next,
    }
}

/// Somebody else moves the deadline of a sleep that is waited for, again and again. Deadlines are even, and it is moved at odd
/// moments: so one of the two comes first.
async fn is_put_off(random: &mut Rng) {
    let even = |time: Duration| time - Duration::from_nanos(u64::from(time.subsec_nanos() % 2));
    let start = now();
    let first = even(some_time(random));
    let mut moves = Vec::new();
    let mut at = Duration::from_nanos(1);
    for _ in 0..random.u32(..6) {
        moves.push((at, even(some_time(random))));
        at += even(some_time(random)) + Duration::from_nanos(2);
    }
    let mut end = first;
    for &(at, deadline) in &moves {
        if at < end {
            end = deadline.max(at);
        }
    }
    let place = Rc::new(RefCell::new(sleep(first)));
    let mover: JoinHandle<()> = spawn({
        let place = Rc::clone(&place);
        async move {
            for (at, deadline) in moves {
                sleep_until(start + at).await;
                place.borrow_mut().reset(start + deadline);
            }
        }
    });
    poll_fn(|cx| Pin::new(&mut *place.borrow_mut()).poll(cx)).await;
    assert_eq!(now() - start, end);
    drop(mover.abort_on_drop());
}

fn one_run(seed: u64) {
    let mut random = Rng::with_seed(seed);
    Runtime::builder().paused_clock().build().unwrap().block_on(async {
        let clock = if random.bool() { Clock::Leaps } else { Clock::IsMoved };
        let tasks: Vec<_> = (0..random.u32(1..20)).map(|_| spawn(script(random.fork(), 2, clock))).collect();
        while clock == Clock::IsMoved && !tasks.iter().all(JoinHandle::is_finished) {
            let (start, step) = (now(), some_time(&mut random));
            advance(step).await;
            assert_eq!(now() - start, step);
        }
        for task in tasks {
            task.await.unwrap();
        }
    });
}

#[test]
fn everything_happens_when_it_should() {
    for_seeds(200, one_run);
}
