//! Which thread a loop stays on.
//!
//! A number for each thread that has made such a loop, none given out twice: the address of a thread-local would do until its
//! thread is gone and another one has it.

use crate::sync::{left_out, thread_local};
use std::cell::Cell;
// Only has to be different each time, so it stays a plain atomic in the models too.
use std::sync::atomic::{AtomicU64, Ordering};

/// A thread, by a number of its own.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Home(u64);

thread_local! {
    /// This thread's number, 0 as long as nobody has asked. Without a destructor, so it is there to the end of the thread.
    static HERE: Cell<u64> = const { Cell::new(0) };
}

impl Home {
    /// No thread in particular.
    pub const NOWHERE: Home = Home(u64::MAX);

    /// The thread that asks.
    pub fn this_thread() -> Home {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        HERE.with(|here| {
            if here.get() == 0 {
                here.set(NEXT.fetch_add(1, Ordering::Relaxed));
            }
            Home(here.get())
        })
    }

    /// Whether it is the thread that asks.
    #[inline]
    pub fn is_here(self) -> bool {
        HERE.with(Cell::get) == self.0 || (left_out("local-queue-is-its-thread-s") && self != Home::NOWHERE)
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use std::thread;

    #[test]
    fn each_thread_is_at_home_with_itself_alone() {
        let here = Home::this_thread();
        assert!(here.is_here() && here == Home::this_thread());
        let there = thread::spawn(move || (here.is_here(), Home::this_thread())).join().unwrap();
        assert!(!there.0 && !there.1.is_here());
        assert!(!Home::NOWHERE.is_here());
        assert!(!thread::spawn(|| Home::NOWHERE.is_here()).join().unwrap());
    }
}
