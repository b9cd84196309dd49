//! The loop comes first: workers run at a lower scheduling priority than the threads that await them.
//!
//! On Linux the nice value belongs to the thread, so a worker lowers its own and nobody else's. It cannot be raised
//! again without privileges, and a child process inherits it from the thread that starts it. Elsewhere the nice
//! value belongs to the process, and nothing is done.

#[cfg(target_os = "linux")]
use crate::sys;

/// What the nice value of workers is unless somebody chooses another. The weight of a thread falls by a fifth with
/// each step: at 5 a waking loop has three times a worker's weight. A 1 ms heartbeat beside 16 busy workers on two cores
/// was late by a median of 0.4 to 1.1 ms at 0, 0.13 to 0.16 at 2, 0.05 at 5 and 0.04 at 10 (the showcase, two runs
/// each). So 5 has most of the effect, and the workers still hold their own against other programs' threads.
pub(crate) const DEFAULT_NICE: u8 = 5;

/// The least important there is.
pub(crate) const MOST_NICE: u8 = 19;

/// Lowers the calling thread's priority, and never raises it, which the system lets those do who have the privilege. If it
/// refuses, the priority stays as it is: a hint, not a promise.
#[cfg(target_os = "linux")]
pub(crate) fn lower_current_thread(nice: u8) {
    let nice = nice.into();
    // 0 stands for the calling thread.
    if nice > 0 && sys::getpriority(sys::PRIO_PROCESS, 0) < nice {
        let _ = sys::setpriority(sys::PRIO_PROCESS, 0, nice);
    }
}

#[cfg(not(target_os = "linux"))]
pub(crate) fn lower_current_thread(_nice: u8) {}

#[cfg(all(test, target_os = "linux", not(loom)))]
mod tests {
    use super::*;

    /// Field 19 of the thread's own stat line; the name before it has no space here.
    fn own_nice() -> i32 {
        let stat = std::fs::read_to_string("/proc/thread-self/stat").unwrap();
        stat[stat.rfind(')').unwrap() + 2..].split(' ').nth(16).unwrap().parse().unwrap()
    }

    #[test]
    fn only_the_thread_that_asks_becomes_nicer() {
        let before = own_nice();
        let other = std::thread::spawn(|| {
            lower_current_thread(MOST_NICE);
            own_nice()
        });
        assert_eq!(other.join().unwrap(), i32::from(MOST_NICE));
        assert_eq!(own_nice(), before);
    }

    /// Under `nice -n 10`, with privileges, workers came before the loop at the 5 that they have by default.
    #[test]
    fn who_is_nicer_already_stays_so() {
        let other = std::thread::spawn(|| {
            lower_current_thread(MOST_NICE);
            lower_current_thread(DEFAULT_NICE);
            lower_current_thread(0);
            own_nice()
        });
        assert_eq!(other.join().unwrap(), i32::from(MOST_NICE));
    }
}
