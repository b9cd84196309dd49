//! Polls that hold the loop are reported while they do, and only those. A stall lasts here until its report has come, so
//! no test depends on how fast anything is.
#![cfg(not(loom))]

#[cfg(target_os = "linux")]
use sideline::Doing;
use sideline::task::yield_now;
use sideline::time::sleep;
use sideline::{Report, Runtime, Stall, spawn, to_thread};
use std::pin::pin;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::task::{Context, Wake, Waker};
use std::time::{Duration, Instant};

const MS: Duration = Duration::from_millis(1);
/// Only a test that fails waits this long.
const PATIENCE: Duration = Duration::from_secs(20);

enum Said {
    Stalled(Stall, String),
    Over(String),
    Other(String),
}

fn watched(threshold: Duration) -> (Runtime, Receiver<Said>) {
    let (send, reports) = channel();
    let hook = move |report: &Report| {
        let text = report.to_string();
        // The receiver may be gone at the end.
        let _ = send.send(match report {
            Report::Stalled(stall) => Said::Stalled(stall.clone(), text),
            Report::StallOver { .. } => Said::Over(text),
            _ => Said::Other(text),
        });
    };
    let runtime = Runtime::builder().watchdog(threshold).on_report(hook).build().unwrap();
    (runtime, reports)
}

fn stalled(reports: &Receiver<Said>) -> (Stall, String) {
    match reports.recv_timeout(PATIENCE) {
        Ok(Said::Stalled(stall, text)) => (stall, text),
        Ok(Said::Over(text) | Said::Other(text)) => panic!("{text}"),
        Err(_) => panic!("the stall was not reported"),
    }
}

fn over(reports: &Receiver<Said>) -> String {
    match reports.recv_timeout(PATIENCE) {
        Ok(Said::Over(text)) => text,
        Ok(Said::Stalled(_, text) | Said::Other(text)) => panic!("{text}"),
        Err(_) => panic!("the end of the stall was not reported"),
    }
}

#[test]
fn a_task_that_blocks_is_named_while_it_does_and_again_when_it_ends() {
    let (runtime, reports) = watched(2 * MS);
    runtime.block_on(async {
        let task = spawn(async move {
            let seen = stalled(&reports);
            yield_now().await;
            (seen, over(&reports))
        });
        let id = task.id();
        let ((stall, text), over) = task.await.unwrap();
        assert_eq!(stall.task, Some(id));
        assert_eq!(stall.location.file(), file!());
        assert!(stall.lasted >= 2 * MS, "{text}");
        assert!(text.starts_with(&format!("{id} (spawned at {}", file!())), "{text}");
        assert!(text.contains("has been holding the loop for") && text.contains("spawn_blocking"), "{text}");
        assert!(over.starts_with(&format!("{id} (spawned at")), "{over}");
        assert!(over.contains("has let go of the loop after"), "{over}");
    });
}

#[test]
fn the_main_future_is_named_by_its_block_on() {
    let (runtime, reports) = watched(MS);
    let line = line!() + 1;
    let (stall, text) = runtime.block_on(async { stalled(&reports) });
    assert_eq!((stall.task, stall.location.line()), (None, line));
    assert!(text.starts_with("the main future (block_on at"), "{text}");
    // The runtime ends, or runs on: the end of the stall is told.
    drop(runtime);
    over(&reports);
}

/// A future may hand a timer a waker of its own making.
#[test]
fn a_waker_that_blocks_is_reported_too() {
    struct Blocks(Mutex<Receiver<Said>>, Mutex<Option<(Stall, String)>>);
    impl Wake for Blocks {
        fn wake(self: Arc<Self>) {
            *self.1.lock().unwrap() = Some(stalled(&self.0.lock().unwrap()));
        }
    }
    let (runtime, reports) = watched(2 * MS);
    let blocks = Arc::new(Blocks(Mutex::new(reports), Mutex::new(None)));
    let waker = Waker::from(Arc::clone(&blocks));
    let line = line!() + 1;
    runtime.block_on(async {
        let mut timer = pin!(sleep(MS));
        assert!(timer.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
        while blocks.1.lock().unwrap().is_none() {
            sleep(MS).await;
        }
    });
    let (stall, text) = blocks.1.lock().unwrap().take().unwrap();
    assert!(stall.in_waker && stall.task.is_none() && stall.lasted >= 2 * MS, "{text}");
    assert_eq!((stall.location.file(), stall.location.line()), (file!(), line));
    assert!(text.starts_with("a waker (called by the loop that is driven from"), "{text}");
    drop(runtime);
    assert!(over(&blocks.0.lock().unwrap()).starts_with("a waker"));
}

#[test]
fn tasks_are_named_in_turns_inside_another_loop() {
    let (runtime, reports) = watched(MS);
    let task = runtime.spawn(async move { stalled(&reports).0.task });
    let id = task.id();
    while !task.is_finished() {
        runtime.turn(None).unwrap();
    }
    assert_eq!(runtime.block_on(task).unwrap(), Some(id));
}

#[test]
fn a_task_that_computes_is_seen_computing() {
    let (runtime, reports) = watched(5 * MS);
    let (stall, text) = runtime.block_on(async {
        let start = Instant::now();
        loop {
            match reports.try_recv() {
                Ok(Said::Stalled(stall, text)) => break (stall, text),
                Ok(Said::Over(text) | Said::Other(text)) => panic!("{text}"),
                Err(_) => assert!(start.elapsed() < PATIENCE, "the stall was not reported"),
            }
        }
    });
    #[cfg(target_os = "linux")]
    assert_eq!(stall.doing, Doing::Running, "{text}");
    let _ = (stall, text);
}

#[test]
fn a_destructor_that_blocks_is_its_tasks_stall() {
    struct Slow(Receiver<Said>, Sender<Stall>);
    impl Drop for Slow {
        fn drop(&mut self) {
            self.1.send(stalled(&self.0).0).unwrap();
        }
    }
    let (runtime, reports) = watched(MS);
    let (send, stall) = channel();
    runtime.block_on(async {
        let slow = Slow(reports, send);
        let task = spawn(async move {
            let _slow = slow;
            std::future::pending::<()>().await
        });
        let id = task.id();
        yield_now().await;
        task.abort();
        assert!(task.await.unwrap_err().is_cancelled());
        assert_eq!(stall.recv().unwrap().task, Some(id));
    });
}

#[test]
fn jobs_and_waits_are_no_stalls() {
    let (runtime, reports) = watched(50 * MS);
    runtime.block_on(async {
        // That nothing is said shows only with time: more than twice the threshold.
        for _ in 0..3 {
            to_thread(|| std::thread::sleep(120 * MS)).await;
        }
    });
    drop(runtime);
    let said: Vec<_> = reports.iter().filter(|said| matches!(said, Said::Stalled(..))).collect();
    assert!(said.is_empty());
}

#[cfg(target_os = "linux")]
mod on_linux {
    use super::*;
    use std::io::Read;
    use std::net::{TcpListener, TcpStream};
    use std::os::unix::net::UnixStream;
    use std::sync::atomic::{AtomicBool, Ordering};

    /// The call a poll sits in, and what it waits for.
    ///
    /// The watchdog must not look before the poll sits there: so the poll before it stalls, too, and the report of that does not
    /// return until the loop's thread sleeps.
    fn stuck_in(block: impl FnOnce(), release: impl FnOnce() + Send) -> (String, Option<String>) {
        let ((tell, told), (hold, held), (go_on, goes_on)) = (channel(), channel(), channel::<()>());
        let first = Mutex::new(Some((hold, goes_on)));
        let hook = move |report: &Report| {
            let Report::Stalled(stall) = report else { return };
            match first.lock().unwrap().take() {
                Some((hold, goes_on)) => _ = (hold.send(()), goes_on.recv()),
                None => tell.send(stall.doing.clone()).unwrap(),
            }
        };
        let runtime = Runtime::builder().watchdog(5 * MS).on_report(hook).build().unwrap();
        let stat =
            std::path::Path::new("/proc").join(std::fs::read_link("/proc/thread-self").unwrap()).join("stat");
        let sits = &AtomicBool::new(false);
        let doing = std::thread::scope(|scope| {
            let seen = scope.spawn(move || {
                while !sits.load(Ordering::SeqCst)
                    || !std::fs::read_to_string(&stat).unwrap().contains(") S ")
                {
                    std::thread::yield_now();
                }
                drop(go_on);
                let doing = told.recv_timeout(PATIENCE).expect("the stall was not reported");
                release();
                doing
            });
            runtime.block_on(async {
                held.recv().unwrap();
                yield_now().await;
                sits.store(true, Ordering::SeqCst);
                block();
            });
            seen.join().unwrap()
        });
        match doing {
            Doing::SystemCall { name, on } => (name, on),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_wait_for_another_thread_is_seen() {
        let (send, receive) = channel::<()>();
        let (call, _) = stuck_in(move || _ = receive.recv(), || drop(send));
        assert!(call.starts_with("futex"), "{call}");
    }

    #[test]
    fn a_read_from_a_socket_names_the_peer() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut ours = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (theirs, _) = listener.accept().unwrap();
        let (call, on) = stuck_in(move || _ = ours.read(&mut [0; 8]), || drop(theirs));
        assert_eq!(call, "recv");
        assert_eq!(on.unwrap(), format!("a socket to {}", listener.local_addr().unwrap()));
    }

    #[test]
    fn a_read_from_a_terminal_or_pipe_names_it() {
        let (ours, theirs) = UnixStream::pair().unwrap();
        let mut ours = std::fs::File::from(std::os::fd::OwnedFd::from(ours));
        let (call, on) = stuck_in(move || _ = ours.read(&mut [0; 8]), || drop(theirs));
        assert_eq!((call.as_str(), on.as_deref()), ("read", Some("a socket")));
    }

    #[test]
    fn opening_a_fifo_names_its_path() {
        let scratch = tempfile::tempdir().unwrap();
        let path = scratch.path().join("fifo");
        let status = std::process::Command::new("mkfifo").arg(&path).status();
        assert!(status.is_ok_and(|status| status.success()), "mkfifo is part of every Linux");
        let reader = path.clone();
        let (call, on) = stuck_in(
            move || drop(std::fs::File::open(reader)),
            || drop(std::fs::OpenOptions::new().write(true).open(&path).unwrap()),
        );
        assert_eq!((call.as_str(), on.as_deref()), ("open", path.to_str()));
    }

    #[test]
    fn its_thread_ends_with_the_runtime() {
        let threads = || {
            std::fs::read_dir("/proc/self/task")
                .unwrap()
                .filter_map(|task| std::fs::read_to_string(task.unwrap().path().join("comm")).ok())
                .filter(|name| name.starts_with("sideline-watch"))
                .count()
        };
        // Other tests have watchdogs of their own.
        for _ in 0..100 {
            let (runtime, _reports) = watched(100 * MS);
            runtime.block_on(yield_now());
        }
        assert!(threads() < 50);
    }
}
