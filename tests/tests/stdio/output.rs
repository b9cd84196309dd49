//! Standard output and standard error.

use super::*;
use rustix::fs::{OFlags, fcntl_setfl};
use std::io::{Read, Write};

#[test]
fn lines_stay_whole_and_each_writer_s_are_in_order() {
    let said = String::from_utf8(said(program("mixed").spawn().unwrap())).unwrap();
    let mut next = std::collections::HashMap::new();
    for line in said.lines() {
        let words: Vec<_> = line.split(' ').collect();
        let [name, number, rest] = words[..] else { panic!("{line}") };
        let expected = next.entry(name.to_owned()).or_insert(0);
        assert_eq!(number, expected.to_string(), "of {name}");
        *expected += 1;
        assert_eq!(rest, "x".repeat(100), "{line}");
    }
    assert_eq!(next.len(), 5);
    assert!(next.values().all(|&lines| lines == 100), "{next:?}");
}

#[test]
fn a_write_is_whole_whatever_its_size() {
    let output = program("large").stderr(Stdio::piped()).output().unwrap();
    assert!(output.status.success());
    assert!(output.stdout == [b'x'; 300_000] && output.stderr == [b'y'; 300_000]);
}

#[test]
fn what_print_has_held_back_comes_first() {
    assert_eq!(said(program("print").spawn().unwrap()), b"1 2 3 4 5");
}

#[test]
fn who_writes_where_nobody_reads_is_told() {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let output = program("closed").stdout(writer).stderr(Stdio::piped()).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    assert_eq!(output.stderr, b"noticed");
}

#[test]
fn what_was_queued_is_out_and_in_order_when_the_runtime_has_ended() {
    assert_eq!(said(program("queued").spawn().unwrap()), b"never waited for");
}

/// If anything waited for it, this would hang: nobody ever reads.
#[test]
fn a_write_that_is_stuck_holds_up_neither_the_loop_nor_the_exit() {
    let (reader, writer) = std::io::pipe().unwrap();
    let child = program("stuck").stdout(writer).stderr(Stdio::piped()).spawn().unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{output:?}");
    assert_eq!(output.stderr, b"the end");
    drop(reader);
}

/// Somebody who has the same pipe, or terminal, has made it so: whoever prints gets an error then.
#[test]
fn a_stream_that_others_have_made_non_blocking_is_waited_for() {
    let (mut reader, writer) = std::io::pipe().unwrap();
    fcntl_setfl(&writer, OFlags::NONBLOCK).unwrap();
    let (theirs, mut ours) = std::io::pipe().unwrap();
    let mut child = program("copied").stdin(theirs).stdout(writer).stderr(Stdio::piped()).spawn().unwrap();
    let sent = pattern(500_000);
    let feeder = std::thread::spawn({
        let sent = sent.clone();
        move || ours.write_all(&sent).unwrap()
    });
    let mut received = Vec::new();
    reader.read_to_end(&mut received).unwrap();
    assert!(received == sent, "{} bytes", received.len());
    feeder.join().unwrap();
    let mut counted = String::new();
    child.stderr.take().unwrap().read_to_string(&mut counted).unwrap();
    assert_eq!(counted, "500000");
    assert!(child.wait().unwrap().success());
}
