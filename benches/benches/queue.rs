//! Is the pool's injector as quick as crossbeam-deque's `Injector` and crossbeam-channel's unbounded channel?
//!
//! One thread pushes, two pop, as in a fan-out on two cores; then one pushes and pops by itself, as in a round trip.
//! The items are pointers, as a job's entry is. Excluded: parking, which the pool does by its own protocol with any.
//! A lie if consumers slept in the channel's `recv`: so both are only ever tried, never waited on.

use criterion::{BenchmarkId, Criterion, Throughput};
use crossbeam_channel::{Receiver, Sender};
use crossbeam_deque::{Injector, Steal, Worker};
use pointer::Pointer;
use std::hint::black_box;
use std::ptr::NonNull;
use std::sync::Barrier;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

// The pool's own files: its queues are private to it.
#[path = "../../blocking-pool/src/queue/block.rs"]
mod block;
#[path = "../../blocking-pool/src/queue/end.rs"]
mod end;
#[path = "../../blocking-pool/src/queue/injector.rs"]
#[allow(dead_code)]
mod injector;
#[path = "../../blocking-pool/src/sys/padded.rs"]
#[allow(dead_code)]
mod padded;
#[path = "../../blocking-pool/src/queue/pointer.rs"]
mod pointer;
#[path = "../../blocking-pool/src/queue/ring.rs"]
#[allow(dead_code)]
mod ring;
#[path = "../../blocking-pool/src/sync.rs"]
#[allow(dead_code, unused_imports)]
mod sync;

/// As those files know it.
mod sys {
    pub(crate) use crate::padded;
}

/// What a job's entry is to a queue.
#[derive(Clone, Copy)]
struct Item(&'static u64);

static ITEM: u64 = 1;

impl Pointer for Item {
    fn into_raw(self) -> NonNull<()> {
        NonNull::from(self.0).cast()
    }

    unsafe fn from_raw(raw: NonNull<()>) -> Self {
        // SAFETY: `raw` is of a `'static` reference.
        Self(unsafe { raw.cast().as_ref() })
    }
}

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
    fn push(&self, item: Item);
    fn consumer(&self) -> Self::Consumer;
    fn try_pop(&self, consumer: &mut Self::Consumer) -> Option<Item>;
}

/// The pool's own, batches.
struct Own(injector::Injector<Item>);

impl Queue for Own {
    const NAME: &'static str = "own, batches";
    type Consumer = Box<ring::Ring<Item>>;

    fn new() -> Self {
        Self(injector::Injector::new())
    }

    fn push(&self, item: Item) {
        self.0.push(item);
    }

    fn consumer(&self) -> Self::Consumer {
        Box::new(ring::Ring::new())
    }

    fn try_pop(&self, ring: &mut Self::Consumer) -> Option<Item> {
        // SAFETY: whoever has the only reference to a ring is its owner.
        ring.take().or_else(|| self.0.pop_batch(&unsafe { ring.owned() }))
    }
}

/// The pool's own, one at a time.
struct OwnSingles(injector::Injector<Item>);

impl Queue for OwnSingles {
    const NAME: &'static str = "own, singles";
    type Consumer = ();

    fn new() -> Self {
        Self(injector::Injector::new())
    }

    fn push(&self, item: Item) {
        self.0.push(item);
    }

    fn consumer(&self) {}

    fn try_pop(&self, (): &mut ()) -> Option<Item> {
        self.0.pop()
    }
}

/// Takes batches into a deque, as a core worker does.
struct Batches(Injector<Item>);

impl Queue for Batches {
    const NAME: &'static str = "crossbeam, batches";
    type Consumer = Worker<Item>;

    fn new() -> Self {
        Self(Injector::new())
    }

    fn push(&self, item: Item) {
        self.0.push(item);
    }

    fn consumer(&self) -> Worker<Item> {
        Worker::new_fifo()
    }

    fn try_pop(&self, own: &mut Worker<Item>) -> Option<Item> {
        own.pop().or_else(|| until_clear(|| self.0.steal_batch_and_pop(own)))
    }
}

/// Takes single items, as a worker without a deque does.
struct Singles(Injector<Item>);

impl Queue for Singles {
    const NAME: &'static str = "crossbeam, singles";
    type Consumer = ();

    fn new() -> Self {
        Self(Injector::new())
    }

    fn push(&self, item: Item) {
        self.0.push(item);
    }

    fn consumer(&self) {}

    fn try_pop(&self, (): &mut ()) -> Option<Item> {
        until_clear(|| self.0.steal())
    }
}

struct Channel(Sender<Item>, Receiver<Item>);

impl Queue for Channel {
    const NAME: &'static str = "crossbeam-channel";
    type Consumer = ();

    fn new() -> Self {
        let (sender, receiver) = crossbeam_channel::unbounded();
        Self(sender, receiver)
    }

    fn push(&self, item: Item) {
        self.0.send(item).expect("the receiver is in the same struct");
    }

    fn consumer(&self) {}

    fn try_pop(&self, (): &mut ()) -> Option<Item> {
        self.1.try_recv().ok()
    }
}

fn until_clear(mut steal: impl FnMut() -> Steal<Item>) -> Option<Item> {
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
    bench::<Own>(&mut group);
    bench::<OwnSingles>(&mut group);
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
        (0..ITEMS).for_each(|_| queue.push(Item(&ITEM)));
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
                queue.push(black_box(Item(&ITEM)));
                queue.try_pop(&mut consumer)
            });
        });
    }
    let mut group = criterion.benchmark_group("queue, push and pop");
    bench::<Own>(&mut group);
    bench::<OwnSingles>(&mut group);
    bench::<Batches>(&mut group);
    bench::<Singles>(&mut group);
    bench::<Channel>(&mut group);
    group.finish();
}
