//! Idle means idle, and ended means gone.
#![cfg(all(target_os = "linux", not(loom)))]

use sideline::{Handle, Pool, Runtime, Shutdown, block_on, time::sleep, to_thread};
use sideline_tests::{Waits, open_descriptors, waits_of_threads};
use std::future::{Future, poll_fn};
use std::path::Path;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Barrier, OnceLock};
use std::task::{Poll, Waker};
use std::thread;
use std::time::Duration;

#[test]
fn an_idle_pool_does_not_wake_up() {
    let pool = Pool::builder().core_threads(3).thread_name("idle-test").build().unwrap();
    let runtime = Runtime::builder().pool(pool).build().unwrap();
    runtime.block_on(async {
        let gate = Arc::new(Barrier::new(3));
        let jobs: Vec<_> = (0..3)
            .map(|_| {
                let gate = Arc::clone(&gate);
                to_thread(move || gate.wait())
            })
            .collect();
        for job in jobs {
            job.await;
        }
        let idle = stay_asleep(|| waits_of_threads("idle-test")).await;
        assert!(idle.len() >= 3, "{idle:?}");
    });
}

/// A thread that wakes up gives up the CPU once more than before: none of those may, for half a second, once they have gone to sleep.
async fn stay_asleep(those: impl Fn() -> Vec<Waits>) -> Vec<Waits> {
    // Nobody wakes this one. When it wakes up all do, as in a process that was stopped and goes on: then once more.
    let other = thread::Builder::new().name("idle-other".to_owned()).spawn(thread::park).unwrap();
    let others = || waits_of_threads("idle-other");
    let asleep = loop {
        let (other, before) = (at_rest(others).await, at_rest(&those).await);
        // That they do not wake up shows only with time.
        sleep(Duration::from_millis(500)).await;
        let now = those();
        if others() == other {
            assert_eq!(now, before);
            break now;
        }
    };
    other.thread().unpark();
    other.join().unwrap();
    asleep
}

/// Those threads when they have gone to sleep: two looks that agree, at threads that sleep. On a busy machine one may wait for a
/// processor so long, on its way there, that its numbers agree, too.
async fn at_rest(those: impl Fn() -> Vec<Waits>) -> Vec<Waits> {
    let mut before = those();
    loop {
        sleep(Duration::from_millis(50)).await;
        let now = those();
        if now == before && now.iter().all(Waits::is_asleep) {
            return now;
        }
        before = now;
    }
}

include!("../../reactor/tests/support/alone.rs");

/// A loop that waits for a job, and for a timer that is far away; and the thread that watches it.
#[test]
fn a_loop_that_rests_and_its_watchdog_do_not_wake_up() {
    // Among other tests there are other watchdogs.
    if ran_alone("a_loop_that_rests_and_its_watchdog_do_not_wake_up", None) {
        return;
    }
    let loop_s = std::fs::read_to_string("/proc/thread-self/comm").unwrap();
    let waits = move || [waits_of_threads(loop_s.trim()), waits_of_threads("sideline-watch")].concat();
    let runtime = Runtime::builder().watchdog(Duration::from_millis(20)).build().unwrap();
    runtime.block_on(async {
        drop(sideline::spawn(sleep(Duration::from_secs(3600))));
        let resting = to_thread(move || block_on(stay_asleep(waits))).await;
        assert_eq!(resting.len(), 2, "{resting:?}");
    });
}

/// What busy polling is for; elsewhere it only has to overlook nothing. On a pool of its own, as it does not linger while that is busy.
#[test]
fn a_loop_that_polls_busily_does_not_go_to_sleep() {
    let waits = || waits_of_threads("busy-test").remove(0);
    let idle = Arc::new(OnceLock::new());
    let tell = Arc::clone(&idle);
    let looping = thread::Builder::new().name("busy-test".to_owned()).spawn(move || {
        let runtime =
            Runtime::builder().pool(Pool::new()).busy_poll(Duration::from_secs(60)).build().unwrap();
        runtime.block_on(async {
            let task = sideline::spawn(std::future::pending::<()>());
            let path = Path::new("/proc").join(std::fs::read_link("/proc/thread-self").unwrap());
            let before = waits();
            _ = tell.set((task.abort_handle(), path.join("schedstat")));
            assert!(task.await.unwrap_err().is_cancelled());
            assert_eq!(waits().times, before.times);
        });
    });
    let (abort, schedstat) = loop {
        match idle.get() {
            Some(told) => break told,
            None => thread::yield_now(),
        }
    };
    // For how long it has had a processor, in nanoseconds.
    let ran = || -> u64 {
        let text = std::fs::read_to_string(schedstat).unwrap();
        text.split(' ').next().unwrap().parse().unwrap()
    };
    // It is long idle by then.
    let enough = ran() + 10_000_000;
    while ran() < enough && !waits().is_asleep() {
        thread::yield_now();
    }
    abort.abort();
    looping.unwrap().join().unwrap();
}

/// The deadline has passed when the loop comes to wait: without slack it would fire the timer in place of going to sleep.
#[test]
fn a_loop_that_was_given_slack_sleeps_although_a_timer_is_due() {
    let (due, slept) = (Arc::new(OnceLock::<Waker>::new()), Arc::new(AtomicBool::new(false)));
    let caller = thread::spawn({
        let (due, slept) = (Arc::clone(&due), Arc::clone(&slept));
        move || {
            while due.get().is_none() || !waits_of_threads("slack-test").iter().all(Waits::is_asleep) {
                thread::yield_now();
            }
            slept.store(true, Ordering::SeqCst);
            due.get().unwrap().wake_by_ref();
        }
    });
    let looping = thread::Builder::new().name("slack-test".to_owned()).spawn(move || {
        let runtime = Runtime::builder().timer_slack(Duration::from_secs(3600)).build().unwrap();
        runtime.block_on(async {
            let mut nap = pin!(sleep(Duration::ZERO));
            poll_fn(|cx| {
                if slept.load(Ordering::SeqCst) {
                    assert!(nap.as_mut().poll(cx).is_ready(), "what is due fires when the loop is awake");
                    return Poll::Ready(());
                }
                // Where this poll takes too long the loop only looks around, and fires the timer: then once more.
                assert_eq!(
                    Handle::current().metrics().park_time.count(),
                    0,
                    "it came to wait and did not sleep"
                );
                while nap.as_mut().poll(cx).is_ready() {
                    nap.set(sleep(Duration::from_micros(20)));
                }
                while !nap.is_elapsed() {}
                _ = due.set(cx.waker().clone());
                Poll::Pending
            })
            .await;
        });
    });
    looping.unwrap().join().unwrap();
    caller.join().unwrap();
}

#[test]
fn a_thousand_runtimes_leave_no_descriptor_behind() {
    let round = || {
        block_on(async {
            let listener = sideline::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
            drop(sideline::spawn(async move { listener.accept().await.map(drop) }));
            assert_eq!(to_thread(|| 1).await, 1);
        });
    };
    round();
    let before = open_descriptors();
    for _ in 0..1_000 {
        round();
    }
    // The other tests of this process have descriptors of their own for a while.
    assert!(open_descriptors() < before + 100);
}

/// What they share (the global pool) is there before; what is their own is gone after.
#[test]
fn a_thousand_runtimes_leave_neither_threads_nor_memory_behind() {
    let resident = || {
        let statm = std::fs::read_to_string("/proc/self/statm").unwrap();
        statm.split(' ').nth(1).unwrap().parse::<usize>().unwrap() * 4096
    };
    let round = |number: u64| {
        let builder = Runtime::builder();
        let watched = number % 10 == 0;
        let builder = if watched { builder.watchdog(Duration::from_secs(1)) } else { builder };
        let runtime = builder.build().unwrap();
        runtime.block_on(async {
            for _ in 0..100 {
                drop(sideline::spawn(async { sleep(Duration::from_secs(3600)).await }));
            }
            sleep(Duration::from_micros(1)).await;
            assert_eq!(to_thread(move || number).await, number);
        });
    };
    (0..100).for_each(round);
    let before = resident();
    (0..1_000).for_each(round);
    // Of a runtime with a hundred tasks a tenth would be more than that.
    let grown = resident().saturating_sub(before);
    assert!(grown < 8 << 20, "{grown} bytes");
    // One that has just been joined may still be on the list.
    assert!(waits_of_threads("sideline-watch").len() < 3);
}

#[test]
fn a_pool_that_is_shut_down_leaves_no_thread_behind() {
    for _ in 0..50 {
        let pool = Pool::builder().core_threads(2).thread_name("ended-test").build().unwrap();
        for _ in 0..4 {
            drop(pool.spawn(|| ()));
        }
        let report = pool.shutdown(Shutdown::Drain);
        assert!(report.left_running.is_empty(), "{report}");
    }
    // One that has just been joined may still be on the list.
    while !waits_of_threads("ended-test").is_empty() {
        thread::yield_now();
    }
}
