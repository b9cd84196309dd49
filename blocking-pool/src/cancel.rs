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
//! Models: `cancel_against_guard_drop` (twin `guard-waits`), `cancel_against_end_of_job` (twin `end-waits`),
//! `cancel_against_start`.

use std::collections::BTreeMap;
use std::error::Error;
use std::fmt;
use std::io;
use std::marker::PhantomData;
use std::sync::atomic::{AtomicU64 as PlainU64, Ordering as PlainOrdering};
use std::sync::{Arc, OnceLock, Weak};
use std::time::{Duration, Instant};

use crate::contain;
use crate::deadlines::{self, Watched};
use crate::job::Watch;
use crate::report::{self, Report};
use crate::sync::atomic::{AtomicBool, Ordering};
use crate::sync::thread::{self, ThreadId};
use crate::sync::{Condvar, Mutex, MutexGuard, left_out};

/// Tells a running closure that its result is not wanted any more, or that its time is up.
///
/// A closure that asked for one ([`JobBuilder::cancellable`](crate::JobBuilder::cancellable)) gets a token of its
/// own, which [`JoinHandle::abort`](crate::JoinHandle::abort) and the job's deadline cancel. Tokens also stand by
/// themselves: one token can cancel many jobs ([`JobBuilder::cancel_with`](crate::JobBuilder::cancel_with)).
///
/// Clones are the same token; a [`child`](Self::child) is cancelled with its parent, not the other way round. Nothing
/// is stopped by force: a closure has to look, or to register a hook that ends what it is blocked in. Dropping a token
/// cancels nothing.
///
/// ```
/// use sideline_blocking_pool::{CancelToken, Pool};
/// use std::{thread, time::Duration};
///
/// # mod bare { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/common/block_on.rs")); }
/// # use bare::block_on;
/// let all = CancelToken::new();
/// let job = Pool::global().job().cancel_with(&all).cancellable().spawn(|token| {
///     let mut steps = 0;
///     while !token.is_cancelled() {
///         steps += 1; // a piece of work
///     }
///     steps
/// });
/// all.cancel();
/// # let _: Result<u64, _> = block_on(job); // Ok(steps), or cancelled before it started
/// ```
#[derive(Clone)]
pub struct CancelToken(Arc<Node>);

struct Node {
    cancelled: AtomicBool,
    deadline: Option<Instant>,
    /// Kept alive from below; from above it is held weakly, under this key.
    parent: Option<(Arc<Node>, u64)>,
    /// Who is told of panics in hooks; `None`: stderr.
    on_report: Option<report::Hook>,
    /// Its place among the deadlines that are watched; dropped with it.
    watched: OnceLock<Watched>,
    list: Mutex<List>,
    /// Rung when a hook has returned and somebody waits for that.
    bell: Condvar,
}

#[derive(Default)]
struct List {
    /// The job that this is the token of, while it waits to be run.
    queued: Option<Watch>,
    hooks: BTreeMap<u64, Hook>,
    running: Vec<(u64, ThreadId)>,
    waiting: usize,
    /// The job has ended.
    over: bool,
}

enum Hook {
    User(Box<dyn FnOnce() + Send>),
    Child(Weak<Node>),
}

/// The guard of a hook: while it lives, the hook may run. See [`CancelToken::on_cancel`].
///
/// **Dropping** it takes the hook back. If the hook is running on another thread at that moment, the drop waits until
/// it has returned.
#[must_use = "the hook is taken back when its guard is dropped"]
pub struct OnCancel<'token> {
    node: Arc<Node>,
    key: u64,
    /// A guard stays within the closure that was lent the token.
    token: PhantomData<&'token CancelToken>,
}

impl CancelToken {
    /// A token by itself.
    pub fn new() -> Self {
        Self::make(None, None, None)
    }

    /// A token that counts as cancelled from `deadline` on. Its hooks run then, on a thread that watches deadlines and
    /// exists only while there are some.
    ///
    /// ```
    /// use sideline_blocking_pool::CancelToken;
    /// use std::time::{Duration, Instant};
    ///
    /// let soon = CancelToken::with_deadline(Instant::now() + Duration::from_millis(1));
    /// let (sender, receiver) = std::sync::mpsc::channel();
    /// let _hook = soon.on_cancel(move || sender.send("time is up").unwrap());
    /// assert_eq!(receiver.recv().unwrap(), "time is up");
    /// assert!(soon.is_cancelled() && soon.remaining() == Some(Duration::ZERO));
    /// ```
    pub fn with_deadline(deadline: Instant) -> Self {
        Self::make(None, Some(deadline), None)
    }

    /// A token that is cancelled with this one, and can be cancelled without it.
    pub fn child(&self) -> Self {
        Self::make(Some(self), None, self.0.on_report.clone())
    }

    /// A [`child`](Self::child) with a deadline of its own; the earlier one counts.
    pub fn child_with_deadline(&self, deadline: Instant) -> Self {
        Self::make(Some(self), Some(deadline), self.0.on_report.clone())
    }

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
                    list.hooks.insert(key, Hook::Child(Arc::downgrade(&below)));
                }
                drop(list);
                Self(below)
            }
        };
        // An inherited deadline comes with the parent's cancellation.
        if let (Some(own), true) = (deadline, earliest != inherited) {
            let place = deadlines::watch(own, WeakToken(Arc::downgrade(&token.0)));
            let _ = token.0.watched.set(place);
        }
        token
    }

    /// Cancels it and all its children, and runs their hooks, here, in the order in which they were registered. True
    /// if it was not cancelled before; otherwise nothing happens, and the hooks may still be running elsewhere.
    ///
    /// A panic in a hook is reported ([`Builder::on_report`](crate::Builder::on_report) for tokens of jobs, stderr for
    /// others), and the other hooks run.
    pub fn cancel(&self) -> bool {
        self.0.cancel()
    }

    /// True once it has been cancelled, or its deadline has passed. A load, and if there is a deadline a look at the
    /// clock.
    pub fn is_cancelled(&self) -> bool {
        self.0.is_cancelled()
    }

    /// The same, for `?`.
    ///
    /// # Errors
    /// [`Cancelled`], which turns into an [`io::Error`] where one is needed.
    ///
    /// ```
    /// use sideline_blocking_pool::CancelToken;
    ///
    /// fn sum(numbers: &[u64], token: &CancelToken) -> std::io::Result<u64> {
    ///     numbers.iter().try_fold(0, |sum, n| { token.check()?; Ok(sum + n) })
    /// }
    /// let token = CancelToken::new();
    /// assert_eq!(sum(&[1, 2], &token).unwrap(), 3);
    /// token.cancel();
    /// assert!(sum(&[1, 2], &token).is_err());
    /// ```
    pub fn check(&self) -> Result<(), Cancelled> {
        if self.is_cancelled() { Err(Cancelled(())) } else { Ok(()) }
    }

    /// When it cancels itself, if ever: its own deadline or an ancestor's.
    pub fn deadline(&self) -> Option<Instant> {
        self.0.deadline
    }

    /// How long until then; zero if that has passed. `None`: it has no deadline. Good for the timeouts that blocking
    /// calls take.
    pub fn remaining(&self) -> Option<Duration> {
        self.0.deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()))
    }

    /// Registers what is to be done when it is cancelled: end what the closure is blocked in.
    ///
    /// The hook runs at most once, on the thread that cancels (of a runtime, that may be the loop: be quick), under no
    /// lock of ours; if it is cancelled already, here and now. It never runs after the guard is gone, and never after
    /// the job has ended whose token this is: both wait for a hook that is running. So it may use what the closure
    /// owns, and must not wait for the closure.
    ///
    /// ```
    /// use sideline_blocking_pool::Pool;
    /// use std::io::Read;
    /// use std::net::{Shutdown, TcpListener, TcpStream};
    ///
    /// # mod bare { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/common/block_on.rs")); }
    /// # use bare::block_on;
    /// let silent = TcpListener::bind("127.0.0.1:0")?; // never says a word
    /// let mut socket = TcpStream::connect(silent.local_addr()?)?;
    /// let (start, started) = std::sync::mpsc::channel();
    /// let job = Pool::global().job().cancellable().spawn(move |token| {
    ///     let other = socket.try_clone()?;
    ///     let _hook = token.on_cancel(move || _ = other.shutdown(Shutdown::Both));
    ///     start.send(()).unwrap();
    ///     socket.read(&mut [0; 16]) // blocks until somebody speaks, or cancels
    /// });
    /// started.recv()?;
    /// job.abort();
    /// assert_eq!(block_on(job)??, 0);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn on_cancel(&self, hook: impl FnOnce() + Send + 'static) -> OnCancel<'_> {
        let key = self.0.register(Box::new(hook));
        OnCancel { node: Arc::clone(&self.0), key, token: PhantomData }
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
    fn is_cancelled(&self) -> bool {
        // Acquire: whoever sees it sees what the canceller did before.
        self.cancelled.load(Ordering::Acquire)
            || self.deadline.is_some_and(|deadline| Instant::now() >= deadline)
    }

    pub(crate) fn cancel(&self) -> bool {
        let mut list = self.list.lock();
        // Under the lock, so that whoever registers does so before this, or sees it.
        if self.cancelled.swap(true, Ordering::AcqRel) {
            return false;
        }
        drop(list);
        // Before any hook: one may free the very thread that would take up a job that waits below.
        self.give_up_queued();
        list = self.list.lock();
        while let Some((key, hook)) = list.hooks.pop_first() {
            list.running.push((key, thread::current().id()));
            drop(list);
            self.run(hook);
            list = self.list.lock();
            self.has_run(&mut list, key);
        }
        true
    }

    /// Takes the jobs out of the queue that wait here and below.
    fn give_up_queued(&self) {
        let (job, below) = {
            let mut list = self.list.lock();
            let below = |hook: &Hook| match hook {
                Hook::Child(child) => child.upgrade(),
                Hook::User(_) => None,
            };
            let below: Vec<Arc<Self>> = list.hooks.values().filter_map(below).collect();
            (list.queued.take(), below)
        };
        if let Some(job) = job {
            job.give_up();
        }
        below.iter().for_each(|child| child.give_up_queued());
    }

    fn register(&self, hook: Box<dyn FnOnce() + Send>) -> u64 {
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
            self.run(Hook::User(hook));
            self.has_run(&mut self.list.lock(), key);
        } else {
            list.hooks.insert(key, Hook::User(hook));
        }
        key
    }

    fn run(&self, hook: Hook) {
        match hook {
            Hook::Child(child) => _ = child.upgrade().map(|child| child.cancel()),
            Hook::User(hook) => {
                if let Err(payload) = contain::contain(hook) {
                    self.tell(contain::message_and_discard(payload));
                }
            }
        }
    }

    fn has_run(&self, list: &mut List, key: u64) {
        list.running.retain(|&(running, _)| running != key);
        if list.waiting > 0 {
            self.bell.notify_all();
        }
    }

    /// Takes a hook back. Afterwards it does not run, and is not running on any other thread.
    fn unregister(&self, key: u64) {
        let mut list = self.list.lock();
        if let Some(hook) = list.hooks.remove(&key) {
            drop(list);
            self.discard(hook);
        } else if !left_out("guard-waits") {
            self.wait_for_hooks(list, |running| running == key);
        }
    }

    fn end_job(&self) {
        let mut list = self.list.lock();
        list.over = true;
        let all = std::mem::take(&mut list.hooks).into_iter();
        let (below, hooks): (BTreeMap<_, _>, BTreeMap<_, _>) =
            all.partition(|(_, hook)| matches!(hook, Hook::Child(_)));
        list.hooks = below;
        if left_out("end-waits") {
            drop(list);
        } else {
            self.wait_for_hooks(list, |_| true);
        }
        hooks.into_values().for_each(|hook| self.discard(hook));
    }

    /// Waits until none of `which` is running on another thread.
    fn wait_for_hooks(&self, mut list: MutexGuard<'_, List>, which: impl Fn(u64) -> bool) {
        while list.running.iter().any(|&(key, on)| which(key) && on != thread::current().id()) {
            list.waiting += 1;
            self.bell.wait(&mut list);
            list.waiting -= 1;
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
        if let Some((parent, key)) = &self.parent {
            let gone = parent.list.lock().hooks.remove(key);
            drop(gone);
        }
    }
}

/// A node as the watch over deadlines knows it.
pub(crate) struct WeakToken(Weak<Node>);

impl WeakToken {
    /// Its deadline has passed.
    pub(crate) fn cancel(&self) {
        if let Some(node) = self.0.upgrade() {
            node.cancel();
        }
    }
}

impl Drop for OnCancel<'_> {
    fn drop(&mut self) {
        self.node.unregister(self.key);
    }
}

/// Keys are unique in the process, and those of one node in the order of registration.
fn next_key() -> u64 {
    // std's atomic even under loom: nothing is decided by it.
    static NEXT: PlainU64 = PlainU64::new(0);
    NEXT.fetch_add(1, PlainOrdering::Relaxed)
}

/// What [`CancelToken::check`] says of a cancelled token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cancelled(());

impl fmt::Display for Cancelled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("cancelled by its token")
    }
}

impl Error for Cancelled {}

impl From<Cancelled> for io::Error {
    fn from(cancelled: Cancelled) -> Self {
        // Not `Interrupted`, which `read_to_end` and the like would try again.
        io::Error::other(cancelled)
    }
}

impl Default for CancelToken {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for CancelToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CancelToken")
            .field("is_cancelled", &self.is_cancelled())
            .field("remaining", &self.remaining())
            .finish()
    }
}

impl fmt::Debug for OnCancel<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OnCancel").finish_non_exhaustive()
    }
}
