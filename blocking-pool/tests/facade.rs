//! What a recorder of the `metrics` facade is told.

#![cfg(feature = "metrics")]

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use metrics::{
    Counter, CounterFn, Gauge, GaugeFn, Histogram, HistogramFn, Key, KeyName, Metadata, Recorder,
    SharedString, Unit,
};
use sideline_blocking_pool::{MetricsPublisher, Pool};

include!("common/block_on.rs");

/// Keeps the last value of counters and gauges, and the number of what histograms were told.
#[derive(Default)]
struct Ledger(Mutex<BTreeMap<String, Arc<Cell>>>);

#[derive(Default)]
struct Cell(AtomicU64);

impl CounterFn for Cell {
    fn increment(&self, value: u64) {
        self.0.fetch_add(value, Ordering::Relaxed);
    }
    fn absolute(&self, value: u64) {
        self.0.store(value, Ordering::Relaxed);
    }
}

impl GaugeFn for Cell {
    fn increment(&self, _: f64) {}
    fn decrement(&self, _: f64) {}
    fn set(&self, value: f64) {
        self.0.store(value as u64, Ordering::Relaxed);
    }
}

impl HistogramFn for Cell {
    fn record(&self, value: f64) {
        assert!(value > 0.0 && value < 60.0, "{value} s");
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

impl Ledger {
    fn cell(&self, key: &Key) -> Arc<Cell> {
        let labels: Vec<_> = key.labels().map(|label| format!("{}={}", label.key(), label.value())).collect();
        let name = format!("{}{{{}}}", key.name(), labels.join(","));
        Arc::clone(self.0.lock().unwrap().entry(name).or_default())
    }

    fn value(&self, name: &str) -> Option<u64> {
        let cells = self.0.lock().unwrap();
        cells.get(&format!("sideline_pool_{name}{{pool=mine}}")).map(|cell| cell.0.load(Ordering::Relaxed))
    }
}

impl Recorder for Ledger {
    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
        Counter::from_arc(self.cell(key))
    }
    fn register_gauge(&self, key: &Key, _: &Metadata<'_>) -> Gauge {
        Gauge::from_arc(self.cell(key))
    }
    fn register_histogram(&self, key: &Key, _: &Metadata<'_>) -> Histogram {
        Histogram::from_arc(self.cell(key))
    }
}

#[test]
fn each_job_is_published_once_however_often_one_publishes() {
    let pool = Pool::builder().core_threads(1).max_threads(1).build().unwrap();
    let (ledger, mut publisher) = (Ledger::default(), MetricsPublisher::new(&pool, "mine"));
    metrics::with_local_recorder(&ledger, || {
        block_on(pool.spawn(|| ())).unwrap();
        publisher.publish();
        publisher.publish();
        assert_eq!(ledger.value("run_time_seconds"), Some(1));
        block_on(pool.spawn(|| std::panic::resume_unwind(Box::new(())))).unwrap_err();
        publisher.publish();
    });
    for (name, value) in [
        ("submitted_jobs_total", 2),
        ("completed_jobs_total", 1),
        ("panicked_jobs_total", 1),
        ("rejected_jobs_total", 0),
        ("queue_wait_seconds", 2),
        ("run_time_seconds", 2),
        ("queued_jobs", 0),
        ("threads", 1),
    ] {
        assert_eq!(ledger.value(name), Some(value), "{name}");
    }
}
