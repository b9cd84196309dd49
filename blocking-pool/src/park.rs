//! Where a thread sleeps until it is called: one token, given by the caller and used up by the sleeper.
//!
//! Every call that takes a sleeper off a list gives exactly one token, and the sleeper uses up exactly one for every
//! time it finds itself taken off. So no token is ever left over to end a later sleep, and no list entry without
//! its token.
//!
//! The lock and the bell are `std`'s and not `parking_lot`'s: on Linux a call is then an exchange of one word and the
//! system call, and a sleep the same. A thread that comes out of its sleep finds its caches cold, and what it runs
//! through first counts by the line: `parking_lot` looks its sleepers up in a table that the whole process shares.

use std::sync::PoisonError;
use std::time::Duration;

use crate::sync::{CLOCKS, StdCondvar, StdMutex, StdMutexGuard};

#[derive(Debug)]
pub(crate) struct Parker {
    state: StdMutex<State>,
    bell: StdCondvar,
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
        Self { state: StdMutex::new(State::Awake), bell: StdCondvar::new() }
    }

    pub(crate) fn park(&self) {
        let mut state = self.lock();
        while *state != State::Token {
            *state = State::Asleep;
            state = self.bell.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        *state = State::Awake;
    }

    /// False if nobody called for as long as `timeout`.
    pub(crate) fn park_for(&self, timeout: Duration) -> bool {
        let mut state = self.lock();
        // In a model time does not pass: it runs out at once, which is one more interleaving.
        if *state != State::Token && CLOCKS {
            *state = State::Asleep;
            // A spurious return counts as a timeout: the caller decides on the list, under its lock, either way.
            state = self.bell.wait_timeout(state, timeout).unwrap_or_else(PoisonError::into_inner).0;
        }
        std::mem::replace(&mut *state, State::Awake) == State::Token
    }

    pub(crate) fn unpark(&self) {
        let before = std::mem::replace(&mut *self.lock(), State::Token);
        // One who is not asleep yet looks for its token first.
        if before == State::Asleep {
            self.bell.notify_one();
        }
    }

    fn lock(&self) -> StdMutexGuard<'_, State> {
        // Nothing that can panic runs under it.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
