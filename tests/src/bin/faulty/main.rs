//! The program that `tests/faults.rs` runs under the fault shim: one scenario per name.
//!
//! A process of its own, because the test harness starts threads and descriptors itself. Each scenario panics if
//! it finds anything wrong, so the exit code is the result.

mod threads;

use sideline::{Runtime, block_on, spawn, spawn_blocking, time::sleep, to_thread};
use sideline_tests::open_descriptors;
use std::time::{Duration, Instant};

fn main() {
    let scenario = std::env::args().nth(1).expect("the name of a scenario");
    match scenario.as_str() {
        "no_thread_at_all" => threads::no_thread_at_all(),
        "first_thread_fails" => threads::first_thread_fails(),
        "no_thread_at_a_threads_end" => threads::no_thread_at_a_threads_end(),
        "one_thread_and_no_more" => threads::one_thread_and_no_more(),
        "interrupted_waits" => interrupted_waits(),
        "interrupted_sleeps" => interrupted_sleeps(),
        "failing_wakes" => failing_wakes(),
        "no_event_queue" => no_event_queue("RLIMIT_NOFILE"),
        "no_entry_in_event_queue" => no_event_queue("fs.epoll.max_user_watches"),
        "late_event_queue" => late_event_queue(),
        "late_timer" => late_timer(),
        "late_monitor_and_a_loop_that_parks" => threads::late_monitor_and_a_loop_that_parks(),
        "late_monitor_and_a_paused_clock" => threads::late_monitor_and_a_paused_clock(),
        "late_monitor_and_a_paused_clock_with_a_timer" => {
            threads::late_monitor_and_a_paused_clock_with_a_timer()
        }
        "late_monitor_and_a_loop_that_polls" => threads::late_monitor_and_a_loop_that_polls(),
        "late_monitor_and_a_loop_that_is_busy" => threads::late_monitor_and_a_loop_that_is_busy(),
        "late_monitor_and_a_loop_that_is_turned" => threads::late_monitor_and_a_loop_that_is_turned(),
        "late_monitor_and_a_loop_that_never_waits" => threads::late_monitor_and_a_loop_that_never_waits(),
        "late_monitor_and_a_loop_that_stands_by" => threads::late_monitor_and_a_loop_that_stands_by(),
        "late_watch_for_a_task" => threads::late_watch_for_a_task(),
        "late_watch_for_a_hook" => threads::late_watch_for_a_hook(),
        "late_watch_for_a_job" => threads::late_watch_for_a_job(),
        "no_registration" => no_registration(),
        "aborted_connections" => aborted_connections(),
        "no_memory_to_accept" => no_memory_to_accept(),
        "children" => children(),
        other => panic!("no scenario is called {other}"),
    }
}

/// EINTR escapes nowhere, and does not make a wait longer or shorter.
fn interrupted_waits() {
    block_on(async {
        // With a source the loop waits for its events, whatever else it waits for.
        let _source = sideline::net::UdpSocket::bind("127.0.0.1:0").await.unwrap();
        for _ in 0..50 {
            let due = Instant::now() + Duration::from_millis(1);
            sleep(Duration::from_millis(1)).await;
            assert!(Instant::now() >= due);
            assert_eq!(to_thread(|| 3).await, 3);
        }
    });
}

/// The same without a source: then the loop sleeps on a word of its own.
fn interrupted_sleeps() {
    block_on(async {
        for _ in 0..50 {
            let due = Instant::now() + Duration::from_millis(5);
            sleep(Duration::from_millis(5)).await;
            assert!(Instant::now() >= due);
            to_thread(|| std::thread::sleep(Duration::from_millis(1))).await;
        }
    });
}

/// The write that wakes the loop fails: it is tried again, so the loop is woken all the same.
fn failing_wakes() {
    block_on(async {
        // Without a source nothing would be written.
        let _source = sideline::net::UdpSocket::bind("127.0.0.1:0").await.unwrap();
        for _ in 0..20 {
            let job = spawn_blocking(|| std::thread::sleep(Duration::from_millis(2)));
            job.await.unwrap();
        }
    });
}

/// An error that says so, and no descriptor is leaked.
fn no_event_queue(limit: &str) {
    let before = open_descriptors();
    let error = Runtime::new().unwrap_err();
    assert!(error.to_string().contains(limit), "{error}");
    assert_eq!(open_descriptors(), before);
    // Only the first call fails.
    assert_eq!(Runtime::new().unwrap().block_on(async { 4 }), 4);
}

/// A `block_on` opens its event queue for the first socket. If that fails, nothing stays open, and the next socket tries again.
fn late_event_queue() {
    block_on(async {
        let before = open_descriptors();
        let error = sideline::net::UdpSocket::bind("127.0.0.1:0").await.unwrap_err();
        assert!(error.to_string().contains("RLIMIT_NOFILE"), "{error}");
        assert_eq!(open_descriptors(), before);

        let socket = sideline::net::UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let address = socket.local_addr().unwrap();
        let sends = spawn(async move {
            let socket = sideline::net::UdpSocket::bind("127.0.0.1:0").await?;
            socket.send_to(b"open", address).await
        });
        let mut buffer = [0; 8];
        assert_eq!(socket.recv_from(&mut buffer).await.unwrap().0, 4);
        assert_eq!(sends.await.unwrap().unwrap(), 4);
    });
}

/// What sleeps need to end to the microsecond is not there the first time, and sleeps go on without.
fn late_timer() {
    block_on(async {
        // Without a source the loop would not wait in the event queue.
        let _source = sideline::net::UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let before = open_descriptors();
        for _ in 0..3 {
            sleep(Duration::from_micros(300)).await;
        }
        assert_eq!(open_descriptors(), before + 1);
    });
}

/// A socket that cannot be registered is closed again.
fn no_registration() {
    // Opens the event queue at once.
    let runtime = Runtime::new().unwrap();
    runtime.block_on(async {
        let before = open_descriptors();
        // The loop's own registration was the first; the next ones fail.
        for _ in 0..5 {
            let error = sideline::net::TcpListener::bind("127.0.0.1:0").await.unwrap_err();
            assert!(error.to_string().contains("fs.epoll.max_user_watches"), "{error}");
        }
        assert_eq!(open_descriptors(), before);
    });
}

/// The accept that fails is tried again at once: the caller sees connections only, and each of them.
fn aborted_connections() {
    block_on(async {
        let listener = sideline::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        for _ in 0..20 {
            let client = sideline::net::TcpStream::connect(address).await.unwrap();
            let (_, peer) = listener.accept().await.unwrap();
            assert_eq!(peer, client.local_addr().unwrap());
        }
    });
}

/// A caller that only logs: each attempt but the first waits, and when there is memory again the connection is there.
fn no_memory_to_accept() {
    // The clock leaps over what is waited for: how long that was can be told exactly.
    let runtime = Runtime::builder().paused_clock().build().unwrap();
    runtime.block_on(async {
        let listener = sideline::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let client = sideline::net::TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let before = sideline::time::now();
        for _ in 0..10 {
            listener.accept().await.unwrap_err();
        }
        let (_, peer) = listener.accept().await.unwrap();
        assert_eq!(peer, client.local_addr().unwrap());
        assert_eq!(sideline::time::now() - before, 10 * Duration::from_millis(20));
    });
}

/// Children end, one by one and many at once; none is missed, and none stays a zombie.
fn children() {
    use sideline::process::{Command, Stdio};
    block_on(async {
        for code in 0..10 {
            let status = Command::new("sh").args(["-c", &format!("exit {code}")]).status().await.unwrap();
            assert_eq!(status.code(), Some(code));
        }
        let mut all: Vec<_> =
            (0..20).map(|_| Command::new("cat").stdin(Stdio::piped()).spawn().unwrap()).collect();
        let pids: Vec<_> = all.iter().filter_map(|child| child.id()).collect();
        for (index, mut child) in all.drain(..).enumerate() {
            // Half of them are left to the runtime.
            if index % 2 == 0 {
                drop(child.stdin.take());
                assert!(child.wait().await.unwrap().success());
            }
        }
        while pids.iter().any(|pid| std::path::Path::new(&format!("/proc/{pid}")).exists()) {
            sleep(Duration::from_millis(1)).await;
        }
    });
}
