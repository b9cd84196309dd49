//! The races of this crate, one model each. Under loom every interleaving (within the bound) is run; under plain
//! `cargo test` the same bodies run many times on real threads.
//!
//! A lost job, wake or bell shows as a deadlock, which loom reports and which hangs on real threads; anything else
//! shows as a failed assertion, or as loom's own report of a data race on a cell.
//!
//! What loom (0.7) does not see, or sees wrongly:
//! * A load reads nothing that is stored later, as a weak processor may let it.
//! * Of a step it remembers the last access to the same atomic. So a load and a compare-exchange of one thread hide that they could
//!   have come before another one's load. Where that is the race, let the thread that looks be the one that is spawned: in the first
//!   interleaving that is tried, the one that spawns goes first.
//! * A plain store may come, in the order of its atomic, between an exchange and what that has read.
//! * `std`'s `Arc` tells it nothing: the last of a pool's threads to have it must have been waited for.

use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use crate::job::JoinHandle;
use crate::pool::Pool;
use crate::pool::builder::Config;
use crate::threads::park::Parker;
use crate::user_code::report::Hook;

mod cancel;
mod idle;
mod job;
mod limiter;
mod monitor;
mod queue;
mod room;
mod seen;
mod shutdown;
mod slow;
#[cfg(not(loom))]
mod starts;
mod tenant;
#[cfg(loom)]
mod twins;

/// Runs `body` in every interleaving, with at most `preemptions` forced switches, of what happens between `race`
/// and `settled`. Before and after, one interleaving has to do, or making and ending a pool would drown the rest; a
/// job that was lost in the race is still missed after it.
#[cfg(loom)]
fn check(preemptions: usize, body: fn()) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(preemptions);
    builder.expect_explicit_explore = true;
    // A pool's whole life is longer than loom expects.
    builder.max_branches = 5_000;
    builder.check(body);
}

#[cfg(loom)]
use loom::{explore as race, stop_exploring as settled};

/// Runs `body` often, on real threads.
#[cfg(not(loom))]
fn check(_preemptions: usize, body: fn()) {
    for _ in 0..100 {
        body();
    }
}

#[cfg(not(loom))]
fn race() {}

#[cfg(not(loom))]
fn settled() {}

/// A waker that unparks a modelled thread.
struct Unpark(Parker);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

fn block_on<F: Future>(future: F) -> F::Output {
    let unpark = Arc::new(Unpark(Parker::new()));
    let waker = Waker::from(Arc::clone(&unpark));
    let mut cx = Context::from_waker(&waker);
    let mut future = pin!(future);
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut cx) {
            return output;
        }
        unpark.0.park();
    }
}

/// A pool that grows by hand and reports to nobody.
fn pool(core: usize, max: usize) -> Pool {
    Pool::with(config(core, max))
}

/// Makes the pool's only worker busy, until it is told to go on.
fn make_busy(pool: &Pool) -> Busy {
    let (go_on, has_begun) = (Arc::new(Parker::new()), Arc::new(Parker::new()));
    let (waits, begins) = (Arc::clone(&go_on), Arc::clone(&has_begun));
    let job = pool.spawn(move || {
        begins.unpark();
        waits.park();
    });
    has_begun.park();
    Busy { go_on, job }
}

struct Busy {
    go_on: Arc<Parker>,
    job: JoinHandle<()>,
}

impl Busy {
    fn end(self) {
        self.go_on.unpark();
        block_on(self.job).unwrap();
    }
}

fn config(core: usize, max: usize) -> Config {
    Config {
        core_threads: core,
        max_threads: max,
        growth: false,
        keep_alive: Duration::from_micros(50),
        // Nobody reads it, and stderr is slow.
        on_report: Some(Hook::new(|_| ())),
        ..Config::default()
    }
}

#[test]
#[allow(clippy::assertions_on_constants)] // The constant is what is tested.
fn loom_is_really_on() {
    if std::env::var_os("SIDELINE_LOOM").is_some() {
        assert!(
            cfg!(loom),
            "a RUSTFLAGS in the environment overrides the alias: unset it and run `cargo loom` again"
        );
    }
}

/// A job that has ended, or was turned away.
fn ended(outcome: Result<(), crate::JoinError>) {
    if let Err(error) = outcome {
        assert!(error.is_rejected(), "{error}");
    }
}
