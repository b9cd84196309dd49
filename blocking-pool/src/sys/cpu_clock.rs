//! How much a thread has computed so far, by the kernel's CPU clock of each thread, and how often it was put aside.

// Two system calls that take a pointer to a local variable.
#![cfg_attr(target_os = "linux", allow(unsafe_code))]

#[cfg(not(target_os = "linux"))]
pub(crate) use elsewhere::{of_current_thread, of_thread, preemptions};
#[cfg(target_os = "linux")]
pub(crate) use linux::{of_current_thread, of_thread, preemptions};

#[cfg(target_os = "linux")]
mod linux {
    use std::ffi::c_int;

    use crate::sys::c_library;

    /// CPU time of the calling thread, in nanoseconds. A system call, some 200 ns.
    pub(crate) fn of_current_thread() -> Option<u64> {
        read(c_library::CLOCK_THREAD_CPUTIME_ID)
    }

    /// CPU time of a thread of this process, by its number. `None`: it is gone.
    pub(crate) fn of_thread(tid: u32) -> Option<u64> {
        // How the kernel numbers these clocks, and what `pthread_getcpuclockid` computes: bit 2 says "of a thread",
        // the two below it "as the scheduler counts".
        let tid = c_int::try_from(tid).ok()?;
        read(!tid << 3 | 0b110)
    }

    /// How often the calling thread has had to make way for another one although it had more to do.
    pub(crate) fn preemptions() -> Option<u64> {
        let mut usage = c_library::Rusage::ZERO;
        // SAFETY: `usage` is ours, and lives during the call.
        let failed = unsafe { c_library::getrusage(c_library::RUSAGE_THREAD, &raw mut usage) } != 0;
        if failed { None } else { u64::try_from(usage.involuntary_switches).ok() }
    }

    fn read(clock: c_int) -> Option<u64> {
        let mut time = c_library::Timespec::default();
        // SAFETY: `time` is a timespec of ours, and lives during the call.
        let failed = unsafe { c_library::clock_gettime(clock, &raw mut time) } != 0;
        // The casts lose nothing: no time is negative.
        (!failed).then(|| time.secs as u64 * 1_000_000_000 + time.nanos as u64)
    }
}

#[cfg(not(target_os = "linux"))]
mod elsewhere {
    pub(crate) fn of_current_thread() -> Option<u64> {
        None
    }

    pub(crate) fn of_thread(_tid: u32) -> Option<u64> {
        None
    }

    pub(crate) fn preemptions() -> Option<u64> {
        None
    }
}

#[cfg(all(test, target_os = "linux", not(loom)))]
mod tests {
    use super::*;
    use crate::growth::thread_state;
    use crate::worker::desk::Desk;

    #[test]
    fn a_threads_clock_is_read_from_inside_and_from_outside() {
        let desk = Desk::new("test".to_owned());
        thread_state::note_tid(&desk);
        let tid = desk.tid().unwrap();
        let before = of_current_thread().unwrap();
        let outside = of_thread(tid).unwrap();
        let after = of_current_thread().unwrap();
        assert!(before <= outside && outside <= after, "{before:?} {outside:?} {after:?}");
        let theirs = std::thread::spawn(move || of_thread(tid).unwrap()).join().unwrap();
        assert!(theirs >= outside);
    }

    #[test]
    fn how_often_a_thread_was_put_aside_only_grows() {
        let test = std::thread::spawn(|| {
            let before = preemptions().unwrap();
            std::thread::yield_now();
            (before, preemptions().unwrap())
        });
        let (before, after) = test.join().unwrap();
        assert!(before <= after);
    }

    #[test]
    fn a_thread_that_is_not_there_has_no_clock() {
        // Linux numbers threads up to 2^22.
        assert_eq!(of_thread((1 << 22) + 1), None);
    }
}
