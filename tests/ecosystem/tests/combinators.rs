//! The combinators of `futures`, and its spawning traits.
#![cfg(not(loom))]

use futures::channel::{mpsc, oneshot};
use futures::future::{
    AbortHandle, Abortable, Either, RemoteHandle, join_all, select, select_all, try_join_all,
};
use futures::stream::{self, FuturesOrdered, FuturesUnordered};
use futures::task::{LocalSpawnExt, SpawnExt};
use futures::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, FutureExt, SinkExt, StreamExt, TryStreamExt};
use sideline::time::{now, sleep, timeout};
use sideline::{Handle, LocalHandle, Runtime, spawn, spawn_blocking, to_thread};
use sideline_ecosystem::{pattern, run, run_paused, tcp_pair};
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Barrier};
use std::thread;
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn join_all_takes_tasks_jobs_and_sleeps_together() {
    run(async {
        let tasks = (0..500).map(|n| {
            let handle = if n % 2 == 0 { spawn(async move { n }) } else { spawn_blocking(move || n) };
            handle.map(Result::unwrap).boxed_local()
        });
        let sleeps = (500..1000).map(|n| sleep(Duration::from_micros(n % 7)).map(move |()| n).boxed_local());
        assert!(join_all(tasks.chain(sleeps)).await.into_iter().eq(0..1000));
    });
}

#[test]
fn try_join_all_ends_at_the_first_error_and_drops_the_rest() {
    run_paused(async {
        let alive = Rc::new(());
        let futures = (0..100).map(|n| {
            let alive = Rc::clone(&alive);
            async move {
                let _alive = alive;
                sleep(n * SECOND).await;
                if n == 10 { Err(n) } else { Ok(n) }
            }
        });
        let start = now();
        assert_eq!(try_join_all(futures).await, Err(10));
        assert_eq!(now() - start, 10 * SECOND);
        assert_eq!(Rc::strong_count(&alive), 1);
    });
}

#[test]
fn select_gives_the_first_and_keeps_the_other() {
    run_paused(async {
        let first = select(sleep(SECOND), sleep(2 * SECOND)).await;
        let Either::Left(((), rest)) = first else { panic!("the shorter sleep comes first") };
        let start = now();
        rest.await;
        assert_eq!(now() - start, SECOND);

        let mut sleeps: Vec<_> = (1..=50).rev().map(|n| sleep(n * SECOND)).collect();
        let start = now();
        while !sleeps.is_empty() {
            let ((), index, rest) = select_all(sleeps).await;
            assert_eq!(index, rest.len(), "the shortest is the last");
            sleeps = rest;
        }
        assert_eq!(now() - start, 50 * SECOND);
    });
}

#[test]
fn a_select_loop_hears_every_source() {
    run_paused(async {
        let (mut sender, mut receiver) = mpsc::channel(1);
        drop(spawn(async move {
            for n in 0..10 {
                sleep(3 * SECOND).await;
                sender.send(n).await.unwrap();
            }
        }));
        let (mut messages, mut ticks) = (0, 0);
        let mut tick = sideline::time::interval(SECOND);
        loop {
            futures::select_biased! {
                message = receiver.next() => match message {
                    Some(_) => messages += 1,
                    None => break,
                },
                _ = tick.tick().fuse() => ticks += 1,
            }
        }
        assert_eq!(messages, 10);
        assert!((30..=31).contains(&ticks), "{ticks} ticks");
    });
}

#[test]
fn unordered_futures_come_as_they_finish_and_ordered_ones_in_order() {
    run_paused(async {
        let after = |n: u32| sleep(n * SECOND).map(move |()| n);
        let unordered: FuturesUnordered<_> = [3, 1, 2].into_iter().map(after).collect();
        assert_eq!(unordered.collect::<Vec<_>>().await, [1, 2, 3]);
        let ordered: FuturesOrdered<_> = [3, 1, 2].into_iter().map(after).collect();
        assert_eq!(ordered.collect::<Vec<_>>().await, [3, 1, 2]);
    });
}

#[test]
fn thousands_of_unordered_jobs_are_each_delivered_once() {
    run(async {
        let mut jobs: FuturesUnordered<_> = (0..10_000_u64).map(|n| to_thread(move || n)).collect();
        let mut sum = 0;
        while let Some(n) = jobs.next().await {
            sum += n;
        }
        assert_eq!(sum, 10_000 * 9_999 / 2);
    });
}

#[test]
fn buffer_unordered_never_has_more_jobs_than_it_was_told() {
    run(async {
        let (running, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let offload = |n: usize| {
            let (running, most) = (Arc::clone(&running), Arc::clone(&most));
            to_thread(move || {
                most.fetch_max(running.fetch_add(1, SeqCst) + 1, SeqCst);
                thread::yield_now();
                running.fetch_sub(1, SeqCst);
                n
            })
        };
        let mut numbers: Vec<_> = stream::iter(0..2000).map(offload).buffer_unordered(8).collect().await;
        numbers.sort_unstable();
        assert!(numbers.into_iter().eq(0..2000));
        assert!((1..=8).contains(&most.load(SeqCst)), "{} at once", most.load(SeqCst));
    });
}

#[test]
fn jobs_that_wait_for_each_other_meet_in_buffer_unordered() {
    run(async {
        // None of them ends before all have begun.
        let barrier = Arc::new(Barrier::new(32));
        let meet = |_| {
            let barrier = Arc::clone(&barrier);
            to_thread(move || barrier.wait().is_leader())
        };
        let leaders = stream::iter(0..32).map(meet).buffer_unordered(32);
        assert_eq!(leaders.filter(|leader| std::future::ready(*leader)).count().await, 1);
    });
}

#[test]
fn a_stream_of_jobs_that_is_dropped_takes_the_queued_ones_along() {
    run(async {
        let ran = Arc::new(AtomicUsize::new(0));
        let (pool_is_held, hold) = (Arc::new(Barrier::new(2)), Arc::new(Barrier::new(2)));
        let pool = sideline::Pool::builder().max_threads(1).build().unwrap();
        let held = pool.spawn({
            let (pool_is_held, hold) = (Arc::clone(&pool_is_held), Arc::clone(&hold));
            move || {
                pool_is_held.wait();
                hold.wait();
            }
        });
        pool_is_held.wait();
        thread::spawn({
            let (pool, ran) = (pool.clone(), Arc::clone(&ran));
            move || {
                Runtime::builder().pool(pool).build().unwrap().block_on(async {
                    let job = |_| {
                        let ran = Arc::clone(&ran);
                        to_thread(move || ran.fetch_add(1, SeqCst))
                    };
                    let mut jobs = stream::iter(0..100).map(job).buffer_unordered(50);
                    assert!(futures::poll!(jobs.next()).is_pending());
                });
            }
        })
        .join()
        .unwrap();
        hold.wait();
        held.await.unwrap();
        pool.spawn(|| ()).await.unwrap();
        assert_eq!(ran.load(SeqCst), 0);
    });
}

#[test]
fn futures_may_be_aborted_shared_and_caught() {
    run(async {
        let (abort, registration) = AbortHandle::new_pair();
        let task = spawn(Abortable::new(std::future::pending::<()>(), registration));
        abort.abort();
        assert!(task.await.unwrap().is_err());

        let calls = Rc::new(Cell::new(0));
        let shared = {
            let calls = Rc::clone(&calls);
            async move {
                calls.set(calls.get() + 1);
                to_thread(|| 7).await
            }
        }
        .shared();
        let sum: i32 =
            join_all((0..100).map(|_| spawn(shared.clone()).map(Result::unwrap))).await.iter().sum();
        assert_eq!((sum, calls.get()), (700, 1));

        let panicked = std::panic::AssertUnwindSafe(to_thread(|| panic!("in the job"))).catch_unwind().await;
        assert_eq!(*panicked.unwrap_err().downcast::<&str>().unwrap(), "in the job");
    });
}

#[test]
fn streams_read_lines_and_copy_through_futures_io() {
    run(async {
        let (client, server) = tcp_pair().await.unwrap();
        let content = pattern(3 << 20);
        let send = async {
            let mut client = client;
            client.write_all(b"one\ntwo\n").await?;
            client.write_all(&content).await?;
            client.close().await
        };
        let receive = async {
            let mut server = futures::io::BufReader::new(server);
            let mut line = String::new();
            server.read_line(&mut line).await?;
            server.read_line(&mut line).await?;
            assert_eq!(line, "one\ntwo\n");
            let mut rest = Vec::new();
            server.read_to_end(&mut rest).await?;
            assert!(rest == content);
            std::io::Result::Ok(())
        };
        futures::try_join!(send, receive).unwrap();
    });
}

#[test]
fn streams_of_results_stop_at_the_first_error_within_their_time() {
    run_paused(async {
        let results = stream::iter(0..100).map(|n| async move {
            sleep(SECOND).await;
            if n == 50 { Err(n) } else { Ok(n) }
        });
        let sum = results.buffered(10).try_fold(0, |sum, n| async move { Ok(sum + n) });
        assert_eq!(timeout(10 * SECOND, sum).await, Ok(Err(50)));
    });
}

#[test]
fn spawn_and_local_spawn_put_futures_on_the_loop() {
    run(async {
        let local = LocalHandle::current();
        let log = Rc::new(RefCell::new(Vec::new()));
        let remote: RemoteHandle<i32> = local.spawn_local_with_handle(async { 1 }).unwrap();
        local
            .spawn_local({
                let log = Rc::clone(&log);
                async move { log.borrow_mut().push("spawned") }
            })
            .unwrap();
        assert_eq!(remote.await, 1);
        assert_eq!(*log.borrow(), ["spawned"]);

        // From another thread, with the trait object that libraries take.
        let spawner: Arc<dyn futures::task::Spawn + Send + Sync> = Arc::new(Handle::current());
        let (sender, receiver) = oneshot::channel();
        let loop_thread = thread::current().id();
        let spawned =
            to_thread(move || spawner.spawn(async move { sender.send(thread::current().id()).unwrap() }));
        spawned.await.unwrap();
        assert_eq!(receiver.await, Ok(loop_thread));
    });
}

#[test]
fn spawning_on_a_runtime_that_is_gone_is_refused() {
    let runtime = Runtime::new().unwrap();
    let (handle, local) = (runtime.handle().clone(), runtime.local_handle());
    SpawnExt::spawn(&handle, async {}).unwrap();
    local.spawn_local(async {}).unwrap();
    drop(runtime);
    assert!(SpawnExt::spawn(&handle, async {}).unwrap_err().is_shutdown());
    assert!(local.spawn_local(async {}).unwrap_err().is_shutdown());
    assert!(SpawnExt::spawn(&local, async {}).unwrap_err().is_shutdown());
}
