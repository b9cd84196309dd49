//! Which jobs this thread is delivering: code of the user's that runs for a job before that has left its account.
//!
//! The awaiter's waker, and the drop of a result or a closure, may wait for the tenant whose job it is; they must not wait for
//! that very job. And they may cause another job to be delivered on this thread, of the same tenant or of another one, which
//! then happens inside of them. So there is a list: each is on the stack of this thread, and knows the one around it.

// The list is of addresses on the stack.
#![allow(unsafe_code)]

use std::cell::Cell;
use std::ptr;

use crate::sync::thread_local;

thread_local! {
    /// The innermost; null if there is none. It has no destructor, so that it can be used in destructors of other thread-locals.
    static INNERMOST: Cell<*const Level> = const { Cell::new(ptr::null()) };
}

/// One job that is being delivered.
struct Level {
    tenant: u64,
    /// The one around it; null if there is none.
    outer: *const Level,
}

impl Drop for Level {
    fn drop(&mut self) {
        set_innermost(self.outer);
    }
}

/// Calls `user` as part of a job of `tenant`.
#[inline]
pub(crate) fn inside<R>(tenant: u64, user: impl FnOnce() -> R) -> R {
    let level = Level { tenant, outer: innermost() };
    set_innermost(&level);
    user()
}

/// How many jobs of `tenant` this thread is delivering.
pub(crate) fn depth(tenant: u64) -> u64 {
    let mut count = 0;
    let mut next = innermost();
    // SAFETY: a level is on the list until it is dropped, and those around it are there for longer. Nobody changes one.
    while let Some(level) = unsafe { next.as_ref() } {
        count += u64::from(level.tenant == tenant);
        next = level.outer;
    }
    count
}

// Err, below: only in a loom model, at the end of a thread.
fn innermost() -> *const Level {
    INNERMOST.try_with(Cell::get).unwrap_or(ptr::null())
}

fn set_innermost(level: *const Level) {
    _ = INNERMOST.try_with(|innermost| innermost.set(level));
}
