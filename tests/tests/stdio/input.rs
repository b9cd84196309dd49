//! Standard input.

use super::*;
use rustix::fs::{Mode, OFlags, fcntl_getfl, open};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use std::fs::File;
use std::io::{BufRead, BufReader, Read, Seek, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;

fn start(mode: &str, stdin: impl Into<Stdio>) -> Child {
    program(mode).stdin(stdin).spawn().unwrap()
}

/// Where reading begins.
fn file_with(bytes: &[u8]) -> File {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(bytes).unwrap();
    file.rewind().unwrap();
    file
}

/// Our end, and the one for the program.
fn terminal() -> (File, OwnedFd) {
    let ours = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    grantpt(&ours).unwrap();
    unlockpt(&ours).unwrap();
    let name = ptsname(&ours, Vec::new()).unwrap();
    let theirs = open(name, OFlags::RDWR | OFlags::NOCTTY, Mode::empty()).unwrap();
    (File::from(ours), theirs)
}

fn is_blocking(fd: impl AsFd) -> bool {
    !fcntl_getfl(fd).unwrap().contains(OFlags::NONBLOCK)
}

#[test]
fn a_pipe_is_read_to_its_end_and_stays_as_it_was() {
    let (theirs, mut ours) = std::io::pipe().unwrap();
    let shared = theirs.try_clone().unwrap();
    let child = start("copy", theirs);
    let sent = pattern(300_000);
    let writer = std::thread::spawn({
        let sent = sent.clone();
        move || ours.write_all(&sent).unwrap()
    });
    assert!(said(child) == sent);
    writer.join().unwrap();
    assert!(is_blocking(&shared));
}

#[test]
fn a_file_is_read_from_where_it_stands() {
    let sent = pattern(100_000);
    let mut file = file_with(&sent);
    file.read_exact(&mut [0; 1_000]).unwrap();
    assert!(said(start("copy", file)) == sent[1_000..]);
}

#[test]
fn a_socket_is_read_to_its_end_and_stays_as_it_was() {
    let (mut ours, theirs) = UnixStream::pair().unwrap();
    let shared = theirs.try_clone().unwrap();
    let child = start("copy", OwnedFd::from(theirs));
    let sent = pattern(200_000);
    ours.write_all(&sent).unwrap();
    drop(ours);
    assert!(said(child) == sent);
    assert!(is_blocking(&shared));
}

#[test]
fn nothing_at_all_ends_at_once() {
    assert_eq!(said(start("copy", Stdio::null())), b"");
}

/// What is in the buffer was ready over and over, up to half a million times before anybody else had a turn.
#[test]
fn input_that_is_taken_byte_by_byte_starves_nobody() {
    let (theirs, mut ours) = std::io::pipe().unwrap();
    ours.write_all(&[b'.'; 8_192]).unwrap();
    drop(ours);
    assert_eq!(said(start("bytes", theirs)), b"in turn\n");
}

#[test]
fn what_one_has_read_too_much_the_next_one_gets() {
    let (theirs, mut ours) = std::io::pipe().unwrap();
    ours.write_all(b"one\ntwo\nthree").unwrap();
    drop(ours);
    assert_eq!(said(start("lines", theirs)), b"first: one\nthen 9: two\nthree");
    let file = file_with(b"one\ntwo\nthree");
    assert_eq!(said(start("lines", file)), b"first: one\nthen 9: two\nthree");
}

/// The rest was left in memory, where the kernel tells nobody of it.
#[test]
fn what_one_leaves_another_that_waits_is_told_of() {
    let (theirs, mut ours) = std::io::pipe().unwrap();
    let mut child = start("two", theirs);
    let mut output = BufReader::new(child.stdout.take().unwrap()).lines();
    assert_eq!(output.next().unwrap().unwrap(), "waiting");
    ours.write_all(b"one\ntwo\n").unwrap();
    assert_eq!(output.next().unwrap().unwrap(), "here: one");
    assert_eq!(output.next().unwrap().unwrap(), "there: two");
    assert!(child.wait().unwrap().success());
}

#[test]
fn the_loop_goes_on_while_a_terminal_is_silent() {
    let (mut keyboard, terminal) = terminal();
    let shared = terminal.try_clone().unwrap();
    let mut child = start("ticks", terminal);
    let mut output = BufReader::new(child.stdout.take().unwrap()).lines();
    assert_eq!(output.next().unwrap().unwrap(), "Stdin(waited for by the loop)");
    assert_eq!(output.next().unwrap().unwrap(), "ticked");
    assert!(is_blocking(&shared), "others have this terminal, too");
    keyboard.write_all(b"typed\n").unwrap();
    assert_eq!(output.next().unwrap().unwrap(), "typed");
    assert!(child.wait().unwrap().success());
}

/// If the end waited for the read, these would hang: nobody ever writes.
#[test]
fn a_read_that_is_never_done_holds_up_nothing() {
    let (theirs, ours) = std::io::pipe().unwrap();
    said(start("leave", theirs));
    let (keyboard, theirs) = terminal();
    said(start("leave", theirs));
    let (socket, theirs) = UnixStream::pair().unwrap();
    said(start("leave", OwnedFd::from(theirs)));
    // Without /proc to open it through, by the thread.
    let (theirs, other) = std::io::pipe().unwrap();
    if let Some(child) = start_without_proc("leave", theirs.try_clone().unwrap()) {
        said(child);
    }
    if let Some(child) = start_without_proc("ticks", theirs) {
        (&other).write_all(b"by a thread\n").unwrap();
        assert_eq!(said(child), b"Stdin(read by a thread)\nticked\nby a thread\n");
    }
    drop((ours, keyboard, socket, other));
}

/// Where this process may not make a namespace there is nothing to test.
fn start_without_proc(mode: &str, stdin: impl Into<Stdio>) -> Option<Child> {
    let script = "mount -t tmpfs none /proc && exec \"$0\" \"$1\"";
    let unshare = ["--mount", "sh", "-c"];
    let may = Command::new("unshare").args(unshare).arg("mount -t tmpfs none /proc").status();
    if !may.is_ok_and(|status| status.success()) {
        return None;
    }
    let mut command = Command::new("unshare");
    command.args(unshare).args([script, env!("CARGO_BIN_EXE_stdio"), mode]);
    Some(command.stdin(stdin).stdout(Stdio::piped()).spawn().unwrap())
}
