//! Which queue should the pool's injector be: crossbeam-deque's `Injector`, or crossbeam-channel's unbounded channel?
//!
//! One thread pushes, two pop, as in a fan-out on two cores; then one pushes and pops by itself, as in a round trip.
//! The items are the size of a job's pointer. Excluded: parking, which the pool does by its own protocol with either.
//! A lie if consumers slept in the channel's `recv`: so both are only ever tried, never waited on.

use criterion::{BenchmarkId, Criterion, Throughput};
use crossbeam_channel::{Receiver, Sender};
use crossbeam_deque::{Injector, Steal, Worker};
use std::hint::black_box;
use std::sync::Barrier;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

const ITEMS: u64 = 100_000;
const CONSUMERS: usize = 2;

fn main() {
    let mut criterion =
        Criterion::default().measurement_time(Duration::from_secs(3)).sample_size(30).configure_from_args();
    contended(&mut criterion);
    alone(&mut criterion);
    criterion.final_summary();
}

/// What a pool needs of its injector. A consumer is a worker's own end, with room for a batch.
trait Queue: Sync + Sized {
    const NAME: &'static str;
    type Consumer;
    fn new() -> Self;
    fn push(&self, item: u64);
    fn consumer(&self) -> Self::Consumer;
    fn try_pop(&self, consumer: &mut Self::Consumer) -> Option<u64>;
}

/// Takes batches into a deque, as a core worker does.
struct Batches(Injector<u64>);

impl Queue for Batches {
    const NAME: &'static str = "injector, batches";
    type Consumer = Worker<u64>;

    fn new() -> Self {
        Self(Injector::new())
    }

    fn push(&self, item: u64) {
        self.0.push(item);
    }

    fn consumer(&self) -> Worker<u64> {
        Worker::new_fifo()
    }

    fn try_pop(&self, own: &mut Worker<u64>) -> Option<u64> {
        own.pop().or_else(|| until_clear(|| self.0.steal_batch_and_pop(own)))
    }
}

/// Takes single items, as a worker without a deque does.
struct Singles(Injector<u64>);

impl Queue for Singles {
    const NAME: &'static str = "injector, singles";
    type Consumer = ();

    fn new() -> Self {
        Self(Injector::new())
    }

    fn push(&self, item: u64) {
        self.0.push(item);
    }

    fn consumer(&self) {}

    fn try_pop(&self, (): &mut ()) -> Option<u64> {
        until_clear(|| self.0.steal())
    }
}

struct Channel(Sender<u64>, Receiver<u64>);

impl Queue for Channel {
    const NAME: &'static str = "channel";
    type Consumer = ();

    fn new() -> Self {
        let (sender, receiver) = crossbeam_channel::unbounded();
        Self(sender, receiver)
    }

    fn push(&self, item: u64) {
        self.0.send(item).expect("the receiver is in the same struct");
    }

    fn consumer(&self) {}

    fn try_pop(&self, (): &mut ()) -> Option<u64> {
        self.1.try_recv().ok()
    }
}

fn until_clear(mut steal: impl FnMut() -> Steal<u64>) -> Option<u64> {
    loop {
        match steal() {
            Steal::Success(item) => return Some(item),
            Steal::Empty => return None,
            Steal::Retry => {}
        }
    }
}

/// 100,000 items through the queue, one pushing thread, two popping ones.
fn contended(criterion: &mut Criterion) {
    fn bench<Q: Queue>(group: &mut criterion::BenchmarkGroup<'_, criterion::measurement::WallTime>) {
        group.bench_function(BenchmarkId::from_parameter(Q::NAME), |bencher| {
            bencher.iter_custom(|rounds| (0..rounds).map(|_| through::<Q>()).sum());
        });
    }
    let mut group = criterion.benchmark_group("queue, 1 pushes and 2 pop");
    group.throughput(Throughput::Elements(ITEMS));
    bench::<Batches>(&mut group);
    bench::<Singles>(&mut group);
    bench::<Channel>(&mut group);
    group.finish();
}

fn through<Q: Queue>() -> Duration {
    let queue = Q::new();
    let popped = AtomicU64::new(0);
    let start = Barrier::new(CONSUMERS + 1);
    thread::scope(|scope| {
        for _ in 0..CONSUMERS {
            scope.spawn(|| {
                let mut consumer = queue.consumer();
                start.wait();
                // Relaxed: a count, nothing is published with it.
                while popped.load(Ordering::Relaxed) < ITEMS {
                    let mut some = 0;
                    while let Some(item) = queue.try_pop(&mut consumer) {
                        black_box(item);
                        some += 1;
                    }
                    if some == 0 {
                        // Two cores, three threads: let the pushing one run.
                        thread::yield_now();
                    } else {
                        popped.fetch_add(some, Ordering::Relaxed);
                    }
                }
            });
        }
        start.wait();
        let began = Instant::now();
        (0..ITEMS).for_each(|item| queue.push(item));
        while popped.load(Ordering::Relaxed) < ITEMS {
            thread::yield_now();
        }
        began.elapsed()
    })
}

/// One item in, one item out, on one thread.
fn alone(criterion: &mut Criterion) {
    fn bench<Q: Queue>(group: &mut criterion::BenchmarkGroup<'_, criterion::measurement::WallTime>) {
        group.bench_function(BenchmarkId::from_parameter(Q::NAME), |bencher| {
            let queue = Q::new();
            let mut consumer = queue.consumer();
            bencher.iter(|| {
                queue.push(black_box(1));
                queue.try_pop(&mut consumer)
            });
        });
    }
    let mut group = criterion.benchmark_group("queue, push and pop");
    bench::<Batches>(&mut group);
    bench::<Singles>(&mut group);
    bench::<Channel>(&mut group);
    group.finish();
}
