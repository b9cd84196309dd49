//! Foreign code at arm's length: wakers are other people's code, and may panic when woken or dropped.
//!
//! Neither may stop the loop or keep the next waiter from being woken. The panic's own message has already been
//! printed by the panic hook when it gets here, so nothing is hidden by not passing it on.

use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::task::Waker;

/// Wakes every waker in order, emptying `wakers` and keeping its memory. Wakers are foreign code: one that panics does not
/// keep the others asleep, and its panic goes no further. Not to be called under a lock, which a waker may want.
#[inline]
pub fn wake_all(wakers: &mut Vec<Waker>) {
    if !wakers.is_empty() {
        wake_each(wakers);
    }
}

#[inline(never)]
fn wake_each(wakers: &mut Vec<Waker>) {
    // In place of `drain`, which is a few hundred lines to compile.
    wakers.reverse();
    while let Some(waker) = wakers.pop() {
        wake(waker);
    }
}

/// Wakes one.
pub fn wake(waker: Waker) {
    contain(move || waker.wake());
}

/// Drops one: that is foreign code, too.
#[inline(never)]
pub fn discard(waker: Waker) {
    contain(move || drop(waker));
}

fn contain(foreign: impl FnOnce()) {
    // Whatever `foreign` left half done belongs to the caller's waker, not to us.
    if let Err(payload) = catch_unwind(AssertUnwindSafe(foreign)) {
        // A payload may panic when it is dropped, and so may the payload of that panic: the second is leaked.
        if let Err(second) = catch_unwind(AssertUnwindSafe(move || drop(payload))) {
            mem::forget(second);
        }
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::task::Wake;

    struct Bomb;
    impl Drop for Bomb {
        fn drop(&mut self) {
            panic!("the payload panics too");
        }
    }

    struct PanicsOnWake;
    impl Wake for PanicsOnWake {
        fn wake(self: Arc<Self>) {
            std::panic::panic_any(Bomb);
        }
    }

    struct PanicsOnDrop;
    impl Wake for PanicsOnDrop {
        fn wake(self: Arc<Self>) {}
    }
    impl Drop for PanicsOnDrop {
        fn drop(&mut self) {
            std::panic::panic_any(Bomb);
        }
    }

    struct Counts(AtomicUsize);
    impl Wake for Counts {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    #[test]
    fn a_panicking_waker_with_a_panicking_payload_keeps_nobody_asleep() {
        let counts = Arc::new(Counts(AtomicUsize::new(0)));
        let good = || Waker::from(counts.clone());
        wake_all(&mut vec![good(), Waker::from(Arc::new(PanicsOnWake)), good()]);
        assert_eq!(counts.0.load(Ordering::Relaxed), 2);
        discard(Waker::from(Arc::new(PanicsOnDrop)));
    }
}
