//! What the operating system says about this process (threads, memory, CPU time), and about the others.

use rustix::param::clock_ticks_per_second;
use rustix::process::{Resource, Rlimit, getrlimit, nice, setrlimit};
use rustix::time::{ClockId, clock_gettime};
use std::fs;
use std::io;
use std::time::{Duration, Instant};

/// How many threads this process has now, the calling one included.
///
/// # Panics
/// Where there is no `/proc/self/status`.
pub fn threads() -> f64 {
    let status = fs::read_to_string("/proc/self/status").expect("/proc/self/status can be read");
    field(&status, "Threads:").expect("/proc/self/status counts the threads") as f64
}

/// The resident memory of this process, in bytes.
///
/// From `smaps_rollup`, which walks the page tables: the counters in `statm` are gathered per core and may be some
/// dozens of pages behind.
///
/// # Panics
/// Where there is no `/proc/self/smaps_rollup`.
pub fn resident_bytes() -> f64 {
    let rollup = fs::read_to_string("/proc/self/smaps_rollup").expect("/proc/self/smaps_rollup can be read");
    let kib = field(&rollup, "Rss:").expect("/proc/self/smaps_rollup says the resident size");
    (kib * 1024) as f64
}

/// The number after a key at the start of a line.
fn field(text: &str, key: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(key))?;
    line.split_whitespace().next()?.parse().ok()
}

/// CPU time that all threads of this process have used so far, those that have exited included.
///
/// `/proc/self/stat` says the same in steps of 10 ms, which is too coarse for a second of near idleness.
pub fn cpu_time() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    // The kernel promises seconds >= 0 and nanoseconds < 10^9.
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

/// A look at how busy the machine is with other things than this process's children.
///
/// Other work is what makes a measurement a lie most often, so every one is told with how much there was of it.
#[derive(Clone, Copy, Debug)]
pub struct Disturbance {
    began: Instant,
    /// CPU time of others so far, in clock ticks.
    others: u64,
}

impl Disturbance {
    /// Begins to look. `None` where there is no `/proc/stat`.
    pub fn begin() -> Option<Self> {
        Some(Self { began: Instant::now(), others: ticks_of_others()? })
    }

    /// How many cores were busy with other things since then, on average. All children that have run meanwhile must
    /// have been waited for. Ticks are coarse: over 0.1 s, believe it to a tenth of a core at best.
    pub fn cores(self) -> Option<f64> {
        let ticks = ticks_of_others()?.saturating_sub(self.others);
        Some(ticks as f64 / clock_ticks_per_second() as f64 / self.began.elapsed().as_secs_f64())
    }
}

/// What all cores have done, except idling, minus what the children of this process have used.
fn ticks_of_others() -> Option<u64> {
    let machine = busy_ticks(&fs::read_to_string("/proc/stat").ok()?)?;
    let children = children_ticks(&fs::read_to_string("/proc/self/stat").ok()?)?;
    Some(machine.saturating_sub(children))
}

/// The first line of `/proc/stat`: user, nice, system, idle, iowait, irq, softirq, steal.
fn busy_ticks(stat: &str) -> Option<u64> {
    let ticks = stat.lines().next()?.strip_prefix("cpu ")?.split_whitespace();
    let idle = 3..=4;
    ticks
        .take(8)
        .enumerate()
        .filter(|(index, _)| !idle.contains(index))
        .map(|(_, field)| field.parse::<u64>().ok())
        .sum()
}

/// `cutime` and `cstime` of `/proc/self/stat`, the 14th and 15th field after the name in brackets.
fn children_ticks(stat: &str) -> Option<u64> {
    let (_, after_name) = stat.rsplit_once(')')?;
    after_name.split_whitespace().skip(13).take(2).map(|field| field.parse::<u64>().ok()).sum()
}

/// Makes the calling thread (on Linux, only it) yield to others by this many steps of `nice`.
///
/// # Errors
/// If the operating system refuses.
pub fn lower_priority(steps: i32) -> io::Result<()> {
    nice(steps)?;
    Ok(())
}

/// Allows this process as many open descriptors as it can have without privileges.
///
/// # Errors
/// If fewer than `needed` can be had; the message says how to raise the limit.
pub fn raise_descriptor_limit(needed: u64) -> io::Result<()> {
    let limit = getrlimit(Resource::Nofile);
    if limit.maximum.is_some_and(|maximum| maximum < needed) {
        return Err(io::Error::other(format!(
            "{needed} open files are needed, but the hard limit is {}: raise it with `ulimit -Hn {needed}`",
            limit.maximum.unwrap_or_default()
        )));
    }
    if limit.current.is_some_and(|current| current < needed) {
        setrlimit(
            Resource::Nofile,
            Rlimit { current: limit.maximum.or(Some(needed)), maximum: limit.maximum },
        )?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_found_by_their_key() {
        let text = "Name:\tx\nThreads:\t17\nRss:       2048 kB\n";
        assert_eq!(field(text, "Threads:"), Some(17));
        assert_eq!(field(text, "Rss:"), Some(2048));
        assert_eq!(field(text, "Pss:"), None);
    }

    #[test]
    fn busy_is_all_but_idle_and_iowait() {
        assert_eq!(busy_ticks("cpu  1 2 4 1000 1000 8 16 32 64 0\ncpu0 1\n"), Some(63));
        assert_eq!(busy_ticks("intr 1\n"), None);
    }

    #[test]
    fn a_name_with_brackets_does_not_shift_the_fields() {
        let stat = "77 (a) b) c) S 1 2 3 4 5 6 7 8 9 10 11 12 30 4 20 0 1";
        assert_eq!(children_ticks(stat), Some(34));
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn this_process_has_a_thread_and_some_memory() {
        assert!(threads() >= 1.0);
        assert!(resident_bytes() > 0.0);
    }
}
