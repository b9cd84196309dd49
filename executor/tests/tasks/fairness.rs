//! Whoever is always ready starves nobody.

use sideline::task::{JoinSet, yield_now};
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
