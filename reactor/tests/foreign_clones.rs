//! To clone a waker is foreign code, too: while a timer is being armed it lets time pass, ends the reactor, panics.

mod support;

use sideline_reactor::{Clock, LocalReactor, Timer};
use std::cell::{Cell, RefCell};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr;
use std::rc::Rc;
use std::task::{Context, Poll, RawWaker, RawWakerVTable, Waker};
use std::time::Duration;
use support::Count;

const HOUR: Duration = Duration::from_secs(3600);

thread_local! {
    /// What the next clone does.
    static CLONING: Cell<Option<Box<dyn FnOnce()>>> = const { Cell::new(None) };
}

const CLONES: RawWakerVTable = RawWakerVTable::new(clone, |_| (), |_| (), |_| ());

fn clone(_: *const ()) -> RawWaker {
    if let Some(cloning) = CLONING.take() {
        cloning();
    }
    RawWaker::new(ptr::null(), &CLONES)
}

fn poll_cloning(timer: &mut Timer, cloning: impl FnOnce() + 'static) -> Poll<()> {
    // SAFETY: there is no data, and the functions touch none.
    let waker = unsafe { Waker::from_raw(clone(ptr::null())) };
    CLONING.set(Some(Box::new(cloning)));
    timer.poll(&mut Context::from_waker(&waker))
}

#[test]
fn a_timer_may_fire_and_its_reactor_end_while_its_waker_is_cloned() {
    for was_armed in [false, true] {
        let clock = Clock::manual();
        let reactor = Rc::new(RefCell::new(Some(LocalReactor::new(clock.clone()).unwrap())));
        let (count, waker) = Count::new();
        let [mut fires, mut panics, mut ends] = [HOUR, 3 * HOUR, 3 * HOUR].map(|after| {
            let mut timer = Timer::after(reactor.borrow().as_ref().unwrap().handle(), after);
            if was_armed {
                assert!(timer.poll(&mut Context::from_waker(&waker)).is_pending());
            }
            timer
        });
        let (mover, fired) = (clock.clone(), Rc::clone(&reactor));
        let polled = poll_cloning(&mut fires, move || {
            mover.advance(2 * HOUR);
            fired.borrow_mut().as_mut().unwrap().fire_timers();
        });
        // One that was not armed is armed in the past.
        assert_eq!(polled.is_ready(), was_armed);
        reactor.borrow_mut().as_mut().unwrap().fire_timers();
        assert!(poll_cloning(&mut fires, || ()).is_ready());

        let caught = catch_unwind(AssertUnwindSafe(|| poll_cloning(&mut panics, || panic!("no clone"))));
        caught.unwrap_err();
        let ended = Rc::clone(&reactor);
        assert!(poll_cloning(&mut ends, move || drop(ended.take())).is_ready());
        // The one whose waker was not cloned has kept the one that it had.
        assert_eq!(count.get(), if was_armed { 3 } else { 0 });
        assert!(poll_cloning(&mut panics, || ()).is_ready());
    }
}
