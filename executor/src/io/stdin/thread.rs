//! Standard input read by a thread.
//!
//! A read of it may never return, and nothing can stop it. So it is no job of the pool, whose jobs the end of a runtime
//! waits for, but a thread that nobody waits for: it ends with the process. It reads only while a read is wanted, so that
//! it takes nothing from a child that is to have the rest.
//!
//! Everything is under one lock, except the read itself and the calls of wakers.

use super::{BUFFER, CHUNK};
use crate::report::wake_all;
use parking_lot::{Condvar, Mutex};
use std::io::{self, Read};
use std::task::{Context, Poll, Waker};
use std::thread;

struct State {
    started: bool,
    /// Somebody asked and has not been answered.
    wanted: bool,
    /// Of the last read; what it read is in the buffer by now.
    outcome: Option<io::Result<usize>>,
    waiting: Vec<Waker>,
}

static STATE: Mutex<State> =
    Mutex::new(State { started: false, wanted: false, outcome: None, waiting: Vec::new() });
static ASKED: Condvar = Condvar::new();

pub(super) fn poll_fill(cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
    // A waker is foreign code: not under the lock.
    let waker = cx.waker().clone();
    let mut state = STATE.lock();
    if let Some(outcome) = state.outcome.take() {
        drop(state);
        return Poll::Ready(outcome);
    }
    if !state.started {
        thread::Builder::new().name("sideline-stdin".into()).spawn(read_when_asked)?;
        state.started = true;
    }
    state.wanted = true;
    ASKED.notify_one();
    // A task may ask over and over, because of other things it waits for.
    if !state.waiting.iter().any(|waiting| waiting.will_wake(&waker)) {
        state.waiting.push(waker);
    }
    Poll::Pending
}

fn read_when_asked() {
    loop {
        let mut state = STATE.lock();
        while !state.wanted {
            ASKED.wait(&mut state);
        }
        drop(state);

        let mut chunk = [0; CHUNK];
        let outcome = io::stdin().read(&mut chunk);
        if matches!(&outcome, Err(error) if error.kind() == io::ErrorKind::Interrupted) {
            continue;
        }
        BUFFER.lock().append(&chunk[..*outcome.as_ref().unwrap_or(&0)]);

        let mut state = STATE.lock();
        state.wanted = false;
        state.outcome = Some(outcome);
        let waiting = std::mem::take(&mut state.waiting);
        drop(state);
        wake_all(waiting);
    }
}
