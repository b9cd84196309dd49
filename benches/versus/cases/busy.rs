//! How does the program feel while the pool is busy, and what does it burn while the pool is nearly idle?

use super::{Scale, cores, micros_each, millis};
use crate::peers::{Loop, Offload};
use sideline_benches::{Cpu, Metric, cpu_time, lower_priority, percentile, threads};
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// Tasks that keep one CPU closure each on the pool until they are told to stop.
struct Hogs<T> {
    stop: Arc<AtomicBool>,
    /// Closures that have come back.
    done: Arc<AtomicUsize>,
    tasks: Vec<T>,
}

fn hogs<L: Loop, O: Offload>(
    count: usize,
    work: Duration,
    cpu: Cpu,
) -> Hogs<impl Future<Output = ()> + Send + 'static> {
    let stop = Arc::new(AtomicBool::new(false));
    let done = Arc::new(AtomicUsize::new(0));
    let steps = cpu.steps(work);
    let tasks = (0..count)
        .map(|_| {
            let (stop, done) = (Arc::clone(&stop), Arc::clone(&done));
            L::spawn(async move {
                // Relaxed: set, and read, on this very thread.
                while !stop.load(Ordering::Relaxed) {
                    O::offload(move || Cpu::burn(steps)).await;
                    done.fetch_add(1, Ordering::Relaxed);
                }
            })
        })
        .collect();
    Hogs { stop, done, tasks }
}

impl<T: Future<Output = ()>> Hogs<T> {
    async fn stop(self) {
        self.stop.store(true, Ordering::Relaxed);
        for task in self.tasks {
            task.await;
        }
    }
}

/// How long does an empty offload take while eight closures of 50 ms CPU are always outstanding?
///
/// One is timed after each 5 ms of sleep, for 4 s. A lie if an offload that waits long is underrepresented: it is,
/// equally for all, as the next one is only sent when it is back. So look at p50 as well as p99.
pub(super) fn mixed<L: Loop, O: Offload>(scale: Scale) -> Vec<Metric> {
    let cpu = Cpu::calibrate();
    L::block_on(async {
        let hogs = hogs::<L, O>(8, Duration::from_millis(50), cpu);
        let mut waits = Vec::new();
        let start = Instant::now();
        while start.elapsed() < scale.time(Duration::from_secs(4)) {
            L::sleep(Duration::from_millis(5)).await;
            let sent = Instant::now();
            O::offload(|| ()).await;
            waits.push(millis(sent.elapsed()));
        }
        let threads = threads();
        hogs.stop().await;
        vec![
            Metric::said("mixed, threads", "", threads),
            Metric::less("mixed, p50", "ms", percentile(&waits, 50.0)),
            Metric::less("mixed, p99", "ms", percentile(&waits, 99.0)),
        ]
    })
}

const NAP: Duration = Duration::from_millis(1);

/// How late is the loop while the pool wants every core?
///
/// `sleep(1 ms)` in a loop for 4 s, while four closures of 3 ms CPU per core are always outstanding. Included: the
/// peer's own timer granularity, which `lateness` shows alone.
pub(super) fn saturated<L: Loop, O: Offload>(scale: Scale) -> Vec<Metric> {
    let cpu = Cpu::calibrate();
    L::block_on(async {
        let hogs = hogs::<L, O>(4 * cores(), Duration::from_millis(3), cpu);
        let mut late = Vec::new();
        let start = Instant::now();
        while start.elapsed() < scale.time(Duration::from_secs(4)) {
            let asleep = Instant::now();
            L::sleep(NAP).await;
            late.push(millis(asleep.elapsed().saturating_sub(NAP)));
        }
        let rate = hogs.done.load(Ordering::Relaxed) as f64 / start.elapsed().as_secs_f64();
        hogs.stop().await;
        let mut metrics = saturated_metrics(&late);
        metrics.push(Metric::more("saturated, jobs", "/s", rate));
        metrics
    })
}

fn saturated_metrics(late: &[f64]) -> Vec<Metric> {
    vec![
        Metric::less("saturated, lateness p50", "ms", percentile(late, 50.0)),
        Metric::less("saturated, lateness p99", "ms", percentile(late, 99.0)),
    ]
}

/// A plain thread that sleeps, beside one computing thread per core at a low priority.
pub(super) fn bare_saturated(scale: Scale) -> Vec<Metric> {
    let steps = Cpu::calibrate().steps(Duration::from_millis(3));
    let stop = AtomicBool::new(false);
    let late = thread::scope(|scope| {
        for _ in 0..cores() {
            scope.spawn(|| {
                lower_priority(10).expect("a lower priority is always allowed");
                // Relaxed: only a hint to end.
                while !stop.load(Ordering::Relaxed) {
                    Cpu::burn(steps);
                }
            });
        }
        let mut late = Vec::new();
        let start = Instant::now();
        while start.elapsed() < scale.time(Duration::from_secs(4)) {
            let asleep = Instant::now();
            thread::sleep(NAP);
            late.push(millis(asleep.elapsed().saturating_sub(NAP)));
        }
        stop.store(true, Ordering::Relaxed);
        late
    });
    saturated_metrics(&late)
}

/// How much CPU does a nearly idle program use?
///
/// For 2 s: offload `thread::sleep(5 ms)`, then sleep 5 ms on the loop. Everything beyond some tens of microseconds a
/// cycle is spinning, polling or needless wakeups. A lie if CPU time came in scheduler ticks; so the process's CPU
/// clock is read, which counts nanoseconds, and all threads. A lie, too, if it is only told by the second: whose sleeps
/// end late goes round less often; so it is told by the cycle as well.
pub(super) fn trickle<L: Loop, O: Offload>(scale: Scale) -> Vec<Metric> {
    const PAUSE: Duration = Duration::from_millis(5);
    L::block_on(async {
        // The first one starts threads.
        O::offload(|| thread::sleep(PAUSE)).await;
        let (start, used) = (Instant::now(), cpu_time());
        let mut cycles = 0;
        while start.elapsed() < scale.time(Duration::from_secs(2)) {
            O::offload(|| thread::sleep(PAUSE)).await;
            L::sleep(PAUSE).await;
            cycles += 1;
        }
        let used = cpu_time() - used;
        vec![
            Metric::less("trickle, CPU", "ms/s", millis(used) / start.elapsed().as_secs_f64()),
            Metric::less("trickle, CPU of a cycle", "us", micros_each(used, cycles)),
        ]
    })
}
