//! What stands in line to become a job.

use super::runtime;
use crate::sync::atomic::{AtomicUsize, Ordering::*};
use crate::sync::thread;
use loom::model::Builder;
use sideline_blocking_pool::{Limiter, Tenant};
use std::sync::Arc;

/// Something that stands in line becomes a job, and then leaves the line: whoever asks meanwhile sees at least one of the two. The
/// job has to wait for another one of its limiter, so it stays one. (And there is no fence, as there is where a worker is called.)
#[test]
fn what_leaves_the_line_is_a_job_by_then() {
    let mut builder = Builder::new();
    builder.preemption_bound = Some(3);
    builder.expect_explicit_explore = true;
    builder.max_branches = 5_000;
    builder.check(|| {
        let runtime = runtime();
        let shared = Arc::clone(runtime.handle().shared());
        let gate = Arc::new(loom::sync::Notify::new());
        let (waits, (begin, has_begun)) = (Arc::clone(&gate), loom::sync::mpsc::channel());
        let limiter = Limiter::new(1);
        let limited = |tenant: &Tenant| tenant.job().limiter(&limiter);
        limited(&shared.tenant.pool().tenant())
            .spawn(move || {
                begin.send(()).unwrap();
                waits.wait();
            })
            .detach();
        has_begun.recv().unwrap();
        let (asked, line) = (Arc::clone(&shared), Arc::new(AtomicUsize::new(0)));
        let stands = Arc::clone(&line);
        loom::explore();
        // It is the other thread that asks: see the pool's `models/seen.rs`.
        let asks = thread::spawn(move || {
            if line.load(Acquire) == 1 {
                assert!(asked.has_jobs_in_flight());
            }
        });
        let in_line = shared.stand_in_line();
        stands.store(1, Release);
        limited(&shared.tenant).spawn(|| ()).detach();
        drop(in_line);
        asks.join().unwrap();
        loom::stop_exploring();
        gate.notify();
    });
}
