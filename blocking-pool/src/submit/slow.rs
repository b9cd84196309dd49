//! Jobs that wait for somebody who may be silent for long have at most half of a pool's threads.
//!
//! A name server that does not answer holds up each lookup for ten seconds or more. Some hundred of them would have all
//! threads of a pool, and every other job would wait as long, with nothing wrong about it. So whoever is about to spawn a job
//! of this kind waits for a *permit* first. There are half as many as the pool may have threads (libuv draws the same line for its
//! slow work), and those who find none wait in the order in which they came, without a job and without a thread.
//!
//! A permit goes along with the closure, and is given back when that has ended or is dropped. It is not given back when an awaiter
//! gives up: the thread is held up all the same.
//!
//! | a place is | left by |
//! |------------|---------|
//! | in line    | `give_back` of another's permit: it is taken out, and has that; `close`: the same; `leave`: its future was dropped |
//! | taken out  | `ask`, when its future is polled: ready; `leave`: the permit goes to the next one |
//!
//! Between "there is no permit" and "stand in line" nobody may give one back, or it is noticed by nobody who waits: so both
//! are one critical section. While somebody is in line no permit is free, so nobody who comes later passes by. (Model:
//! `permit_given_back_against_standing_in_line`, twin `slow-one-look`; `permit_given_back_against_leaving`, twin
//! `slow-permit-is-handed-on`.) Wakers are cloned, called and dropped outside the lock.
//!
//! A pool that is closed has permits for everybody: what they are for will be refused, and to learn that nobody has to wait until a
//! name server has answered. The gate is shut first, and who comes to the line later finds the permits. (Model:
//! `standing_in_line_against_shutdown`, twin `slow-close-calls`.)
//!
//! A future that is forgotten, and not dropped, keeps its place. When its turn has come the permit is lost, as is the memory of the
//! future; those behind it get the next one.
//!
//! This is less than a `Limiter`, which lets jobs wait, or a `Room`: those are job control, which not everybody's compiler has to build.
//! Nor this: what is `#[inline]` is compiled for those who look names up.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use crate::pool::Pool;
use crate::pool::shared::Shared;
use crate::sync::left_out;
use crate::sys::lock::Mutex;

/// Lets one slow job run, for as long as there is this value: the closure is to hold it.
#[must_use = "the permit is given back when this is dropped"]
pub struct SlowPermit(Arc<Shared>);

/// A future that resolves to a permit when there is one. Dropping it gives up the place in line.
#[must_use = "futures do nothing unless polled"]
pub struct WaitForSlowPermit {
    shared: Arc<Shared>,
    place: Option<u64>,
}

/// The permits of one pool, and who waits for one.
pub(crate) struct SlowLine(Mutex<List>);

struct List {
    free: usize,
    next: u64,
    /// By number. The first `gone` of them are empty places; all is empty while a permit is free. (A `VecDeque`, which this is like, everybody's
    /// compiler would have to build.)
    waiting: Vec<(u64, Option<Waker>)>,
    gone: usize,
}

/// As many permits as nobody can use up.
const PLENTY: usize = usize::MAX / 2;

impl Pool {
    /// For one who is about to spawn a job that may wait for long. First come, first served.
    #[doc(hidden)]
    #[inline]
    pub fn slow_permit(&self) -> WaitForSlowPermit {
        WaitForSlowPermit { shared: Arc::clone(self.shared()), place: None }
    }
}

impl SlowLine {
    pub(crate) fn new(permits: usize) -> Self {
        Self(Mutex::new(List { free: permits, next: 0, waiting: Vec::new(), gone: 0 }))
    }

    /// True: the caller has a permit, and no place in line any more. With a waker that is not needed.
    #[inline]
    fn ask(&self, place: &mut Option<u64>, waker: Waker) -> (bool, Option<Waker>) {
        let mut list = self.0.lock();
        if let Some(number) = *place {
            if let Some(at) = list.find(number) {
                return (false, list.waiting[at].1.replace(waker));
            }
            *place = None;
            return (true, Some(waker));
        }
        if list.free > 0 {
            list.free -= 1;
            return (true, Some(waker));
        }
        if left_out("slow-one-look") {
            drop(list);
            list = self.0.lock();
        }
        let number = list.next;
        list.next += 1;
        list.waiting.push((number, Some(waker)));
        *place = Some(number);
        (false, None)
    }

    /// The waker of whoever has the permit now.
    #[inline]
    #[must_use]
    fn give_back(&self) -> Option<Waker> {
        let mut list = self.0.lock();
        if list.waiting.is_empty() {
            list.free += 1;
            return None;
        }
        list.take_first()
    }

    /// Nobody has to wait any more. Those who did are to be called.
    #[must_use]
    #[inline(never)]
    fn close(&self) -> Vec<(u64, Option<Waker>)> {
        let mut list = self.0.lock();
        list.free = PLENTY;
        if left_out("slow-close-calls") {
            return Vec::new();
        }
        list.gone = 0;
        std::mem::take(&mut list.waiting)
    }

    /// Gives up a place, and the permit if it has come meanwhile; the wakers to be dropped and to be called.
    #[inline]
    fn leave(&self, number: u64) -> (Option<Waker>, Option<Waker>) {
        let mut list = self.0.lock();
        match list.find(number) {
            // Many that wait are dropped in their order, as a rule: with the one who has spawned them, say.
            Some(at) if at == list.gone => return (list.take_first(), None),
            Some(at) => return (list.waiting.remove(at).1, None),
            None => {}
        }
        drop(list);
        (None, if left_out("slow-permit-is-handed-on") { None } else { self.give_back() })
    }
}

impl Shared {
    /// The gate has just been shut.
    pub(crate) fn call_those_in_slow_line(&self) {
        let mut waiting = self.slow.close();
        for (_, waker) in &mut waiting {
            self.wake(waker.take());
        }
    }
}

impl List {
    #[inline]
    fn find(&self, number: u64) -> Option<usize> {
        let waiting = &self.waiting[self.gone..];
        waiting.binary_search_by_key(&number, |&(there, _)| there).ok().map(|at| self.gone + at)
    }

    /// Somebody waits, and is the first no more. The others are moved when they are fewer than the empty places: each about once, that is,
    /// however many they are.
    #[inline]
    fn take_first(&mut self) -> Option<Waker> {
        let waker = self.waiting[self.gone].1.take();
        self.gone += 1;
        if self.gone > self.waiting.len() / 2 {
            self.waiting = self.waiting.split_off(self.gone);
            self.gone = 0;
        }
        waker
    }
}

impl Future for WaitForSlowPermit {
    type Output = SlowPermit;

    #[inline]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<SlowPermit> {
        let Self { shared, place } = &mut *self;
        // In a fork the lock may be held by a thread that is not there. The job will be refused.
        if !shared.is_forked() {
            let (has_one, unused) = shared.slow.ask(place, cx.waker().clone());
            shared.discard_waker(unused);
            if !has_one {
                return Poll::Pending;
            }
        }
        Poll::Ready(SlowPermit(Arc::clone(shared)))
    }
}

impl Drop for WaitForSlowPermit {
    #[inline]
    fn drop(&mut self) {
        if let Some(number) = self.place.filter(|_| !self.shared.is_forked()) {
            let (mine, next) = self.shared.slow.leave(number);
            self.shared.discard_waker(mine);
            self.shared.wake(next);
        }
    }
}

impl Drop for SlowPermit {
    #[inline]
    fn drop(&mut self) {
        if !self.0.is_forked() {
            let next = self.0.slow.give_back();
            self.0.wake(next);
        }
    }
}

impl fmt::Debug for SlowPermit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SlowPermit")
    }
}

impl fmt::Debug for WaitForSlowPermit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("WaitForSlowPermit")
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use std::pin::pin;

    fn poll(wait: Pin<&mut WaitForSlowPermit>) -> Option<SlowPermit> {
        match wait.poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(permit) => Some(permit),
            Poll::Pending => None,
        }
    }

    #[test]
    fn half_of_the_threads_are_theirs_in_the_order_in_which_they_came() {
        let pool = Pool::builder().core_threads(1).max_threads(3).build().unwrap();
        let [mut first, mut second, mut third, mut late] = [(); 4].map(|()| Box::pin(pool.slow_permit()));
        let (one, two) = (poll(first.as_mut()).unwrap(), poll(second.as_mut()).unwrap());
        let [mut gives_up, mut gives_up_late] = [(); 2].map(|()| Box::pin(pool.slow_permit()));
        assert!(poll(gives_up.as_mut()).is_none() && poll(third.as_mut()).is_none());
        assert!(poll(gives_up_late.as_mut()).is_none());
        drop(gives_up_late);
        drop(one);
        assert!(poll(late.as_mut()).is_none(), "it passed by one who waits");
        // It was handed a permit, and hands it on.
        drop(gives_up);
        let three = poll(third.as_mut()).unwrap();
        assert!(poll(late.as_mut()).is_none());
        drop((two, three));
        let _permit = poll(late.as_mut()).unwrap();
        assert!(poll(pin!(pool.slow_permit())).is_some());
    }

    #[test]
    fn one_who_is_forgotten_takes_one_permit_and_not_the_line() {
        let pool = Pool::builder().core_threads(1).max_threads(3).build().unwrap();
        let [mut first, mut second, mut forgotten, mut third] =
            [(); 4].map(|()| Box::pin(pool.slow_permit()));
        let (one, two) = (poll(first.as_mut()).unwrap(), poll(second.as_mut()).unwrap());
        assert!(poll(forgotten.as_mut()).is_none() && poll(third.as_mut()).is_none());
        std::mem::forget(forgotten);
        drop(one);
        assert!(poll(third.as_mut()).is_none());
        drop(two);
        assert!(poll(third.as_mut()).is_some());
    }

    /// If all others were moved whenever the first one leaves, this would take half an hour.
    #[test]
    fn a_long_line_is_left_in_moments_and_gives_its_memory_back() {
        const LONG: u64 = 1_000_000;
        let line = SlowLine::new(0);
        for _ in 0..2 * LONG {
            assert!(!line.ask(&mut None, Waker::noop().clone()).0);
        }
        assert!((0..LONG).all(|_| line.give_back().is_some()));
        assert!(line.leave(LONG - 1).1.is_some(), "it had a permit");
        for number in LONG + 1..2 * LONG {
            assert!(line.leave(number).0.is_some());
        }
        assert!(line.give_back().is_none());
        let list = line.0.lock();
        assert!(list.free == 1 && list.waiting.capacity() == 0);
    }
}
