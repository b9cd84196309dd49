//! What the monitor sees when it looks, beside what it saw the last times: jobs started, workers blocked or busy.

use std::time::{Duration, Instant};

use super::evidence::{STALL, Sample, Streak, Workers};
use super::thread_state;
use crate::pool::shared::Shared;
use crate::sys::cpu_clock;
use crate::worker::desk::Desk;

/// Jobs *flow* when each worker starts one in less than this, on average. Then a job that waits for one does not wait long.
const FLOWING: Duration = Duration::from_micros(100);
/// For how long a long job is taken as a sign that others are long, too.
const LATELY: Duration = Duration::from_secs(1);
/// Workers whose state is read at one look, some 20 us each.
const MOST_READ: usize = 8;

/// What is remembered between two looks.
pub(super) struct Look {
    pub(super) streak: Streak,
    /// When it last looked, and how many jobs had been started by then.
    at: Instant,
    starts: u64,
    /// When it last saw that a job had been started, or that none had to wait.
    last_start: Instant,
    /// When a worker was last seen to compute for long on one job.
    last_long: Option<Instant>,
    /// Where to go on reading states if there are too many to read them all.
    cursor: usize,
}

/// What a worker was seen doing. It lies on the worker's desk.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    /// The number of the job that it was in; 0 for none.
    job: u64,
    was_blocked: bool,
    /// CPU time of the thread when it was first seen in this job, in nanoseconds.
    computed: Option<u64>,
}

impl Look {
    #[inline(never)]
    pub(super) fn new(pool: &Shared) -> Self {
        let now = Instant::now();
        Self {
            streak: Streak::default(),
            at: now,
            starts: pool.counters.starts(),
            last_start: now,
            last_long: None,
            cursor: 0,
        }
    }

    /// Reads the clock and the count of jobs started, once for this look. Do jobs flow since the last one?
    #[inline(never)]
    pub(super) fn begin(&mut self, pool: &Shared) -> bool {
        let (now, starts) = (Instant::now(), pool.counters.starts());
        let flowing = is_flow(starts - self.starts, pool.idle.census().threads(), now - self.at);
        if starts != self.starts {
            self.last_start = now;
        }
        (self.at, self.starts) = (now, starts);
        flowing
    }

    /// No job waits: what was seen so far says nothing about the next one that does.
    pub(super) fn nobody_waits(&mut self) {
        self.streak = Streak::default();
        self.last_start = self.at;
    }

    pub(super) fn sample(&mut self, pool: &Shared) -> Sample {
        // Those that wait in a limiter do not wait for a thread.
        let in_line = pool.lines.waiting() as u64;
        let gone = self.starts + pool.counters.cancellations() + in_line;
        let waiting = pool.gate.count().saturating_sub(gone);
        Sample {
            waiting: usize::try_from(waiting).unwrap_or(usize::MAX),
            core: pool.config.core_threads,
            workers: self.workers(pool),
            since_start: self.at - self.last_start,
        }
    }

    /// Reads the states of at most `MOST_READ` workers, and counts for all of them. `None` if the kernel does not tell.
    fn workers(&mut self, pool: &Shared) -> Option<Workers> {
        let mut desks = [const { None }; MOST_READ];
        let all = pool.roster.pick(self.cursor, &mut desks);
        let long_jobs = self.last_long.is_some_and(|then| self.at - then < LATELY);
        let mut seen = Workers::default();
        for desk in &desks {
            let Some(desk) = desk else { break };
            count(desk, long_jobs, &mut seen)?;
        }
        if seen.long > 0 {
            self.last_long = Some(self.at);
        }
        if all > MOST_READ {
            // The next look reads others, half of them again: those are the ones that can be found stuck.
            self.cursor = (self.cursor + MOST_READ / 2) % all;
            let scale = |count: usize| count * all / MOST_READ;
            seen = Workers {
                busy: scale(seen.busy),
                blocked: scale(seen.blocked),
                stuck: scale(seen.stuck),
                long: scale(seen.long),
            };
        } else {
            self.cursor = 0;
        }
        Some(seen)
    }
}

/// Reads the state of the worker at `desk`, and counts it among those that were `seen`. `None` if the kernel does not tell.
///
/// Called while nobody is idle: a worker without a job on its desk is about to deliver the last one, or to take the next.
fn count(desk: &Desk, long_jobs: bool, seen: &mut Workers) -> Option<()> {
    // None: it has not begun.
    let Some(tid) = desk.tid() else { return Some(()) };
    let job = desk.job();
    // If it has gone on to another job it is not blocked in this one.
    let blocked = thread_state::is_blocked(tid)? && desk.job() == job;
    let computed = if blocked { None } else { cpu_clock::of_thread(tid) };
    let mut known = desk.seen();
    if known.job != job {
        *known = Seen { job, was_blocked: false, computed };
    }
    let stuck = blocked && known.was_blocked;
    let in_job = job != 0;
    if blocked && in_job {
        seen.blocked += 1;
        seen.stuck += usize::from(stuck);
    } else if in_job || !stuck && !long_jobs {
        // Between two jobs nothing takes long, on a processor. But a waker that blocks is stuck, and not busy; and where jobs
        // are long, a worker that has just had one is tired, and not to be waited for.
        seen.busy += 1;
        let is_long = match (computed, known.computed) {
            (Some(now), Some(then)) => Duration::from_nanos(now.saturating_sub(then)) >= STALL,
            _ => true,
        };
        seen.long += usize::from(in_job && is_long);
    }
    known.was_blocked = blocked;
    known.computed = known.computed.or(computed);
    Some(())
}

/// Whether this many jobs, started by this many threads in this time, are a flow.
fn is_flow(started: u64, threads: usize, time: Duration) -> bool {
    u128::from(started) * FLOWING.as_nanos() > time.as_nanos() * threads as u128
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn jobs_flow_when_each_worker_starts_one_after_the_other() {
        let in_ms = |started, threads| is_flow(started, threads, Duration::from_millis(1));
        assert!(in_ms(21, 2) && in_ms(1_001, 100));
        assert!(!in_ms(0, 0) && !in_ms(20, 2), "moments of blocking are looked at");
        assert!(!in_ms(100, 100), "a hundred jobs that block for a millisecond each are no flow");
    }
}
