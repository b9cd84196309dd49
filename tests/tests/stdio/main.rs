//! Standard streams of every kind, used by a program of its own: `src/bin/stdio`.
#![cfg(all(target_os = "linux", not(loom)))]

mod input;
mod output;

use std::process::{Child, Command, Stdio};

fn program(mode: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_stdio"));
    command.arg(mode).stdin(Stdio::null()).stdout(Stdio::piped());
    command
}

/// What the program says, once it has ended well.
fn said(child: Child) -> Vec<u8> {
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", output.status);
    output.stdout
}

/// Bytes that show when one is lost, doubled or out of place.
fn pattern(len: usize) -> Vec<u8> {
    (0..len).map(|i| (i ^ (i >> 8) ^ (i >> 16)) as u8).collect()
}
