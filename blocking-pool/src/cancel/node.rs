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
//! Once a job has ended its token is *over*: no hook can be registered on it any more, and the job's handle does not
//! cancel it. What was made below it stays: a job may leave others behind that it has spawned with its own token, and
//! those belong to whoever cancels from above, and to the deadline, as before. A job that still waits in a queue is
//! one more entry of its node: cancelling takes it out of the queue.
//!
//! Nodes may stand one below the other in any number: a job leaves the next one behind, with its own token, and so do its
//! successors. So nothing here goes down the tree, or up, by recursion.
//!
//! A task that waits for the cancellation is one more entry, its waker, which is subject to none of this: it touches nothing
//! of the job's, so nobody waits for its return, and it stays when the job has ended. A poll puts it there under the lock,
//! and only if the token is not cancelled by then; or the canceller, who sets the flag before it takes the entries, would
//! have found none. (Model: `cancel_against_waiting`, twin `waiting-looks-under-the-lock`.)
//!
//! Models: `cancel_against_guard_drop` (twin `guard-waits`), `cancel_against_end_of_job` (twin `end-waits`),
//! `cancel_against_start`.

use std::sync::atomic::{AtomicU64 as PlainU64, Ordering as PlainOrdering};
use std::sync::{Arc, OnceLock, Weak};
use std::task::{Context, Poll, Waker};
use std::time::Instant;

use super::CancelToken;
use crate::contain;
use crate::deadlines::{self, Watched};
use crate::job::Watch;
use crate::line::Line;
use crate::lock::{Condvar, Mutex, MutexGuard};
use crate::report::{self, Report};
use crate::sync::atomic::{AtomicBool, Ordering};
use crate::sync::left_out;
use crate::sync::thread::{self, ThreadId};

pub(super) struct Node {
    cancelled: AtomicBool,
    pub(super) deadline: Option<Instant>,
    /// Kept alive from below; from above it is held weakly, under this key.
    parent: Option<(Arc<Node>, u64)>,
    /// Who is told of panics in hooks; `None`: stderr.
    pub(super) on_report: Option<report::Hook>,
    /// That it is among the deadlines that are watched; dropped with it.
    watched: OnceLock<Watched>,
    list: Mutex<List>,
    /// Rung when a hook has returned and somebody waits for that.
    bell: Condvar,
}

#[derive(Default)]
struct List {
    /// The job that this is the token of, while it waits to be run.
    queued: Option<Watch>,
    hooks: Line<Hook>,
    running: Vec<(u64, ThreadId)>,
    waiting: usize,
    /// The job has ended.
    over: bool,
}

enum Hook {
    User(Box<dyn FnOnce() + Send>),
    Child(Weak<Node>),
    /// Of a task that waits.
    Task(Waker),
}

/// For the pool, whose jobs have tokens.
impl CancelToken {
    pub(crate) fn make(
        parent: Option<&CancelToken>,
        deadline: Option<Instant>,
        on_report: Option<report::Hook>,
    ) -> Self {
        let inherited = parent.and_then(|parent| parent.0.deadline);
        let earliest = [deadline, inherited].into_iter().flatten().min();
        let node = |parent| Node {
            cancelled: AtomicBool::new(false),
            deadline: earliest,
            parent,
            on_report,
            watched: OnceLock::new(),
            list: Mutex::new(List::default()),
            bell: Condvar::new(),
        };
        let token = match parent {
            None => Self(Arc::new(node(None))),
            Some(CancelToken(above)) => {
                let key = next_key();
                let below = Arc::new(node(Some((Arc::clone(above), key))));
                let mut list = above.list.lock();
                if above.cancelled.load(Ordering::Acquire) {
                    below.cancelled.store(true, Ordering::Release);
                } else {
                    list.hooks.join(key, Hook::Child(Arc::downgrade(&below)));
                }
                drop(list);
                Self(below)
            }
        };
        // An inherited deadline comes with the parent's cancellation.
        if let (Some(own), true) = (deadline, earliest != inherited) {
            let watched = deadlines::watch(own, WeakToken(Arc::downgrade(&token.0)));
            let _ = token.0.watched.set(watched);
        }
        token
    }

    /// Binds a job that is about to be queued; it is given up at once if this is cancelled already.
    pub(crate) fn bind(&self, job: Watch) {
        let mut list = self.0.list.lock();
        if !self.is_cancelled() {
            list.queued = Some(job);
            return;
        }
        drop(list);
        job.give_up();
    }

    /// The job was delivered: there is nothing left to take out of a queue.
    pub(crate) fn unbind(&self) {
        let job = self.0.list.lock().queued.take();
        drop(job);
    }

    /// By the handle of its job. Nothing if that has ended: it is not the handle that others it has left behind obey.
    pub(crate) fn cancel_job(&self) {
        if !self.0.list.lock().over {
            self.0.cancel();
        }
    }

    /// The closure has ended: no hook runs from here on.
    pub(crate) fn end_job(&self) {
        self.0.end_job();
    }
}

impl Node {
    pub(super) fn is_cancelled(&self) -> bool {
        // Acquire: whoever sees it sees what the canceller did before.
        self.cancelled.load(Ordering::Acquire)
            || self.deadline.is_some_and(|deadline| Instant::now() >= deadline)
    }

    pub(super) fn cancel(&self) -> bool {
        if !self.set_cancelled() {
            return false;
        }
        // Before any hook: one may free the very thread that would take up a job that waits below.
        self.give_up_queued();
        // Those below whose hooks are being run, each within the one before, and its key there.
        let mut within: Vec<(Arc<Self>, u64)> = Vec::new();
        loop {
            let node = within.last().map_or(self, |(node, _)| node);
            match node.next_hook() {
                Some((_, Hook::Task(waker))) => node.wake(waker),
                Some((key, Hook::User(hook))) => {
                    node.call(hook);
                    node.has_run(key);
                }
                Some((key, Hook::Child(child))) => match child.upgrade() {
                    Some(child) if child.set_cancelled() => {
                        // One that came to be after those below were looked through.
                        child.give_up();
                        within.push((child, key));
                    }
                    _ => node.has_run(key),
                },
                None => match within.pop() {
                    None => return true,
                    Some((_, key)) => within.last().map_or(self, |(node, _)| node).has_run(key),
                },
            }
        }
    }

    /// False if it was cancelled before.
    fn set_cancelled(&self) -> bool {
        // Under the lock, so that whoever registers does so before this, or sees it.
        let _list = self.list.lock();
        !self.cancelled.swap(true, Ordering::AcqRel)
    }

    /// Takes the first entry out; but for a task's it is among the running from now on.
    fn next_hook(&self) -> Option<(u64, Hook)> {
        let mut list = self.list.lock();
        let (key, hook) = list.hooks.take_first()?;
        if !matches!(hook, Hook::Task(_)) {
            list.running.push((key, thread::current().id()));
        }
        Some((key, hook))
    }

    /// Takes the jobs out of the queue that wait here and below.
    fn give_up_queued(&self) {
        self.give_up();
        let mut below = self.children();
        while let Some(node) = below.pop() {
            node.give_up();
            below.extend(node.children());
        }
    }

    /// Takes the job out of the queue that waits here.
    fn give_up(&self) {
        let job = self.list.lock().queued.take();
        if let Some(job) = job {
            job.give_up();
        }
    }

    /// Those right below, the last one first.
    fn children(&self) -> Vec<Arc<Self>> {
        let mut list = self.list.lock();
        let child = |hook: &mut Hook| match hook {
            Hook::Child(child) => child.upgrade(),
            Hook::User(_) | Hook::Task(_) => None,
        };
        let mut children: Vec<_> = list.hooks.iter_mut().filter_map(child).collect();
        children.reverse();
        children
    }

    pub(super) fn register(&self, hook: Box<dyn FnOnce() + Send>) -> u64 {
        let key = next_key();
        let is_late = self.is_cancelled();
        if is_late {
            // By its deadline, perhaps: then nobody has said so yet.
            self.cancel();
        }
        let mut list = self.list.lock();
        if list.over {
            drop(list);
            self.discard(hook);
        } else if self.cancelled.load(Ordering::Acquire) {
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

    fn has_run(&self, key: u64) {
        let mut list = self.list.lock();
        list.running.retain(|&(running, _)| running != key);
        if list.waiting > 0 {
            self.bell.notify_all();
        }
    }

    /// Takes a hook back. Afterwards it does not run, and is not running on any other thread.
    pub(super) fn unregister(&self, key: u64) {
        let mut list = self.list.lock();
        if let Some(hook) = list.hooks.take(key) {
            drop(list);
            self.discard(hook);
        } else if !left_out("guard-waits") {
            self.wait_for_hooks(list, |running| running == key);
        }
    }

    /// For a task; the last waker under this key is woken.
    pub(super) fn poll_cancelled(&self, key: u64, cx: &mut Context<'_>) -> Poll<()> {
        let early = left_out("waiting-looks-under-the-lock");
        if self.is_cancelled() {
            return Poll::Ready(());
        }
        // Foreign code, as is the drop of the one before: not under the lock.
        let waker = cx.waker().clone();
        let mut list = self.list.lock();
        if self.cancelled.load(Ordering::Acquire) && !early {
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
        let waker = self.list.lock().hooks.take(key);
        self.discard(waker);
    }

    fn end_job(&self) {
        let mut list = self.list.lock();
        list.over = true;
        let hooks = list.hooks.take_if(|hook| matches!(hook, Hook::User(_)));
        if left_out("end-waits") {
            drop(list);
        } else {
            self.wait_for_hooks(list, |_| true);
        }
        hooks.into_iter().for_each(|hook| self.discard(hook));
    }

    /// Waits until none of `which` is running on another thread.
    fn wait_for_hooks(&self, mut list: MutexGuard<'_, List>, which: impl Fn(u64) -> bool) {
        while list.running.iter().any(|&(key, on)| which(key) && on != thread::current().id()) {
            list.waiting += 1;
            list = self.bell.wait(list);
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

impl Drop for Node {
    fn drop(&mut self) {
        let mut above = self.parent.take();
        while let Some((parent, key)) = above {
            let gone = parent.list.lock().hooks.take(key);
            drop(gone);
            above = Arc::into_inner(parent).and_then(|mut parent| parent.parent.take());
        }
    }
}

/// A node as the watch over deadlines knows it.
pub(crate) struct WeakToken(Weak<Node>);

impl WeakToken {
    /// False once the last token of the node has been dropped.
    pub(crate) fn is_alive(&self) -> bool {
        self.0.strong_count() > 0
    }

    /// Its deadline has passed.
    pub(crate) fn cancel(&self) {
        if let Some(node) = self.0.upgrade() {
            node.cancel();
        }
    }
}

/// Keys are unique in the process, and those of one node in the order of registration.
pub(super) fn next_key() -> u64 {
    // std's atomic even under loom: nothing is decided by it.
    static NEXT: PlainU64 = PlainU64::new(0);
    NEXT.fetch_add(1, PlainOrdering::Relaxed)
}
