//! What differs between systems, in a word.

/// Whether this error number says "this process has no file descriptors left" or "the whole system has none left".
pub(crate) fn is_out_of_descriptors(number: i32) -> bool {
    if cfg!(windows) {
        number == 10_024 // WSAEMFILE
    } else {
        matches!(number, 24 | 23) // EMFILE, ENFILE: the same numbers on every Unix that mio knows
    }
}

/// Whether this error number of the event queue's says "this user's queues have as many entries as they may".
pub(crate) fn is_out_of_watches(number: i32) -> bool {
    cfg!(any(target_os = "linux", target_os = "android")) && number == 28 // ENOSPC
}

/// Items for systems whose event queue is a descriptor, and reports edges of any descriptor that is put into it: epoll and
/// kqueue.
///
/// Elsewhere mio calls `poll(2)` or its like. There the queue is no descriptor, so nobody else can wait on it. And after an
/// event mio reports nothing more until one of its own types has run into `WouldBlock`, so of a descriptor that is not
/// in one of these only the first event would be heard.
#[doc(hidden)]
#[macro_export]
macro_rules! where_queues_report_edges {
    ($($item:item)*) => {
        $(
            #[cfg(any(
                target_os = "linux",
                target_os = "android",
                target_os = "illumos",
                target_os = "redox",
                target_vendor = "apple",
                target_os = "freebsd",
                target_os = "netbsd",
                target_os = "openbsd",
                target_os = "dragonfly",
            ))]
            $item
        )*
    };
}

where_queues_report_edges! {
    /// Whether a transfer that moved less than was asked for proves that the kernel's buffer is drained (or full), and
    /// that the next byte (or the next free byte) makes a new event.
    ///
    /// So it does where the kernel reports edges. Where mio emulates them it re-arms only after it has seen `WouldBlock`, so
    /// there the operation has to be tried until it would block.
    pub(crate) const SHORT_MEANS_DRAINED: bool = true;
}

mod elsewhere {
    #[allow(dead_code, reason = "hidden by the one above where that is there")]
    pub(crate) const SHORT_MEANS_DRAINED: bool = false;
}
#[allow(unused_imports, reason = "as above")]
pub(crate) use elsewhere::*;
