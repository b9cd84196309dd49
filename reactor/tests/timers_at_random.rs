//! Timers that are polled, reset, dropped and due by turns, on the loop's thread and on another one: whoever waits is woken, and
//! nothing stays behind.

mod support;

use fastrand::Rng;
use sideline_reactor::{Clock, LocalReactor, Timer};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::{Duration, Instant};
use support::Count;

include!("../../tests/support/seeds.rs");

struct Sleeper {
    timer: Timer,
    deadline: Instant,
    was_ready: bool,
    /// Whose waker the last poll that was pending brought, and how often it had been woken.
    waits: Option<(usize, usize)>,
}

/// Wakers that are shared by all.
type Wakers = [(Arc<Count>, Waker)];

impl Sleeper {
    fn poll(&mut self, clock: &Clock, which: usize, wakers: &Wakers) {
        let (count, waker) = &wakers[which];
        let is_due = self.was_ready || clock.now() >= self.deadline;
        let polled = self.timer.poll(&mut Context::from_waker(waker));
        assert_eq!(polled, if is_due { Poll::Ready(()) } else { Poll::Pending });
        self.was_ready = is_due;
        self.waits = (!is_due).then(|| (which, count.get()));
    }

    fn reset(&mut self, deadline: Instant) {
        self.timer.reset(deadline);
        (self.deadline, self.was_ready) = (deadline, false);
        assert_eq!(self.timer.deadline(), deadline);
    }

    /// Whether it waits and has not been woken.
    fn sleeps(&self, wakers: &Wakers) -> bool {
        self.waits.is_some_and(|(which, wakes)| wakers[which].0.get() == wakes)
    }
}

fn deadline(random: &mut Rng, clock: &Clock) -> Instant {
    let far = match random.u64(..8) {
        0 => 0,
        1 => 1,
        2 => 400 * 86_400 * 1_000_000_000,
        _ => random.u64(..1_000),
    };
    clock.now() + Duration::from_nanos(far)
}

fn one_run(seed: u64, is_known: bool) {
    let mut random = Rng::with_seed(seed);
    let wakers: Vec<_> = (0..64).map(|_| Count::new()).collect();
    let clock = Clock::manual();
    let mut reactor = if is_known {
        LocalReactor::with_known_wakers(clock.clone(), wakers[0].1.vtable()).unwrap()
    } else {
        LocalReactor::new(clock.clone()).unwrap()
    };
    let handle = reactor.handle().clone();
    let mut sleepers: Vec<Sleeper> = Vec::new();
    for step in 0..1_500 {
        let (clock, wakers) = (&clock, &wakers[..]);
        let is_elsewhere = random.u64(..4) == 0;
        let action = random.u64(..10);
        // The same a few times, so that a kept one comes in handy.
        let which = step / 8 % wakers.len();
        let mut act = || match action {
            0..3 if sleepers.len() < 24 => {
                let deadline = deadline(&mut random, clock);
                let timer = Timer::new(&handle, deadline);
                let mut sleeper = Sleeper { timer, deadline, was_ready: false, waits: None };
                if action > 0 {
                    sleeper.poll(clock, which, wakers);
                }
                sleepers.push(sleeper);
            }
            _ if sleepers.is_empty() => {}
            3..5 => drop(sleepers.swap_remove(random.usize(..sleepers.len()))),
            5..8 => {
                let at = random.usize(..sleepers.len());
                sleepers[at].poll(clock, which, wakers);
            }
            _ => {
                let at = random.usize(..sleepers.len());
                let deadline = deadline(&mut random, clock);
                sleepers[at].reset(deadline);
            }
        };
        if is_elsewhere {
            thread::scope(|scope| scope.spawn(act).join().unwrap());
        } else {
            act();
        }
        match random.u64(..6) {
            0 => clock.advance(Duration::from_nanos(random.u64(..400))),
            1 => reactor.turn(Some(Duration::ZERO), || false).unwrap(),
            2 => {
                reactor.turn(None, || true).unwrap();
            }
            3 => {
                reactor.fire_timers();
            }
            _ => continue,
        }
        reactor.fire_timers();
        let next = handle.next_deadline();
        for sleeper in sleepers.iter().filter(|sleeper| sleeper.sleeps(wakers)) {
            assert!(sleeper.deadline > clock.now(), "step {step}: it should have been woken");
            assert!(
                next.is_some_and(|next| next <= sleeper.deadline),
                "step {step}: the loop would sleep on it"
            );
        }
    }
    let count_of = |(count, _): &(Arc<Count>, Waker)| Arc::strong_count(count);
    if random.u64(..2) == 0 {
        sleepers.clear();
        reactor.turn(None, || true).unwrap();
        assert_eq!(handle.next_deadline(), None);
        assert!(wakers.iter().all(|waker| count_of(waker) == 2), "a waker has stayed");
    }
    drop(reactor);
    assert!(sleepers.iter().all(|sleeper| !sleeper.sleeps(&wakers)));
    assert!(wakers.iter().all(|waker| count_of(waker) == 2), "a waker has stayed");
    for (at, mut sleeper) in sleepers.into_iter().enumerate() {
        sleeper.deadline = clock.now();
        sleeper.poll(&clock, at, &wakers);
    }
}

#[test]
fn who_waits_is_woken_and_nothing_stays_behind() {
    for_seeds(40, |seed| one_run(seed * 0x5eed_5eed, seed % 2 == 0));
}
