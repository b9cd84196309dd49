//! A child of `fork` is told what it cannot use, and its parent does not notice.
#![cfg(all(unix, not(loom)))]

use std::process::Command;

#[test]
fn a_fork_is_refused_the_parents_runtime_and_can_have_its_own() {
    let output = Command::new(env!("CARGO_BIN_EXE_forking")).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}
