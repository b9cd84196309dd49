//! Sequences of operations, drawn from seeds, against models that are nothing but numbers and vectors. Each operation may be given
//! up at any moment. `SIDELINE_SEEDS=0..5000` runs more of them than by default, and a failure names its seed.
#![cfg(all(unix, not(loom)))]

#[cfg(target_os = "linux")]
mod children;
mod copies;
mod files;
mod numbers;
mod readers;

use fastrand::Rng;
use sideline::net::{TcpListener, TcpStream};
use sideline::task::yield_now;
use sideline::time::timeout;
use std::future::{Future, poll_fn};
use std::io::{self, ErrorKind};
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;
use tempfile::NamedTempFile;

include!("../../../tests/support/seeds.rs");
#[cfg(target_os = "linux")]
include!("../../../reactor/tests/support/alone.rs");

const LONG: Duration = Duration::from_secs(60);

/// What comes of `operation`; `None` if it is given up: before it has begun, or after a turn or a few.
async fn perhaps<T>(random: &mut Rng, operation: impl Future<Output = T>) -> Option<T> {
    let turns = match random.u32(..8) {
        0 => return None,
        1 => 0,
        2 => random.u32(1..4),
        3 => random.u32(1..200),
        _ => return Some(operation.await),
    };
    let mut operation = pin!(operation);
    for turn in 0..=turns {
        let poll = poll_fn(|cx| Poll::Ready(operation.as_mut().poll(cx))).await;
        if let Poll::Ready(output) = poll {
            return Some(output);
        }
        if turn < turns {
            yield_now().await;
        }
    }
    None
}

/// Small ones most of the time, since what happens at the edges of things is to happen often.
fn some_length(random: &mut Rng, most: usize) -> usize {
    let most = match random.u32(..4) {
        0 => 4,
        1 => 100,
        2 => 5_000,
        _ => most,
    }
    .min(most);
    random.usize(..=most)
}

fn some_bytes(random: &mut Rng, len: usize) -> Vec<u8> {
    let mut bytes = vec![0; len];
    random.fill(&mut bytes);
    bytes
}

async fn tcp_pair() -> io::Result<(TcpStream, TcpStream)> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let client = TcpStream::connect(listener.local_addr()?).await?;
    Ok((client, listener.accept().await?.0))
}

/// On a fresh runtime; a hang is a failure.
fn run<T>(test: impl Future<Output = io::Result<T>>) -> T {
    sideline::block_on(async { timeout(LONG, test).await.expect("hangs").unwrap() })
}
