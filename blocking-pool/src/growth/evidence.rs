//! The decision: given what was seen, how many threads more?
//!
//! | seen, while jobs wait                                               | so                                      |
//! |----------------------------------------------------------------------|------------------------------------------|
//! | fewer workers busy than there are cores, twice with the same jobs blocked | processors idle: one more each, then twice as many, and so on |
//! | the same with other jobs each time, four times                       | short blocking jobs: likewise            |
//! | the workers are busy, jobs are started                               | more threads would only take turns: none |
//! | no job was started for 5 ms, and each busy worker has computed for that long on its job | a short call may wait behind long ones: as many as there are cores, then twice as many, until eight times as many are busy |
//! | no job was started for 5 ms, but a busy worker has had less of a processor | the machine is busy with others; it will be done when it is its turn: none |
//! | no job was started for 5 ms, workers not busy or not known           | they may wait for each other: 1, 2, 4, 8 ... |
//!
//! Never more than there are jobs waiting. One sample proves nothing: a worker that computes is caught sleeping now
//! and then, on a lock of the allocator or on a page.

use std::time::Duration;

/// What one look at the pool has shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Sample {
    /// Jobs that wait for a thread.
    pub(crate) waiting: usize,
    /// Threads for jobs that compute.
    pub(crate) core: usize,
    /// The workers' states, where the platform tells.
    pub(crate) workers: Option<Workers>,
    /// How long ago a job was last seen to start.
    pub(crate) since_start: Duration,
}

/// The workers that were running a job when looked at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Workers {
    /// On a processor, or ready for one.
    pub(crate) busy: usize,
    /// Asleep in the kernel.
    pub(crate) blocked: usize,
    /// Blocked, and in the same job as at the look before.
    pub(crate) stuck: usize,
    /// Busy, and has used [`STALL`] of CPU time since it was first seen in this job.
    pub(crate) long: usize,
}

/// How long the same verdict has held.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Streak {
    idle_looks: u32,
    step: usize,
    stall_step: usize,
    /// The stall had grown the pool when it was this old.
    stall_grown: Duration,
}

impl Streak {
    /// Whether the last look has added threads because processors were idle.
    pub(crate) fn is_growing(&self) -> bool {
        self.step > 0
    }
}

/// How many threads to add.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Grow(pub(crate) usize);

/// If no job has been started for this long, the pool grows even if no processor is idle.
pub(crate) const STALL: Duration = Duration::from_millis(5);
/// This many busy workers for each core are enough. With k threads on c cores that all compute, jobs end and start at
/// the same rate whatever k is, so a long queue of long jobs looks stalled for ever; more threads would only cut the
/// processors into thinner slices. Jobs that wait for each other do not count as busy, so they cannot deadlock here.
const ENOUGH_BUSY: usize = 8;
/// After this many looks in a row at blocked workers, they count as evidence although their jobs change.
const CHURN_LOOKS: u32 = 4;

pub(crate) fn decide(seen: &Sample, streak: &mut Streak) -> Grow {
    if seen.waiting == 0 {
        *streak = Streak::default();
        return Grow(0);
    }
    if let Some(workers) = seen.workers {
        let processors_idle = workers.busy < seen.core && workers.blocked > 0;
        if processors_idle {
            streak.idle_looks += 1;
            let proven = workers.busy + (workers.blocked - workers.stuck) < seen.core
                || streak.step > 0
                || streak.idle_looks >= CHURN_LOOKS;
            if proven {
                // At first one for each idle processor.
                let first = seen.core - workers.busy;
                return step(&mut streak.step, first, seen.waiting);
            }
        } else {
            (streak.idle_looks, streak.step) = (0, 0);
        }
    }
    if seen.since_start < STALL {
        streak.stall_grown = Duration::ZERO;
        // The threads we add start a job each, which looks like progress; so the step shrinks, but slowly.
        if seen.since_start.is_zero() {
            streak.stall_step /= 2;
        }
        return Grow(0);
    }
    if seen.since_start < streak.stall_grown + STALL {
        return Grow(0);
    }
    let Workers { busy, long, .. } = seen.workers.unwrap_or_default();
    // One that waits for a processor is no long job, and would be none the quicker for more that wait beside it.
    if busy >= seen.core && long < busy {
        return Grow(0);
    }
    streak.stall_grown = seen.since_start;
    if busy < seen.core {
        return step(&mut streak.stall_step, 1, seen.waiting);
    }
    let room = (ENOUGH_BUSY * seen.core).saturating_sub(busy);
    let Grow(count) = step(&mut streak.stall_step, seen.core, seen.waiting);
    Grow(count.min(room))
}

fn step(step: &mut usize, first: usize, waiting: usize) -> Grow {
    *step = step.saturating_mul(2).max(first);
    Grow((*step).min(waiting))
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    const NOW: Duration = Duration::ZERO;

    /// Busy workers have computed for as long as no job was started.
    fn seen(waiting: usize, workers: (usize, usize, usize), since_start: Duration) -> Sample {
        let (busy, blocked, stuck) = workers;
        let long = if since_start >= STALL { busy } else { 0 };
        Sample { waiting, core: 2, workers: Some(Workers { busy, blocked, stuck, long }), since_start }
    }

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    #[test]
    fn nothing_waits_so_nothing_grows() {
        let mut streak = Streak { idle_looks: 9, step: 8, ..Streak::default() };
        assert_eq!(decide(&seen(0, (0, 2, 2), ms(100)), &mut streak), Grow(0));
        assert_eq!(streak, Streak::default());
    }

    #[test]
    fn workers_stuck_in_the_same_jobs_double_the_step() {
        let mut streak = Streak::default();
        assert_eq!(decide(&seen(100, (0, 2, 0), NOW), &mut streak), Grow(0), "one look proves nothing");
        let steps: Vec<usize> = (0..6).map(|_| decide(&seen(100, (0, 2, 2), NOW), &mut streak).0).collect();
        assert_eq!(steps, [2, 4, 8, 16, 32, 64]);
    }

    #[test]
    fn never_more_than_wait() {
        let mut streak = Streak { step: 64, ..Streak::default() };
        assert_eq!(decide(&seen(3, (0, 2, 2), NOW), &mut streak), Grow(3));
    }

    #[test]
    fn busy_workers_that_make_progress_stay_as_many() {
        let mut streak = Streak::default();
        for _ in 0..1000 {
            assert_eq!(decide(&seen(20_000, (2, 0, 0), NOW), &mut streak), Grow(0));
        }
    }

    #[test]
    fn a_worker_caught_asleep_now_and_then_is_no_evidence() {
        let mut streak = Streak::default();
        for round in 0..100 {
            let workers = if round % 3 == 0 { (2, 0, 0) } else { (1, 1, 0) };
            assert_eq!(decide(&seen(20_000, workers, NOW), &mut streak), Grow(0));
        }
    }

    #[test]
    fn one_stuck_beside_one_busy_leaves_a_processor_idle() {
        let mut streak = Streak::default();
        assert_eq!(decide(&seen(10, (1, 1, 1), NOW), &mut streak), Grow(1));
        assert_eq!(decide(&seen(10, (2, 1, 1), NOW), &mut streak), Grow(0));
    }

    #[test]
    fn short_blocking_jobs_are_evidence_after_four_looks() {
        let mut streak = Streak::default();
        let steps: Vec<usize> = (0..6).map(|_| decide(&seen(100, (0, 2, 0), NOW), &mut streak).0).collect();
        assert_eq!(steps, [0, 0, 0, 2, 4, 8]);
    }

    #[test]
    fn long_busy_jobs_grow_after_a_stall_until_enough_are_busy() {
        let mut streak = Streak::default();
        let mut grown = Vec::new();
        for at in 1..=25 {
            grown.push(decide(&seen(100, (2, 0, 0), ms(at)), &mut streak).0);
        }
        assert_eq!(grown[..4], [0; 4]);
        assert_eq!((grown[4], grown[9], grown[14]), (2, 4, 8), "after 5, 10 and 15 ms");
        assert_eq!(grown[19], 14, "two of sixteen are busy");
    }

    #[test]
    fn workers_that_wait_for_a_processor_are_no_evidence() {
        for (busy, long) in [(2, 0), (2, 1), (3, 2)] {
            let mut streak = Streak::default();
            for at in 1..=1000 {
                let workers = Some(Workers { busy, long, ..Workers::default() });
                let sample = Sample { waiting: 20_000, core: 2, workers, since_start: ms(at) };
                assert_eq!(decide(&sample, &mut streak), Grow(0), "{busy} busy, {long} long, {at} ms");
            }
            // As soon as the last of them has had its time, the pool grows.
            let workers = Some(Workers { busy, long: busy, ..Workers::default() });
            let sample = Sample { waiting: 20_000, core: 2, workers, since_start: ms(1001) };
            assert_eq!(decide(&sample, &mut streak), Grow(2));
        }
    }

    #[test]
    fn enough_busy_workers_are_enough_however_long_it_takes() {
        let mut streak = Streak::default();
        for at in 1..=1000 {
            assert_eq!(decide(&seen(1000, (16, 0, 0), ms(at)), &mut streak), Grow(0));
        }
        // But not if some of those who are in the way are blocked.
        let mut streak = Streak::default();
        assert_eq!(decide(&seen(1000, (1, 40, 40), ms(5)), &mut streak), Grow(1));
    }

    #[test]
    fn unknown_workers_grow_after_a_stall_and_double() {
        let mut streak = Streak::default();
        let mut grown = 0;
        for at in 1..=20 {
            let sample = Sample { waiting: 100, core: 2, workers: None, since_start: ms(at) };
            grown += decide(&sample, &mut streak).0;
        }
        assert_eq!(grown, 1 + 2 + 4 + 8);
    }
}
