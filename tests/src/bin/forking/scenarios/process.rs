//! The two processes.

/// The child's number; `None` in the child.
pub(super) fn fork() -> Option<libc::pid_t> {
    // SAFETY: this thread alone goes on in the child; the others hold no lock now that their job is done.
    match unsafe { libc::fork() } {
        -1 => panic!("no fork: {}", std::io::Error::last_os_error()),
        0 => {
            // What hangs ends.
            // SAFETY: takes no pointers.
            unsafe { libc::alarm(30) };
            None
        }
        child => Some(child),
    }
}

pub(super) fn expect_success(child: libc::pid_t) {
    assert!(succeeds(child), "the child failed");
}

pub(super) fn succeeds(child: libc::pid_t) -> bool {
    let mut status = 0;
    // SAFETY: `status` is ours.
    assert_eq!(unsafe { libc::waitpid(child, &raw mut status, 0) }, child);
    status == 0
}

/// Ends a child as it is, with nothing dropped.
pub(super) fn leave(is_well: bool) -> ! {
    // SAFETY: the one thread that it has has nothing to clean up.
    unsafe { libc::_exit(i32::from(!is_well)) }
}
