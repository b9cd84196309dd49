//! A reactor that stays on its thread.

use crate::clock::Clock;
use crate::errors::KernelError;
use crate::home::Home;
use crate::known::KnownWakers;
use crate::reactor::Reactor;
use std::io;
use std::marker::PhantomData;
use std::ops::Deref;
use std::sync::atomic::AtomicU32;
use std::task::RawWakerVTable;
use std::time::Duration;

/// A [`Reactor`] that never leaves the thread it was made on. Timers that are armed on this thread take no lock.
///
/// Everything else is as with a [`Reactor`]: its [`Handle`](crate::Handle)s and timers may be used on any thread.
///
/// # Example
/// ```
/// use sideline_reactor::{Clock, LocalReactor, Timer};
/// use std::task::{Context, Waker};
/// use std::time::Duration;
///
/// let mut reactor = LocalReactor::new(Clock::real())?;
/// let mut timer = Timer::after(reactor.handle(), Duration::from_millis(5));
/// let mut cx = Context::from_waker(Waker::noop());
/// while timer.poll(&mut cx).is_pending() {
///     reactor.turn(None, || false)?;
/// }
/// # std::io::Result::Ok(())
/// ```
///
/// ```compile_fail
/// let reactor = sideline_reactor::LocalReactor::new(sideline_reactor::Clock::real()).unwrap();
/// std::thread::spawn(move || drop(reactor));
/// ```
#[derive(Debug)]
pub struct LocalReactor {
    /// Not to be given out by `&mut`, which would let it be exchanged for another thread's.
    reactor: Reactor,
    stays: PhantomData<*const ()>,
}

impl LocalReactor {
    /// As [`Reactor::new`].
    ///
    /// # Errors
    /// As there.
    pub fn new(clock: Clock) -> io::Result<LocalReactor> {
        LocalReactor::with(clock, KnownWakers::default())
    }

    /// As [`Reactor::with_known_wakers`]. Timers profit from them, too: the waker of one that is cancelled serves the next.
    ///
    /// # Errors
    /// As there.
    pub fn with_known_wakers(clock: Clock, vtable: &'static RawWakerVTable) -> io::Result<LocalReactor> {
        LocalReactor::with(clock, KnownWakers::new(vtable))
    }

    /// As [`with_known_wakers`](Self::with_known_wakers), but it opens no descriptor before it needs one: for the first source, or for a
    /// sleep that has to end to the microsecond. If there is none then, who registers a source gets the error, and a sleep ends
    /// as a thread's sleep does.
    ///
    /// Not for a loop inside another one: its descriptor, and [`stand_by`](Reactor::stand_by), panic before the first source.
    ///
    /// # Errors
    /// As [`with_known_wakers`](Self::with_known_wakers), where a thread cannot sleep without the event queue: everywhere but on
    /// 64-bit Linux.
    pub fn lazy(clock: Clock, vtable: &'static RawWakerVTable) -> io::Result<LocalReactor> {
        let reactor = Reactor::lazy(clock, KnownWakers::new(vtable), Home::this_thread())?;
        Ok(LocalReactor { reactor, stays: PhantomData })
    }

    fn with(clock: Clock, known: KnownWakers) -> io::Result<LocalReactor> {
        let reactor = Reactor::with(clock, known, Home::this_thread())?;
        Ok(LocalReactor { reactor, stays: PhantomData })
    }

    /// As [`Reactor::turn`].
    ///
    /// # Errors
    /// As there.
    pub fn turn(&mut self, max_wait: Option<Duration>, has_work: impl FnOnce() -> bool) -> io::Result<()> {
        self.reactor.turn(max_wait, has_work)
    }

    /// As [`Reactor::turn_telling`].
    ///
    /// # Errors
    /// As there.
    pub fn turn_telling(
        &mut self,
        max_wait: Option<Duration>,
        has_work: impl FnOnce() -> bool,
        awake: impl FnOnce(),
    ) -> Result<(), KernelError> {
        self.reactor.turn_telling(max_wait, has_work, awake)
    }

    /// As [`Reactor::count_forks`].
    ///
    /// # Panics
    /// As there.
    pub fn count_forks(&mut self, forks: &'static AtomicU32) {
        self.reactor.count_forks(forks);
    }

    /// As [`Reactor::set_timer_slack`].
    #[inline]
    pub fn set_timer_slack(&mut self, slack: Duration) {
        self.reactor.set_timer_slack(slack);
    }

    /// As [`Reactor::fire_timers`].
    pub fn fire_timers(&mut self) -> usize {
        self.reactor.fire_timers()
    }
}

impl Deref for LocalReactor {
    type Target = Reactor;

    fn deref(&self) -> &Reactor {
        &self.reactor
    }
}
