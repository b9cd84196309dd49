//! A runtime inside somebody else's loop: what makes its descriptor readable, and what does not.
#![cfg(all(unix, not(loom)))]

use mio::unix::SourceFd;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use sideline::io::Interest;
use sideline::net::UnixStream;
use sideline::task::yield_now;
use sideline::time::sleep;
use sideline::{Runtime, to_thread};
use std::cell::Cell;
use std::future::poll_fn;
use std::os::fd::AsRawFd;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::sync::mpsc;
use std::task::Poll;
use std::thread;
use std::time::{Duration, Instant};

include!("common/descriptors.rs");

/// Waits as another loop would, for the descriptor alone.
fn readable(runtime: &Runtime, limit: Duration) -> bool {
    let limit = Timespec::try_from(limit).unwrap();
    poll(&mut [PollFd::new(runtime, PollFlags::IN)], Some(&limit)).unwrap() == 1
}

const AT_ONCE: Duration = Duration::ZERO;
/// Only a test that fails waits this long.
const PATIENCE: Duration = Duration::from_secs(20);

/// Turns until the descriptor is quiet.
fn settle(runtime: &Runtime) {
    runtime.turn(Some(AT_ONCE)).unwrap();
    while readable(runtime, AT_ONCE) {
        runtime.turn(Some(AT_ONCE)).unwrap();
    }
}

#[test]
fn results_of_jobs_make_it_readable_and_nothing_else_turns_it() {
    const JOBS: u64 = 100;
    let runtime = Runtime::new().unwrap();
    let task = runtime.spawn(async {
        for _ in 0..JOBS {
            to_thread(|| ()).await;
        }
    });
    while !task.is_finished() {
        assert!(readable(&runtime, PATIENCE), "a result was slept on");
        runtime.turn(Some(AT_ONCE)).unwrap();
    }
    // One for each result; a notifier that is late by one turn costs one more.
    let turns = runtime.handle().metrics().turns;
    assert!(turns <= 2 * JOBS + 4, "{turns} turns");
    settle(&runtime);
    assert!(!readable(&runtime, AT_ONCE), "an idle runtime is not readable");
}

#[test]
fn a_wake_from_another_thread_makes_it_readable() {
    let runtime = Runtime::new().unwrap();
    let (send, wakers) = mpsc::channel();
    let polls = Rc::new(Cell::new(0));
    let counted = Rc::clone(&polls);
    drop(runtime.spawn(poll_fn(move |cx| {
        counted.set(counted.get() + 1);
        send.send(cx.waker().clone()).unwrap();
        Poll::<()>::Pending
    })));
    settle(&runtime);
    for round in 1..=50 {
        assert_eq!(polls.get(), round);
        let waker = wakers.recv().unwrap();
        if round % 2 == 0 {
            thread::spawn(move || waker.wake()).join().unwrap();
        } else {
            // On this thread, but in no turn: as good as another.
            waker.wake();
        }
        assert!(readable(&runtime, AT_ONCE), "the wake was lost");
        runtime.turn(Some(AT_ONCE)).unwrap();
    }
}

#[test]
fn work_from_this_thread_makes_it_readable() {
    let runtime = Runtime::new().unwrap();
    assert!(!readable(&runtime, AT_ONCE));
    let task = runtime.spawn(std::future::pending::<()>());
    assert!(readable(&runtime, AT_ONCE), "a spawned task is ready");
    settle(&runtime);
    task.abort();
    assert!(readable(&runtime, AT_ONCE), "an aborted task is to be dropped");
    settle(&runtime);
    assert!(task.is_finished());
    // Before the descriptor was ever asked for, and left over from a block_on.
    let runtime = Runtime::new().unwrap();
    runtime.block_on(async { drop(sideline::spawn(async {})) });
    assert!(readable(&runtime, AT_ONCE), "block_on left a task that is ready");
    settle(&runtime);
    runtime.block_on(async { drop(sideline::spawn(async {})) });
    assert!(readable(&runtime, AT_ONCE), "and again, now that it is embedded");
}

#[test]
fn a_task_that_never_waits_leaves_it_readable() {
    let runtime = Runtime::new().unwrap();
    drop(runtime.spawn(async {
        loop {
            yield_now().await;
        }
    }));
    for _ in 0..10 {
        assert!(readable(&runtime, AT_ONCE));
        runtime.turn(Some(AT_ONCE)).unwrap();
    }
}

#[test]
fn a_wake_of_a_former_main_future_is_forgotten() {
    let runtime = Runtime::new().unwrap();
    let waker = runtime.block_on(poll_fn(|cx| Poll::Ready(cx.waker().clone())));
    settle(&runtime);
    waker.wake();
    settle(&runtime);
    assert!(!readable(&runtime, AT_ONCE));
}

#[test]
fn timers_are_next_deadline() {
    let runtime = Runtime::new().unwrap();
    assert_eq!(runtime.next_deadline(), None);
    let start = Instant::now();
    let task = runtime.spawn(async {
        for _ in 0..3 {
            sleep(Duration::from_millis(2)).await;
        }
    });
    let mut turns = 0;
    while !task.is_finished() {
        let due = runtime.next_deadline();
        let left = due.map_or(PATIENCE, |due| due.saturating_duration_since(Instant::now()));
        assert!(readable(&runtime, left) || due.is_some());
        runtime.turn(Some(AT_ONCE)).unwrap();
        turns += 1;
    }
    assert!(start.elapsed() >= Duration::from_millis(6));
    assert!(turns <= 12, "{turns} turns for three sleeps");
    assert_eq!(runtime.next_deadline(), None);
    // A timer that another thread arms.
    settle(&runtime);
    let handle = runtime.handle().clone();
    let sleeper = thread::spawn(move || handle.block_on(async { sleep(Duration::from_millis(1)).await }));
    assert!(readable(&runtime, PATIENCE), "a new earliest deadline was slept past");
    while !sleeper.is_finished() {
        runtime.turn(Some(Duration::from_millis(1))).unwrap();
    }
    sleeper.join().unwrap();
}

#[test]
fn sockets_make_it_readable() {
    let runtime = Runtime::new().unwrap();
    let (near, far) = runtime.block_on(async { UnixStream::pair().unwrap() });
    let echo = runtime.spawn(async move {
        let mut buffer = [0; 8];
        near.read(&mut buffer).await.unwrap()
    });
    settle(&runtime);
    far.try_write(b"hello").unwrap();
    assert!(readable(&runtime, PATIENCE), "the byte was slept on");
    settle(&runtime);
    assert!(echo.is_finished());
    assert_eq!(runtime.block_on(echo).unwrap(), 5);
}

/// As mio is, and whoever asks epoll for edges. Nobody turned it again for the events that one turn had no room for.
#[test]
fn who_is_told_of_edges_hears_of_more_events_than_fit_one_turn() {
    const PAIRS: u32 = 550;
    allow_descriptors(u64::from(2 * PAIRS));
    let runtime = Runtime::new().unwrap();
    let mut pairs: Vec<_> =
        runtime.block_on(async { (0..PAIRS).map(|_| UnixStream::pair().unwrap()).collect() });
    let (near, far) = pairs.pop().unwrap();
    let last = runtime.spawn(async move { near.read(&mut [0]).await.unwrap() });
    settle(&runtime);
    let (mut outer, mut events) = (mio::Poll::new().unwrap(), mio::Events::with_capacity(1));
    let mut descriptor = SourceFd(&runtime.as_raw_fd());
    outer.registry().register(&mut descriptor, mio::Token(0), Interest::READABLE).unwrap();
    for (near, far) in &pairs {
        near.try_write(b"!").unwrap();
        far.try_write(b"!").unwrap();
    }
    far.try_write(b"!").unwrap();
    while !last.is_finished() {
        outer.poll(&mut events, Some(PATIENCE)).unwrap();
        assert!(!events.is_empty(), "an event was slept on");
        runtime.turn(Some(AT_ONCE)).unwrap();
    }
}

#[test]
fn a_turn_inside_a_turn_names_both_places() {
    let runtime = Rc::new(Runtime::new().unwrap());
    let inner = Rc::clone(&runtime);
    let task = runtime.spawn(async move {
        catch_unwind(AssertUnwindSafe(|| inner.turn(Some(AT_ONCE)).unwrap())).unwrap_err()
    });
    runtime.turn(Some(AT_ONCE)).unwrap();
    let text = *runtime.block_on(task).unwrap().downcast::<String>().unwrap();
    assert_eq!(text.matches("tests/embed.rs").count(), 2, "{text}");
    assert!(text.starts_with("Runtime::turn at"), "{text}");
    drop(runtime);
}

#[test]
fn a_paused_clock_leaps_in_turns_that_may_wait() {
    let runtime = Runtime::builder().paused_clock().build().unwrap();
    let task = runtime.spawn(async { sleep(Duration::from_secs(3600)).await });
    runtime.turn(Some(AT_ONCE)).unwrap();
    assert!(!task.is_finished() && runtime.next_deadline().is_some());
    while !task.is_finished() {
        runtime.turn(None).unwrap();
    }
}

#[test]
fn a_block_on_that_panicked_leaves_a_loop_that_turns() {
    let runtime = Runtime::new().unwrap();
    let caught = catch_unwind(AssertUnwindSafe(|| runtime.block_on(async { panic!("in the main future") })));
    assert!(caught.is_err());
    let task = runtime.spawn(async { 7 });
    settle(&runtime);
    assert!(task.is_finished());
    assert_eq!(runtime.block_on(task).unwrap(), 7);
}
