//! Everything at once: tasks, jobs, timers, sockets, handles on other threads, aborts, panics and the ends of runtimes, at random
//! but from a seed; in one runtime, and in several that share a pool, spawn onto each other and await each other's tasks.
//! Whatever is awaited ends; the sums add up; and what tasks and jobs had captured is gone in the end.
#![cfg(all(unix, not(loom)))]

use fastrand::Rng;
use sideline::net::{UdpSocket, UnixStream};
use sideline::task::{JoinSet, yield_now};
use sideline::time::{sleep, timeout};
use sideline::{AbortHandle, Handle, JoinHandle, Pool, Report, Runtime, Shutdown, spawn};
use std::future::Future;
use std::io::ErrorKind;
use std::mem::take;
use std::panic::resume_unwind;
use std::pin::Pin;
use std::sync::{Arc, Mutex, mpsc};
use std::thread;
use std::time::Duration;

include!("../../tests/support/seeds.rs");

/// What all gusts of one storm have in common.
#[derive(Clone)]
struct Storm {
    /// Of all runtimes.
    handles: Arc<[Handle]>,
    /// Held by every task and job.
    held: Arc<()>,
    /// Left lying for others to await, to abort, or to drop, on whatever thread.
    lying: Arc<Mutex<Vec<JoinHandle<()>>>>,
    aborts: Arc<Mutex<Vec<AbortHandle>>>,
}

/// The only panic that is meant to be.
const MEANT: &str = "a gust";

type Gust = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Does some of what there is to do. Up to `depth` it spawns others that do the same.
fn gust(storm: Storm, mut random: Rng, depth: usize) -> Gust {
    Box::pin(async move {
        for _ in 0..=random.u64(..5) {
            let again = Rng::with_seed(random.u64(..));
            if random.u64(..3) == 0 && depth > 0 {
                storm.spawns(again, depth - 1).await;
            } else {
                match random.u64(..6) {
                    0 => storm.waits(again).await,
                    1 => storm.offloads(again).await,
                    2 => storm.gathers(again).await,
                    3 => storm.talks(again).await.unwrap(),
                    4 => storm.blows_elsewhere(again),
                    _ if random.u64(..4) == 0 => resume_unwind(Box::new(MEANT)),
                    _ => storm.picks_up(again).await,
                }
            }
        }
    })
}

fn micros(random: &mut Rng, most: u64) -> Duration {
    Duration::from_micros(random.u64(..most))
}

impl Storm {
    fn handle(&self, random: &mut Rng) -> &Handle {
        &self.handles[random.usize(..self.handles.len())]
    }

    async fn waits(&self, mut random: Rng) {
        yield_now().await;
        sleep(micros(&mut random, 300)).await;
    }

    async fn spawns(&self, mut random: Rng, depth: usize) {
        let one = self.handle(&mut random).spawn(gust(self.clone(), Rng::with_seed(random.u64(..)), depth));
        match random.u64(..3) {
            0 => _ = one.await,
            1 => self.lying.lock().unwrap().push(one),
            _ => self.aborts.lock().unwrap().push(one.abort_handle()),
        }
    }

    async fn offloads(&self, mut random: Rng) {
        let (held, nap) = (Arc::clone(&self.held), micros(&mut random, 300));
        let handle = self.handle(&mut random);
        let job = match random.u64(..3) {
            0 => handle.spawn_blocking(move || {
                let _held = held;
                thread::sleep(nap);
            }),
            // A job that waits for the loop, and for a task on it.
            1 => handle.spawn_blocking(move || {
                let _held = held;
                Handle::current().block_on(async {
                    sleep(nap).await;
                    _ = Handle::current().spawn(yield_now()).await;
                })
            }),
            _ => {
                let storm = self.clone();
                handle.job().cancellable().spawn(move |token| {
                    let _hook = token.on_cancel(move || drop(held));
                    let task = storm.handle(&mut random).spawn(gust(storm.clone(), random, 0));
                    if token.is_cancelled() {
                        task.abort();
                    }
                })
            }
        };
        match nap.as_micros() % 3 {
            0 => _ = job.await,
            1 => _ = timeout(nap, job.abort_on_drop()).await,
            _ => job.abort(),
        }
    }

    async fn gathers(&self, mut random: Rng) {
        let mut set = JoinSet::new();
        for _ in 0..random.u64(..5) {
            let handle = self.handle(&mut random);
            set.spawn_on(gust(self.clone(), Rng::with_seed(random.u64(..)), 0), handle);
            set.insert(handle.spawn_blocking(|| ()));
        }
        if random.u64(..2) == 0 {
            while set.join_next().await.is_some() {}
        }
    }

    async fn talks(&self, mut random: Rng) -> std::io::Result<()> {
        let (near, far) = UnixStream::pair()?;
        let reading = self.handle(&mut random).spawn(async move {
            let mut all = Vec::new();
            near.read_to_end(&mut all).await.map(|_| all.len())
        });
        for _ in 0..random.u64(..4) {
            match far.write_all(&[1; 50]).await {
                // The other runtime has ended, and dropped the other end.
                Err(error) if error.kind() == ErrorKind::BrokenPipe && self.handles.len() > 1 => {
                    return Ok(());
                }
                written => written?,
            }
            yield_now().await;
        }
        drop(far);
        if random.u64(..2) == 0 {
            _ = reading.await;
        }
        // Nobody answers.
        let socket = UdpSocket::bind("127.0.0.1:0").await?;
        _ = timeout(micros(&mut random, 300), socket.recv(&mut [0])).await;
        Ok(())
    }

    /// On a thread that has nothing to do with runtime and pool.
    fn blows_elsewhere(&self, mut random: Rng) {
        let storm = self.clone();
        thread::spawn(move || {
            let handle = storm.handle(&mut random);
            let task = handle.spawn(gust(storm.clone(), Rng::with_seed(random.u64(..)), 0));
            match random.u64(..3) {
                0 => drop(task),
                1 => task.abort(),
                _ => _ = handle.block_on(task),
            }
        });
    }

    async fn picks_up(&self, mut random: Rng) {
        let (lying, abort) = (self.lying.lock().unwrap().pop(), self.aborts.lock().unwrap().pop());
        if let Some(abort) = abort {
            abort.abort();
        }
        match lying {
            Some(one) if random.u64(..2) == 0 => _ = one.await,
            Some(one) => _ = timeout(micros(&mut random, 200), one.abort_on_drop()).await,
            None => {}
        }
    }
}

/// One runtime in it, from its first gusts to its end.
fn blows_over(runtime: Runtime, storm: Storm, mut random: Rng) {
    runtime.block_on(async {
        let gusts: Vec<_> =
            (0..30).map(|_| spawn(gust(storm.clone(), Rng::with_seed(random.u64(..)), 3))).collect();
        // Now and then the runtime ends in the middle of it.
        let awaited = if random.u64(..3) == 0 { 10 } else { gusts.len() };
        for one in gusts.into_iter().take(awaited) {
            if let Err(error) = timeout(Duration::from_secs(30), one).await.expect("it hangs") {
                assert!(error.is_panic() || error.is_cancelled(), "{error}");
            }
        }
    });
    if random.bool() {
        drop(take(&mut *storm.lying.lock().unwrap()));
        assert!(runtime.shutdown(Shutdown::Drain).jobs.left_running.is_empty());
    } else {
        drop(runtime);
    }
}

fn one_storm(seed: u64, runtimes: usize) {
    let mut random = Rng::with_seed((seed + 1) * 0x9e37_79b9);
    let pool = Pool::builder().core_threads(1 + seed as usize % 2).max_threads(8).build().unwrap();
    let reports = Arc::new(Mutex::new(Vec::new()));
    let held = Arc::new(());
    let lying: Arc<Mutex<Vec<_>>> = Arc::default();
    thread::scope(|scope| {
        let (made, all_made) = mpsc::channel();
        let starts: Vec<_> = (0..runtimes)
            .map(|_| {
                let (start, started) = mpsc::channel();
                let (made, random) = (made.clone(), random.fork());
                let (pool, reports) = (pool.clone(), Arc::clone(&reports));
                scope.spawn(move || {
                    let report = move |report: &Report| reports.lock().unwrap().push(report.to_string());
                    let runtime = Runtime::builder().pool(pool).on_report(report).build().unwrap();
                    made.send(runtime.handle().clone()).unwrap();
                    blows_over(runtime, started.recv().unwrap(), random);
                });
                start
            })
            .collect();
        let handles = all_made.iter().take(runtimes).collect();
        let (lying, held) = (Arc::clone(&lying), Arc::clone(&held));
        let storm = Storm { handles, held, lying, aborts: Arc::default() };
        starts.into_iter().for_each(|start| start.send(storm.clone()).unwrap());
    });
    drop(take(&mut *lying.lock().unwrap()));
    let m = pool.metrics();
    assert_eq!(m.submitted, m.queued + m.running + m.completed + m.panicked + m.cancelled, "{m:?}");
    pool.shutdown(Shutdown::Drain);
    let unmeant: Vec<_> =
        take(&mut *reports.lock().unwrap()).into_iter().filter(|report| !report.ends_with(MEANT)).collect();
    assert!(unmeant.is_empty(), "{unmeant:?}");
    // Until the last threads of the storm are gone.
    while Arc::strong_count(&held) > 1 {
        thread::yield_now();
    }
}

#[test]
fn nothing_is_lost_in_a_storm() {
    for_seeds(60, |seed| one_storm(seed, 1));
}

#[test]
fn nothing_is_lost_in_a_storm_of_several_runtimes() {
    for_seeds(30, |seed| one_storm(seed, 2 + seed as usize % 2));
}
