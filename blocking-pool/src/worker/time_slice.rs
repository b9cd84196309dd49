//! Long time slices for workers that compute, so that whoever wakes up comes before them.
//!
//! When Linux has just picked a thread, it lets that thread run to the end of its slice (1.4 ms on two processors, counted in
//! timer ticks of up to 4 ms) before another thread that wakes up may take its place, whatever their nice values. With
//! several workers to a processor, one of them has always just been picked. So a loop that wakes up, or a worker that is
//! called for a short job, has to wait for a tick in about one of three cases.
//!
//! Since Linux 6.12 a thread may ask for a slice of its own, and a thread with a shorter slice does not have to wait for one with
//! a longer slice. So a worker has the system's slice while it sleeps, and a longer one while it computes. The loop always has
//! the system's.
//!
//! Measured with eight jobs of 50 ms outstanding on two cores, an empty call every 5 ms: p90 of its round trip was 7 ms
//! with the system's slice throughout, 5 ms with the long one throughout, and 0.05 ms this way.
//!
//! This takes a system call each time a worker parks, and one when it is woken, but only in a pool that has seen long jobs within
//! the last second. It is a hint: kernels that do not know it leave the thread as it was. The thread's policy and nice value
//! stay as they were set. Child processes that a job starts inherit the slice.

// Two system calls that take a pointer to a local variable.
#![cfg_attr(target_os = "linux", allow(unsafe_code))]

use std::cell::Cell;

use self::platform::set_slice;

#[derive(Debug)]
pub(crate) struct TimeSlice {
    /// Off where the user wants the system's own priorities.
    enabled: bool,
    is_long: Cell<bool>,
}

impl TimeSlice {
    pub(crate) fn new(enabled: bool) -> Self {
        Self { enabled, is_long: Cell::new(false) }
    }

    /// By a worker that is about to compute.
    pub(crate) fn lengthen(&self) {
        if self.enabled && !self.is_long.replace(true) {
            set_slice(LONG_NANOS);
        }
    }

    /// By a worker that is about to sleep.
    pub(crate) fn restore(&self) {
        if self.is_long.replace(false) {
            set_slice(0);
        }
    }
}

/// Longer than the system's own, which is at most 2.8 ms unless somebody has changed it.
const LONG_NANOS: u64 = 4_000_000;

#[cfg(target_os = "linux")]
mod platform {
    use crate::sys::c_library::{SCHED_ATTR, syscall};

    /// `struct sched_attr` in its first version, which all kernels know.
    #[repr(C)]
    #[derive(Debug, Default)]
    pub(super) struct SchedAttr {
        size: u32,
        policy: u32,
        flags: u64,
        nice: i32,
        priority: u32,
        pub(super) runtime: u64,
        deadline: u64,
        period: u64,
    }

    const SIZE: u32 = size_of::<SchedAttr>() as u32;
    const SCHED_OTHER: u32 = 0;
    const SCHED_BATCH: u32 = 3;

    pub(super) fn attributes() -> Option<SchedAttr> {
        let [_, get] = SCHED_ATTR?;
        let mut attr = SchedAttr::default();
        // SAFETY: `attr` is ours, and has room for the bytes that are announced. 0: the calling thread.
        let failed = unsafe { syscall(get, 0, &raw mut attr, SIZE, 0) } != 0;
        (!failed).then_some(attr)
    }

    /// 0: the system's own.
    #[inline(never)]
    pub(super) fn set_slice(nanos: u64) {
        let (Some([set, _]), Some(mut attr)) = (SCHED_ATTR, attributes()) else { return };
        // With other policies `runtime` means something else.
        if !matches!(attr.policy, SCHED_OTHER | SCHED_BATCH) {
            return;
        }
        attr.size = SIZE;
        attr.runtime = nanos;
        // SAFETY: `attr` is ours, and `size` is its size. 0: the calling thread.
        let _ = unsafe { syscall(set, 0, &raw const attr, 0) };
    }
}

#[cfg(not(target_os = "linux"))]
mod platform {
    pub(super) fn set_slice(_nanos: u64) {}
}

#[cfg(all(test, target_os = "linux", not(loom)))]
mod tests {
    use super::platform::attributes;
    use super::*;

    #[test]
    fn the_slice_comes_and_goes_and_the_rest_stays() {
        let test = std::thread::spawn(|| {
            crate::worker::priority::lower_current_thread(7);
            let before = attributes().unwrap();
            let slice = TimeSlice::new(true);
            slice.lengthen();
            let long = attributes().unwrap();
            slice.restore();
            (before, long, attributes().unwrap())
        });
        let (before, mut long, after) = test.join().unwrap();
        assert_eq!(format!("{before:?}"), format!("{after:?}"));
        // Kernels before 6.12 show no slice.
        assert!([before.runtime, LONG_NANOS].contains(&long.runtime), "{long:?}");
        long.runtime = before.runtime;
        assert_eq!(format!("{before:?}"), format!("{long:?}"));
    }

    #[test]
    fn switched_off_it_changes_nothing() {
        let before = attributes().unwrap();
        let slice = TimeSlice::new(false);
        slice.lengthen();
        assert_eq!(format!("{before:?}"), format!("{:?}", attributes().unwrap()));
    }
}
