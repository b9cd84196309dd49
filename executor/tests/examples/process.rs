//! An example as a process: started, read from, and killed if it hangs.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// An example's command line.
pub(crate) struct Example(Command);

pub(crate) fn example(name: &str) -> Example {
    // target/debug/deps/examples-0123 -> target/debug/examples/NAME
    let mut path = std::env::current_exe().expect("tests know where they are");
    path.pop();
    path.pop();
    path.push("examples");
    path.push(format!("{name}{}", std::env::consts::EXE_SUFFIX));
    assert!(
        path.exists(),
        "{} is missing: `cargo build -p sideline --examples` makes it, and so does a plain `cargo test`",
        path.display()
    );
    let mut command = Command::new(path);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).env("RUST_BACKTRACE", "0");
    Example(command)
}

impl Example {
    pub(crate) fn arg(mut self, arg: impl AsRef<OsStr>) -> Self {
        self.0.arg(arg);
        self
    }

    pub(crate) fn current_dir(mut self, dir: &Path) -> Self {
        self.0.current_dir(dir);
        self
    }

    /// Runs it to its end.
    pub(crate) fn finish(self) -> Run {
        self.start().finish()
    }

    pub(crate) fn start(mut self) -> Running {
        let mut child = self.0.spawn().expect("the example starts");
        let out = BufReader::new(child.stdout.take().expect("piped"));
        let mut stderr = child.stderr.take().expect("piped");
        let stdin = child.stdin.take();
        let id = child.id();
        // Read meanwhile, or a full pipe would stop the child.
        let err = thread::spawn(move || {
            let mut text = String::new();
            stderr.read_to_string(&mut text).map(|_| text).expect("stderr is text")
        });
        Running { id, killer: Killer::watch(child), stdin, out, err, seen: String::new() }
    }
}

/// A process whose output is being read.
pub(crate) struct Running {
    id: u32,
    killer: Killer,
    stdin: Option<ChildStdin>,
    out: BufReader<ChildStdout>,
    err: thread::JoinHandle<String>,
    seen: String,
}

impl Running {
    /// Waits for the next line of output.
    pub(crate) fn line(&mut self) -> String {
        let mut line = String::new();
        self.out.read_line(&mut line).expect("stdout is text");
        self.seen += &line;
        line
    }

    /// Presses ctrl-c. Only for an example that has asked for it: a process that a shell has started in the background ignores it.
    #[cfg(unix)]
    pub(crate) fn interrupt(&self) {
        self.signal(rustix::process::Signal::INT);
    }

    #[cfg(unix)]
    pub(crate) fn terminate(&self) {
        self.signal(rustix::process::Signal::TERM);
    }

    #[cfg(unix)]
    fn signal(&self, signal: rustix::process::Signal) {
        use rustix::process::{Pid, kill_process};
        let pid = i32::try_from(self.id).ok().and_then(Pid::from_raw).expect("a process has a number");
        kill_process(pid, signal).expect("the example is there");
    }

    pub(crate) fn close_stdin(&mut self) {
        self.stdin = None;
    }

    pub(crate) fn finish(mut self) -> Run {
        self.close_stdin();
        self.out.read_to_string(&mut self.seen).expect("stdout is text");
        let err = self.err.join().expect("the reader does not panic");
        Run { status: self.killer.status(), out: self.seen, err }
    }
}

/// Waits for a child in a thread, and kills it when that takes too long.
struct Killer {
    ended: mpsc::Sender<()>,
    watcher: thread::JoinHandle<ExitStatus>,
}

impl Killer {
    fn watch(mut child: Child) -> Self {
        let (ended, wait) = mpsc::channel();
        let watcher = thread::spawn(move || {
            // Disconnected: a test that failed has no use for the child either.
            if wait.recv_timeout(PATIENCE).is_err() {
                let _ = child.kill();
            }
            child.wait().expect("the child can be waited for")
        });
        Self { ended, watcher }
    }

    /// To be called once the child has closed its output.
    fn status(self) -> ExitStatus {
        let _ = self.ended.send(());
        self.watcher.join().expect("the watcher does not panic")
    }
}

#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) status: ExitStatus,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Run {
    #[track_caller]
    pub(crate) fn succeeded(&self) {
        assert!(self.status.success(), "{self:?}");
    }

    pub(crate) fn lines(&self) -> impl Iterator<Item = &str> {
        self.out.lines()
    }
}
