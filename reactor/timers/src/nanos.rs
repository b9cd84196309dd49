//! The monotonic clock as a number. An `Instant` keeps seconds and nanoseconds apart, and to tell two of them apart takes
//! longer than to read one; a loop reads the clock twice for each wait, for nothing but differences.
//!
//! The one function of the C library is declared here rather than taken from the crate `libc`, which this one would be
//! built after. A test compares the declaration with that of `libc`. On 32-bit systems that have two kinds of times the name
//! means the first kind, a `long`; x32 and 32-bit RISC-V only ever had the wide one.
#![allow(unsafe_code)] // One system call, which std offers as an `Instant` only.

#[cfg(not(target_os = "linux"))]
pub(crate) use elsewhere::nanos;
#[cfg(target_os = "linux")]
pub(crate) use linux::nanos;

#[cfg(target_os = "linux")]
mod linux {
    use std::ffi::{c_int, c_long};

    #[cfg(not(any(target_arch = "riscv32", all(target_arch = "x86_64", target_pointer_width = "32"))))]
    type Word = c_long;
    #[cfg(any(target_arch = "riscv32", all(target_arch = "x86_64", target_pointer_width = "32")))]
    type Word = i64;

    #[repr(C)]
    struct Timespec {
        secs: Word,
        nanos: Word,
    }

    const CLOCK_MONOTONIC: c_int = 1;

    unsafe extern "C" {
        fn clock_gettime(clock: c_int, time: *mut Timespec) -> c_int;
    }

    /// Nanoseconds since some moment in the past, the same for the whole process.
    pub(crate) fn nanos() -> u64 {
        let mut time = Timespec { secs: 0, nanos: 0 };
        // SAFETY: `time` is valid for the call to write to. It cannot fail otherwise: every Linux has this clock.
        unsafe { clock_gettime(CLOCK_MONOTONIC, &raw mut time) };
        time.secs as u64 * 1_000_000_000 + time.nanos as u64
    }

    #[cfg(all(test, not(loom)))]
    #[test]
    fn declared_as_libc_has_it() {
        assert_eq!(size_of::<Timespec>(), size_of::<libc::timespec>());
        assert_eq!(std::mem::offset_of!(Timespec, nanos), std::mem::offset_of!(libc::timespec, tv_nsec));
        assert_eq!(CLOCK_MONOTONIC, libc::CLOCK_MONOTONIC);
    }
}

#[cfg(not(target_os = "linux"))]
mod elsewhere {
    use crate::set_once::SetOnce;
    use std::time::Instant;

    /// Nanoseconds since some moment in the past, the same for the whole process.
    pub(crate) fn nanos() -> u64 {
        static START: SetOnce<Instant> = SetOnce::new();
        let start = START.get().unwrap_or_else(|| START.set(Instant::now()));
        u64::try_from(start.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }
}
