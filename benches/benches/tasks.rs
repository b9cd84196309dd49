//! Did tasks get slower: to spawn, to yield, to be woken from another thread?
//!
//! Excluded: making the runtime. A lie if the loop had nothing else to hold: so yields are measured among
//! a thousand tasks, not with one.

use criterion::{BatchSize, Criterion, Throughput};
use futures::StreamExt as _;
use futures::channel::mpsc;
use sideline::Runtime;
use std::hint::black_box;
use std::time::{Duration, Instant};

const BATCH: u64 = 1_000;

fn main() {
    let mut criterion = Criterion::default().measurement_time(Duration::from_secs(3)).configure_from_args();
    spawn(&mut criterion);
    yields(&mut criterion);
    wake_from_a_thread(&mut criterion);
    criterion.final_summary();
}

/// What does it cost to spawn a task and await it, in batches of a thousand?
fn spawn(criterion: &mut Criterion) {
    let runtime = runtime();
    let mut group = criterion.benchmark_group("spawn");
    group.throughput(Throughput::Elements(BATCH));
    group.bench_function("batch of 1000", |bencher| {
        bencher.iter_batched_ref(
            || Vec::with_capacity(BATCH as usize),
            |tasks| {
                runtime.block_on(async {
                    tasks.extend((0..BATCH).map(|index| sideline::spawn(async move { index })));
                    for task in tasks.drain(..) {
                        black_box(task.await.expect("it does not panic"));
                    }
                });
            },
            BatchSize::SmallInput,
        );
    });
    group.finish();
}

/// What does it cost to let another of a thousand tasks run?
fn yields(criterion: &mut Criterion) {
    const YIELDS: u64 = 100;
    let runtime = runtime();
    let mut group = criterion.benchmark_group("yield");
    group.throughput(Throughput::Elements(BATCH * YIELDS)).sample_size(30);
    group.bench_function("1000 tasks, 100 each", |bencher| {
        bencher.iter(|| {
            runtime.block_on(async {
                let tasks: Vec<_> = (0..BATCH)
                    .map(|_| {
                        sideline::spawn(async {
                            for _ in 0..YIELDS {
                                sideline::task::yield_now().await;
                            }
                        })
                    })
                    .collect();
                for task in tasks {
                    task.await.expect("it does not panic");
                }
            });
        });
    });
    group.finish();
}

/// How long does it take to wake a plain thread and be woken by it?
///
/// Mostly the kernel waking idle cores.
fn wake_from_a_thread(criterion: &mut Criterion) {
    let runtime = runtime();
    criterion.bench_function("wake from a thread", |bencher| {
        bencher.iter_custom(|rounds| {
            runtime.block_on(async {
                let (to, inbox) = std::sync::mpsc::channel::<u64>();
                let (back, mut outbox) = mpsc::unbounded::<u64>();
                let thread = std::thread::spawn(move || {
                    for value in inbox {
                        back.unbounded_send(value).expect("the main future listens");
                    }
                });
                let start = Instant::now();
                for round in 0..rounds {
                    to.send(round).expect("the thread is there until the channel closes");
                    black_box(outbox.next().await);
                }
                let took = start.elapsed();
                drop(to);
                thread.join().expect("it does not panic");
                took
            })
        });
    });
}

fn runtime() -> Runtime {
    Runtime::new().expect("the kernel gives an event queue")
}
