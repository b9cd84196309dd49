//! Whoever is always ready starves nobody.

use sideline::task::{JoinSet, consume_budget, yield_now};
use sideline::time::{sleep, sleep_until, timeout};
use sideline::{Handle, block_on, spawn, spawn_blocking};
use std::cell::Cell;
use std::future::{Future, pending};
use std::rc::Rc;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

#[test]
fn a_task_that_wakes_itself_for_ever_starves_nobody() {
    block_on(async {
        let noisy = spawn(async {
            loop {
                yield_now().await;
            }
        });
        // A timer, another thread's wake and a job all get through.
        sleep(Duration::from_millis(1)).await;
        assert_eq!(spawn_blocking(|| 1).await.unwrap(), 1);
        let handle = Handle::current();
        let remote = thread::spawn(move || handle.block_on(handle.spawn(async { 2 })).unwrap());
        while !remote.is_finished() {
            yield_now().await;
        }
        noisy.abort();
        assert!(noisy.await.unwrap_err().is_cancelled());
    });
}

/// Beside nobody, or beside tasks that wait: then there is no round of tasks that would use up the budget.
#[test]
fn a_main_future_that_wakes_itself_for_ever_starves_nobody() {
    block_on(async {
        let nap = spawn(sleep(Duration::from_millis(1)));
        let start = Instant::now();
        while !nap.is_finished() {
            assert!(start.elapsed() < Duration::from_secs(20), "no timer fires");
            yield_now().await;
        }
    });
}

#[test]
fn a_join_set_with_always_a_next_result_starves_nobody() {
    block_on(async {
        let ran = Rc::new(Cell::new(false));
        let seen = Rc::clone(&ran);
        drop(spawn(async move { seen.set(true) }));
        let mut set = JoinSet::new();
        for _ in 0..1_000 {
            // Finished before it is asked for: nothing here ever waits.
            let job = spawn_blocking(|| ());
            while !job.is_finished() {
                std::hint::spin_loop();
            }
            set.insert(job);
            set.join_next().await.unwrap().unwrap();
            if ran.get() {
                return;
            }
        }
        panic!("a task that was ready had no turn during a thousand results");
    });
}

/// A channel of another crate knows nothing of our count, and one that is never empty never waits.
#[test]
fn a_channel_that_is_never_empty_starves_nobody_if_each_message_counts() {
    let seen = |counts: bool| {
        block_on(async {
            let (sender, receiver) = async_channel::unbounded();
            (0..1_000).for_each(|n| sender.try_send(n).unwrap());
            let ran = Rc::new(Cell::new(false));
            let running = Rc::clone(&ran);
            let another = spawn(async move { running.set(true) });
            let mut seen = 0;
            while !ran.get() && receiver.try_recv().is_ok() {
                seen += 1;
                if counts {
                    consume_budget().await;
                }
            }
            another.await.unwrap();
            seen
        })
    };
    assert_eq!(seen(false), 1_000);
    assert!((2..200).contains(&seen(true)), "neither at once nor at the end");
}

/// A sleep that is over when it begins, a timeout that is up at once: loops of them never had to wait.
#[test]
fn sleeps_that_are_over_starve_nobody() {
    fn gives_way<F: Future + 'static>(mut next: impl FnMut() -> F + 'static) {
        block_on(async {
            let count = Rc::new(Cell::new(0));
            let counted = Rc::clone(&count);
            let noisy = spawn(async move {
                while counted.get() < 100_000 {
                    next().await;
                    counted.set(counted.get() + 1);
                }
            });
            while count.get() == 0 {
                yield_now().await;
            }
            assert!(count.get() < 100_000, "nobody else had a turn");
            noisy.abort();
        });
    }
    gives_way(|| sleep(Duration::ZERO));
    let past = Instant::now();
    gives_way(move || sleep_until(past));
    gives_way(|| timeout(Duration::ZERO, pending::<()>()));
}

/// One that gave way over and over was never up if its future did in each poll just what one poll may do.
#[test]
fn a_timeout_is_up_whatever_its_future_does_in_each_poll() {
    for operations in 60..70 {
        let busy = async {
            for _ in 0..100 {
                for _ in 0..operations {
                    sleep(Duration::ZERO).await;
                }
                yield_now().await;
            }
        };
        assert!(block_on(async { timeout(Duration::ZERO, busy).await }).is_err(), "{operations} operations");
    }
}

/// Each poll asked as many sockets in vain as one poll may do operations, and never came to the others.
#[cfg(unix)]
#[test]
fn one_task_may_wait_for_any_number_of_sockets() {
    use sideline::net::UnixStream;
    use std::task::Poll;

    crate::allow_descriptors(400);
    block_on(async {
        let pairs: Vec<_> = (0..200).map(|_| UnixStream::pair().unwrap()).collect();
        for talks in [0, 63, 64, 65, 129, 199] {
            assert_eq!(pairs[talks].1.write(&[1]).await.unwrap(), 1);
            yield_now().await;
            let mut polls = 0;
            let heard = std::future::poll_fn(|cx| {
                polls += 1;
                assert!(polls < 100, "nobody listens to number {talks}");
                let hears = |pair: &(UnixStream, _)| pair.0.poll_read(cx, &mut [0]).is_ready();
                pairs.iter().position(hears).map_or(Poll::Pending, Poll::Ready)
            });
            assert_eq!(heard.await, talks);
        }
    });
}

#[test]
fn in_a_round_what_another_thread_has_woken_comes_first() {
    block_on(async {
        let order = Arc::new(Mutex::new(Vec::new()));
        let note = |name| {
            let order = Arc::clone(&order);
            async move { order.lock().unwrap().push(name) }
        };
        let (here, there) = (note("here"), note("there"));
        let tasks = spawn(async move {
            let here = spawn(here);
            let handle = Handle::current();
            // Queued after the other. Both run in the next round.
            let there = thread::spawn(move || handle.spawn(there)).join().unwrap();
            (here, there)
        });
        let (here, there) = tasks.await.unwrap();
        here.await.unwrap();
        there.await.unwrap();
        assert_eq!(*order.lock().unwrap(), ["there", "here"]);
    });
}
