//! Paused clocks: what moves them, what holds them up, and fairness, which they let us count.
#![cfg(all(unix, not(loom)))]

use sideline::net::UnixStream;
use sideline::task::yield_now;
use sideline::time::{advance, interval, now, sleep, timeout};
use sideline::{Handle, Pool, Runtime, block_on, spawn, spawn_blocking};
use std::cell::{Cell, RefCell};
use std::future::{Future, pending, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::task::{Poll, Waker};
use std::thread;
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_secs(3600);

fn paused<F: Future>(future: F) -> F::Output {
    Runtime::builder().paused_clock().build().unwrap().block_on(future)
}

#[test]
fn sleeps_end_in_order_at_their_exact_moments() {
    let log = Rc::new(RefCell::new(Vec::new()));
    paused(async {
        let start = now();
        let tasks = [3, 1, 2].map(|hours| {
            let log = Rc::clone(&log);
            spawn(async move {
                sleep(hours * HOUR).await;
                log.borrow_mut().push((hours, now() - start));
                sleep(HOUR / 2).await;
                log.borrow_mut().push((hours + 10, now() - start));
            })
        });
        for task in tasks {
            task.await.unwrap();
        }
    });
    let half = HOUR / 2;
    let expected =
        [(1, 2), (11, 3), (2, 4), (12, 5), (3, 6), (13, 7)].map(|(name, halves)| (name, halves * half));
    assert_eq!(*log.borrow(), expected);
}

/// With nobody to poll it again: the waker of a sleep that is being waited for goes along with its deadline.
#[test]
fn a_sleep_that_is_waited_for_may_be_put_off_and_brought_forward() {
    paused(async {
        let start = now();
        for (first, second) in [(2, 5), (5, 2), (2, 0)] {
            let begun = now();
            let place = Rc::new(RefCell::new(sleep(first * HOUR)));
            let waited_for = Rc::clone(&place);
            let mut polls = 0;
            let task = spawn(poll_fn(move |cx| {
                polls += 1;
                Pin::new(&mut *waited_for.borrow_mut()).poll(cx).map(|()| (polls, now()))
            }));
            yield_now().await;
            place.borrow_mut().reset(begun + second * HOUR);
            assert_eq!(task.await.unwrap(), (2, begun + second * HOUR));
            // One that has ended waits again.
            place.borrow_mut().reset(begun + 9 * HOUR);
            assert!(!place.borrow().is_elapsed());
            poll_fn(|cx| Pin::new(&mut *place.borrow_mut()).poll(cx)).await;
        }
        assert_eq!(now() - start, 27 * HOUR);
    });
}

#[test]
fn the_clock_stands_while_a_job_is_queued_or_running() {
    paused(async {
        let start = now();
        let handle = Handle::current();
        let (release, released) = mpsc::channel::<()>();
        let job = spawn_blocking(move || released.recv().unwrap());
        // Another thread releases the job once the loop has turned in vain for a while.
        let before = handle.metrics().turns;
        let releaser = thread::spawn(move || {
            while handle.metrics().turns < before + 5 {
                thread::yield_now();
            }
            release.send(()).unwrap();
        });
        timeout(Duration::from_nanos(1), job).await.expect("time stands still").unwrap();
        assert_eq!(now(), start);
        releaser.join().unwrap();
    });
}

/// It was no job yet, and its timeout elapsed.
#[test]
fn the_clock_stands_while_a_closure_waits_for_room() {
    let pool = Pool::builder().core_threads(1).max_threads(1).queue_limit(1).build().unwrap();
    // Another one's jobs: one that runs, and one that fills the queue.
    let (release, released) = mpsc::channel::<()>();
    let (started, has_started) = mpsc::channel();
    drop(pool.spawn(move || (started.send(()).unwrap(), released.recv())));
    has_started.recv().unwrap();
    drop(pool.spawn(|| ()));
    let runtime = Runtime::builder().pool(pool).paused_clock().build().unwrap();
    runtime.block_on(async {
        let start = now();
        let handle = Handle::current();
        let before = handle.metrics().turns;
        let releaser = thread::spawn(move || {
            while handle.metrics().turns < before + 5 {
                thread::yield_now();
            }
            drop(release);
        });
        let job = timeout(Duration::from_nanos(1), sideline::blocking::job().spawn_when_room(|| 7)).await;
        assert_eq!(job.expect("time stands still").unwrap().await.unwrap(), 7);
        assert_eq!(now(), start);
        releaser.join().unwrap();
    });
}

#[test]
fn the_end_of_a_job_that_nobody_awaits_lets_time_go_on() {
    paused(async {
        for _ in 0..20 {
            drop(spawn_blocking(|| ()));
            sleep(HOUR).await;
        }
    });
}

#[test]
fn what_a_job_has_written_is_read_before_time_goes_on() {
    paused(async {
        for _ in 0..50 {
            let start = now();
            let (near, far) = UnixStream::pair().unwrap();
            drop(spawn_blocking(move || {
                let far = far; // closes at the end of the job
                far.try_write(b"x").unwrap();
            }));
            let mut byte = [0];
            timeout(Duration::from_nanos(1), near.read(&mut byte))
                .await
                .expect("it was written now")
                .unwrap();
            assert_eq!(now(), start);
        }
    });
}

#[test]
fn advance_stops_at_every_deadline_on_the_way() {
    paused(async {
        let start = now();
        let ticks = Rc::new(RefCell::new(Vec::new()));
        let log = Rc::clone(&ticks);
        // Not polled yet when advance() is called: it starts its interval at the old time all the same.
        let task = spawn(async move {
            let mut interval = interval(SECOND);
            loop {
                interval.tick().await;
                log.borrow_mut().push(now() - start);
            }
        });
        advance(SECOND * 7 / 2).await;
        assert_eq!(*ticks.borrow(), [0, 1, 2, 3].map(|n| n * SECOND));
        assert_eq!(now() - start, SECOND * 7 / 2);
        advance(Duration::ZERO).await;
        assert_eq!(now() - start, SECOND * 7 / 2);
        task.abort();
    });
}

#[test]
fn advance_passes_a_job_in_flight() {
    paused(async {
        let (release, released) = mpsc::channel::<()>();
        let job = spawn_blocking(move || released.recv().unwrap());
        let limited = spawn(timeout(HOUR, job));
        advance(HOUR).await;
        assert!(limited.await.unwrap().is_err());
        release.send(()).unwrap();
    });
}

#[test]
fn a_timer_armed_by_another_thread_moves_the_clock() {
    paused(async {
        let (handle, start) = (Handle::current(), now());
        let (sender, waker) = mpsc::channel::<Waker>();
        let done = Arc::new(AtomicBool::new(false));
        let other = thread::spawn({
            let done = Arc::clone(&done);
            move || {
                handle.block_on(async { sleep(HOUR).await });
                done.store(true, Ordering::Release);
                waker.recv().unwrap().wake();
            }
        });
        let mut sender = Some(sender);
        poll_fn(|cx| {
            if let Some(sender) = sender.take() {
                sender.send(cx.waker().clone()).unwrap();
            }
            if done.load(Ordering::Acquire) { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
        assert_eq!(now() - start, HOUR);
        other.join().unwrap();
    });
}

#[test]
fn advance_elsewhere_says_what_to_do() {
    let text = |caught: thread::Result<()>| match caught.unwrap_err().downcast::<String>() {
        Ok(text) => *text,
        Err(other) => other.downcast::<&str>().unwrap().to_string(),
    };
    let flowing = catch_unwind(|| block_on(advance(SECOND)));
    assert!(text(flowing).contains("paused_clock()"));
    let runtime = Runtime::builder().paused_clock().build().unwrap();
    let handle = runtime.handle().clone();
    let elsewhere =
        thread::spawn(move || catch_unwind(AssertUnwindSafe(|| handle.block_on(advance(SECOND)))));
    assert!(text(elsewhere.join().unwrap()).contains("loop's own thread"));
}

/// A task that wakes itself for ever, wakes from another thread without a pause, timers of which thousands are due
/// at a time, and a socket that is never empty: each of them gets on, and so does the clock.
#[test]
fn no_flood_starves_another() {
    const ENOUGH: u32 = 200;
    const TIMERS: usize = 5000;

    #[derive(Default)]
    struct Counts {
        selfish: Cell<u32>,
        remote: Cell<u32>,
        timers: Cell<u32>,
        reads: Cell<u32>,
        steps: Cell<u32>,
    }
    let counts = Rc::new(Counts::default());
    let stop = Arc::new(AtomicBool::new(false));
    let bump = |count: &Cell<u32>| count.set(count.get() + 1);
    let mut threads = Vec::new();
    paused(async {
        let selfish = Rc::clone(&counts);
        drop(spawn(async move {
            loop {
                bump(&selfish.selfish);
                yield_now().await;
            }
        }));

        let (send_waker, wakers) = mpsc::channel::<Waker>();
        let remote = Rc::clone(&counts);
        drop(spawn(poll_fn(move |cx| {
            if remote.remote.get() == 0 {
                send_waker.send(cx.waker().clone()).unwrap();
            }
            bump(&remote.remote);
            Poll::<()>::Pending
        })));
        let stopped = Arc::clone(&stop);
        threads.push(thread::spawn(move || {
            let waker = wakers.recv().unwrap();
            while !stopped.load(Ordering::Relaxed) {
                waker.wake_by_ref();
            }
        }));

        for _ in 0..TIMERS {
            let timers = Rc::clone(&counts);
            drop(spawn(async move {
                loop {
                    sleep(Duration::from_millis(1)).await;
                    bump(&timers.timers);
                }
            }));
        }

        let (near, mut far) = std::os::unix::net::UnixStream::pair().unwrap();
        threads.push(thread::spawn(move || while std::io::Write::write_all(&mut far, &[1; 4096]).is_ok() {}));
        let reads = Rc::clone(&counts);
        drop(spawn(async move {
            near.set_nonblocking(true).unwrap();
            let socket = UnixStream::from_std(near).unwrap();
            let mut buffer = [0; 1024];
            loop {
                assert!(socket.read(&mut buffer).await.unwrap() > 0);
                bump(&reads.reads);
            }
        }));

        let start = now();
        loop {
            let Counts { selfish, remote, timers, reads, steps } = &*counts;
            let timers_enough = timers.get() >= ENOUGH * 10;
            if timers_enough && [selfish, remote, reads, steps].iter().all(|count| count.get() >= ENOUGH / 10)
            {
                break;
            }
            advance(Duration::from_millis(1)).await;
            bump(steps);
        }
        assert_eq!(now() - start, counts.steps.get() * Duration::from_millis(1));
    });
    stop.store(true, Ordering::Relaxed);
    for thread in threads {
        thread.join().unwrap();
    }
}

#[test]
fn an_interval_that_starts_anew_forgets_what_it_missed() {
    paused(async {
        let start = now();
        let mut interval = interval(10 * SECOND);
        assert_eq!(interval.tick().await, start);
        advance(35 * SECOND).await;
        interval.reset_immediately();
        assert_eq!(interval.tick().await, start + 35 * SECOND);
        interval.reset_after(SECOND);
        assert_eq!(interval.tick().await, start + 36 * SECOND);
        assert_eq!(interval.tick().await, start + 46 * SECOND, "a period apart again");
        interval.reset_at(start + 50 * SECOND);
        assert_eq!(interval.tick().await, start + 50 * SECOND);
        advance(SECOND).await;
        interval.reset();
        assert_eq!(interval.tick().await, start + 61 * SECOND);
        interval.reset_at(start);
        assert_eq!(interval.tick().await, start, "over, so at once");
        assert_eq!(now(), start + 61 * SECOND);
    });
}

/// It went on trying to get beyond.
#[test]
fn the_clock_has_an_end_and_there_everything_is_due() {
    paused(async {
        const CENTURIES: Duration = Duration::from_nanos(u64::MAX);
        let start = now();
        let late = spawn(sleep(Duration::MAX));
        advance(CENTURIES / 2).await;
        assert!(!late.is_finished());
        for _ in 0..2 {
            advance(CENTURIES).await;
            assert_eq!(now() - start, CENTURIES);
        }
        assert!(late.is_finished());
        sleep(Duration::MAX).await;
        timeout(SECOND, pending::<()>()).await.unwrap_err();
        assert_eq!(now() - start, CENTURIES);
    });
}
