//! Where a thread sleeps until it is called: one token, given by the caller and used up by the sleeper.
//!
//! Every call that takes a sleeper off a list gives exactly one token, and the sleeper uses up exactly one for every
//! time it finds itself taken off. So no token is ever left over to end a later sleep, and no list entry without
//! its token.

use std::time::Duration;

use crate::sync::CLOCKS;
use crate::sys::lock::{Condvar, Mutex};

#[derive(Debug)]
pub(crate) struct Parker {
    state: Mutex<State>,
    bell: Condvar,
}

#[derive(Debug, PartialEq, Eq)]
enum State {
    Awake,
    Asleep,
    /// Called, and has not noticed yet.
    Token,
}

impl Parker {
    pub(crate) fn new() -> Self {
        Self { state: Mutex::new(State::Awake), bell: Condvar::new() }
    }

    #[inline(never)]
    pub(crate) fn park(&self) {
        let mut state = self.state.lock();
        while *state != State::Token {
            *state = State::Asleep;
            state = self.bell.wait(state);
        }
        *state = State::Awake;
    }

    /// False if nobody called for as long as `timeout`.
    #[inline(never)]
    pub(crate) fn park_for(&self, timeout: Duration) -> bool {
        let mut state = self.state.lock();
        // In a model time does not pass: it runs out at once, which is one more interleaving.
        if *state != State::Token && CLOCKS {
            *state = State::Asleep;
            // A spurious return counts as a timeout: the caller decides on the list, under its lock, either way.
            state = self.bell.wait_for(state, timeout);
        }
        std::mem::replace(&mut *state, State::Awake) == State::Token
    }

    #[inline]
    pub(crate) fn unpark(&self) {
        let before = std::mem::replace(&mut *self.state.lock(), State::Token);
        // One who is not asleep yet looks for its token first.
        if before == State::Asleep {
            self.bell.notify_one();
        }
    }
}
