//! What a job does when its turn comes: the user's closure, and what it runs inside of.

use super::terms::Terms;

/// What runs inside a job's cell, with the closure it was made of.
pub(crate) trait Work: Send + 'static {
    /// What the closure returns.
    type Output: Send + 'static;

    /// Whether the closure is lent its job's token, so that the job has to have one.
    const WANTS_TOKEN: bool = false;

    /// Once, on the thread that the job was given to.
    fn run(self, terms: Option<&Terms>) -> Self::Output;
}

/// A closure, and nothing else.
pub(crate) struct Plain<F>(pub(crate) F);

impl<F, T> Work for Plain<F>
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    type Output = T;

    fn run(self, _: Option<&Terms>) -> T {
        (self.0)()
    }
}

/// What a job's closure runs inside of: a runtime's context, a tracing span, a guard.
///
/// Made where the job is spawned, used on the thread that runs it, dropped there unused if the job never runs. It is
/// how a runtime carries along what belongs to its thread; see [`JobBuilder::around`](crate::JobBuilder::around).
///
/// ```
/// use pollster::block_on;
/// use sideline_blocking_pool::{Around, Pool};
/// use std::cell::Cell;
///
/// thread_local! { static REQUEST: Cell<u32> = const { Cell::new(0) } }
///
/// struct OfRequest(u32);
///
/// impl Around for OfRequest {
///     fn around<T>(self, job: impl FnOnce() -> T) -> T {
///         let before = REQUEST.replace(self.0);
///         let result = job(); // should it panic, the worker's own value is lost: a guard would put it back
///         REQUEST.set(before);
///         result
///     }
/// }
///
/// let job = Pool::global().job().around(OfRequest(7)).spawn(|| REQUEST.get());
/// assert_eq!(block_on(job).unwrap(), 7);
/// ```
pub trait Around: Send + 'static {
    /// Calls `job`, with whatever there is to do before and after. A panic of the job's unwinds through this.
    fn around<T>(self, job: impl FnOnce() -> T) -> T;
}

/// Nothing around it.
impl Around for () {
    fn around<T>(self, job: impl FnOnce() -> T) -> T {
        job()
    }
}

/// Work inside of something.
pub(crate) struct Inside<A, W> {
    pub(crate) around: A,
    pub(crate) work: W,
}

impl<A: Around, W: Work> Work for Inside<A, W> {
    type Output = W::Output;

    fn run(self, terms: Option<&Terms>) -> W::Output {
        let Self { around, work } = self;
        around.around(|| work.run(terms))
    }
}
