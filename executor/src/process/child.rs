//! A child process that runs, or has ended.

use super::pipes::{ChildStderr, ChildStdin, ChildStdout};
use super::unreaped::Unreaped;
use crate::Handle;
use std::future::{Future, poll_fn};
use std::io;
use std::pin::pin;
use std::process::{ExitStatus, Output};
use std::task::Poll;

/// A child process, from [`Command::spawn`](super::Command::spawn). It belongs to the runtime in which it was spawned.
///
/// **Dropping it neither ends the process nor waits for it**, unless
/// [`kill_on_drop`](super::Command::kill_on_drop) was asked for. It does not become a zombie: see the
/// [module](super).
///
/// # Example
/// ```
/// use sideline::process::Command;
///
/// sideline::block_on(async {
///     let mut child = Command::new("sleep").arg("1000").spawn()?;
///     assert!(child.try_wait()?.is_none());
///     child.kill().await?;
///     assert!(!child.wait().await?.success());
///     std::io::Result::Ok(())
/// })
/// # .unwrap()
/// ```
#[derive(Debug)]
pub struct Child {
    /// The pipe to its standard input, if that is piped. [`wait`](Child::wait) closes it.
    pub stdin: Option<ChildStdin>,
    /// The pipe from its standard output, if that is piped.
    pub stdout: Option<ChildStdout>,
    /// The pipe from its standard error, if that is piped.
    pub stderr: Option<ChildStderr>,
    /// `None` only in `drop`.
    process: Option<Unreaped>,
    runtime: Handle,
    kill_on_drop: bool,
}

impl Child {
    pub(super) fn new(
        mut child: std::process::Child,
        runtime: Handle,
        kill_on_drop: bool,
    ) -> io::Result<Child> {
        let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
        // From here on it is waited for, whatever fails; and killed, since the caller gets no child.
        let process = Some(Unreaped::new(child)?);
        let mut child =
            Child { stdin: None, stdout: None, stderr: None, process, runtime, kill_on_drop: true };
        child.stdin = stdin.map(ChildStdin::new).transpose()?;
        child.stdout = stdout.map(ChildStdout::new).transpose()?;
        child.stderr = stderr.map(ChildStderr::new).transpose()?;
        child.kill_on_drop = kill_on_drop;
        Ok(child)
    }

    fn process(&mut self) -> &mut Unreaped {
        self.process.as_mut().expect("it is there until the drop")
    }

    /// Its number in the system; `None` once its end is known, because the number may be given out again then.
    pub fn id(&self) -> Option<u32> {
        self.process.as_ref().and_then(Unreaped::id)
    }

    /// Waits for its end, and returns how it ended; again, if it is asked again. Closes [`stdin`](Child::stdin) first,
    /// so that a child which reads that to its end does not wait for us. Dropping the future changes nothing else.
    ///
    /// # Errors
    /// What the kernel says; if the runtime was shut down.
    pub async fn wait(&mut self) -> io::Result<ExitStatus> {
        drop(self.stdin.take());
        self.process().wait().await
    }

    /// How it ended, if it has.
    ///
    /// # Errors
    /// What the kernel says.
    pub fn try_wait(&mut self) -> io::Result<Option<ExitStatus>> {
        self.process().try_wait()
    }

    /// Kills it (`SIGKILL`), and waits for its end. If it has ended already, that is all right. What it has started itself, as a shell
    /// starts what it is told to, is not killed: see the [module](super).
    ///
    /// # Errors
    /// As [`wait`](Child::wait).
    pub async fn kill(&mut self) -> io::Result<()> {
        self.start_kill()?;
        self.wait().await.map(drop)
    }

    /// Kills it, and does not wait.
    ///
    /// # Errors
    /// What the kernel says.
    pub fn start_kill(&mut self) -> io::Result<()> {
        self.process().kill()
    }

    /// Waits for its end, while reading all it has to say on the streams that are piped. Closes `stdin` first.
    ///
    /// # Errors
    /// As [`wait`](Child::wait), and what reading says. Then, and if the future is dropped, the child is dropped.
    pub async fn wait_with_output(mut self) -> io::Result<Output> {
        drop(self.stdin.take());
        let (stdout, stderr) = read_both(self.stdout.take(), self.stderr.take()).await?;
        let status = self.wait().await?;
        Ok(Output { status, stdout, stderr })
    }
}

/// At once: a child that has filled one pipe would wait for us for ever, while we wait for the end of the other.
async fn read_both(
    stdout: Option<ChildStdout>,
    stderr: Option<ChildStderr>,
) -> io::Result<(Vec<u8>, Vec<u8>)> {
    let (mut out, mut err) = (Vec::new(), Vec::new());
    {
        let mut reading_out = pin!(async {
            match stdout {
                Some(pipe) => pipe.read_to_end(&mut out).await.map(drop),
                None => Ok(()),
            }
        });
        let mut reading_err = pin!(async {
            match stderr {
                Some(pipe) => pipe.read_to_end(&mut err).await.map(drop),
                None => Ok(()),
            }
        });
        let (mut out_ended, mut err_ended) = (false, false);
        poll_fn(|cx| {
            if !out_ended {
                if let Poll::Ready(read) = reading_out.as_mut().poll(cx) {
                    read?;
                    out_ended = true;
                }
            }
            if !err_ended {
                if let Poll::Ready(read) = reading_err.as_mut().poll(cx) {
                    read?;
                    err_ended = true;
                }
            }
            if out_ended && err_ended { Poll::Ready(io::Result::Ok(())) } else { Poll::Pending }
        })
        .await?;
    }
    Ok((out, err))
}

impl Drop for Child {
    fn drop(&mut self) {
        super::orphans::sweep();
        let Some(mut process) = self.process.take() else { return };
        // A child of `fork` has a copy of this, and no children.
        if self.kill_on_drop && !self.runtime.shared().is_forked() {
            // It may have ended, or belong to somebody else by now: nothing more can be done.
            let _ = process.kill();
        }
        if matches!(process.try_wait(), Ok(None)) {
            // If the runtime is gone, or goes before the process does, the future is dropped, and `Unreaped` sees to it.
            drop(self.runtime.spawn(async move { process.wait().await }));
        }
    }
}
