//! A stand-in for what loom cannot run: the kernel.
//!
//! It is a flag with a condition variable: a wakeup sets it, a wait takes it. It reports no events, since
//! sources are not really registered. A wait with a limit ends at once if the flag is not up, as if the time had
//! passed; a wait without one ends only by a wakeup, so a lost wake shows as a deadlock.

use crate::lock::Mutex;
use crate::readiness::Report;
use crate::wait::Wait;
use loom::sync::{Arc, Condvar};
use mio::event::Source;
use mio::{Interest, Token};
use std::io;

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
    pub(crate) fn wait(&mut self, wait: Wait) -> io::Result<()> {
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

    pub(crate) fn events(&self) -> impl Iterator<Item = (Token, Report)> + use<> {
        std::iter::empty()
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
