//! Which jobs this thread is delivering: code of the user's that runs for a job before that has left its account.
//!
//! The awaiter's waker, and the drop of a result or a closure, may wait for the tenant whose job it is; they must not wait for
//! that very job. And they may cause another job to be delivered on this thread, of the same tenant or of another one, which
//! then happens inside of them. So there is a stack. As a rule it has one entry, which takes no allocation.

use std::cell::{Cell, RefCell};
use std::mem::ManuallyDrop;

use crate::sync::thread_local;

/// A tenant's number, and how many of its jobs are being delivered, one inside the other.
type Level = (u64, u64);

thread_local! {
    /// The innermost level. It has no destructor, so that it can be used in destructors of other thread-locals.
    static INNERMOST: Cell<Level> = const { Cell::new((0, 0)) };

    /// Those further out, of other tenants. Empty as a rule, and whenever nothing is being delivered; so not to drop
    /// it leaks nothing.
    static FURTHER_OUT: ManuallyDrop<RefCell<Vec<Level>>> = const { ManuallyDrop::new(RefCell::new(Vec::new())) };
}

/// Calls `user`, which must not unwind, as part of a job of `tenant`.
#[inline]
pub(crate) fn inside<R>(tenant: u64, user: impl FnOnce() -> R) -> R {
    let outer = enter(tenant);
    let done = user();
    leave(tenant, outer);
    done
}

/// How many jobs of `tenant` this thread is delivering.
pub(crate) fn depth(tenant: u64) -> u64 {
    let of_this = |(of, count): Level| if of == tenant { count } else { 0 };
    let mut all = of_this(innermost());
    further_out(&mut |further| {
        for level in further.iter() {
            all += of_this(*level);
        }
    });
    all
}

/// Returns the level that [`leave`] goes back to.
fn enter(tenant: u64) -> Level {
    let outer = innermost();
    if is_of_another(outer, tenant) {
        remember(outer);
        set_innermost((tenant, 1));
    } else {
        set_innermost((tenant, outer.1 + 1));
    }
    outer
}

fn leave(tenant: u64, outer: Level) {
    set_innermost(outer);
    if is_of_another(outer, tenant) {
        forget_last();
    }
}

fn is_of_another((of, count): Level, tenant: u64) -> bool {
    count > 0 && of != tenant
}

fn innermost() -> Level {
    INNERMOST.try_with(Cell::get).unwrap_or_default()
}

fn set_innermost(level: Level) {
    _ = INNERMOST.try_with(|innermost| innermost.set(level));
}

#[cold]
fn remember(outer: Level) {
    further_out(&mut |further| further.push(outer));
}

#[cold]
fn forget_last() {
    further_out(&mut |further| {
        further.pop();
        if further.is_empty() {
            *further = Vec::new();
        }
    });
}

fn further_out(look: &mut dyn FnMut(&mut Vec<Level>)) {
    _ = FURTHER_OUT.try_with(|further| look(&mut further.borrow_mut()));
}
