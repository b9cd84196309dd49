//! A server in a process of its own, for clients that are processes too.

use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use tempfile::TempDir;

pub(crate) struct Server {
    child: Child,
    pub(crate) http: String,
    pub(crate) https: String,
    pub(crate) directory: TempDir,
    pub(crate) certificate: PathBuf,
}

impl Server {
    pub(crate) fn start(runtime: &str) -> Self {
        let directory = TempDir::new_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        let mut child = Command::new(env!("CARGO_BIN_EXE_serve"))
            .arg(runtime)
            .arg(directory.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let (http, https) = line.trim().split_once(' ').expect("two addresses");
        let (http, https) = (format!("http://{http}"), format!("https://{https}"));
        let certificate = directory.path().join(format!("{runtime}.pem"));
        Self { child, http, https, directory, certificate }
    }

    /// How many descriptors the server has open.
    pub(crate) fn descriptors(&self) -> usize {
        std::fs::read_dir(format!("/proc/{}/fd", self.child.id())).unwrap().count()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Its standard input ends with us; it must not need more than that.
        drop(self.child.stdin.take());
        let status = self.child.wait().unwrap();
        if !std::thread::panicking() {
            assert!(status.success(), "the server ended with {status}");
        }
    }
}
