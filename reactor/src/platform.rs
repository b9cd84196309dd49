//! What differs between systems, in a word.

/// Whether this error number says "this process has no file descriptors left" or "the whole system has none left".
pub(crate) fn is_out_of_descriptors(number: i32) -> bool {
    if cfg!(windows) {
        number == 10_024 // WSAEMFILE
    } else {
        matches!(number, 24 | 23) // EMFILE, ENFILE: the same numbers on every Unix that mio knows
    }
}

/// Whether a transfer that moved less than was asked for proves that the kernel's buffer is drained (or full), and
/// that the next byte (or the next free byte) makes a new event.
///
/// True of epoll and kqueue in edge-triggered mode. Where mio emulates edges it re-arms only after it has seen
/// `WouldBlock`, so there the operation has to be tried until it would block.
pub(crate) const SHORT_MEANS_DRAINED: bool = cfg!(any(
    target_os = "linux",
    target_os = "android",
    target_os = "macos",
    target_os = "ios",
    target_os = "freebsd",
    target_os = "netbsd",
    target_os = "openbsd",
    target_os = "dragonfly",
));
