//! Tokens: how the users of a pool cancel closures that are already running. The protocol is in [`node`].

mod error;
mod node;
mod until;
mod wait;

use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;
use std::time::{Duration, Instant};

pub use error::Cancelled;
pub(crate) use node::WeakToken;
pub use wait::WhenCancelled;

use node::Node;

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
/// use pollster::block_on;
/// use sideline_blocking_pool::{CancelToken, Pool};
/// use std::{thread, time::Duration};
///
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
    /// exists only while there are some. In a child of `fork` nobody watches the deadlines of tokens that were made before: they
    /// are seen by whoever looks.
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
    /// [`Cancelled`], which turns into an [`io::Error`](std::io::Error) where one is needed.
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
    /// A deadline's hooks run on the one thread that watches all deadlines of the process. A hook that blocks there holds
    /// up those whose deadlines pass meanwhile: their hooks, and jobs that expire in their queue. What takes longer than a
    /// call to interrupt something is to be handed to a job or to a thread.
    ///
    /// ```
    /// use pollster::block_on;
    /// use sideline_blocking_pool::Pool;
    /// use std::io::Read;
    /// use std::net::{Shutdown, TcpListener, TcpStream};
    ///
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

    /// A future that is ready once it is cancelled, or at once if it has been. For async code that goes along with jobs:
    /// one token ends both. It borrows nothing, and any number may wait.
    ///
    /// [`run_until_cancelled`](Self::run_until_cancelled) waits for a future of yours as well.
    ///
    /// The waker is called on the thread that cancels, or on the one that watches deadlines. Dropping the future takes it
    /// back, and waits for nobody.
    ///
    /// ```
    /// use pollster::block_on;
    /// use sideline_blocking_pool::{CancelToken, Pool};
    ///
    /// let token = CancelToken::new();
    /// let waiting = token.cancelled();
    /// Pool::global().spawn(move || token.cancel()).detach();
    /// block_on(waiting);
    /// ```
    pub fn cancelled(&self) -> WhenCancelled {
        WhenCancelled::new(Arc::clone(&self.0))
    }
}

impl Drop for OnCancel<'_> {
    fn drop(&mut self) {
        self.node.unregister(self.key);
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
