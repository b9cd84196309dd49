//! Which system call a thread sleeps in, and on what.

use super::super::stall::Doing;
use super::{address, descriptor, memory};

/// What a call's arguments say about what it waits for.
#[derive(Clone, Copy)]
enum Waits {
    /// The first argument is a descriptor.
    Descriptor,
    /// This argument points to a path.
    Path(usize),
    /// The second argument points to a socket address.
    Connect,
    /// The first argument is a number of milliseconds, descriptors ...: nothing that helps people.
    Other,
}

/// From the text of `/proc/self/task/TID/syscall`: "running", or a number, six arguments, stack and program counter; -1
/// if it sleeps, but in no call (a page is being read in).
pub(super) fn doing(text: &str) -> Doing {
    let mut words = text.split_ascii_whitespace();
    let number: i64 = match words.next() {
        Some("running") => return Doing::Running,
        Some(word) => match word.parse() {
            Ok(number) => number,
            Err(_) => return Doing::Unknown,
        },
        None => return Doing::Unknown,
    };
    if number < 0 {
        return Doing::SystemCall { name: "a page fault".to_owned(), on: None };
    }
    let mut arguments = [0; 6];
    for (argument, word) in arguments.iter_mut().zip(words) {
        let digits = word.strip_prefix("0x").unwrap_or(word);
        *argument = u64::from_str_radix(digits, 16).unwrap_or(0);
    }
    let Some((name, waits)) = lookup(number) else {
        return Doing::SystemCall { name: format!("syscall {number}"), on: None };
    };
    let on = match waits {
        // An `int`, whatever the upper half holds.
        Waits::Descriptor => descriptor::behind(arguments[0] as u32 as i32),
        Waits::Path(index) => memory::path_at(arguments[index]),
        Waits::Connect => memory::read_at(arguments[1], arguments[2]).and_then(|raw| address::parse(&raw)),
        Waits::Other => None,
    };
    Doing::SystemCall { name: name.to_owned(), on }
}

fn lookup(number: i64) -> Option<(&'static str, Waits)> {
    let number = libc::c_long::try_from(number).ok()?;
    let entry = |table: &[(libc::c_long, &'static str, Waits)]| {
        table.iter().find(|(known, ..)| *known == number).map(|(_, name, waits)| (*name, *waits))
    };
    entry(CALLS).or_else(|| entry(OLD_CALLS))
}

use Waits::{Connect, Descriptor, Other, Path};

/// The calls that people block in.
const CALLS: &[(libc::c_long, &str, Waits)] = &[
    (libc::SYS_read, "read", Descriptor),
    (libc::SYS_write, "write", Descriptor),
    (libc::SYS_pread64, "pread", Descriptor),
    (libc::SYS_pwrite64, "pwrite", Descriptor),
    (libc::SYS_readv, "readv", Descriptor),
    (libc::SYS_writev, "writev", Descriptor),
    (libc::SYS_preadv, "preadv", Descriptor),
    (libc::SYS_pwritev, "pwritev", Descriptor),
    (libc::SYS_recvfrom, "recv", Descriptor),
    (libc::SYS_recvmsg, "recvmsg", Descriptor),
    (libc::SYS_recvmmsg, "recvmmsg", Descriptor),
    (libc::SYS_sendto, "send", Descriptor),
    (libc::SYS_sendmsg, "sendmsg", Descriptor),
    (libc::SYS_sendmmsg, "sendmmsg", Descriptor),
    (libc::SYS_sendfile, "sendfile", Descriptor),
    (libc::SYS_splice, "splice", Descriptor),
    (libc::SYS_copy_file_range, "copy_file_range", Descriptor),
    (libc::SYS_accept, "accept", Descriptor),
    (libc::SYS_accept4, "accept", Descriptor),
    (libc::SYS_close, "close", Descriptor),
    (libc::SYS_fsync, "fsync", Descriptor),
    (libc::SYS_fdatasync, "fdatasync", Descriptor),
    (libc::SYS_ftruncate, "ftruncate", Descriptor),
    (libc::SYS_fallocate, "fallocate", Descriptor),
    (libc::SYS_flock, "flock", Descriptor),
    (libc::SYS_fcntl, "fcntl", Descriptor),
    (libc::SYS_ioctl, "ioctl", Descriptor),
    (libc::SYS_getdents64, "getdents", Descriptor),
    (libc::SYS_connect, "connect", Connect),
    (libc::SYS_openat, "open", Path(1)),
    (libc::SYS_statx, "stat", Path(1)),
    (libc::SYS_faccessat, "access", Path(1)),
    (libc::SYS_unlinkat, "unlink", Path(1)),
    (libc::SYS_mkdirat, "mkdir", Path(1)),
    (libc::SYS_renameat2, "rename", Path(1)),
    (libc::SYS_execve, "execve", Path(0)),
    (libc::SYS_truncate, "truncate", Path(0)),
    (libc::SYS_statfs, "statfs", Path(0)),
    (libc::SYS_futex, "futex (a lock, a channel or a thread)", Other),
    (libc::SYS_nanosleep, "nanosleep", Other),
    (libc::SYS_clock_nanosleep, "nanosleep", Other),
    (libc::SYS_wait4, "wait (a child process)", Other),
    (libc::SYS_waitid, "wait (a child process)", Other),
    (libc::SYS_ppoll, "poll", Other),
    (libc::SYS_pselect6, "select", Other),
    (libc::SYS_epoll_pwait, "epoll_wait", Descriptor),
    (libc::SYS_sync, "sync", Other),
    (libc::SYS_msync, "msync", Other),
    (libc::SYS_munmap, "munmap", Other),
    (libc::SYS_madvise, "madvise", Other),
    (libc::SYS_mmap, "mmap", Other),
    (libc::SYS_semtimedop, "semop", Other),
    (libc::SYS_msgrcv, "msgrcv", Other),
    (libc::SYS_rt_sigtimedwait, "sigwait", Other),
    (libc::SYS_getrandom, "getrandom", Other),
    (libc::SYS_io_getevents, "io_getevents", Other),
    (libc::SYS_io_uring_enter, "io_uring_enter", Descriptor),
];

/// Calls that newer architectures do not have.
#[cfg(target_arch = "x86_64")]
const OLD_CALLS: &[(libc::c_long, &str, Waits)] = &[
    (libc::SYS_open, "open", Path(0)),
    (libc::SYS_stat, "stat", Path(0)),
    (libc::SYS_lstat, "lstat", Path(0)),
    (libc::SYS_access, "access", Path(0)),
    (libc::SYS_unlink, "unlink", Path(0)),
    (libc::SYS_mkdir, "mkdir", Path(0)),
    (libc::SYS_rename, "rename", Path(0)),
    (libc::SYS_newfstatat, "stat", Path(1)),
    (libc::SYS_fstat, "fstat", Descriptor),
    (libc::SYS_poll, "poll", Other),
    (libc::SYS_select, "select", Other),
    (libc::SYS_epoll_wait, "epoll_wait", Descriptor),
    (libc::SYS_pause, "pause", Other),
];

#[cfg(not(target_arch = "x86_64"))]
const OLD_CALLS: &[(libc::c_long, &str, Waits)] = &[];

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use std::fs::File;
    use std::os::fd::AsRawFd;

    fn call(name: &str, on: Option<&str>) -> Doing {
        Doing::SystemCall { name: name.to_owned(), on: on.map(str::to_owned) }
    }

    #[test]
    fn what_is_not_understood_says_less() {
        assert_eq!(doing("running\n"), Doing::Running);
        assert_eq!(doing(""), Doing::Unknown);
        assert_eq!(doing("what?"), Doing::Unknown);
        assert_eq!(doing("-1 0x7ffe1c403438 0x7f2d356852ad"), call("a page fault", None));
        assert_eq!(doing("999999 0x0 0x0 0x0 0x0 0x0 0x0 0x1 0x2"), call("syscall 999999", None));
        assert_eq!(doing(&format!("{} 0xffffffffffffffff", libc::SYS_read)), call("read", None));
        assert_eq!(doing(&format!("{} nonsense", libc::SYS_nanosleep)), call("nanosleep", None));
    }

    #[test]
    fn a_descriptor_has_its_path() {
        let file = File::open("Cargo.toml").unwrap();
        let path = std::fs::canonicalize("Cargo.toml").unwrap();
        let text = format!("{} 0x{:x} 0x0 0x20000", libc::SYS_fdatasync, file.as_raw_fd());
        assert_eq!(doing(&text), call("fdatasync", path.to_str()));
    }

    #[test]
    fn a_path_is_read_from_where_the_call_points() {
        let path = c"/mnt/slow/file";
        let text = format!("{} 0xffffff9c 0x{:x} 0x0", libc::SYS_openat, path.as_ptr() as usize);
        assert_eq!(doing(&text), call("open", Some("/mnt/slow/file")));
        let text = format!("{} 0xffffff9c 0x10 0x0", libc::SYS_openat);
        assert_eq!(doing(&text), call("open", None));
    }

    #[test]
    fn a_connection_that_is_being_made_has_its_peer() {
        let mut address = [0, 0, 31, 144, 10, 0, 0, 7, 0, 0, 0, 0, 0, 0, 0, 0];
        address[..2].copy_from_slice(&(libc::AF_INET as u16).to_ne_bytes());
        let text =
            format!("{} 0x3 0x{:x} 0x{:x}", libc::SYS_connect, address.as_ptr() as usize, address.len());
        assert_eq!(doing(&text), call("connect", Some("10.0.0.7:8080")));
        assert_eq!(doing(&format!("{} 0x3 0x10 0x10", libc::SYS_connect)), call("connect", None));
    }
}
