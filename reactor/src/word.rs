//! A word that a thread sleeps on: Linux's futex.
//!
//! To wake a thread that sleeps on a word takes some microseconds less than to wake it by an eventfd from a selector's wait, and
//! so does falling asleep. The state in `notifier.rs` is such a word.

use std::ops::Deref;
use std::sync::atomic::AtomicU32;
use std::time::Duration;

/// Whether this system has it.
pub(crate) const HAS_WORDS: bool = futex::EXISTS;

#[derive(Debug)]
pub(crate) struct Word(AtomicU32);

impl Word {
    pub(crate) fn new(value: u32) -> Word {
        Word(AtomicU32::new(value))
    }

    /// Sleeps if it is `value`, until it is woken, but for no longer than this. It may end for no reason.
    pub(crate) fn sleep_while(&self, value: u32, time: Option<Duration>) {
        futex::wait(&self.0, value, time);
    }

    /// Wakes who sleeps on it.
    pub(crate) fn wake(&self) {
        futex::wake(&self.0);
    }
}

impl Deref for Word {
    type Target = AtomicU32;

    fn deref(&self) -> &AtomicU32 {
        &self.0
    }
}

#[cfg(all(target_os = "linux", target_pointer_width = "64"))]
#[allow(unsafe_code)] // Two system calls that std does not offer.
mod futex {
    use libc::{FUTEX_PRIVATE_FLAG as PRIVATE, FUTEX_WAIT, FUTEX_WAKE, SYS_futex, syscall};
    use std::ptr;
    use std::sync::atomic::AtomicU32;
    use std::time::Duration;

    pub(super) const EXISTS: bool = true;

    pub(super) fn wait(word: &AtomicU32, value: u32, time: Option<Duration>) {
        let time = time.map(|time| libc::timespec {
            tv_sec: time.as_secs().try_into().unwrap_or(libc::time_t::MAX),
            tv_nsec: time.subsec_nanos().into(),
        });
        let time = time.as_ref().map_or(ptr::null(), ptr::from_ref);
        // SAFETY: the word is there during the call, and `time` is null or what has just been written.
        unsafe { syscall(SYS_futex, word.as_ptr(), FUTEX_WAIT | PRIVATE, value, time) };
    }

    pub(super) fn wake(word: &AtomicU32) {
        // SAFETY: the kernel takes the address for a name, and does not look at what is there.
        unsafe { syscall(SYS_futex, word.as_ptr(), FUTEX_WAKE | PRIVATE, 1) };
    }
}

#[cfg(not(all(target_os = "linux", target_pointer_width = "64")))]
mod futex {
    use std::sync::atomic::AtomicU32;
    use std::time::Duration;

    pub(super) const EXISTS: bool = false;

    pub(super) fn wait(_word: &AtomicU32, _value: u32, _time: Option<Duration>) {
        unreachable!("nobody sleeps on a word where there are none");
    }

    pub(super) fn wake(_word: &AtomicU32) {
        unreachable!("nobody sleeps on a word where there are none");
    }
}
