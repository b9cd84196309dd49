//! The thread that cancels tokens whose deadline has come. One for the process, and only while there is a deadline to
//! watch.
//!
//! Tokens are listed by deadline, in a heap. One that is dropped stays on the list until it is at the top, or until half of
//! the list is such; so a million deadlines that were met leave nothing behind.
//!
//! The thread says until when it sleeps (`wakes_at`), and is called only by a deadline that is earlier. So one job
//! after the other, each with five seconds to go, wakes it every five seconds and not at every job.
//!
//! A child of `fork` has a list of its own, and a thread for it when there is something to watch. The one of its parent has
//! no thread there, its lock may be held by one that is not there either, and what stands on it is not the child's to
//! cancel: a hook would shut down a socket that the parent is using. So it is left alone, also by the tokens that stand
//! on it.
//!
//! If no thread can be started, that is reported, and deadlines are still seen by whoever looks: a worker before it runs the job, a
//! poll, the token's `is_cancelled`. The next deadline tries again, and so does whoever is about to wait for one, with a hook or in a poll:
//! once it waits, nobody else would. Under loom there is no thread; time is not modelled.

use std::cmp::Ordering;
use std::collections::BinaryHeap;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::cancel::WeakToken;
use crate::sys::fork::{self, PerProcess};
use crate::sys::refusal::Refusal;
use crate::user_code::contain;
use crate::user_code::report::{self, Report};

struct Watch {
    list: Mutex<List>,
    bell: Condvar,
    /// See [`fork`].
    born: u32,
    /// The system has refused the thread when it was last asked for one. Written under the lock.
    is_refused: AtomicBool,
}

struct List {
    due: BinaryHeap<Due>,
    next: u64,
    /// How many were dropped since those were last swept out, about.
    dropped: usize,
    /// Until when the thread sleeps; `None` if there is no thread.
    wakes_at: Option<Instant>,
}

/// A token on the list. The greatest, which a heap has on top, is the one with the earliest deadline, of equal ones the
/// first that was listed.
struct Due {
    when: Instant,
    number: u64,
    token: WeakToken,
}

/// Dropped tokens that are let be, however few there are beside them.
const FEW: usize = 64;

/// How long the thread stays with nothing to watch.
const KEEP_ALIVE: Duration = Duration::from_secs(2);

/// That a token is on the list; to be dropped with it, when nobody can have it any more.
pub(crate) struct Watched {
    on: &'static Watch,
}

/// Cancels `token` at `deadline`. `on_report` is told if there is no thread for that.
pub(crate) fn watch(deadline: Instant, token: WeakToken, on_report: Option<&report::Hook>) -> Watched {
    let on = Watch::of_this_process();
    let mut list = on.lock();
    let number = list.next;
    list.next += 1;
    list.due.push(Due { when: deadline, number, token });
    match list.wakes_at {
        Some(then) if deadline < then => on.bell.notify_one(),
        Some(_) => {}
        None => on.start(list, on_report),
    }
    Watched { on }
}

/// By whoever is about to wait for a deadline that is watched: if there is no thread, it is tried again.
pub(crate) fn will_be_waited_for(on_report: Option<&report::Hook>) {
    let on = Watch::of_this_process();
    // Relaxed: whoever has made the token has written it, or somebody else has since.
    if on.is_refused.load(Relaxed) {
        let list = on.lock();
        if list.wakes_at.is_none() {
            on.start(list, on_report);
        }
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        if !fork::is_child_of(self.on.born) {
            self.on.lock().note_dropped();
        }
    }
}

fn run(watch: &Watch) {
    let mut list = watch.lock();
    let mut idle_since = Instant::now();
    loop {
        let now = Instant::now();
        let first = list.first();
        let until = match first {
            Some(when) if when <= now => {
                let due = list.due.pop();
                drop(list);
                // Hooks and wakers of the user's run in here. Their panics are contained where they are called; one that
                // is not must not end the watch over all other deadlines.
                if let Some(Due { token, .. }) = due {
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

impl List {
    /// The earliest deadline that somebody still has.
    fn first(&mut self) -> Option<Instant> {
        while self.due.peek().is_some_and(|first| !first.token.is_alive()) {
            self.due.pop();
        }
        self.due.peek().map(|first| first.when)
    }

    fn note_dropped(&mut self) {
        self.dropped += 1;
        if self.dropped > FEW && self.dropped > self.due.len() / 2 {
            // All that a dead token drops is its memory.
            self.due.retain(|due| due.token.is_alive());
            self.due.shrink_to(4 * FEW);
            self.dropped = 0;
        }
    }
}

impl Ord for Due {
    fn cmp(&self, other: &Self) -> Ordering {
        other.when.cmp(&self.when).then(other.number.cmp(&self.number))
    }
}

impl PartialOrd for Due {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Due {
    fn eq(&self, other: &Self) -> bool {
        self.number == other.number
    }
}

impl Eq for Due {}

impl Watch {
    fn new() -> Self {
        let list = List { due: BinaryHeap::new(), next: 0, dropped: 0, wakes_at: None };
        Self {
            list: Mutex::new(list),
            bell: Condvar::new(),
            born: fork::note(),
            is_refused: AtomicBool::new(false),
        }
    }

    fn of_this_process() -> &'static Self {
        static WATCH: PerProcess<Watch> = PerProcess::new();
        WATCH.get_or_init(|_| Self::new())
    }

    /// Starts the thread. The first of several refusals in a row is reported.
    #[inline(never)]
    fn start(&'static self, mut list: MutexGuard<'_, List>, on_report: Option<&report::Hook>) {
        if cfg!(loom) {
            return;
        }
        list.wakes_at = Some(Instant::now());
        let body: Box<dyn FnOnce() + Send> = Box::new(|| run(self));
        let thread = std::thread::Builder::new().name("sideline-deadlines".to_owned()).spawn(body);
        let refusal = thread.map_err(Refusal::of).err();
        if refusal.is_some() {
            list.wakes_at = None;
        }
        let was_refused = self.is_refused.swap(refusal.is_some(), Relaxed);
        drop(list);
        if let Some(why) = refusal.filter(|_| !was_refused) {
            report::tell(on_report, &Report::DeadlinesNotWatched { error: why.error() });
        }
    }

    fn lock(&self) -> MutexGuard<'_, List> {
        self.list.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait<'a>(&self, list: MutexGuard<'a, List>, timeout: Duration) -> MutexGuard<'a, List> {
        self.bell.wait_timeout(list, timeout).unwrap_or_else(PoisonError::into_inner).0
    }
}
