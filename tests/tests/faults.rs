//! The runtime when the operating system says no: threads, descriptors, waits and wakes that fail.
//!
//! A few lines of C, preloaded, make chosen calls fail; see `shim.c`. Linux with a C compiler only.
#![cfg(all(target_os = "linux", not(loom)))]

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;
use tempfile::TempDir;

/// The same file for all, put there when it is whole: another run may be loading it.
static SHIM: LazyLock<PathBuf> = LazyLock::new(|| {
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let scratch = TempDir::new_in(directory).unwrap();
    let (fresh, shim) = (scratch.path().join("shim.so"), directory.join("shim.so"));
    let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/shim.c");
    let built = Command::new("cc")
        .args(["-shared", "-fPIC", "-O1", "-Wall", "-Werror", "-o"])
        .arg(&fresh)
        .args([source, "-ldl"])
        .status()
        .expect("a C compiler, cc, on the path");
    assert!(built.success());
    std::fs::rename(fresh, &shim).unwrap();
    shim
});

/// Runs a scenario of `src/bin/faulty`; `faults` is in the language of `shim.c`.
fn survives(scenario: &str, faults: &str) {
    let output = Command::new(env!("CARGO_BIN_EXE_faulty"))
        .arg(scenario)
        .env("LD_PRELOAD", &*SHIM)
        .env("FAULTS", faults)
        .output()
        .expect("the scenario runs");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{scenario} under {faults}: {}\n{said}", output.status);
}

const EINTR: i32 = 4;
const EAGAIN: i32 = 11;
const EPERM: i32 = 1;
const ENOMEM: i32 = 12;
const EMFILE: i32 = 24;
const ENOSPC: i32 = 28;
const ENOSYS: i32 = 38;
const ECONNABORTED: i32 = 103;
const ENOBUFS: i32 = 105;

#[test]
fn no_thread_at_all_rejects_each_job_with_the_reason() {
    survives("no_thread_at_all", &format!("pthread_create:1-:{EAGAIN}"));
}

#[test]
fn a_first_thread_that_fails_does_not_poison_the_pool() {
    survives("first_thread_fails", &format!("pthread_create:1-1:{EAGAIN}"));
}

#[test]
fn one_thread_and_no_more_does_all_the_work() {
    survives("one_thread_and_no_more", &format!("pthread_create:2-:{EAGAIN}"));
}

#[test]
fn a_job_refused_in_a_destructor_of_a_thread_local_is_refused_like_any_other() {
    survives("no_thread_at_a_threads_end", &format!("pthread_create:2-:{EAGAIN}"));
}

#[test]
fn a_thread_for_a_job_that_waits_is_asked_for_until_there_is_one() {
    for who in [
        "loop_that_parks",
        "paused_clock",
        "paused_clock_with_a_timer",
        "loop_that_polls",
        "loop_that_is_busy",
        "loop_that_is_turned",
        "loop_that_never_waits",
        "loop_that_stands_by",
    ] {
        survives(&format!("late_monitor_and_a_{who}"), &format!("pthread_create:2-6:{EAGAIN}"));
    }
}

#[test]
fn a_thread_to_watch_deadlines_that_was_not_there_is_asked_for_again() {
    survives("late_watch_for_a_task", &format!("pthread_create:1-1:{EAGAIN}"));
    survives("late_watch_for_a_hook", &format!("pthread_create:1-1:{EAGAIN}"));
    survives("late_watch_for_a_job", &format!("pthread_create:2-2:{EAGAIN}"));
}

#[test]
fn interrupted_waits_escape_nowhere() {
    survives("interrupted_waits", &format!("epoll_wait:/3:{EINTR}"));
    survives("interrupted_sleeps", &format!("futex_wait:/3:{EINTR}"));
}

#[test]
fn a_wake_whose_write_fails_is_tried_again() {
    for error in [EPERM, EAGAIN, EINTR] {
        survives("failing_wakes", &format!("write:/2:{error}"));
    }
}

#[test]
fn no_descriptor_for_the_event_queue_is_a_clear_error() {
    survives("no_event_queue", &format!("epoll_create1:1-1:{EMFILE}"));
    survives("no_event_queue", &format!("eventfd:1-1:{EMFILE}"));
    survives("no_entry_in_event_queue", &format!("epoll_ctl:1-1:{ENOSPC}"));
}

#[test]
fn an_event_queue_that_cannot_be_opened_is_asked_for_again_by_the_next_socket() {
    for call in ["epoll_create1", "eventfd", "epoll_ctl"] {
        survives("late_event_queue", &format!("{call}:1-1:{EMFILE}"));
    }
}

#[test]
fn a_descriptor_for_short_sleeps_that_was_not_there_is_asked_for_again() {
    survives("late_timer", &format!("timerfd_create:1-1:{EMFILE}"));
}

/// A sandbox may refuse the call, for ever and with either error.
#[test]
fn short_sleeps_do_without_a_descriptor_where_it_is_forbidden() {
    for error in [EPERM, ENOSYS] {
        survives("interrupted_waits", &format!("timerfd_create:1-:{error}"));
    }
}

#[test]
fn a_socket_that_cannot_be_registered_is_closed_again() {
    survives("no_registration", &format!("epoll_ctl:2-:{ENOSPC}"));
}

#[test]
fn connections_given_up_before_they_are_accepted_are_passed_over() {
    survives("aborted_connections", &format!("accept4:/2:{ECONNABORTED}"));
    survives("aborted_connections", &format!("accept4:1-3000:{ECONNABORTED}"));
}

#[test]
fn a_lasting_lack_of_memory_does_not_make_accepting_spin() {
    survives("no_memory_to_accept", &format!("accept4:1-10:{ENOMEM}"));
    survives("no_memory_to_accept", &format!("accept4:1-10:{ENOBUFS}"));
}

#[test]
fn children_are_waited_for_without_descriptors_for_processes() {
    survives("children", &format!("pidfd_open:1-:{ENOSYS}"));
    survives("children", &format!("pidfd_open:1-:{EPERM}"));
    survives("children", &format!("pidfd_open:/2:{EMFILE}"));
}
