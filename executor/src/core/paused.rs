//! Virtual time: a loop whose clock stands still, and moves only when nothing else is left to do.
//!
//! ```text
//! nothing is ready ─► ask the kernel ─► still nothing, no job in flight ─► clock := the earliest deadline, fire
//!                                   └─► a job is in flight: wait for it, the clock stands
//! ```
//!
//! # What holds up the clock
//! * A task that is ready, a wake from another thread, or an event that the kernel already knows: all of these happen
//!   "now", so they come first.
//! * A blocking job of this runtime, from its submission to its delivery. A timeout around a job would otherwise
//!   elapse while the job is running, however short it is. So does what is going to be one: a lookup of a name that waits
//!   for others to end, a closure that waits for room in the queue.
//!
//! A socket that merely waits does not: nobody can tell whether its peer will ever say something, and a listener
//! would hold up the clock for ever.
//!
//! # Why the jobs are counted first
//! A job that has been delivered has done all it will ever do: written to pipes, woken tasks. So the count is read
//! before the kernel is asked and before the inbox is looked at. The other way round, a job could write to a pipe
//! after the look at the kernel and be gone before the count, and time would pass between the write and the read. (Model:
//! `end_of_a_job_against_a_move_of_the_clock`, twin `jobs-are-counted-first`; what the job tells there is a wake.)
//!
//! # Why a wait for jobs has an end
//! A job counts until after its awaiter has been woken, and one that was detached wakes nobody. So there may be no
//! wake for the moment in which the last one is gone, and the loop looks again by itself, by the real clock.

use super::Core;
use crate::sync::{left_out, thread};
use sideline_reactor::KernelError;
use std::fmt;
use std::time::{Duration, Instant};

/// How a runtime's time passes.
#[derive(Clone, Copy)]
pub(crate) enum Time {
    /// By itself.
    Flows,
    /// As this file says. With the function by which the loop waits then: so that is compiled in the programs that pause a clock.
    Paused(fn(&Core, Option<Duration>) -> Result<(), KernelError>),
}

impl Time {
    pub(crate) const PAUSED: Time = Time::Paused(Core::wait_or_move_clock);

    pub(crate) fn flows(self) -> bool {
        matches!(self, Time::Flows)
    }
}

impl fmt::Debug for Time {
    #[inline]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.flows() { "Flows" } else { "Paused" })
    }
}

/// How long the loop waits for a job before it looks whether it has been delivered, in real time.
const LOOK_AGAIN: Duration = Duration::from_millis(1);

/// How often it gives the processor to a worker first: a job that has woken its awaiter is as good as gone.
const GIVE_WAY: u32 = if cfg!(loom) { 1 } else { 64 };

/// How many rounds `advance` lets the others run at each moment. Tasks that wake each other for ever do not stop
/// the clock.
const ROUNDS: u32 = 100;

impl Core {
    /// Waits for events, or moves the clock. On a paused clock only, and when no task is ready.
    #[inline]
    fn wait_or_move_clock(&self, max_wait: Option<Duration>) -> Result<(), KernelError> {
        let mut jobs = self.shared().has_jobs_in_flight();
        self.ask_reactor(Some(Duration::ZERO))?;
        if self.tasks.ready() > 0 || self.shared().has_work() {
            return Ok(());
        }
        if left_out("jobs-are-counted-first") {
            jobs = self.shared().has_jobs_in_flight();
        }
        let Some(deadline) = self.shared().reactor.next_deadline() else {
            return self.ask_reactor(max_wait);
        };
        if !jobs {
            self.move_clock(deadline);
            return Ok(());
        }
        for _ in 0..GIVE_WAY {
            if !self.shared().has_jobs_in_flight() {
                // Delivered only now, so the kernel and the inbox have to be asked again.
                return Ok(());
            }
            thread::yield_now();
        }
        self.ask_reactor(Some(max_wait.map_or(LOOK_AGAIN, |most| most.min(LOOK_AGAIN))))
    }

    /// One step of `advance`: to the next deadline, but not beyond `target`. False if the clock was there already, or at its
    /// end, which comes some centuries after its start.
    #[inline]
    pub(crate) fn step_clock(&self, target: Instant) -> bool {
        let reactor = &self.shared().reactor;
        let before = reactor.clock().now();
        if before >= target {
            return false;
        }
        let next = reactor.next_deadline().map_or(target, |deadline| deadline.min(target));
        self.move_clock(next);
        // Timers that were due already are fired where the clock stands.
        next <= before || reactor.clock().now() > before
    }

    /// Whether a task has run alone, or long enough: nothing but the caller is ready.
    #[inline]
    pub(crate) fn has_settled(&self, rounds: u32) -> bool {
        rounds >= ROUNDS || (self.tasks.ready() == 0 && !self.shared().has_work())
    }

    #[inline]
    fn move_clock(&self, to: Instant) {
        let clock = self.shared().reactor.clock();
        clock.advance(to.saturating_duration_since(clock.now()));
        self.fire_timers();
    }
}
