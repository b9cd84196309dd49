//! A server in a process of its own, for clients that are processes too.

use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

pub(crate) struct Server {
    child: Child,
    pub(crate) http: String,
    pub(crate) https: String,
    pub(crate) directory: PathBuf,
    pub(crate) certificate: PathBuf,
}

impl Server {
    pub(crate) fn start(runtime: &str, name: &str) -> Self {
        let directory =
            PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&directory);
        std::fs::create_dir_all(&directory).unwrap();
        let mut child = Command::new(env!("CARGO_BIN_EXE_serve"))
            .arg(runtime)
            .arg(&directory)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let (http, https) = line.trim().split_once(' ').expect("two addresses");
        let (http, https) = (format!("http://{http}"), format!("https://{https}"));
        let certificate = directory.join(format!("{runtime}.pem"));
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
        let _ = std::fs::remove_dir_all(&self.directory);
        if !std::thread::panicking() {
            assert!(status.success(), "the server ended with {status}");
        }
    }
}
