//! Sleeps, timeouts and intervals, by the real clock.

use sideline::task::{consume_budget, yield_now};
use sideline::time::{interval_at, sleep, sleep_until, timeout};
use sideline::{Handle, block_on, spawn, spawn_blocking};
use std::future::{Future, poll_fn};
use std::sync::{Arc, Mutex};
use std::task::Poll;
use std::time::{Duration, Instant};

#[test]
fn timers_fire_in_order_and_never_early() {
    block_on(async {
        loop {
            let start = Instant::now();
            let order = Arc::new(Mutex::new(Vec::new()));
            let due = move |number| start + Duration::from_millis(number);
            let tasks: Vec<_> = [5, 1, 3, 2, 4]
                .into_iter()
                .map(|number| {
                    let order = Arc::clone(&order);
                    spawn(async move {
                        sleep_until(due(number)).await;
                        assert!(Instant::now() >= due(number));
                        order.lock().unwrap().push(number);
                    })
                })
                .collect();
            yield_now().await;
            // On a busy machine some may have been due when their tasks came to be polled: those had no timer.
            let all_had_timers = Instant::now() < due(1);
            for task in tasks {
                task.await.unwrap();
            }
            if all_had_timers {
                break assert_eq!(*order.lock().unwrap(), [1, 2, 3, 4, 5]);
            }
        }
    });
}

/// It was overlooked if as many operations came after it in that poll as before, or more.
#[test]
fn what_has_given_way_is_asked_once_more_although_its_time_is_up() {
    block_on(async {
        for before in 0..64 {
            yield_now().await;
            for _ in 0..before {
                consume_budget().await;
            }
            let mut operations: Vec<_> = (0..70).map(|_| Box::pin(consume_budget())).collect();
            let all = poll_fn(|cx| {
                operations.retain_mut(|operation| operation.as_mut().poll(cx).is_pending());
                if operations.is_empty() { Poll::Ready(()) } else { Poll::Pending }
            });
            assert!(timeout(Duration::ZERO, all).await.is_ok(), "after {before}");
        }
    });
}

#[test]
fn far_and_past_deadlines() {
    block_on(async {
        sleep(Duration::ZERO).await;
        sleep_until(Instant::now() - Duration::from_millis(1)).await;
        let far = sleep(Duration::MAX);
        assert!(timeout(Duration::from_millis(1), far).await.is_err());
        assert_eq!(timeout(Duration::MAX, async { 3 }).await, Ok(3));
        // A future that is ready wins over a time that is up.
        assert_eq!(timeout(Duration::ZERO, async { 4 }).await, Ok(4));
        let error: std::io::Error =
            timeout(Duration::ZERO, std::future::pending::<()>()).await.unwrap_err().into();
        assert_eq!(error.kind(), std::io::ErrorKind::TimedOut);
    });
}

#[test]
fn missed_ticks_as_asked_for() {
    use sideline::time::MissedTickBehavior::*;
    block_on(async {
        let period = Duration::from_millis(10);
        for behavior in [Burst, Skip, Delay] {
            // The start lies 35 ms back: ticks 0, 10, 20 and 30 are due.
            let start = Instant::now() - Duration::from_millis(35);
            let mut interval = interval_at(start, period);
            interval.set_missed_tick_behavior(behavior);
            assert_eq!(interval.tick().await, start);
            let second = interval.tick().await;
            match behavior {
                Burst => assert_eq!(second, start + period),
                Skip => {
                    let since = (second - start).as_nanos();
                    assert!(since % period.as_nanos() == 0 && second >= start + 4 * period);
                }
                _ => assert!(second >= start + Duration::from_millis(45)),
            }
        }
    });
}

#[test]
fn an_interval_that_is_always_behind_starves_nobody() {
    block_on(async {
        let other = spawn(async {});
        let mut interval = sideline::time::interval(Duration::from_nanos(1));
        let mut ticks = 0;
        while !other.is_finished() {
            interval.tick().await;
            ticks += 1;
            assert!(ticks < 100_000, "the other task had no turn");
        }
    });
}

#[test]
fn a_sleep_may_be_polled_on_another_thread() {
    block_on(async {
        let nap = sleep(Duration::from_millis(2));
        let handle = Handle::current();
        let other = spawn_blocking(move || {
            let start = Instant::now();
            handle.block_on(nap);
            start.elapsed()
        });
        other.await.unwrap();
    });
}

#[test]
fn a_short_sleep_takes_at_most_two_polls() {
    block_on(async {
        for micros in [1, 100, 900, 1_100] {
            let mut sleep = std::pin::pin!(sleep(Duration::from_micros(micros)));
            let mut polls = 0;
            std::future::poll_fn(|cx| {
                polls += 1;
                sleep.as_mut().poll(cx)
            })
            .await;
            assert!(polls <= 2, "{polls} polls for {micros} us");
        }
    });
}

/// The loop had read the clock before, and as it had no turn, that reading was never renewed.
#[test]
fn a_sleep_is_over_in_its_time_although_the_loop_has_no_turn() {
    block_on(async {
        let mut sleep = std::pin::pin!(sleep(Duration::from_millis(150)));
        let start = Instant::now();
        std::future::poll_fn(|cx| {
            while sleep.as_mut().poll(cx).is_pending() {
                assert!(start.elapsed() < Duration::from_secs(20), "it is pending for ever");
            }
            std::task::Poll::Ready(())
        })
        .await;
        assert!(start.elapsed() >= Duration::from_millis(150));
    });
}
