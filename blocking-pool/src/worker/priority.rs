//! The loop comes first: workers run at a lower scheduling priority than the threads that await them.
//!
//! On Linux the nice value belongs to the thread, so a worker lowers its own and nobody else's. It cannot be raised
//! again without privileges, and a child process inherits it from the thread that starts it. Elsewhere the nice
//! value belongs to the process, and nothing is done.

#[cfg(target_os = "linux")]
use crate::sys::c_library;

/// How many steps nicer than the program workers are unless somebody chooses another number. The weight of a thread
/// falls by a fifth with each step: at 5 a waking loop has three times a worker's weight. A 1 ms heartbeat beside 16
/// busy workers on two cores was late by a median of 0.4 to 1.1 ms at 0, 0.13 to 0.16 at 2, 0.05 at 5 and 0.04 at 10
/// (the showcase, two runs each). So 5 has most of the effect, and the workers still hold their own against other
/// programs' threads.
pub(crate) const DEFAULT_NICE: u8 = 5;

/// The least important there is.
pub(crate) const MOST_NICE: u8 = 19;

/// Makes the calling thread by `steps` nicer than the program's first thread: a program that runs under `nice` has a
/// loop that comes first, too. Not than the thread that starts it, which may be a worker itself.
///
/// The priority is never raised, which the system lets those do who have the privilege. If the system refuses, it stays as
/// it is: a hint, not a promise.
#[cfg(target_os = "linux")]
pub(crate) fn lower_current_thread(steps: u8) {
    if steps == 0 {
        return;
    }
    let nice = nicer(c_library::getpriority(c_library::PRIO_PROCESS, std::process::id()), steps);
    // 0 stands for the calling thread.
    if c_library::getpriority(c_library::PRIO_PROCESS, 0) < nice {
        let _ = c_library::setpriority(c_library::PRIO_PROCESS, 0, nice);
    }
}

#[cfg(not(target_os = "linux"))]
pub(crate) fn lower_current_thread(_steps: u8) {}

#[cfg(target_os = "linux")]
fn nicer(than: i32, steps: u8) -> i32 {
    (than + i32::from(steps)).min(MOST_NICE.into())
}

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

    /// Workers were at 5 wherever the program was: under `nice -n 5` they were the loop's equals.
    #[test]
    fn steps_are_counted_from_where_the_program_is() {
        assert_eq!((nicer(0, DEFAULT_NICE), nicer(5, DEFAULT_NICE), nicer(-5, DEFAULT_NICE)), (5, 10, 0));
        assert_eq!(nicer(17, DEFAULT_NICE), i32::from(MOST_NICE));
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
