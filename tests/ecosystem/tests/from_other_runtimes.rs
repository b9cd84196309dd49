//! What comes with other runtimes and does not need them, or brings along what it needs: so a program can move in parts.
#![cfg(not(loom))]

use futures::io::AsyncReadExt as _;
use futures::{SinkExt, StreamExt};
use sideline::net::{TcpListener, TcpStream};
use sideline::task::JoinSet;
use sideline::time::{now, sleep, timeout};
use sideline::{spawn, spawn_blocking, to_thread};
use sideline_ecosystem::{pattern, run, run_paused, tcp_pair};
use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::sync::{Mutex, Notify, RwLock, Semaphore, broadcast, mpsc, oneshot, watch};
use tokio_util::codec::{Framed, LinesCodec};
use tokio_util::compat::FuturesAsyncReadCompatExt;

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn tokios_bounded_channel_goes_from_jobs_to_tasks_and_back() {
    run(async {
        let (numbers, mut incoming) = mpsc::channel::<u64>(4);
        let (squares, mut outgoing) = mpsc::channel::<u64>(4);
        let squarer = spawn_blocking(move || {
            while let Some(n) = incoming.blocking_recv() {
                squares.blocking_send(n * n).unwrap();
            }
        });
        let feeder = spawn(async move {
            for n in 0..10_000 {
                numbers.send(n).await.unwrap();
            }
        });
        for n in 0..10_000 {
            assert_eq!(outgoing.recv().await, Some(n * n));
        }
        assert_eq!(outgoing.recv().await, None);
        feeder.await.unwrap();
        squarer.await.unwrap();
    });
}

#[test]
fn tokios_other_channels_carry_results_of_jobs() {
    run(async {
        let (answer, question) = oneshot::channel();
        let (state, mut changes) = watch::channel(0);
        let (news, mut reader) = broadcast::channel(16);
        let job = spawn_blocking(move || {
            answer.send(42).unwrap();
            state.send(1).unwrap();
            news.send("done").unwrap();
        });
        assert_eq!(question.await, Ok(42));
        changes.changed().await.unwrap();
        assert_eq!(*changes.borrow(), 1);
        assert_eq!(reader.recv().await, Ok("done"));
        job.await.unwrap();
    });
}

#[test]
fn tokios_locks_are_shared_by_tasks_and_jobs() {
    run(async {
        let (sum, at_most_two) = (Arc::new(Mutex::new(0)), Arc::new(Semaphore::new(2)));
        let (inside, most) = (Rc::new(Cell::new(0)), Rc::new(Cell::new(0)));
        let mut everybody = JoinSet::new();
        for n in 0..100 {
            let (sum, at_most_two) = (Arc::clone(&sum), Arc::clone(&at_most_two));
            let (inside, most) = (Rc::clone(&inside), Rc::clone(&most));
            everybody.spawn(async move {
                let _permit = at_most_two.acquire().await.unwrap();
                inside.set(inside.get() + 1);
                most.set(most.get().max(inside.get()));
                let in_job = Arc::clone(&sum);
                to_thread(move || *in_job.blocking_lock() += n).await;
                *sum.lock().await += n;
                inside.set(inside.get() - 1);
            });
        }
        while let Some(ended) = everybody.join_next().await {
            ended.unwrap();
        }
        assert_eq!((*sum.lock().await, most.get()), (9900, 2));
    });
}

#[test]
fn tokios_notify_and_lock_for_readers_wake_who_waits() {
    run(async {
        let (bell, shelf) = (Arc::new(Notify::new()), Arc::new(RwLock::new(Vec::new())));
        let reader = spawn({
            let (bell, shelf) = (Arc::clone(&bell), Arc::clone(&shelf));
            async move {
                bell.notified().await;
                shelf.read().await.len()
            }
        });
        shelf.write().await.push("a book");
        bell.notify_one();
        assert_eq!(reader.await.unwrap(), 1);
    });
}

#[test]
fn tokios_select_drops_who_comes_later() {
    run_paused(async {
        let start = now();
        let first = tokio::select! {
            () = sleep(2 * SECOND) => "the long sleep",
            () = sleep(SECOND) => "the short sleep",
        };
        assert_eq!((first, now() - start), ("the short sleep", SECOND));
    });
}

#[test]
fn frames_of_tokio_util_go_over_our_streams() {
    run(async {
        let (client, server) = tcp_pair().await.unwrap();
        let served = spawn(async move {
            let mut lines = Framed::new(server.compat(), LinesCodec::new());
            while let Some(line) = lines.next().await {
                lines.send(line.unwrap().to_uppercase()).await.unwrap();
            }
        });
        let mut lines = Framed::new(client.compat(), LinesCodec::new());
        for n in 0..1000 {
            lines.send(format!("line {n}")).await.unwrap();
            assert_eq!(lines.next().await.unwrap().unwrap(), format!("LINE {n}"));
        }
        drop(lines);
        served.await.unwrap();
    });
}

/// async-compat has a thread with tokio's reactor and timers, for futures that look for those.
#[test]
fn what_needs_tokios_reactor_runs_behind_async_compat() {
    run(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let echo = spawn(async move {
            let (stream, _) = listener.accept().await.unwrap();
            let mut bytes = vec![0; 100_000];
            stream.read_exact(&mut bytes).await.unwrap();
            stream.write_all(&bytes).await.unwrap();
        });
        let client = async_compat::Compat::new(async move {
            let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
            stream.write_all(&pattern(100_000)).await.unwrap();
            let mut bytes = vec![0; 100_000];
            stream.read_exact(&mut bytes).await.unwrap();
            tokio::time::sleep(Duration::from_millis(1)).await;
            bytes
        });
        assert!(client.await == pattern(100_000));
        echo.await.unwrap();
    });
}

#[test]
fn both_kinds_of_timers_run_in_one_future() {
    run(async {
        let ours_in_theirs = async_compat::Compat::new(async {
            tokio::time::timeout(Duration::from_millis(1), sleep(3600 * SECOND)).await
        });
        assert!(ours_in_theirs.await.is_err());
        let theirs_in_ours = async_compat::Compat::new(async { tokio::time::sleep(3600 * SECOND).await });
        assert!(timeout(Duration::from_millis(1), theirs_in_ours).await.is_err());
    });
}

#[test]
fn smols_sockets_and_timers_run_on_our_loop() {
    run(async {
        let listener = smol::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (mut server, _) = listener.accept().await.unwrap();
        client.write_all(b"hello").await.unwrap();
        let mut bytes = [0; 5];
        server.read_exact(&mut bytes).await.unwrap();
        assert_eq!(&bytes, b"hello");
        smol::Timer::after(Duration::from_millis(1)).await;
        assert_eq!(smol::unblock(|| 42).await, 42);
    });
}
