//! The pool that is tested.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use sideline_blocking_pool::{JoinHandle, Pool, Shutdown};

use crate::block_on;
use crate::subject::{Classes, Closure, Outcome, Subject, Value, returned};

#[derive(Clone)]
pub(crate) struct Real {
    pool: Pool,
    reports: Arc<AtomicU64>,
}

impl Subject for Real {
    type Handle = JoinHandle<Value>;

    fn new(threads: usize) -> Self {
        let reports = Arc::new(AtomicU64::new(0));
        let count = Arc::clone(&reports);
        let builder = Pool::builder().core_threads(threads.div_ceil(2)).max_threads(threads);
        let builder = builder.keep_alive(Duration::from_millis(1));
        let pool = builder.on_report(move |_| _ = count.fetch_add(1, Ordering::SeqCst)).build().unwrap();
        Self { pool, reports }
    }

    fn spawn(&self, closure: Closure) -> JoinHandle<Value> {
        self.pool.spawn(closure)
    }

    fn abort(&self, handle: &JoinHandle<Value>) -> bool {
        handle.abort()
    }

    fn wait(&self, handle: JoinHandle<Value>) -> Outcome {
        match block_on(handle) {
            Ok(value) => returned(value),
            Err(error) if error.is_panic() => Outcome::Panicked,
            Err(error) if error.is_cancelled() => Outcome::Cancelled,
            Err(error) => {
                assert!(error.is_rejected(), "{error}");
                Outcome::Rejected
            }
        }
    }

    fn shutdown(&self, how: Shutdown) -> Classes {
        let report = self.pool.shutdown(how);
        let m = self.pool.metrics();
        assert_eq!(m.submitted, m.queued + m.running + m.completed + m.panicked + m.cancelled, "{m:?}");
        (report.cancelled, report.left_running.len() as u64, report.left_queued)
    }

    fn reports(&self) -> u64 {
        self.reports.load(Ordering::SeqCst)
    }
}
