//! Loom models of the executor's protocols: tasks and their inbox, and the loop's parking, through the real `block_on`; virtual time;
//! signals; and the watchdog.
//!
//! Each test is one race. Unless it says otherwise, a fault shows as a deadlock: somebody parks who should have
//! been woken. `twins.rs` runs the models again with one step of the shipped code left out, and expects
//! them to fail.

mod handles;
mod line;
mod paused;
mod references;
mod signal;
mod spawns;
mod twins;
mod wakes;
mod watchdog;

use crate::Runtime;
use crate::core::paused::Time;
use crate::runtime::report::Reporter;
use crate::sync::clock;
use loom::model::Builder;
use sideline_blocking_pool::Pool;
use sideline_reactor::LocalReactor;
use std::time::Duration;

fn check(preemptions: usize, model: impl Fn() + Send + Sync + 'static) {
    let mut builder = Builder::new();
    builder.preemption_bound = Some(preemptions);
    builder.check(model);
}

fn runtime() -> Runtime {
    runtime_in(Time::Flows)
}

fn runtime_in(time: Time) -> Runtime {
    let pool = Pool::builder().core_threads(1).max_threads(1).build().unwrap();
    let reactor = LocalReactor::with_known_wakers(clock(), &crate::task::WAKERS).unwrap();
    Runtime::assemble(reactor, time, &pool, Reporter::stderr(), Duration::ZERO, None)
}
