//! Spinning before parking, for as long as it pays.
//!
//! A thread that parks and is woken again costs a system call on each side, and an idle processor takes tens of
//! microseconds to come back; a thread that spins sees the news in a fraction of one. But spinning in vain burns a
//! processor that somebody else may need. So: spin at most [`Spinner::LIMIT`], about what parking would cost; and after
//! each time in vain leave out the next 1, 3, 7 ... 63 occasions. One success and it spins at every occasion again.
//! The worst case, where it never pays, is then one limit for 64 parks.
//!
//! Nor does a thread spin at the occasion after a park that took a millisecond or more: spinning would have been in vain then, and
//! whoever waits for something that comes now and then need not try again and again.
//!
//! On a machine with one processor nothing can happen while we spin, so there it never does.

use std::time::{Duration, Instant};

use crate::sync::SPINS;
use crate::sys::processors::processors;

/// Looks between two readings of the clock.
const LOOKS: u32 = 32;
/// A sleep as long as this is a long one.
const LONG: Duration = Duration::from_millis(1);
/// The longest run of occasions that are left out.
const LONGEST_PAUSE: u32 = 63;

/// Decides whether a thread spins before it parks, by how that went lately.
///
/// The pool's workers use it. It is public for executors that await the pool's jobs: a loop that has jobs
/// outstanding may spin for their results. One spinner serves one thread.
///
/// ```
/// use sideline_blocking_pool::Spinner;
///
/// let mut spinner = Spinner::new();
/// assert!(spinner.spin(|| true));
/// assert!(!spinner.spin(|| false)); // gave up within microseconds
/// ```
#[derive(Clone, Debug, Default)]
pub struct Spinner {
    /// Occasions still to be left out.
    skip: u32,
    /// How many were left out after the last failure.
    pause: u32,
}

impl Spinner {
    /// How long a thread spins that has a processor for itself. Parking and being woken costs about as much.
    pub const LIMIT: Duration = Duration::from_micros(40);
    /// How long one spins while [all processors are wanted](crate::Pool::is_saturated): less than the two switches of
    /// threads that a park costs, and enough for the result of a short job that is running.
    pub const SHORT_LIMIT: Duration = Duration::from_micros(4);

    /// A spinner that spins at its first occasion.
    pub const fn new() -> Self {
        Self { skip: 0, pause: 0 }
    }

    /// Calls `ready` until it returns true, for some tens of microseconds at most, or only once if spinning has not
    /// been paying off. True if `ready` was.
    pub fn spin(&mut self, ready: impl FnMut() -> bool) -> bool {
        self.spin_for(|| Self::LIMIT, ready)
    }

    /// The same for as long as `limit` says at most, which is asked if it comes to that.
    #[inline]
    pub fn spin_for(&mut self, limit: impl FnOnce() -> Duration, mut ready: impl FnMut() -> bool) -> bool {
        ready() || self.is_an_occasion() && Self::can_pay() && self.look(limit(), ready)
    }

    /// At an occasion, after a look in vain.
    #[inline(never)]
    pub(crate) fn look(&mut self, limit: Duration, mut ready: impl FnMut() -> bool) -> bool {
        let start = Instant::now();
        let mut looks = 0;
        loop {
            std::hint::spin_loop();
            if ready() {
                self.paid();
                return true;
            }
            // Not a loop of its own, which the compiler would write out.
            looks = (looks + 1) % LOOKS;
            if looks == 0 && start.elapsed() >= limit {
                self.was_in_vain();
                return false;
            }
        }
    }

    /// Whether to spin now. If not, this counts as one occasion that was left out.
    #[inline]
    pub(crate) fn is_an_occasion(&mut self) -> bool {
        let is_one = self.skip == 0;
        self.skip = self.skip.saturating_sub(1);
        is_one
    }

    /// By a thread that has not spun, or in vain: it then slept for `time` until there was what it waited for. After a
    /// millisecond or more the next occasion is left out.
    #[inline]
    pub fn slept(&mut self, time: Duration) {
        if time >= LONG {
            self.skip = self.skip.max(1);
        }
    }

    /// Spinning has found what it looked for.
    pub(crate) fn paid(&mut self) {
        *self = Self::new();
    }

    /// Spinning has not found it in time. Several handles whose time is up at about the same moment count as one occasion.
    pub(crate) fn was_in_vain(&mut self) {
        if self.skip == 0 {
            self.pause = (2 * self.pause + 1).min(LONGEST_PAUSE);
            self.skip = self.pause;
        }
    }

    /// Whether spinning can pay at all: on a machine with one processor nothing happens meanwhile, and a spinner there
    /// looks only once. Found out once for the process.
    pub fn can_pay() -> bool {
        SPINS && processors() > 1
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn after_failures_it_looks_once_and_after_a_success_it_spins_again() {
        if !Spinner::can_pay() {
            return;
        }
        let mut spinner = Spinner::new();
        let looks = |spinner: &mut Spinner| {
            let mut looks = 0;
            spinner.spin(|| {
                looks += 1;
                false
            });
            looks
        };
        assert!(looks(&mut spinner) > 1);
        // Left out: 1, then 3, then 7 occasions.
        for left_out in [1, 3, 7] {
            for _ in 0..left_out {
                assert_eq!(looks(&mut spinner), 1);
            }
            assert!(looks(&mut spinner) > 1);
        }
        for _ in 0..15 {
            assert_eq!(looks(&mut spinner), 1);
        }
        for _ in 0..3 {
            spinner.slept(LONG);
            assert_eq!(looks(&mut spinner), 1);
        }
        spinner.slept(LONG - Duration::from_nanos(1));
        let mut countdown = 3;
        assert!(spinner.spin(|| {
            countdown -= 1;
            countdown == 0
        }));
        assert!(looks(&mut spinner) > 1);
    }
}
