//! The thread that cancels tokens whose deadline has come. One for the process, and only while there is a deadline to
//! watch.
//!
//! Tokens are listed by deadline and taken off when they are dropped, so that a million deadlines that were met leave
//! nothing behind. The thread says until when it sleeps (`wakes_at`), and is called only by a deadline that is earlier:
//! one job after the other, each with five seconds to go, wakes it every five seconds and not at every job.
//!
//! A child of `fork` has a list of its own, and a thread for it when there is something to watch. The one of its parent has
//! no thread there, its lock may be held by one that is not there either, and what stands on it is not the child's to
//! cancel: a hook would shut down a socket that the parent is using. So it is left alone, also by the tokens that stand
//! on it.
//!
//! If no thread can be started, deadlines are still seen by whoever looks: a worker before it runs the job, a poll, the
//! token's `is_cancelled`. Under loom there is no thread; time is not modelled.

use std::collections::BTreeMap;
use std::sync::{Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use crate::cancel::WeakToken;
use crate::contain;
use crate::fork;

struct Watch {
    list: Mutex<List>,
    bell: Condvar,
    /// See [`fork`].
    born: u32,
    /// What a fork of the process in which this was made has instead.
    in_fork: OnceLock<Box<Watch>>,
}

struct List {
    /// By time, then by number.
    due: BTreeMap<(Instant, u64), WeakToken>,
    next: u64,
    /// Until when the thread sleeps; `None` if there is no thread.
    wakes_at: Option<Instant>,
}

/// How long the thread stays with nothing to watch.
const KEEP_ALIVE: Duration = Duration::from_secs(2);

/// The place of a token on the list; dropping it takes the token off.
pub(crate) struct Watched {
    on: &'static Watch,
    place: (Instant, u64),
}

/// Cancels `token` at `deadline`.
pub(crate) fn watch(deadline: Instant, token: WeakToken) -> Watched {
    let on = Watch::of_this_process();
    let mut list = on.lock();
    let place = (deadline, list.next);
    list.next += 1;
    list.due.insert(place, token);
    match list.wakes_at {
        Some(then) if deadline < then => on.bell.notify_one(),
        Some(_) => {}
        None if cfg!(loom) => {}
        None => {
            list.wakes_at = Some(Instant::now());
            let thread = std::thread::Builder::new().name("sideline-deadlines".to_owned()).spawn(|| run(on));
            if thread.is_err() {
                // The next deadline tries again.
                list.wakes_at = None;
            }
        }
    }
    Watched { on, place }
}

impl Drop for Watched {
    fn drop(&mut self) {
        if !fork::is_child_of(self.on.born) {
            let gone = self.on.lock().due.remove(&self.place);
            drop(gone);
        }
    }
}

fn run(watch: &Watch) {
    let mut list = watch.lock();
    let mut idle_since = Instant::now();
    loop {
        let now = Instant::now();
        let first = list.due.first_key_value().map(|(&(when, _), _)| when);
        let until = match first {
            Some(when) if when <= now => {
                let due = list.due.pop_first();
                drop(list);
                // Hooks and wakers of the user's run in here. Their panics are contained where they are called; one that
                // is not must not end the watch over all other deadlines.
                if let Some((_, token)) = due {
                    let _ = contain::contain(|| token.cancel()).map_err(contain::message_and_discard);
                }
                list = watch.lock();
                idle_since = now;
                continue;
            }
            Some(when) => {
                idle_since = now;
                when
            }
            None if now >= idle_since + KEEP_ALIVE => {
                list.wakes_at = None;
                return;
            }
            None => idle_since + KEEP_ALIVE,
        };
        list.wakes_at = Some(until);
        list = watch.wait(list, until - now);
    }
}

impl Watch {
    fn new() -> Self {
        let list = List { due: BTreeMap::new(), next: 0, wakes_at: None };
        Self { list: Mutex::new(list), bell: Condvar::new(), born: fork::note(), in_fork: OnceLock::new() }
    }

    fn of_this_process() -> &'static Self {
        static FIRST: OnceLock<Watch> = OnceLock::new();
        let mut watch = FIRST.get_or_init(Self::new);
        while fork::is_child_of(watch.born) {
            watch = watch.in_fork.get_or_init(|| Box::new(Self::new()));
        }
        watch
    }

    fn lock(&self) -> MutexGuard<'_, List> {
        self.list.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait<'a>(&self, list: MutexGuard<'a, List>, timeout: Duration) -> MutexGuard<'a, List> {
        self.bell.wait_timeout(list, timeout).unwrap_or_else(PoisonError::into_inner).0
    }
}
