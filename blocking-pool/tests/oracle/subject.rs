//! What a script is run on, and what it can be asked.

use std::panic::resume_unwind;

use sideline_blocking_pool::Shutdown;

/// What a closure returns.
pub(crate) enum Value {
    Number(u64),
    Bomb(Bomb),
}

/// Panics when it is dropped, without a message on stderr.
pub(crate) struct Bomb;

impl Drop for Bomb {
    fn drop(&mut self) {
        resume_unwind(Box::new("a bomb"));
    }
}

pub(crate) type Closure = Box<dyn FnOnce() -> Value + Send>;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Returned(u64),
    Panicked,
    Cancelled,
    Rejected,
}

/// Cancelled, left running, left queued.
pub(crate) type Classes = (u64, u64, u64);

/// What a script is run on.
pub(crate) trait Subject: Clone + Send + 'static {
    type Handle: Send + 'static;
    fn new(threads: usize) -> Self;
    fn spawn(&self, closure: Closure) -> Self::Handle;
    fn abort(&self, handle: &Self::Handle) -> bool;
    fn wait(&self, handle: Self::Handle) -> Outcome;
    fn shutdown(&self, how: Shutdown) -> Classes;
    fn reports(&self) -> u64;
}

/// A value that came back. A bomb does not go off here.
pub(crate) fn returned(value: Value) -> Outcome {
    match value {
        Value::Number(number) => Outcome::Returned(number),
        Value::Bomb(bomb) => {
            std::mem::forget(bomb);
            Outcome::Returned(u64::MAX)
        }
    }
}
