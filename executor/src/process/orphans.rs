//! Processes whose runtime went away before they did.

use parking_lot::Mutex;
use sideline_blocking_pool::fork::PerProcess;
use std::process::Child;

/// In no order. Asking for a status does not block, so the lock is held for microseconds. Those of a fork's parent are the parent's to bury.
fn orphans() -> &'static Mutex<Vec<Child>> {
    static ORPHANS: PerProcess<Mutex<Vec<Child>>> = PerProcess::new();
    ORPHANS.get_or_init(|_| Mutex::default())
}

/// Takes in a child that nobody waits for any more.
pub(super) fn adopt(child: Child) {
    orphans().lock().push(child);
    sweep();
}

/// Asks all of them for their status, and so buries those that have ended.
pub(super) fn sweep() {
    // An error means that somebody else has asked: there is no zombie either.
    orphans().lock().retain_mut(|child| matches!(child.try_wait(), Ok(None)));
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use std::process::{Command, Stdio};

    #[test]
    fn an_orphan_stays_until_it_has_ended_and_no_longer() {
        let has = |pid| orphans().lock().iter().any(|child| child.id() == pid);
        let mut child = Command::new("cat").stdin(Stdio::piped()).spawn().unwrap();
        let (pid, stdin) = (child.id(), child.stdin.take());
        adopt(child);
        assert!(has(pid));
        drop(stdin);
        // It ends now that its input has; nothing says when.
        while has(pid) {
            std::thread::yield_now();
            sweep();
        }
    }
}
