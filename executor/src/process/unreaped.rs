//! A process from its start until somebody has asked for its status.

use super::ended::Ended;
use super::orphans;
use std::future::poll_fn;
use std::io;
use std::process::{Child, ExitStatus};
use std::task::{Context, Poll};

/// However this goes, the process does not stay a zombie.
#[derive(Debug)]
pub(super) struct Unreaped {
    /// `None` only in `drop`.
    child: Option<Child>,
    ended: Ended,
    /// Known once it has been asked for successfully.
    status: Option<ExitStatus>,
}

impl Unreaped {
    pub(super) fn new(child: Child) -> io::Result<Unreaped> {
        match Ended::of(child.id()) {
            Ok(ended) => Ok(Unreaped { child: Some(child), ended, status: None }),
            Err(error) => {
                // Nobody could wait for it.
                let mut child = child;
                let _ = child.kill();
                orphans::adopt(child);
                Err(error)
            }
        }
    }

    fn child(&mut self) -> &mut Child {
        self.child.as_mut().expect("it is there until the drop")
    }

    /// `None` once the status is known: the number may be another process's by now.
    pub(super) fn id(&self) -> Option<u32> {
        self.child.as_ref().filter(|_| self.status.is_none()).map(Child::id)
    }

    /// Kills it, unless it is known to have ended.
    pub(super) fn kill(&mut self) -> io::Result<()> {
        if self.status.is_some() || self.ended.kill() { Ok(()) } else { self.child().kill() }
    }

    pub(super) fn try_wait(&mut self) -> io::Result<Option<ExitStatus>> {
        if self.status.is_none() {
            self.status = self.child().try_wait()?;
        }
        Ok(self.status)
    }

    pub(super) async fn wait(&mut self) -> io::Result<ExitStatus> {
        poll_fn(|cx| self.poll_wait(cx)).await
    }

    fn poll_wait(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<ExitStatus>> {
        if let Some(status) = self.status {
            return Poll::Ready(Ok(status));
        }
        let child = self.child.as_mut().expect("it is there until the drop");
        let known = self.ended.poll(cx, || child.try_wait());
        if let Poll::Ready(Ok(status)) = known {
            self.status = Some(status);
            orphans::sweep();
        }
        known
    }
}

impl Drop for Unreaped {
    fn drop(&mut self) {
        if let (Some(child), None) = (self.child.take(), self.status) {
            orphans::adopt(child);
        }
    }
}
