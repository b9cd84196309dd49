//! How much memory does waiting take?

use super::Scale;
use crate::peers::{KeepAlive, Loop, Offload};
use sideline_benches::{Metric, raise_descriptor_limit, resident_bytes, threads};
use std::future::pending;
use std::net::TcpStream;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

/// How many tasks have begun to wait. One process measures one case, so one counter does.
static WAITING: AtomicUsize = AtomicUsize::new(0);

/// Lets the tasks run until that many wait.
async fn all_wait<L: Loop>(count: usize) {
    // Relaxed: counted on this very thread.
    while WAITING.load(Ordering::Relaxed) < count {
        L::yield_now().await;
    }
}

/// How much memory does a task take that waits for ever?
///
/// Resident bytes, over 1,000,000 tasks whose futures are a byte or two, after each has been polled. Included: the
/// allocator's overhead and the tables in which the runtime keeps its tasks, grown as they happen to be.
pub(super) fn idle_task<L: Loop>(scale: Scale) -> Vec<Metric> {
    let count = scale.count(1_000_000);
    let spawn = || {
        L::detach(async {
            WAITING.fetch_add(1, Ordering::Relaxed);
            pending().await
        });
    };
    L::block_on(async {
        spawn();
        all_wait::<L>(1).await;
        let before = resident_bytes();
        for _ in 0..count {
            spawn();
        }
        all_wait::<L>(count + 1).await;
        vec![Metric::less("idle task", "B", (resident_bytes() - before) / count as f64)]
    })
}

/// How much memory does an accepted connection take that waits in `read`?
///
/// Resident bytes over 5,000 connections, after 100 to warm up; each has a task and a 64-byte buffer in it. Excluded:
/// the kernel's side, and the client's, which is a plain socket in a list allocated before.
pub(super) fn idle_connection<L: Loop>(scale: Scale) -> Vec<Metric> {
    /// Fewer than any listener has room for: a client that is further ahead of the server waits for a second.
    const LOT: usize = 100;
    let lots = scale.count(5_000) / LOT;
    let count = lots * LOT;
    raise_descriptor_limit(2 * (LOT + count) as u64 + 100).expect("enough descriptors for both ends");
    L::block_on(async {
        let (listener, address) = L::listen().await.expect("a port is free");
        let (go, may_connect) = mpsc::channel::<()>();
        let client = thread::spawn(move || {
            let mut sockets = Vec::with_capacity(LOT + count);
            for () in may_connect {
                for _ in 0..LOT {
                    sockets.push(TcpStream::connect(address).expect("the server accepts"));
                }
            }
        });
        let mut before = 0.0;
        let (warm_up, mut waiting) = (1, 0);
        for lots in [warm_up, lots] {
            before = resident_bytes();
            for _ in 0..lots {
                go.send(()).expect("the client waits for it");
                for _ in 0..LOT {
                    let mut stream = L::accept(&listener).await.expect("the client connects");
                    L::detach(async move {
                        let mut buffer = [0; 64];
                        WAITING.fetch_add(1, Ordering::Relaxed);
                        // The client sends nothing; when it closes, this task is over.
                        let _ = L::read(&mut stream, &mut buffer).await;
                    });
                }
            }
            waiting += lots * LOT;
            all_wait::<L>(waiting).await;
            L::sleep(Duration::from_millis(20)).await;
        }
        let each = (resident_bytes() - before) / count as f64;
        drop(go);
        client.join().expect("the client does not panic");
        vec![Metric::less("idle connection", "B", each)]
    })
}

/// How much memory is left of a burst that opened 200 threads?
///
/// Resident bytes after twice the keep-alive, over those with one thread, before 200 closures that each sleep for 50 ms
/// at once. The keep-alive is set to 250 ms, or the case would take half a minute; so only peers take part whose
/// keep-alive can be set. A lie if fewer threads had been there: so the most there were is said.
pub(super) fn after_burst<P: KeepAlive + Offload>(_: Scale) -> Vec<Metric> {
    const KEEP_ALIVE: Duration = Duration::from_millis(250);
    let burst =
        || (0..200).map(|_| P::offload(|| thread::sleep(Duration::from_millis(50)))).collect::<Vec<_>>();
    P::block_on_with(KEEP_ALIVE, async {
        P::offload(|| ()).await;
        let before = resident_bytes();
        let jobs = burst();
        for job in jobs {
            job.await;
        }
        let most = threads();
        thread::sleep(2 * KEEP_ALIVE);
        vec![
            Metric::less("after a burst, memory", "MiB", (resident_bytes() - before) / (1 << 20) as f64),
            Metric::said("after a burst, threads", "", threads()),
            Metric::said("in the burst, threads", "", most),
        ]
    })
}
