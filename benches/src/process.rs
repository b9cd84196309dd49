//! What the operating system says about this process: threads, memory, CPU time.

use rustix::process::{Resource, Rlimit, getrlimit, nice, setrlimit};
use rustix::time::{ClockId, clock_gettime};
use std::fs;
use std::io;
use std::time::Duration;

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

    #[cfg(target_os = "linux")]
    #[test]
    fn this_process_has_a_thread_and_some_memory() {
        assert!(threads() >= 1.0);
        assert!(resident_bytes() > 0.0);
    }
}
