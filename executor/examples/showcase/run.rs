//! One run: the clients go through the calls, and the loop is watched meanwhile.

use crate::echo::{self, Client};
use crate::heartbeat::{Beat, heartbeat};
use crate::progress::Progress;
use crate::work::Call;
use sideline::net::TcpListener;
use sideline::task::JoinSet;
use sideline::{Pool, Runtime};
use std::cell::{Cell, RefCell};
use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How many calls are under way at any time.
pub(crate) const CLIENTS: usize = 16;

#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Mode {
    /// In a task on the loop, which does nothing else until the call returns.
    Inline,
    /// In a job on the pool.
    Offloaded,
}

/// What was measured.
pub(crate) struct Run {
    pub(crate) took: Duration,
    pub(crate) beats: Vec<Beat>,
    pub(crate) echoes: Vec<Duration>,
    /// Of the pool, at most.
    pub(crate) threads: usize,
    /// Stands for the results of all calls.
    pub(crate) digest: u64,
}

/// Makes all the calls, on a runtime and a pool of its own.
///
/// # Errors
/// The first call that failed, and what kept the measurement from being made.
pub(crate) fn run(mode: Mode, calls: &Arc<[Call]>) -> io::Result<Run> {
    let pool = Pool::builder().build()?;
    let runtime = Runtime::builder().pool(pool.clone()).build()?;
    let run = runtime.block_on(measure(mode, Arc::clone(calls), &pool));
    drop(runtime);
    drop(pool.shutdown(sideline::Shutdown::Drain));
    run
}

async fn measure(mode: Mode, calls: Arc<[Call]>, pool: &Pool) -> io::Result<Run> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let client = Client::start(listener.local_addr()?)?;
    sideline::spawn(echo::serve(listener)).detach();

    let start = Instant::now();
    let end = Rc::new(Cell::new(None));
    let beats = sideline::spawn(heartbeat(start, Rc::clone(&end)));

    let what = match mode {
        Mode::Inline => "inline   ",
        Mode::Offloaded => "offloaded",
    };
    let list = Rc::new(List {
        progress: RefCell::new(Progress::new(what, calls.len())),
        calls,
        next: Cell::new(0),
        pool: pool.clone(),
        threads: Cell::new(0),
    });
    let mut clients = JoinSet::new();
    for _ in 0..CLIENTS {
        clients.spawn(go_through(Rc::clone(&list), mode));
    }
    let mut digest = 0_u64;
    while let Some(finished) = clients.join_next().await {
        digest = digest.wrapping_add(finished??);
    }
    let took = start.elapsed();

    end.set(Some(start + took));
    let beats = beats.await?;
    let echoes = client.stop().await?;
    list.progress.borrow().finish();
    Ok(Run { took, beats, echoes, threads: list.threads.get(), digest })
}

/// The calls, and how far the clients have come with them. On the loop's thread alone: no lock, no atomics.
struct List {
    calls: Arc<[Call]>,
    next: Cell<usize>,
    progress: RefCell<Progress>,
    pool: Pool,
    /// The most threads that the pool has had.
    threads: Cell<usize>,
}

/// One client: takes the next call and waits for its result, until there is none left.
async fn go_through(list: Rc<List>, mode: Mode) -> io::Result<u64> {
    let mut digest = 0_u64;
    loop {
        let index = list.next.replace(list.next.get() + 1);
        if index >= list.calls.len() {
            return Ok(digest);
        }
        let calls = Arc::clone(&list.calls);
        // This is the whole difference between the two runs.
        let call = match mode {
            Mode::Inline => sideline::spawn(async move { calls[index].run() }),
            Mode::Offloaded => sideline::spawn_blocking(move || calls[index].run()),
        };
        let result = call.await.map_err(io::Error::other)?.map_err(io::Error::other)?;
        // Which client makes which call is left to chance, so the digest must not depend on the order.
        digest = digest.wrapping_add(result.wrapping_mul(2 * index as u64 + 1));
        list.threads.set(list.threads.get().max(list.pool.metrics().threads));
        list.progress.borrow_mut().advance();
    }
}
