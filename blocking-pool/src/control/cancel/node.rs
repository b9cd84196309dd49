//! Cancellation of closures that are already running: asked for by a token, carried out by hooks.
//!
//! A token is a node of a tree: cancelling it cancels those below. Its *hooks* say what to do about it (interrupt a
//! query, shut a socket down). The promise is about time: **a hook never runs after its guard is gone, nor after the
//! job it was registered in has ended**, because then it would hit whoever uses that connection next.
//!
//! | hook is    | in                     | left by                                                                  |
//! |------------|------------------------|--------------------------------------------------------------------------|
//! | registered | `hooks`                | `cancel`: takes it out and runs it; its guard's drop, or the job's end: takes it out |
//! | running    | `running`, with thread | itself, when it returns or panics                                        |
//! | gone       |                        |                                                                          |
//!
//! Everything in the table moves under the node's lock, and hooks run outside it: on the thread that cancels, or at
//! once on the thread that registers if the token is cancelled already. Taking a hook out and entering it among the
//! running is one step. The bad interleaving is what happens otherwise: the canceller takes the hook out; the guard
//! is dropped, finds nothing to remove, and its connection goes back to the pool of connections; the canceller
//! interrupts it there. So a guard that finds its hook running on another thread waits until it has returned, and a
//! job that ends does the same for all hooks of its token. On the hook's own thread (it drops its own guard) there is
//! nothing to wait for. A hook must therefore not wait for the job it belongs to.
//!
//! A node below is one more entry, which is never among the running ones. What runs down there belongs to others, who wait for it
//! themselves; and it may in turn wait for the job whose token stands above.
//!
//! Once a job has ended its token is *over*: no hook can be registered on it any more, and the job's handle does not
//! cancel it. What was made below it stays: a job may leave others behind that it has spawned with its own token, and
//! those belong to whoever cancels from above, and to the deadline, as before. A job that still waits in a queue is
//! one more entry of its node: cancelling takes it out of the queue.
//!
//! A task that waits for the cancellation is one more entry: its waker. None of the above concerns it. It touches nothing of the
//! job's, so nobody waits until it has returned, and it stays when the job has ended. A poll puts it there under the lock, and
//! only if the token is not cancelled by then. Otherwise the canceller, who sets the flag before it takes the entries out,
//! might have come before, and would not have found it. (Model: `cancel_against_waiting`, twin `waiting-looks-under-the-lock`.)
//!
//! In a child of `fork` a node has a list of its own: see `place.rs`.
//!
//! Models: `cancel_against_guard_drop` (twin `guard-waits`), `cancel_against_end_of_job` (twin `end-waits`),
//! `cancel_against_start`.

mod job;
mod place;
mod tree;

use std::sync::atomic::{AtomicU64 as PlainU64, Ordering as PlainOrdering};
use std::sync::{Arc, OnceLock, Weak};
use std::task::{Context, Poll, Waker};
use std::time::Instant;

use crate::control::deadlines::{self, Watched};
use crate::control::line::Line;
use crate::job::Watch;
use crate::sync::atomic::{AtomicBool, Ordering};
use crate::sync::left_out;
use crate::sync::thread::{self, ThreadId};
use crate::sys::lock::MutexGuard;
use crate::user_code::contain;
use crate::user_code::report::{self, Report};

use place::Place;
pub(crate) use tree::WeakToken;

pub(super) struct Node {
    cancelled: AtomicBool,
    pub(super) deadline: Option<Instant>,
    /// Kept alive by this node, which the parent has among its hooks, weakly, under this key.
    parent: Option<(Arc<Node>, u64)>,
    /// Who is told of panics in hooks; `None`: stderr.
    pub(super) on_report: Option<report::Hook>,
    /// Set if its own deadline is among those that are watched; dropping this ends that.
    watched: OnceLock<Watched>,
    place: Place,
}

#[derive(Default)]
struct List {
    /// The job that this is the token of, while it waits to be run.
    queued: Option<Watch>,
    hooks: Line<Hook>,
    /// The keys of hooks that are running, and where.
    running: Vec<(u64, ThreadId)>,
    /// How many threads wait for hooks that are running.
    waiting: usize,
    /// The job has ended.
    over: bool,
}

/// What is to be done when the node is cancelled.
enum Hook {
    /// Call what a closure has registered.
    User(Box<dyn FnOnce() + Send>),
    /// Cancel a node right below.
    Child(Weak<Node>),
    /// Wake a task that waits for the cancellation.
    Task(Waker),
}

impl Node {
    fn lock(&self) -> MutexGuard<'_, List> {
        self.place.here().lock()
    }

    pub(super) fn is_cancelled(&self) -> bool {
        // Acquire: whoever sees it sees what the canceller did before. (Model: `who_sees_a_cancellation_sees_what_came_before`.)
        self.cancelled.load(Ordering::Acquire)
            || self.deadline.is_some_and(|deadline| Instant::now() >= deadline)
    }

    /// The flag alone, for one who has the lock under which it is set: it stays as it is.
    fn is_cancelled_under_lock(&self) -> bool {
        // Relaxed: the lock has shown what there is to be seen.
        self.cancelled.load(Ordering::Relaxed)
    }

    /// Somebody is about to wait until it is cancelled.
    pub(super) fn will_be_waited_for(&self) {
        if self.deadline.is_some() {
            deadlines::will_be_waited_for(self.on_report.as_ref());
        }
    }

    /// Takes the first hook out. If it is a closure, it is among the running ones from now on.
    fn next_hook(&self) -> Option<(u64, Hook)> {
        let mut list = self.lock();
        let (key, hook) = list.hooks.take_first()?;
        if matches!(hook, Hook::User(_)) {
            list.running.push((key, thread::current().id()));
        }
        Some((key, hook))
    }

    /// Keeps a hook until the node is cancelled; calls it at once if it is already. Returns the key to take it back by.
    pub(super) fn register(&self, hook: Box<dyn FnOnce() + Send>) -> u64 {
        self.will_be_waited_for();
        let key = next_key();
        let is_late = self.is_cancelled();
        if is_late {
            // Perhaps by its deadline, and then nobody has run the other hooks yet.
            self.cancel();
        }
        let mut list = self.lock();
        if list.over {
            drop(list);
            self.discard(hook);
        } else if self.is_cancelled_under_lock() {
            list.running.push((key, thread::current().id()));
            drop(list);
            self.call(hook);
            self.has_run(key);
        } else {
            list.hooks.join(key, Hook::User(hook));
        }
        key
    }

    fn call(&self, hook: Box<dyn FnOnce() + Send>) {
        if let Err(payload) = contain::contain(hook) {
            self.tell(contain::message_and_discard(payload));
        }
    }

    /// A hook has returned.
    fn has_run(&self, key: u64) {
        let mut list = self.lock();
        list.running.retain(|&(running, _)| running != key);
        if list.waiting > 0 {
            self.place.here().bell.notify_all();
        }
    }

    /// Takes a hook back. Afterwards it does not run, and is not running on any other thread.
    pub(super) fn unregister(&self, key: u64) {
        let mut list = self.lock();
        if let Some(hook) = list.hooks.take(key) {
            drop(list);
            self.discard(hook);
        } else if !left_out("guard-waits") {
            self.wait_for_hooks(list, |running| running == key);
        }
    }

    /// Whether it is cancelled, asked by a task, which has a key of its own. The last waker under that key is woken.
    pub(super) fn poll_cancelled(&self, key: u64, cx: &mut Context<'_>) -> Poll<()> {
        let early = left_out("waiting-looks-under-the-lock");
        if self.is_cancelled() {
            return Poll::Ready(());
        }
        self.will_be_waited_for();
        // Not under the lock: to clone a waker runs foreign code, and so does the drop of the one before.
        let waker = cx.waker().clone();
        let mut list = self.lock();
        if self.is_cancelled_under_lock() && !early {
            drop(list);
            return Poll::Ready(());
        }
        let before = match list.hooks.get_mut(key) {
            Some(place) => Some(std::mem::replace(place, Hook::Task(waker))),
            None => {
                list.hooks.join(key, Hook::Task(waker));
                None
            }
        };
        drop(list);
        self.discard(before);
        Poll::Pending
    }

    /// The task does not wait any more.
    pub(super) fn forget(&self, key: u64) {
        let waker = self.lock().hooks.take(key);
        self.discard(waker);
    }

    /// Waits until none of `which` is running on another thread.
    fn wait_for_hooks(&self, mut list: MutexGuard<'_, List>, which: impl Fn(u64) -> bool) {
        while list.running.iter().any(|&(key, on)| which(key) && on != thread::current().id()) {
            list.waiting += 1;
            list = self.place.here().bell.wait(list);
            list.waiting -= 1;
        }
    }

    fn wake(&self, waker: Waker) {
        if let Err(payload) = contain::contain(|| waker.wake()) {
            self.tell(contain::message_and_discard(payload));
        }
    }

    fn discard<T>(&self, hook: T) {
        if let Err(message) = contain::discard(hook) {
            self.tell(message);
        }
    }

    fn tell(&self, message: String) {
        report::tell(self.on_report.as_ref(), &Report::HookPanicked { hook: "on_cancel", message });
    }
}

/// Keys are unique in the process, and those of one node in the order of registration.
pub(super) fn next_key() -> u64 {
    // std's atomic even under loom: nothing is decided by it.
    static NEXT: PlainU64 = PlainU64::new(0);
    NEXT.fetch_add(1, PlainOrdering::Relaxed)
}
