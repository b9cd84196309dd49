//! A word that a thread sleeps on: Linux's futex.
//!
//! Waking somebody who sleeps so costs some microseconds less than an eventfd and a selector's wait do, and falls asleep
//! with less: see `notifier.rs`, whose state is such a word.
#![allow(unsafe_code)] // Two system calls that std does not offer.

use std::ops::Deref;
use std::sync::atomic::AtomicU32;
use std::time::Duration;

/// Whether this system has it.
pub(crate) const HAS_WORDS: bool = cfg!(all(target_os = "linux", target_pointer_width = "64"));

#[derive(Debug)]
pub(crate) struct Word(AtomicU32);

impl Word {
    pub(crate) fn new(value: u32) -> Word {
        Word(AtomicU32::new(value))
    }
}

impl Deref for Word {
    type Target = AtomicU32;

    fn deref(&self) -> &AtomicU32 {
        &self.0
    }
}

#[cfg(all(target_os = "linux", target_pointer_width = "64"))]
impl Word {
    /// Sleeps if it is `value`, until it is woken, and for so long at most. It may end for no reason.
    pub(crate) fn sleep_while(&self, value: u32, time: Option<Duration>) {
        let time = time.map(|time| libc::timespec {
            tv_sec: time.as_secs().try_into().unwrap_or(libc::time_t::MAX),
            tv_nsec: time.subsec_nanos().into(),
        });
        let time = time.as_ref().map_or(std::ptr::null(), std::ptr::from_ref);
        // SAFETY: the word is there during the call, and `time` is null or what has just been written.
        unsafe { libc::syscall(libc::SYS_futex, self.0.as_ptr(), libc::FUTEX_WAIT | PRIVATE, value, time) };
    }

    /// Wakes who sleeps on it.
    pub(crate) fn wake(&self) {
        // SAFETY: the kernel takes the address for a name, and does not look at what is there.
        unsafe { libc::syscall(libc::SYS_futex, self.0.as_ptr(), libc::FUTEX_WAKE | PRIVATE, 1) };
    }
}

/// Of this process alone.
#[cfg(all(target_os = "linux", target_pointer_width = "64"))]
const PRIVATE: libc::c_int = libc::FUTEX_PRIVATE_FLAG;

#[cfg(not(all(target_os = "linux", target_pointer_width = "64")))]
impl Word {
    pub(crate) fn sleep_while(&self, _value: u32, _time: Option<Duration>) {
        unreachable!("nobody sleeps on a word where there are none");
    }

    pub(crate) fn wake(&self) {
        unreachable!("nobody sleeps on a word where there are none");
    }
}
