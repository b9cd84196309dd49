//! User code behind a wall: closures, wakers, hooks and every `drop` of something the user gave us.
//!
//! A panic payload is user code, too: it may panic when it is dropped (rust#86027), and what that panic carries may
//! do so again. We contain the first and leak the second; there is nobody left to tell.

use std::any::Any;
use std::fmt;
use std::io::{self, Write};
use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Mutex, PoisonError};

use crate::sys::refusal::ok;

/// What a panic carries.
pub type Payload = Box<dyn Any + Send>;

/// Runs `user`, turning a panic into its payload.
pub fn contain<R>(user: impl FnOnce() -> R) -> Result<R, Payload> {
    // Unwind-safe: whatever the panic left half done is only ever dropped, or was behind the user's own locks.
    catch_unwind(AssertUnwindSafe(user))
}

/// Drops something of the user's. Returns the message if that panicked.
pub fn discard<T>(theirs: T) -> Result<(), String> {
    contain(|| drop(theirs)).map_err(message_and_discard)
}

/// The text of a panic, where it has one.
#[inline(never)]
pub fn message(payload: &(dyn Any + Send)) -> &str {
    if let Some(text) = payload.downcast_ref::<&str>() {
        text
    } else if let Some(text) = payload.downcast_ref::<String>() {
        text
    } else {
        "a panic payload that is not text"
    }
}

/// The text of a panic whose payload nobody else wants.
#[inline(never)]
pub fn message_and_discard(payload: Payload) -> String {
    let text = message(&*payload).to_owned();
    if let Err(second) = contain(|| drop(payload)) {
        mem::forget(second);
    }
    text
}

/// Writes a line to stderr, for whom there is no hook. In one piece: others write to it, too. That it is closed is no reason to panic,
/// which `eprintln!` would.
#[inline(never)]
pub fn tell_stderr(line: &str) {
    let _ = ok(io::stderr().write_all(line.as_bytes()));
}

/// A hook of the user's, which goes with the last who knows what it was given to: a handle, a token, a waker, on any thread. What its
/// destructor panics with is no affair of theirs, so dropping this never panics; there is nobody left to tell.
pub struct Kept<T>(Option<T>);

impl<T> Kept<T> {
    /// Keeps it.
    pub fn new(theirs: T) -> Self {
        Self(Some(theirs))
    }

    /// Lends it.
    #[inline]
    pub fn get(&self) -> &T {
        self.0.as_ref().expect("only the drop takes it")
    }
}

impl<T> Drop for Kept<T> {
    #[inline(never)]
    fn drop(&mut self) {
        let _ = discard(self.0.take());
    }
}

impl<T> fmt::Debug for Kept<T> {
    #[inline]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Kept")
    }
}

/// A payload that is kept. Nobody can look at it through a shared reference, which makes it `Sync`; and dropping it never
/// panics.
pub struct Shut(Mutex<Option<Payload>>);

impl Shut {
    /// Shuts it.
    pub fn new(payload: Payload) -> Self {
        Self(Mutex::new(Some(payload)))
    }

    /// Hands it out.
    #[inline]
    pub fn open(mut self) -> Payload {
        self.take().expect("only `open` empties it, and it consumes")
    }

    fn take(&mut self) -> Option<Payload> {
        self.0.get_mut().unwrap_or_else(PoisonError::into_inner).take()
    }
}

impl Drop for Shut {
    #[inline(never)]
    fn drop(&mut self) {
        let _ = discard(self.take());
    }
}

impl fmt::Debug for Shut {
    #[inline]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Shut")
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    struct Bomb(u32);

    impl Drop for Bomb {
        fn drop(&mut self) {
            if self.0 > 0 {
                std::panic::panic_any(Bomb(self.0 - 1));
            }
        }
    }

    #[test]
    fn a_payload_that_panics_on_drop_stops_here() {
        assert_eq!(discard(Bomb(3)), Err("a panic payload that is not text".to_owned()));
    }

    #[test]
    fn messages_are_kept() {
        assert_eq!(contain(|| panic!("one")).map_err(message_and_discard), Err::<(), _>("one".to_owned()));
        let n = 2;
        assert_eq!(
            contain(|| panic!("two {n}")).map_err(message_and_discard),
            Err::<(), _>("two 2".to_owned())
        );
    }
}
