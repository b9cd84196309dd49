//! Where a thread sleeps until it is called: one token, given by the caller and used up by the sleeper.
//!
//! Every call that takes a sleeper off a list gives exactly one token, and the sleeper uses up exactly one for every
//! time it finds itself taken off. So no token is ever left over to end a later sleep, and no list entry without
//! its token.

use std::time::Duration;

use crate::sync::{Condvar, Mutex};

#[derive(Debug)]
pub(crate) struct Parker {
    token: Mutex<bool>,
    bell: Condvar,
}

impl Parker {
    pub(crate) fn new() -> Self {
        Self { token: Mutex::new(false), bell: Condvar::new() }
    }

    pub(crate) fn park(&self) {
        let mut token = self.token.lock();
        while !*token {
            self.bell.wait(&mut token);
        }
        *token = false;
    }

    /// False if nobody called for as long as `timeout`.
    pub(crate) fn park_for(&self, timeout: Duration) -> bool {
        let mut token = self.token.lock();
        if !*token {
            // A spurious return counts as a timeout: the caller decides on the list, under its lock, either way.
            let _ = self.bell.wait_for(&mut token, timeout).timed_out();
        }
        std::mem::take(&mut *token)
    }

    pub(crate) fn unpark(&self) {
        *self.token.lock() = true;
        self.bell.notify_one();
    }
}
