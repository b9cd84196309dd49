//! CPU work of a known size.
//!
//! "Compute until the clock says 3 ms" would be a lie on a busy machine: a thread that is preempted for 3 ms
//! would get its work for free, and whoever starts the most threads would win. So the work is a count of steps, and
//! one calibration per process, before any other thread runs, says how many steps fit into a microsecond.

use std::hint::black_box;
use std::time::{Duration, Instant};

/// The speed of this machine, as measured once.
#[derive(Clone, Copy, Debug)]
pub struct Cpu {
    steps_per_us: f64,
}

impl Cpu {
    /// Measures for some 20 ms, and believes the fastest attempt: everything that disturbs makes it slower.
    pub fn calibrate() -> Self {
        const STEPS: u64 = 1 << 20;
        let fastest = (0..16)
            .map(|_| {
                let start = Instant::now();
                burn(STEPS);
                start.elapsed()
            })
            .min()
            .expect("there were attempts");
        Self { steps_per_us: STEPS as f64 / (fastest.as_secs_f64() * 1e6) }
    }

    /// How many steps for [`burn`](Self::burn) take this long on an idle core.
    pub fn steps(self, duration: Duration) -> u64 {
        (duration.as_secs_f64() * 1e6 * self.steps_per_us) as u64
    }

    /// Does that many steps of work: registers only, each step waiting for the one before.
    pub fn burn(steps: u64) {
        burn(steps);
    }
}

fn burn(steps: u64) {
    let mut x = black_box(0x9E37_79B9_7F4A_7C15_u64);
    for _ in 0..steps {
        // xorshift64
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
    }
    black_box(x);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_is_proportional_to_the_time_asked_for() {
        let cpu = Cpu { steps_per_us: 500.0 };
        assert_eq!(cpu.steps(Duration::from_micros(20)), 10_000);
        assert_eq!(cpu.steps(Duration::from_millis(3)), 1_500_000);
        assert_eq!(cpu.steps(Duration::ZERO), 0);
    }
}
