//! What the pool needs of the C library and std does not offer, declared here rather than taken from the crate `libc`.
//!
//! Whoever depends on that crate is built after it. The pool is the largest crate of a build of `sideline` and so can be the
//! first, on a processor that would have nothing to do meanwhile: that takes 6 % off a hello world's time to build. And these
//! are six functions, which std links anyway. A test compares the declarations with those of `libc`.
//!
//! Layouts and numbers are the kernel's, which never change. On 32-bit systems that have two kinds of times the names below
//! mean the first kind, a `long`. x32 and 32-bit RISC-V only ever had the wide one.

// Declarations are promises.
#![allow(unsafe_code)]

use std::ffi::c_int;

#[cfg(target_os = "linux")]
pub(crate) use self::linux::*;

unsafe extern "C" {
    /// What to call before a `fork`, and after it in the parent and in the child. Not 0: there was no memory to note it.
    pub(crate) fn pthread_atfork(
        before: Option<unsafe extern "C" fn()>,
        in_parent: Option<unsafe extern "C" fn()>,
        in_child: Option<unsafe extern "C" fn()>,
    ) -> c_int;
}

#[cfg(target_os = "linux")]
mod linux {
    use std::ffi::{c_int, c_long};

    #[cfg(not(any(target_arch = "riscv32", all(target_arch = "x86_64", target_pointer_width = "32"))))]
    type Word = c_long;
    #[cfg(any(target_arch = "riscv32", all(target_arch = "x86_64", target_pointer_width = "32")))]
    type Word = i64;

    #[repr(C)]
    #[derive(Debug, Default)]
    pub(crate) struct Timespec {
        pub(crate) secs: Word,
        pub(crate) nanos: Word,
    }

    #[repr(C)]
    #[derive(Debug)]
    pub(crate) struct Rusage {
        /// In user mode and in the kernel, seconds and microseconds.
        times: [Word; 4],
        others: [Word; 13],
        /// How often it had to make way for another thread although it had more to do.
        pub(crate) involuntary_switches: Word,
        /// musl's has room for more.
        room: [Word; 16],
    }

    impl Rusage {
        pub(crate) const ZERO: Self =
            Self { times: [0; 4], others: [0; 13], involuntary_switches: 0, room: [0; 16] };
    }

    pub(crate) const CLOCK_THREAD_CPUTIME_ID: c_int = 3;
    pub(crate) const RUSAGE_THREAD: c_int = 1;
    pub(crate) const PRIO_PROCESS: c_int = 0;

    /// `sched_setattr` and `sched_getattr`, which older C libraries have no functions for. `None`: not known here.
    pub(crate) const SCHED_ATTR: Option<[c_long; 2]> =
        if cfg!(all(target_arch = "x86_64", target_pointer_width = "64")) {
            Some([314, 315])
        } else if cfg!(target_arch = "x86") {
            Some([351, 352])
        } else if cfg!(target_arch = "arm") {
            Some([380, 381])
        } else if cfg!(any(target_arch = "aarch64", target_arch = "riscv64", target_arch = "loongarch64")) {
            Some([274, 275])
        } else {
            None
        };

    unsafe extern "C" {
        pub(crate) fn clock_gettime(clock: c_int, time: *mut Timespec) -> c_int;
        pub(crate) fn getrusage(who: c_int, usage: *mut Rusage) -> c_int;
        pub(crate) safe fn getpriority(which: c_int, who: u32) -> c_int;
        pub(crate) safe fn setpriority(which: c_int, who: u32, priority: c_int) -> c_int;
        pub(crate) fn syscall(number: c_long, ...) -> c_long;
    }

    #[cfg(all(test, not(loom)))]
    mod tests {
        use std::mem::offset_of;

        use super::*;

        #[test]
        fn declared_as_libc_has_it() {
            assert_eq!(size_of::<Timespec>(), size_of::<libc::timespec>());
            assert_eq!(offset_of!(Timespec, nanos), offset_of!(libc::timespec, tv_nsec));
            assert!(size_of::<Rusage>() >= size_of::<libc::rusage>());
            assert_eq!(offset_of!(Rusage, involuntary_switches), offset_of!(libc::rusage, ru_nivcsw));
            assert_eq!(CLOCK_THREAD_CPUTIME_ID, libc::CLOCK_THREAD_CPUTIME_ID);
            assert_eq!(RUSAGE_THREAD, libc::RUSAGE_THREAD);
            assert_eq!(i64::from(PRIO_PROCESS), i64::from(libc::PRIO_PROCESS));
            let numbers = [libc::SYS_sched_setattr, libc::SYS_sched_getattr];
            assert!(SCHED_ATTR.is_none_or(|ours| ours == numbers));
        }
    }
}
