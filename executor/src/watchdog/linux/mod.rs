//! What Linux tells of a thread, in `/proc`. Whatever cannot be read is left out.

mod address;
mod descriptor;
mod memory;
mod syscall;

use super::stall::Doing;
use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::time::Duration;

/// A thread of this process.
#[derive(Debug)]
pub(super) struct Thread {
    tid: Option<u32>,
    /// Kept open: it is read at every look.
    schedstat: Option<File>,
}

impl Thread {
    pub(super) fn current() -> Self {
        // "/proc/thread-self" is a link to "<pid>/task/<tid>".
        let link = fs::read_link("/proc/thread-self").ok();
        let tid = link.as_deref().and_then(|link| link.file_name()?.to_str()?.parse().ok());
        let schedstat = tid.and_then(|tid: u32| File::open(format!("/proc/self/task/{tid}/schedstat")).ok());
        Self { tid, schedstat }
    }

    /// How long it has waited for a processor since it exists.
    pub(super) fn starved(&self) -> Duration {
        let read = |file: &File| {
            let mut text = [0; 96];
            let length = file.read_at(&mut text, 0).ok()?;
            // Time on a processor, time waiting for one, in nanoseconds, and how often.
            let text = std::str::from_utf8(text.get(..length)?).ok()?;
            text.split_ascii_whitespace().nth(1)?.parse().ok()
        };
        self.schedstat.as_ref().and_then(read).map_or(Duration::ZERO, Duration::from_nanos)
    }

    /// What it is doing now.
    pub(super) fn doing(&self) -> Doing {
        let Some(tid) = self.tid else { return Doing::Unknown };
        let Ok(text) = fs::read_to_string(format!("/proc/self/task/{tid}/syscall")) else {
            return Doing::Unknown;
        };
        syscall::doing(&text)
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    /// Read as anybody reads it, before and after: it only grows.
    #[test]
    fn the_wait_for_a_processor_is_what_the_kernel_says() {
        let said = || {
            let text = fs::read_to_string("/proc/thread-self/schedstat").unwrap();
            let waited = text.split(' ').nth(1).unwrap();
            Duration::from_nanos(waited.parse().unwrap())
        };
        let before = loop {
            // Not zero, for this to prove something: whoever has slept has waited a little for its turn.
            std::thread::sleep(Duration::from_micros(1));
            let waited = said();
            if waited > Duration::ZERO {
                break waited;
            }
        };
        let starved = Thread::current().starved();
        assert!((before..=said()).contains(&starved), "{before:?}, and then {starved:?}");
    }
}
