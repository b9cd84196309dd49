//! Is a thread on a processor or asleep? Linux tells in `/proc`; elsewhere nobody is asked.

use crate::worker::desk::Desk;

#[cfg(not(target_os = "linux"))]
pub(crate) use elsewhere::{Tid, is_blocked, note_tid};
#[cfg(target_os = "linux")]
pub(crate) use linux::{Tid, is_blocked, note_tid};

#[cfg(target_os = "linux")]
mod linux {
    use std::io::Read;

    use super::Desk;
    use crate::sys::refusal::ok;

    pub(crate) type Tid = u32;

    /// By the thread itself: notes under which number the kernel knows it.
    #[inline(never)]
    pub(crate) fn note_tid(desk: &Desk) {
        // "/proc/thread-self" is a link to "<pid>/task/<tid>". Without /proc the workers' states stay unknown.
        if let Some(link) = ok(std::fs::read_link("/proc/thread-self")) {
            desk.set_tid(last_number(link.as_os_str().as_encoded_bytes()));
        }
    }

    /// That at the end of a path; 0 if there is none.
    fn last_number(path: &[u8]) -> u32 {
        let mut number: u32 = 0;
        for &byte in path {
            number = match byte {
                b'0'..=b'9' => number.wrapping_mul(10).wrapping_add(u32::from(byte - b'0')),
                _ => 0,
            };
        }
        number
    }

    /// True: asleep in the kernel. False: running, or ready to. `None`: not known, or gone.
    #[inline(never)]
    pub(crate) fn is_blocked(tid: Tid) -> Option<bool> {
        let mut stat = [0; 128];
        let mut file = ok(std::fs::File::open(format!("/proc/self/task/{tid}/stat")))?;
        let length = ok(file.read(&mut stat))?;
        state(&stat[..length]).map(|state| state != b'R')
    }

    /// The letter behind the name, which stands in parentheses and may hold any byte, parentheses included. The name
    /// has at most 15 bytes, so both fit the buffer above.
    fn state(stat: &[u8]) -> Option<u8> {
        let mut name_end = None;
        for (at, &byte) in stat.iter().enumerate() {
            if byte == b')' {
                name_end = Some(at);
            }
        }
        stat.get(name_end? + 2).copied()
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
        fn the_number_is_that_behind_the_last_slash() {
            assert_eq!(last_number(b"1234/task/5670"), 5670);
            assert_eq!(last_number(b"1234/task/"), 0);
            assert_eq!(last_number(b""), 0);
        }

        #[test]
        fn the_thread_that_asks_is_running() {
            let desk = Desk::new("test".to_owned());
            note_tid(&desk);
            assert_eq!(is_blocked(desk.tid().unwrap()), Some(false));
        }
    }
}

#[cfg(not(target_os = "linux"))]
mod elsewhere {
    use super::Desk;

    pub(crate) type Tid = u32;

    pub(crate) fn note_tid(desk: &Desk) {
        desk.set_tid(0);
    }

    pub(crate) fn is_blocked(_tid: Tid) -> Option<bool> {
        None
    }
}
