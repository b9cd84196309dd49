//! What do timers cost, and how late are they?

use super::{Scale, micros, millis, nanos_each};
use crate::peers::Loop;
use futures::future::poll_immediate;
use sideline_benches::{Metric, percentile};
use std::future::Future;
use std::hint::black_box;
use std::pin::{Pin, pin};
use std::thread;
use std::time::{Duration, Instant};

/// Durations that repeat for everybody in the same order, evenly spread.
struct Spread(u64);

impl Spread {
    fn new() -> Self {
        Self(1)
    }

    /// From `low` up to, not including, `high`.
    fn next(&mut self, low: Duration, high: Duration) -> Duration {
        // A full-period generator modulo 2^64 (Knuth's MMIX constants); its upper half is even enough.
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let fraction = (self.0 >> 32) as f64 / (1_u64 << 32) as f64;
        low + (high - low).mul_f64(fraction)
    }
}

const LOW: Duration = Duration::from_secs(5);
const HIGH: Duration = Duration::from_secs(6);

/// What does a timeout cost that does not happen?
///
/// A sleep of 5-6 s is created, polled once and dropped, with 10,000 others armed. First all of it in one poll of a task,
/// before the loop has waited once; then in polls of 64, as a loop that has other things to do goes on. A lie if only one
/// of the two were shown: tokio writes to its eventfd for each timer until its driver has waited with a timer armed, and
/// smol collects cancelled timers until the loop turns. The yields add 1 ns or so to each timer, as they happen in a
/// task: the main future's yields make some peers look at the kernel each time.
pub(super) fn churn<L: Loop>(scale: Scale) -> Vec<Metric> {
    let count = scale.count(500_000);
    let each = |polls_of: usize| {
        let took = L::block_on(async move { L::spawn(churn_in_polls_of::<L>(polls_of, count)).await });
        nanos_each(took, count)
    };
    vec![
        Metric::less("timeout churn, one poll", "ns", each(usize::MAX)),
        Metric::less("timeout churn, many polls", "ns", each(64)),
    ]
}

async fn churn_in_polls_of<L: Loop>(polls_of: usize, count: usize) -> Duration {
    let mut spread = Spread::new();
    let mut others: Vec<Pin<Box<dyn Future<Output = ()> + Send>>> = Vec::new();
    for index in 1..=10_000 {
        let mut other =
            Box::pin(L::sleep(spread.next(LOW, HIGH))) as Pin<Box<dyn Future<Output = ()> + Send>>;
        assert!(poll_immediate(&mut other).await.is_none());
        others.push(other);
        if index % polls_of == 0 {
            L::yield_now().await;
        }
    }
    let start = Instant::now();
    for index in 1..=count {
        let sleep = pin!(L::sleep(spread.next(LOW, HIGH)));
        assert!(poll_immediate(sleep).await.is_none());
        if index % polls_of == 0 {
            L::yield_now().await;
        }
    }
    let took = start.elapsed();
    assert!(took < LOW, "the others would have fired meanwhile");
    took
}

/// Reading the clock, which a timer must do once.
pub(super) fn bare_churn(scale: Scale) -> Vec<Metric> {
    let count = scale.count(500_000);
    let start = Instant::now();
    for _ in 0..count {
        black_box(Instant::now());
    }
    let each = nanos_each(start.elapsed(), count);
    vec![
        Metric::less("timeout churn, one poll", "ns", each),
        Metric::less("timeout churn, many polls", "ns", each),
    ]
}

/// How long after the last deadline are 200,000 sleeping tasks done?
///
/// Each sleeps 300-499 ms, all are spawned at once and awaited; what is said is the time beyond 499 ms. Included:
/// spawning, which is why it is more than the lateness of one timer.
pub(super) fn many<L: Loop>(scale: Scale) -> Vec<Metric> {
    let count = scale.count(200_000);
    L::block_on(async {
        let start = Instant::now();
        let tasks: Vec<_> = (0..count)
            .map(|index| {
                L::spawn(async move { L::sleep(Duration::from_millis(300 + index as u64 % 200)).await })
            })
            .collect();
        for task in tasks {
            task.await;
        }
        let overrun = start.elapsed().saturating_sub(Duration::from_millis(499));
        vec![Metric::less("timers, overrun", "ms", millis(overrun))]
    })
}

/// How late does one sleep end on an idle loop?
///
/// 1,500 sleeps of 0.1-2 ms, one after another. Included: the kernel waking the core; the bare figure has that too.
pub(super) fn lateness<L: Loop>(scale: Scale) -> Vec<Metric> {
    L::block_on(async {
        let mut late = Vec::new();
        let mut spread = Spread::new();
        for _ in 0..scale.count(1_500) {
            let duration = spread.next(Duration::from_micros(100), Duration::from_millis(2));
            let start = Instant::now();
            L::sleep(duration).await;
            late.push(micros(start.elapsed().saturating_sub(duration)));
        }
        lateness_metrics(&late)
    })
}

/// `thread::sleep`.
pub(super) fn bare_lateness(scale: Scale) -> Vec<Metric> {
    let mut spread = Spread::new();
    let late: Vec<f64> = (0..scale.count(1_500))
        .map(|_| {
            let duration = spread.next(Duration::from_micros(100), Duration::from_millis(2));
            let start = Instant::now();
            thread::sleep(duration);
            micros(start.elapsed().saturating_sub(duration))
        })
        .collect();
    lateness_metrics(&late)
}

fn lateness_metrics(late: &[f64]) -> Vec<Metric> {
    vec![
        Metric::less("lateness, p50", "us", percentile(late, 50.0)),
        Metric::less("lateness, p99", "us", percentile(late, 99.0)),
    ]
}
