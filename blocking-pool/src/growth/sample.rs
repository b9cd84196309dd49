//! Is a thread on a processor or asleep? Linux tells in `/proc`; elsewhere nobody is asked.

use crate::desk::Desk;

#[cfg(not(target_os = "linux"))]
pub(crate) use elsewhere::{Tid, is_blocked, note_tid};
#[cfg(target_os = "linux")]
pub(crate) use linux::{Tid, is_blocked, note_tid};

#[cfg(target_os = "linux")]
mod linux {
    use std::io::Read;

    use super::Desk;

    pub(crate) type Tid = u32;

    /// By the thread itself: notes under which number the kernel knows it.
    pub(crate) fn note_tid(desk: &Desk) {
        // "/proc/thread-self" is a link to "<pid>/task/<tid>". Without /proc the workers' states stay unknown.
        let link = std::fs::read_link("/proc/thread-self").ok();
        let tid = link.as_deref().and_then(|link| link.file_name()?.to_str()?.parse().ok());
        if let Some(tid) = tid {
            let _ = desk.tid.set(tid);
        }
    }

    /// True: asleep in the kernel. False: running, or ready to. `None`: not known, or gone.
    pub(crate) fn is_blocked(tid: Tid) -> Option<bool> {
        let mut stat = [0; 128];
        let mut file = std::fs::File::open(format!("/proc/self/task/{tid}/stat")).ok()?;
        let length = file.read(&mut stat).ok()?;
        state(&stat[..length]).map(|state| state != b'R')
    }

    /// The letter behind the name, which stands in parentheses and may hold any byte, parentheses included. The name
    /// has at most 15 bytes, so both fit the buffer above.
    fn state(stat: &[u8]) -> Option<u8> {
        let name_end = stat.iter().rposition(|&byte| byte == b')')?;
        stat.get(name_end + 2).copied()
    }

    #[cfg(all(test, not(loom)))]
    mod tests {
        use super::*;

        #[test]
        fn the_state_follows_the_name() {
            assert_eq!(state(b"12 (sideline-pool-0) S 1 12 12"), Some(b'S'));
            assert_eq!(state(b"12 (a) R (b) D 1 12"), Some(b'D'));
            assert_eq!(state(b"12 (a"), None);
        }

        #[test]
        fn the_thread_that_asks_is_running() {
            let desk = Desk::new("test".to_owned());
            note_tid(&desk);
            assert_eq!(is_blocked(*desk.tid.get().unwrap()), Some(false));
        }
    }
}

#[cfg(not(target_os = "linux"))]
mod elsewhere {
    use super::Desk;

    pub(crate) type Tid = u32;

    pub(crate) fn note_tid(_desk: &Desk) {}

    pub(crate) fn is_blocked(_tid: Tid) -> Option<bool> {
        None
    }
}
