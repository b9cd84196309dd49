//! A child of `fork` is told what it cannot use, and its parent does not notice.
#![cfg(all(unix, not(loom)))]

use std::io::{Seek, Write};
use std::process::{Command, Stdio};

/// Runs a scenario of `src/bin/forking`.
fn goes_well(scenario: &[&str], stdin: Stdio) {
    let output = Command::new(env!("CARGO_BIN_EXE_forking")).args(scenario).stdin(stdin).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn a_fork_is_refused_the_parents_runtime_and_can_have_its_own() {
    goes_well(&[], Stdio::null());
}

#[test]
fn a_socket_that_the_child_drops_is_still_the_parent_s() {
    goes_well(&["sockets"], Stdio::null());
}

#[test]
fn the_child_may_drop_sockets_sleeps_and_listeners_of_the_parent_whatever_its_threads_were_doing() {
    goes_well(&["tables"], Stdio::null());
}

#[test]
fn the_child_is_told_that_it_waits_for_nothing_with_the_parent_s_timers() {
    goes_well(&["pauses"], Stdio::null());
}

#[test]
fn a_process_that_the_child_drops_is_not_killed() {
    goes_well(&["processes"], Stdio::null());
}

#[test]
fn the_child_may_abort_jobs_of_the_parent_whatever_its_threads_were_doing() {
    goes_well(&["aborts"], Stdio::null());
}

#[test]
fn the_child_may_use_tokens_of_the_parent_whatever_its_threads_were_doing() {
    goes_well(&["tokens"], Stdio::null());
}

#[test]
fn the_child_may_end_tenants_and_pools_of_the_parent_whatever_its_threads_were_doing() {
    goes_well(&["tenants"], Stdio::null());
}

#[test]
fn a_signal_of_the_child_is_heard_there_although_the_parent_listens_too() {
    goes_well(&["signals"], Stdio::null());
}

#[test]
fn the_child_is_told_what_a_set_of_the_parent_waits_for() {
    goes_well(&["sets"], Stdio::null());
}

#[test]
fn what_a_thread_was_about_to_make_is_made_in_the_child_and_handed_down() {
    goes_well(&["first"], Stdio::null());
}

#[test]
fn the_child_may_listen_and_leave_processes_behind_whatever_its_threads_were_doing() {
    goes_well(&["statics"], Stdio::null());
}

#[test]
fn standard_input_has_a_reader_in_the_child() {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(b"0123456789").unwrap();
    file.rewind().unwrap();
    goes_well(&["input"], file.into());
}
