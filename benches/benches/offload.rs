//! Did the way through the pool get slower: one closure at a time, and a thousand at once?
//!
//! The closures are empty, so all of it is overhead. Excluded: the start of threads, as the first iterations
//! warm up; the sleep and CPU bursts in which it matters are cases of `versus`.

use criterion::{Criterion, Throughput};
use sideline::Runtime;
use std::hint::black_box;
use std::time::Duration;

fn main() {
    let mut criterion = Criterion::default().measurement_time(Duration::from_secs(3)).configure_from_args();
    round_trip(&mut criterion);
    fan_out(&mut criterion);
    criterion.final_summary();
}

/// How long is one offload if the caller waits for it before the next?
///
/// The runtime is the same all along, but each iteration enters and leaves `block_on`, which adds well below a
/// microsecond.
fn round_trip(criterion: &mut Criterion) {
    let runtime = runtime();
    criterion.bench_function("offload round trip", |bencher| {
        bencher.iter(|| {
            runtime.block_on(async {
                black_box(sideline::spawn_blocking(|| 1).await.expect("it does not panic"))
            })
        });
    });
}

/// What does each of a thousand offloads cost if all are in flight at once?
fn fan_out(criterion: &mut Criterion) {
    const JOBS: u64 = 1_000;
    let runtime = runtime();
    let mut group = criterion.benchmark_group("offload fan-out");
    group.throughput(Throughput::Elements(JOBS));
    group.bench_function("1000 at once", |bencher| {
        bencher.iter(|| {
            runtime.block_on(async {
                let jobs: Vec<_> = (0..JOBS).map(|index| sideline::spawn_blocking(move || index)).collect();
                for job in jobs {
                    black_box(job.await.expect("it does not panic"));
                }
            });
        });
    });
    group.finish();
}

fn runtime() -> Runtime {
    Runtime::new().expect("the kernel gives an event queue")
}
