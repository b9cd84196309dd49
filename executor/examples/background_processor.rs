//! A queue of work, some workers, and an end that loses nothing.
//!
//! ```text
//! cargo run --release --example background_processor -- 1000 2000000 banana 4000000000
//! ```
//!
//! Counts the primes below each number. The closures are submitted to a [`Processor`]. Its workers are tasks
//! on the loop that take from one queue, and each has one closure at a time on the pool. The queue is
//! bounded, so whoever submits waits when the workers do not keep up. [`Processor::stop`] lets no new work in
//! and finishes what is there.

#![forbid(unsafe_code)]

use async_channel::{Receiver, Sender};
use sideline::JoinError;
use sideline::task::JoinSet;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::process::ExitCode;

/// A closure's whole way: over the pool, and back to whoever submitted it.
type Work = Pin<Box<dyn Future<Output = ()>>>;

struct Processor {
    queue: Sender<Work>,
    workers: JoinSet<usize>,
}

impl Processor {
    /// Starts `workers` tasks on this thread's loop, with a queue of `room` places.
    fn start(workers: usize, room: usize) -> Self {
        let (queue, inbox) = async_channel::bounded::<Work>(room);
        let mut set = JoinSet::new();
        for _ in 0..workers {
            let inbox = inbox.clone();
            set.spawn(async move {
                let mut done = 0;
                // An error means that the queue is closed, and empty.
                while let Ok(work) = inbox.recv().await {
                    work.await;
                    done += 1;
                }
                done
            });
        }
        Self { queue, workers: set }
    }

    /// Waits for a place in the queue. The result comes through the ticket; dropping that changes nothing
    /// else.
    async fn submit<T, F>(&self, f: F) -> Result<Ticket<T>, Stopped>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        let (reply, ticket) = async_channel::bounded(1);
        // Nothing in here happens before a worker awaits it.
        let work = Box::pin(async move {
            let result = sideline::spawn_blocking(f).await;
            // Nobody may want to know any more, which is all right.
            let _ = reply.try_send(result);
        });
        match self.queue.send(work).await {
            Ok(()) => Ok(Ticket(ticket)),
            Err(_) => Err(Stopped),
        }
    }

    /// Takes no new work from now on, and returns when all that was submitted is done: each worker's count.
    async fn stop(&mut self) -> Vec<usize> {
        self.queue.close();
        let mut counts = Vec::new();
        while let Some(worker) = self.workers.join_next().await {
            counts.push(worker.expect("a worker does not panic: its closures do that on the pool"));
        }
        counts
    }
}

/// A claim to a result.
struct Ticket<T>(Receiver<Result<T, JoinError>>);

impl<T> Ticket<T> {
    /// Waits for the result.
    async fn result(self) -> Result<T, WorkError> {
        match self.0.recv().await {
            Ok(result) => result.map_err(WorkError::Panicked),
            // The processor was dropped instead of stopped.
            Err(_) => Err(WorkError::Lost),
        }
    }
}

/// The processor takes no more work.
#[derive(Debug)]
struct Stopped;

impl fmt::Display for Stopped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the processor has stopped")
    }
}

enum WorkError {
    Panicked(JoinError),
    Lost,
}

impl fmt::Display for WorkError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            WorkError::Panicked(error) => error.fmt(f),
            WorkError::Lost => f.write_str("the processor went away before the work was done"),
        }
    }
}

fn main() -> ExitCode {
    let mut numbers: Vec<String> = std::env::args().skip(1).collect();
    if numbers.is_empty() {
        numbers = ["1000", "2000000", "banana", "30000", "4000000000", "500000"].map(String::from).into();
    }
    match sideline::block_on(run(numbers)) {
        Ok(0) => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE,
        Err(stopped) => {
            eprintln!("background_processor: {stopped}");
            ExitCode::FAILURE
        }
    }
}

/// Returns how many numbers got no answer.
async fn run(numbers: Vec<String>) -> Result<usize, Stopped> {
    let mut processor = Processor::start(3, 2);
    let mut tickets = Vec::new();
    for number in numbers {
        let input = number.clone();
        tickets.push((number, processor.submit(move || count_primes(&input)).await?));
    }

    // Some of it is still queued or running: stopping waits for that.
    let counts = processor.stop().await;
    println!("stopped: {} workers have run {} closures", counts.len(), counts.iter().sum::<usize>());
    if let Err(stopped) = processor.submit(|| "too late").await {
        println!("another one is refused: {stopped}");
    }

    let mut failed = 0;
    for (number, ticket) in tickets {
        let problem = match ticket.result().await {
            Ok(Ok(primes)) => {
                println!("{primes} primes below {number}");
                continue;
            }
            Ok(Err(refusal)) => refusal,
            Err(error) => error.to_string(),
        };
        println!("{number}: {problem}");
        failed += 1;
    }
    Ok(failed)
}

fn count_primes(below: &str) -> Result<usize, String> {
    let below: usize = below.parse().map_err(|error| format!("not a number ({error})"))?;
    // A library would panic like this deep inside. It reaches the one who submitted, and nobody else.
    assert!(below <= 100_000_000, "a sieve for {below} numbers would not fit");
    let mut composite = vec![false; below];
    let mut primes = 0;
    for n in 2..below {
        if !composite[n] {
            primes += 1;
            (n * n..below).step_by(n).for_each(|multiple| composite[multiple] = true);
        }
    }
    Ok(primes)
}
