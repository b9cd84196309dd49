//! Keeps programs running: starts them, passes on what they print, starts those again that fail, and ends all of them on ctrl-c.
//!
//! ```text
//! cargo run --example supervisor -- 'echo up; sleep 1; exit 1' 'while :; do date; sleep 1; done'
//! ```
//!
//! Each command is a task. It restarts its program after a failure, a little later each time, and gives up after the third. On
//! ctrl-c (or SIGTERM) each program is asked to end, with all that it has started; after two seconds it is killed.

#![forbid(unsafe_code)]

#[cfg(unix)]
fn main() -> std::io::Result<()> {
    unix::main()
}

#[cfg(not(unix))]
fn main() {
    println!("this example waits for Unix signals");
}

#[cfg(unix)]
mod unix {
    use rustix::process::{Pid, Signal, kill_process_group};
    use sideline::io::{BufReader, ReadBytes, stdout};
    use sideline::process::{Child, Command, ExitStatus, Stdio};
    use sideline::signal::{ctrl_c, unix};
    use sideline::task::JoinSet;
    use sideline::time::timeout;
    use sideline::{CancelToken, spawn};
    use std::future::Future;
    use std::io;
    use std::time::Duration;

    const RESTARTS: u32 = 3;
    const PAUSE: Duration = Duration::from_millis(100);
    /// How long a program may take to end when it is asked to.
    const GRACE: Duration = Duration::from_secs(2);

    pub(super) fn main() -> io::Result<()> {
        sideline::block_on(async {
            let stop = CancelToken::new();
            // Before the first program is started: a signal that comes from now on is not lost.
            let mut terminate = unix::signal(unix::SignalKind::terminate())?;
            let _signals = [
                spawn(stop_when(stop.clone(), ctrl_c())).abort_on_drop(),
                spawn(stop_when(stop.clone(), async move { terminate.recv().await })).abort_on_drop(),
            ];
            let mut programs = JoinSet::new();
            for (index, command) in std::env::args().skip(1).enumerate() {
                programs.spawn(supervise(format!("[{}]", index + 1), command, stop.clone()));
            }
            while let Some(ended) = programs.join_next().await {
                ended??;
            }
            Ok(())
        })
    }

    async fn stop_when<T>(stop: CancelToken, signal: impl Future<Output = io::Result<T>>) {
        if signal.await.is_ok() {
            stop.cancel();
        }
    }

    async fn supervise(name: String, command: String, stop: CancelToken) -> io::Result<()> {
        for restarts in 0.. {
            let mut child = Command::new("sh")
                .args(["-c", &command])
                .stdin(Stdio::null())
                .stdout(Stdio::piped())
                .stderr(Stdio::piped())
                .process_group(0) // of its own: ctrl-c in a terminal goes to us alone
                .kill_on_drop(true)
                .spawn()?;
            let out = child.stdout.take().expect("it is piped");
            let err = child.stderr.take().expect("it is piped");
            let output = [spawn(pass_on(name.clone(), out)), spawn(pass_on(name.clone(), err))];
            let (status, stopped) = match stop.run_until_cancelled(child.wait()).await {
                Some(status) => (status?, false),
                None => (terminate(&mut child).await?, true),
            };
            // What it has started in the background may have its pipes still: then there is no end of the output.
            for task in output.map(|task| task.abort_on_drop()) {
                if let Ok(passed_on) = timeout(GRACE, task).await {
                    passed_on??;
                }
            }
            if stopped || status.success() || restarts == RESTARTS {
                return say(&name, &format!("ended for good, {status}")).await;
            }
            say(&name, &format!("failed, {status}: starting it again")).await?;
            if timeout(PAUSE * 2_u32.pow(restarts), stop.cancelled()).await.is_ok() {
                return Ok(());
            }
        }
        Ok(())
    }

    /// Asks the child and all in its group to end, and kills them if they do not.
    async fn terminate(child: &mut Child) -> io::Result<ExitStatus> {
        // `None`: it has ended, and its number may be another's by now.
        let group = child.id().and_then(|id| Pid::from_raw(id as i32));
        for signal in [Signal::TERM, Signal::KILL] {
            if let Some(group) = group {
                // It may be ending just now.
                let _ = kill_process_group(group, signal);
            }
            if let Ok(status) = timeout(GRACE, child.wait()).await {
                return status;
            }
        }
        child.wait().await
    }

    /// Prints each line of `output` behind the program's name.
    async fn pass_on(name: String, output: impl ReadBytes) -> io::Result<()> {
        let (mut output, mut line) = (BufReader::new(output), Vec::new());
        while output.read_until(b'\n', &mut line).await? > 0 {
            say(&name, String::from_utf8_lossy(&line).trim_end()).await?;
            line.clear();
        }
        Ok(())
    }

    async fn say(name: &str, what: &str) -> io::Result<()> {
        stdout().write_all(format!("{name} {what}\n").as_bytes()).await
    }
}
