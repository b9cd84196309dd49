//! Drops inside drops, to any depth.
//!
//! A closure that will not run is dropped by whoever gives it up, a result that nobody reads by whoever drops its handle. Either
//! may own the handle of another job, whose closure or result goes with it, and so on: of a hundred thousand queued jobs
//! each may own a guard that aborts the one before. One inside the other they would take more stack than a thread has, and
//! a process whose stack overflows is gone. That is no panic, which could be contained.
//!
//! So of such drops only `DEEPEST` are inside each other on a thread. What would be deeper is put off, and done as soon as the
//! innermost of them is over:
//!
//! ```text
//! drop 1 ─► drop 2 ─► .. ─► drop DEEPEST ─► one more: is put off
//!                                        ◄─
//!                           does what was put off, which may put off more, until nothing is left
//!        ◄─        ◄─ .. ◄─
//! ```
//!
//! Whoever began it finds all of it gone when its own drop is over, as if each had been inside the one before. At the bottom it is
//! different: there something is dropped, or aborted, and not gone yet. Whoever waits there for jobs to be over, or asks whether one
//! is, would wait for what this very thread has put off; so that is done first (`catch_up`).

use std::cell::{Cell, RefCell};
use std::mem::ManuallyDrop;

use crate::sync::thread_local;

/// Boxed, so that what lists it is compiled once for all kinds.
type Work = Box<dyn FnOnce()>;

// Nothing that is dropped, so that it is there in destructors, too.
thread_local! {
    /// How many are inside each other.
    static DEPTH: Cell<u32> = const { Cell::new(0) };

    /// What was put off; the last comes first, as if it were the innermost. Empty as long as they are fewer than `DEEPEST`; so
    /// not to drop it leaks nothing.
    static PUT_OFF: ManuallyDrop<RefCell<Vec<Work>>> = const { ManuallyDrop::new(RefCell::new(Vec::new())) };
}

/// Each is some hundred bytes of stack of ours, and whatever the user's destructors need.
const DEEPEST: u32 = 16;

/// One of those that are inside each other, for as long as it lasts.
#[must_use]
#[derive(Debug)]
pub(crate) struct Level(());

/// Does `work`, which drops something that may own the handles of others: now, or a little later. It must not unwind.
#[inline]
pub fn dropping(work: impl FnOnce() + 'static) {
    match enter() {
        Some(_level) => work(),
        None => put_off(Box::new(work)),
    }
}

/// Before something is dropped that may own the handles of others. `None`: it has to be [put off](put_off).
#[inline(never)]
pub(crate) fn enter() -> Option<Level> {
    let depth = depth();
    if depth == DEEPEST {
        return None;
    }
    set_depth(depth + 1);
    Some(Level(()))
}

/// Once `enter` has said so. `work` must not unwind.
#[cold]
#[inline(never)]
pub(crate) fn put_off(work: Work) {
    let mut work = Some(work);
    _ = PUT_OFF.try_with(|put_off| {
        if let Some(work) = work.take() {
            put_off.borrow_mut().push(work);
        }
    });
    // In a model, at the end of a thread.
    if let Some(work) = work {
        work();
    }
}

/// Does what this thread has put off. By whoever is about to wait for jobs.
#[inline]
pub(crate) fn catch_up() {
    if depth() == DEEPEST {
        do_what_was_put_off();
    }
}

#[cold]
#[inline(never)]
fn do_what_was_put_off() {
    while let Some(work) = next() {
        work();
    }
}

impl Drop for Level {
    #[inline(never)]
    fn drop(&mut self) {
        catch_up();
        set_depth(depth() - 1);
    }
}

fn next() -> Option<Work> {
    let take = |put_off: &ManuallyDrop<RefCell<Vec<Work>>>| {
        let mut put_off = put_off.borrow_mut();
        let next = put_off.pop();
        if next.is_none() {
            *put_off = Vec::new();
        }
        next
    };
    PUT_OFF.try_with(take).ok().flatten()
}

#[inline]
fn depth() -> u32 {
    DEPTH.try_with(Cell::get).unwrap_or_default()
}

#[inline]
fn set_depth(depth: u32) {
    _ = DEPTH.try_with(|place| place.set(depth));
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use std::rc::Rc;

    fn count_down(left: u32, inside: &Rc<Cell<u32>>, deepest: &Rc<Cell<u32>>) {
        let (inside, deepest) = (Rc::clone(inside), Rc::clone(deepest));
        dropping(move || {
            inside.set(inside.get() + 1);
            deepest.set(deepest.get().max(inside.get()));
            if left > 0 {
                count_down(left - 1, &inside, &deepest);
            }
            inside.set(inside.get() - 1);
        });
    }

    #[test]
    fn so_many_are_inside_each_other_and_all_are_done_in_the_end() {
        let [inside, deepest]: [Rc<Cell<u32>>; 2] = [(); 2].map(|()| Rc::default());
        for left in [0, 1, DEEPEST - 1, DEEPEST, 100_000] {
            deepest.set(0);
            count_down(left, &inside, &deepest);
            // One more: the innermost is not over yet while it does what was put off.
            assert_eq!(deepest.get(), (left + 1).min(DEEPEST));
            assert!(depth() == 0 && next().is_none());
            // Each closure has a share in it: all of them are gone.
            assert_eq!(Rc::strong_count(&inside), 1);
        }
    }

    #[test]
    fn a_panic_on_the_way_leaves_the_depth_as_it_was() {
        let caught = std::panic::catch_unwind(|| {
            let _level = enter();
            std::panic::resume_unwind(Box::new(()));
        });
        assert!(caught.is_err());
        assert_eq!(depth(), 0);
    }
}
