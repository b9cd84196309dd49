//! A signal handler and its listeners.

use super::check;
use crate::signal::Tally;
use crate::sync::atomic::{AtomicUsize, Ordering::*};
use crate::sync::thread;
use std::future::poll_fn;
use std::sync::Arc;

/// The signal lands before, while or after a listener goes to sleep; another one has emptied the pipe.
#[test]
fn signal_against_listener() {
    check(3, || {
        let tally = Arc::new(Tally::new(1));
        let mut listener = tally.listen(0);
        let other = Arc::clone(&tally);
        thread::spawn(move || {
            other.note(0);
            other.wake_all();
        });
        crate::runtime::foreign::block_on(poll_fn(|cx| tally.poll(&mut listener, cx)));
    });
}

/// What was written before a signal, say by who has raised it, is seen by the listener, however that learns of it.
#[test]
fn what_was_written_before_a_signal_is_seen_by_its_listener() {
    check(3, || {
        let tally = Arc::new(Tally::new(1));
        let mut listener = tally.listen(0);
        let told = Arc::new(AtomicUsize::new(0));
        let (other, tells) = (Arc::clone(&tally), Arc::clone(&told));
        thread::spawn(move || {
            tells.store(1, Relaxed);
            other.note(0);
            other.wake_all();
        });
        crate::runtime::foreign::block_on(poll_fn(|cx| tally.poll(&mut listener, cx)));
        assert_eq!(told.load(Relaxed), 1);
    });
}
