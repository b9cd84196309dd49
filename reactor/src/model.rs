//! A stand-in for what loom cannot run: the kernel.
//!
//! It is a flag with a condition variable: a wakeup sets it, a wait takes it. It reports no events, since
//! sources are not really registered. A wait with a limit ends at once if the flag is not up, as if the time had
//! passed; a wait without one ends only by a wakeup, so a lost wake shows as a deadlock.

use crate::errors::KernelError;
use crate::lock::Mutex;
use crate::ready::Report;
use crate::wait::Wait;
use loom::sync::atomic::{AtomicU32, Ordering};
use loom::sync::{Arc, Condvar};
use mio::event::Source;
use mio::{Interest, Token};
use std::io;
use std::ops::Deref;
use std::time::Duration;

struct Kernel {
    woken: Mutex<bool>,
    changed: Condvar,
}

pub(crate) fn open() -> io::Result<(Selector, Registry, Wakeup)> {
    let kernel = Arc::new(Kernel { woken: Mutex::new(false), changed: Condvar::new() });
    Ok((Selector(kernel.clone()), Registry, Wakeup(kernel)))
}

pub(crate) struct Selector(Arc<Kernel>);

impl Selector {
    pub(crate) fn wait(&mut self, wait: Wait) -> Result<(), KernelError> {
        let mut woken = self.0.woken.lock();
        while wait == Wait::Forever && !*woken {
            woken = self.0.changed.wait(woken).expect("no model panics with a lock held");
        }
        let ended_by_time = !*woken;
        *woken = false;
        drop(woken);
        if ended_by_time {
            // Somebody else has to get on, or a loop of such waits would never end.
            loom::thread::yield_now();
        }
        Ok(())
    }

    pub(crate) fn events(&self) -> impl Iterator<Item = (usize, Report)> + use<> {
        std::iter::empty()
    }
}

/// However far away, as if the time had passed.
pub(crate) fn roughly(left: Duration) -> Option<Duration> {
    Some(left)
}

pub(crate) const HAS_WORDS: bool = true;

/// A futex: who sleeps compares under the lock that who wakes takes.
pub(crate) struct Word {
    value: AtomicU32,
    sleepers: Mutex<()>,
    changed: Condvar,
}

impl Word {
    pub(crate) fn new(value: u32) -> Word {
        Word { value: AtomicU32::new(value), sleepers: Mutex::new(()), changed: Condvar::new() }
    }

    /// A swap, for loom's sake. It does not know that what is stored over a value comes after an exchange that took that value, as
    /// it must: nothing comes between an exchange and what it took. It lets a thread read its own store when it already knows of a
    /// later exchange that took that, if it learns of the earlier one late. That looks like a wake that is lost. So that each
    /// store has its place at once, it reads the one before.
    pub(crate) fn store(&self, value: u32, order: Ordering) {
        self.value.swap(value, order);
    }

    pub(crate) fn sleep_while(&self, value: u32, time: Option<Duration>) {
        let mut sleepers = self.sleepers.lock();
        while time.is_none() && self.value.load(Ordering::Relaxed) == value {
            sleepers = self.changed.wait(sleepers).expect("no model panics with a lock held");
        }
        drop(sleepers);
        if time.is_some() {
            // As in a selector's wait.
            loom::thread::yield_now();
        }
    }

    pub(crate) fn wake(&self) {
        drop(self.sleepers.lock());
        self.changed.notify_all();
    }
}

impl Deref for Word {
    type Target = AtomicU32;

    fn deref(&self) -> &AtomicU32 {
        &self.value
    }
}

pub(crate) struct Registry;

impl Registry {
    pub(crate) fn register<S>(&self, _source: &mut S, _token: Token, _interest: Interest) -> io::Result<()>
    where
        S: Source + ?Sized,
    {
        Ok(())
    }

    pub(crate) fn deregister<S: Source + ?Sized>(&self, _source: &mut S) -> io::Result<()> {
        Ok(())
    }
}

pub(crate) struct Wakeup(Arc<Kernel>);

impl Wakeup {
    pub(crate) fn wake(&self) -> io::Result<()> {
        *self.0.woken.lock() = true;
        self.0.changed.notify_one();
        Ok(())
    }
}
