//! What to run, and how.

use super::{Child, orphans};
use crate::runtime::context;
use sideline_reactor::name_descriptor_limit;
use std::ffi::OsStr;
use std::io;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{self, ExitStatus, Output, Stdio};

/// A program to run, its arguments, environment and streams: the standard library's
/// [`Command`](std::process::Command), whose children the loop waits for.
///
/// What has no method here is set through [`as_std_mut`](Command::as_std_mut), or before `Command::from`.
///
/// # Example
/// ```
/// use sideline::process::Command;
///
/// sideline::block_on(async {
///     let output = Command::new("echo").arg("hello").output().await?;
///     assert_eq!(output.stdout, b"hello\n");
///     std::io::Result::Ok(())
/// })
/// # .unwrap()
/// ```
#[derive(Debug)]
pub struct Command {
    std: process::Command,
    kill_on_drop: bool,
    /// Which streams have been chosen: 0 to 2.
    chosen: [bool; 3],
}

impl Command {
    /// To run `program`: a path, or a name to be looked for in `PATH`. The child inherits the environment, the
    /// directory and the standard streams, unless it is told otherwise.
    pub fn new(program: impl AsRef<OsStr>) -> Command {
        Command::from(process::Command::new(program))
    }

    /// Adds an argument.
    pub fn arg(&mut self, arg: impl AsRef<OsStr>) -> &mut Command {
        self.std.arg(arg);
        self
    }

    /// Adds arguments.
    pub fn args(&mut self, args: impl IntoIterator<Item = impl AsRef<OsStr>>) -> &mut Command {
        self.std.args(args);
        self
    }

    /// Sets a variable of the environment.
    pub fn env(&mut self, key: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> &mut Command {
        self.std.env(key, value);
        self
    }

    /// Sets variables of the environment.
    pub fn envs(
        &mut self,
        vars: impl IntoIterator<Item = (impl AsRef<OsStr>, impl AsRef<OsStr>)>,
    ) -> &mut Command {
        self.std.envs(vars);
        self
    }

    /// Takes a variable out of the environment.
    pub fn env_remove(&mut self, key: impl AsRef<OsStr>) -> &mut Command {
        self.std.env_remove(key);
        self
    }

    /// Takes all variables out of the environment.
    pub fn env_clear(&mut self) -> &mut Command {
        self.std.env_clear();
        self
    }

    /// The directory to run in.
    pub fn current_dir(&mut self, dir: impl AsRef<Path>) -> &mut Command {
        self.std.current_dir(dir);
        self
    }

    /// What the child reads as standard input.
    pub fn stdin(&mut self, stream: impl Into<Stdio>) -> &mut Command {
        self.chosen[0] = true;
        self.std.stdin(stream);
        self
    }

    /// Where the child's standard output goes.
    pub fn stdout(&mut self, stream: impl Into<Stdio>) -> &mut Command {
        self.chosen[1] = true;
        self.std.stdout(stream);
        self
    }

    /// Where the child's standard error goes.
    pub fn stderr(&mut self, stream: impl Into<Stdio>) -> &mut Command {
        self.chosen[2] = true;
        self.std.stderr(stream);
        self
    }

    /// The child's user; see [`CommandExt::uid`].
    pub fn uid(&mut self, id: u32) -> &mut Command {
        self.std.uid(id);
        self
    }

    /// The child's group; see [`CommandExt::gid`].
    pub fn gid(&mut self, id: u32) -> &mut Command {
        self.std.gid(id);
        self
    }

    /// The child's process group, to which signals can be sent as a whole; 0 makes a new one.
    pub fn process_group(&mut self, group: i32) -> &mut Command {
        self.std.process_group(group);
        self
    }

    /// Whether dropping the [`Child`] kills the process, and no other that this has started: see the [module](super). Off unless it is
    /// asked for. What a child of `fork` drops it does not kill.
    pub fn kill_on_drop(&mut self, kill: bool) -> &mut Command {
        self.kill_on_drop = kill;
        self
    }

    /// The standard library's command inside.
    pub fn as_std(&self) -> &process::Command {
        &self.std
    }

    /// The standard library's command inside, for settings that have no method here. Streams that are set there are
    /// not known here: [`output`](Command::output) sets its own, and after it they are inherited.
    pub fn as_std_mut(&mut self) -> &mut process::Command {
        &mut self.std
    }

    /// Starts the process, on this thread: see the [module](super).
    ///
    /// # Errors
    /// If the program is not there or cannot be run, or there is no room for another process; a lack of descriptors
    /// names the limit; outside a runtime. If it was started and then something failed, it is killed.
    pub fn spawn(&mut self) -> io::Result<Child> {
        orphans::sweep();
        let runtime = context::handle().map_err(io::Error::other)?;
        let child = self.std.spawn().map_err(name_descriptor_limit)?;
        Child::new(child, runtime, self.kill_on_drop)
    }

    /// Starts the process, and waits for its end.
    ///
    /// Dropping the future drops the [`Child`].
    ///
    /// # Errors
    /// As [`spawn`](Command::spawn) and [`Child::wait`].
    pub async fn status(&mut self) -> io::Result<ExitStatus> {
        let mut child = self.spawn()?;
        // Nobody reads a pipe that was never taken: a child that fills it is to get an error, instead of waiting for ever.
        drop((child.stdin.take(), child.stdout.take(), child.stderr.take()));
        child.wait().await
    }

    /// Starts the process, and waits for its end and all it has to say. Unless they were chosen, its standard input is
    /// empty and its output and error are what is returned.
    ///
    /// Dropping the future drops the [`Child`].
    ///
    /// # Errors
    /// As [`spawn`](Command::spawn) and [`Child::wait_with_output`].
    pub async fn output(&mut self) -> io::Result<Output> {
        self.set_unchosen(Stdio::null, Stdio::piped);
        let child = self.spawn();
        // The next child is not to be found with pipes that nobody reads.
        self.set_unchosen(Stdio::inherit, Stdio::inherit);
        child?.wait_with_output().await
    }

    fn set_unchosen(&mut self, input: fn() -> Stdio, output: fn() -> Stdio) {
        let [stdin, stdout, stderr] = self.chosen;
        if !stdin {
            self.std.stdin(input());
        }
        if !stdout {
            self.std.stdout(output());
        }
        if !stderr {
            self.std.stderr(output());
        }
    }
}

impl From<process::Command> for Command {
    fn from(std: process::Command) -> Command {
        Command { std, kill_on_drop: false, chosen: [false; 3] }
    }
}
