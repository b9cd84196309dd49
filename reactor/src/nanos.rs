//! The monotonic clock as a number. An `Instant` keeps seconds and nanoseconds apart, and to tell two of them apart takes
//! longer than to read one; a loop reads the clock twice for each wait, for nothing but differences.
#![allow(unsafe_code)] // One system call, which std offers as an `Instant` only.

/// Nanoseconds since some moment in the past, the same for the whole process.
#[cfg(target_os = "linux")]
pub(crate) fn nanos() -> u64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `time` is valid for the call to write to. It cannot fail otherwise: every Linux has this clock.
    unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &mut time) };
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}

/// Nanoseconds since some moment in the past, the same for the whole process.
#[cfg(not(target_os = "linux"))]
pub(crate) fn nanos() -> u64 {
    use std::sync::OnceLock;
    use std::time::Instant;

    static START: OnceLock<Instant> = OnceLock::new();
    u64::try_from(START.get_or_init(Instant::now).elapsed().as_nanos()).unwrap_or(u64::MAX)
}
