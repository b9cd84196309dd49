//! The pool's numbers through the `metrics` facade: behind the feature `metrics`.
//!
//! The pool counts for itself, always; this only passes on what it has counted, when it is asked to. So the feature adds
//! nothing to a job's way, and no thread.

use std::sync::Arc;

use ::metrics::{Unit, counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram};

use super::{Histogram, Metrics};
use crate::pool::Pool;

/// Passes a pool's [`Metrics`] on to whichever recorder the [`metrics`](https://docs.rs/metrics) facade has.
///
/// Nothing happens by itself: whoever has the publisher calls [`publish`](Self::publish), before a scrape or at an
/// interval of some seconds. Each metric has the label `pool`, with the name that was given. Have one publisher for a
/// pool: two would publish each job twice in the histograms.
///
/// | name | kind | unit |
/// |---|---|---|
/// | `sideline_pool_threads`, `sideline_pool_idle_threads` | gauge | threads |
/// | `sideline_pool_queued_jobs`, `sideline_pool_running_jobs`, `sideline_pool_undelivered_jobs` | gauge | jobs |
/// | `sideline_pool_oldest_queued_seconds` (0 if nothing is queued) | gauge | seconds |
/// | `sideline_pool_submitted_jobs_total`, `..._completed_...`, `..._panicked_...`, `..._cancelled_...`, `..._expired_...`, `..._rejected_...`, `..._unread_...` | counter | jobs |
/// | `sideline_pool_queue_wait_seconds`, `sideline_pool_run_time_seconds`, `sideline_pool_handoff_seconds` | histogram | seconds |
///
/// What was recorded since the last time goes into the facade's histograms, each duration as three quarters of its
/// bucket's end: off by at most a third. The counts are exact.
///
/// ```
/// use sideline_blocking_pool::{MetricsPublisher, Pool};
///
/// let pool = Pool::new();
/// let mut publisher = MetricsPublisher::new(&pool, "files");
/// publisher.publish(); // and again, every some seconds
/// ```
#[derive(Debug)]
pub struct MetricsPublisher {
    pool: Pool,
    name: Arc<str>,
    /// What has been published of the histograms.
    published: [Histogram; 3],
}

impl MetricsPublisher {
    /// A publisher for `pool`, which will be told apart by `name`. Keeps the pool open, as any handle does.
    ///
    /// Jobs that were run before are in what is published first.
    pub fn new(pool: &Pool, name: impl Into<Arc<str>>) -> Self {
        let published = [const { Histogram::new() }; 3];
        Self { pool: pool.clone(), name: name.into(), published }
    }

    /// Passes on the numbers as they are now, by the thread that calls. Without a recorder it does nothing that could be
    /// seen, except that later ones will not be told of these jobs' times.
    pub fn publish(&mut self) {
        let m = self.pool.metrics();
        self.gauges(&m);
        self.counters(&m);
        let histograms = [
            ("sideline_pool_queue_wait_seconds", "From the submission of a job to its start.", m.queue_wait),
            ("sideline_pool_run_time_seconds", "From the start of a closure to its end.", m.run_time),
            (
                "sideline_pool_handoff_seconds",
                "From the end of a closure to its being taken by the awaiter that was woken.",
                m.handoff,
            ),
        ];
        for ((name, help, now), published) in histograms.into_iter().zip(&mut self.published) {
            describe_histogram!(name, Unit::Seconds, help);
            let out = histogram!(name, "pool" => Arc::clone(&self.name));
            for bucket in now.since(published).buckets().filter(|bucket| bucket.count > 0) {
                let count = usize::try_from(bucket.count).unwrap_or(usize::MAX);
                out.record_many(bucket.at_most.as_secs_f64() * 0.75, count);
            }
            *published = now;
        }
    }

    fn gauges(&self, m: &Metrics) {
        let oldest = m.oldest_queued.unwrap_or_default().as_secs_f64();
        for (name, unit, help, value) in [
            ("sideline_pool_threads", Unit::Count, "Worker threads.", m.threads as f64),
            ("sideline_pool_idle_threads", Unit::Count, "Workers without a job.", m.idle as f64),
            ("sideline_pool_queued_jobs", Unit::Count, "Jobs that wait for a thread.", m.queued as f64),
            ("sideline_pool_running_jobs", Unit::Count, "Jobs whose closure is running.", m.running as f64),
            (
                "sideline_pool_undelivered_jobs",
                Unit::Count,
                "Jobs whose awaiters were woken and have not taken the outcome yet.",
                m.undelivered as f64,
            ),
            (
                "sideline_pool_oldest_queued_seconds",
                Unit::Seconds,
                "How long the job that has waited longest has waited; 0 if none waits.",
                oldest,
            ),
        ] {
            describe_gauge!(name, unit, help);
            gauge!(name, "pool" => Arc::clone(&self.name)).set(value);
        }
    }

    fn counters(&self, m: &Metrics) {
        for (name, help, value) in [
            ("sideline_pool_submitted_jobs_total", "Jobs accepted.", m.submitted),
            ("sideline_pool_completed_jobs_total", "Jobs whose closure returned.", m.completed),
            ("sideline_pool_panicked_jobs_total", "Jobs whose closure panicked.", m.panicked),
            ("sideline_pool_cancelled_jobs_total", "Jobs that were never started.", m.cancelled),
            ("sideline_pool_expired_jobs_total", "Those cancelled by their deadlines.", m.expired),
            ("sideline_pool_rejected_jobs_total", "Closures that were not accepted.", m.rejected),
            ("sideline_pool_unread_jobs_total", "Outcomes dropped by awaiters that were woken.", m.unread),
        ] {
            describe_counter!(name, Unit::Count, help);
            counter!(name, "pool" => Arc::clone(&self.name)).absolute(value);
        }
    }
}
