//! Did timers and sockets get slower?

use criterion::{Criterion, Throughput};
use futures::future::poll_immediate;
use sideline::Runtime;
use sideline::net::{TcpListener, TcpStream};
use sideline::time::sleep;
use std::hint::black_box;
use std::pin::{Pin, pin};
use std::time::{Duration, Instant};

fn main() {
    let mut criterion = Criterion::default().measurement_time(Duration::from_secs(3)).configure_from_args();
    timers(&mut criterion);
    echo(&mut criterion);
    criterion.final_summary();
}

/// What does a timeout cost that does not happen, and how long do a thousand sleeps that end together take?
fn timers(criterion: &mut Criterion) {
    const HOUR: Duration = Duration::from_secs(3_600);
    let runtime = runtime();
    let mut group = criterion.benchmark_group("timers");
    for others in [0, 10_000] {
        group.bench_function(format!("armed and dropped beside {others}"), |bencher| {
            bencher.iter_custom(|count| {
                runtime.block_on(async {
                    let mut armed: Vec<Pin<Box<_>>> = (0..others).map(|_| Box::pin(sleep(HOUR))).collect();
                    for timer in &mut armed {
                        assert!(poll_immediate(timer).await.is_none());
                    }
                    let start = Instant::now();
                    for index in 0..count {
                        let timer = pin!(sleep(HOUR));
                        black_box(poll_immediate(timer).await);
                        // As a program would: the loop turns now and then.
                        if index % 64 == 0 {
                            sideline::task::yield_now().await;
                        }
                    }
                    start.elapsed()
                })
            });
        });
    }
    const SLEEPERS: u64 = 1_000;
    group.throughput(Throughput::Elements(SLEEPERS));
    group.bench_function("1000 tasks sleep 1 ms", |bencher| {
        bencher.iter(|| {
            runtime.block_on(async {
                let tasks: Vec<_> =
                    (0..SLEEPERS).map(|_| sideline::spawn(sleep(Duration::from_millis(1)))).collect();
                for task in tasks {
                    task.await.expect("it does not panic");
                }
            });
        });
    });
    group.finish();
}

/// How long does a 64-byte message take to a server and back, both on the same loop?
///
/// No other thread takes part, so nothing is said about waking one; four system calls and two turns of the loop.
fn echo(criterion: &mut Criterion) {
    const MESSAGE: usize = 64;
    let runtime = runtime();
    criterion.bench_function("echo", |bencher| {
        bencher.iter_custom(|count| {
            runtime.block_on(async {
                let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
                let address = listener.local_addr().expect("it is bound");
                let server = sideline::spawn(async move {
                    let (stream, _) = listener.accept().await.expect("the client connects");
                    let mut buffer = [0; MESSAGE];
                    while stream.read_exact(&mut buffer).await.is_ok() {
                        stream.write_all(&buffer).await.expect("the client reads");
                    }
                });
                let client = TcpStream::connect(address).await.expect("the server accepts");
                let mut buffer = [7; MESSAGE];
                let start = Instant::now();
                for _ in 0..count {
                    client.write_all(&buffer).await.expect("the server reads");
                    client.read_exact(&mut buffer).await.expect("the server answers");
                }
                let took = start.elapsed();
                drop(client);
                server.await.expect("it does not panic");
                took
            })
        });
    });
}

fn runtime() -> Runtime {
    Runtime::new().expect("the kernel gives an event queue")
}
