//! What has become of the jobs, looked at until nothing moves.

use std::time::Duration;

use super::{Shutdown, ShutdownReport, Survivor};
use crate::sync::{CLOCKS, left_out, thread};
use crate::user_code::nested;

/// One look at what has become of the jobs.
pub(crate) struct Look {
    pub(crate) cancelled: u64,
    pub(crate) queued: u64,
    /// They are on a desk.
    pub(crate) running: Vec<Survivor>,
    /// How many have been taken out of a queue and are not over.
    pub(crate) taken: u64,
    /// The counts were others when it was over than when it began.
    pub(crate) has_moved: bool,
}

impl Look {
    /// Whoever was taken and is not seen to run is about to: its worker has just taken it. Or it is being delivered.
    fn is_still(&self) -> bool {
        !self.has_moved && self.running.len() as u64 >= self.taken
    }
}

impl ShutdownReport {
    /// Looks until nothing moves. What neither was cancelled nor is left has finished.
    ///
    /// Between being taken out of a queue and being started or cancelled, a job is in neither class. That takes a moment
    /// only, so after an abandon we wait for it: first by giving way, and if the kernel has put that worker aside, by the
    /// millisecond. There is a limit: a pool that is never still is reported as it was last seen.
    ///
    /// There is one more place where jobs are in nobody's sight: between the injector and the deque of a worker that takes
    /// a batch. Whoever empties the queues at that moment misses them. If that worker then blocks in the first of them,
    /// which may be another tenant's, the others wait until some worker is free and finds out that they are cancelled. So
    /// an abandon *sweeps* again, at the first look, the second, the fourth, ..., while it sees that something is queued:
    /// others' jobs are taken out and put back each time. (Model: `abandon_against_a_batch`, twin `abandon-sweeps-again`.)
    #[inline]
    pub(crate) fn draw_up(
        how: Shutdown,
        outstanding: u64,
        look: impl Fn() -> Look,
        sweep: impl Fn(),
        dedicated: impl FnOnce() -> Vec<Survivor>,
    ) -> Self {
        // What this thread is to cancel and has put off is in no class yet.
        nested::catch_up();
        let mut looks = 0_u32;
        loop {
            let look = look();
            let is_still = look.is_still();
            let Look { cancelled, queued, running, .. } = look;
            looks += 1;
            let is_too_early = how == Shutdown::Abandon && queued > 0;
            if is_too_early && looks.is_power_of_two() && !left_out("abandon-sweeps-again") {
                sweep();
            }
            if is_still && !is_too_early || looks > MOST_LOOKS + MOST_SLEEPS {
                let rest = cancelled + running.len() as u64 + queued;
                let finished = outstanding.saturating_sub(rest);
                return Self {
                    finished,
                    cancelled,
                    left_running: running,
                    left_queued: queued,
                    dedicated: dedicated(),
                };
            }
            if looks <= MOST_LOOKS || !CLOCKS {
                thread::yield_now();
            } else {
                std::thread::sleep(Duration::from_millis(1));
            }
        }
    }
}

const MOST_LOOKS: u32 = 1000;
/// As many as the kernel may take to give a worker a processor again that others want, too.
const MOST_SLEEPS: u32 = 20;
