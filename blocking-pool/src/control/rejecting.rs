//! Rejecting a long line of limited jobs, in one loop.
//!
//! Giving up a limited job gives back its slot, which admits the next one, on this pool or another. Where there is no thread,
//! that one is to be given up as well, and so on: as deep a recursion as the line is long. So while a thread rejects jobs,
//! pools with newly admitted ones are not announced but remembered, and dealt with before it is done.

use std::cell::RefCell;
use std::mem::ManuallyDrop;
use std::sync::Arc;

use crate::job::error::Rejection;
use crate::metrics::Stamp;
use crate::pool::shared::Shared;
use crate::sync::thread_local;

/// `None`: this thread rejects nothing.
type Pools = Option<Vec<Arc<Shared>>>;

thread_local! {
    /// While this thread rejects jobs: the pools whose queues it has to look at before it is done.
    /// Nothing that is dropped, so that it is there in destructors, too.
    static REJECTING: ManuallyDrop<RefCell<Pools>> = const { ManuallyDrop::new(RefCell::new(None)) };
}

/// Err, that is, nobody looks: in a model, at the end of a thread.
fn rejecting<R>(look: impl FnOnce(&mut Pools) -> R) -> Option<R> {
    REJECTING.try_with(|pools| look(&mut pools.borrow_mut())).ok()
}

impl Shared {
    /// Gives up everything in the queues, and what is admitted to any queue for that; there is no thread to run it.
    pub(crate) fn reject_queued(self: &Arc<Self>, why: &Rejection) {
        let is_outermost = rejecting(|pools| {
            let is_outermost = pools.is_none();
            pools.get_or_insert_default();
            is_outermost
        });
        self.reject_all(why);
        if is_outermost != Some(true) {
            return;
        }
        while let Some(pool) = rejecting(next).flatten() {
            if let Err(why) = pool.announce_work(Stamp::now()) {
                pool.reject_all(&why.rejection());
            }
        }
    }

    /// If this thread is rejecting jobs, it will deal with those in this pool's queue, too.
    pub(crate) fn is_being_rejected(self: &Arc<Self>) -> bool {
        let remembered = rejecting(|pools| {
            let Some(pools) = pools else { return false };
            if !pools.iter().any(|pool| Arc::ptr_eq(pool, self)) {
                pools.push(Arc::clone(self));
            }
            true
        });
        remembered.unwrap_or(false)
    }
}

/// The next pool to deal with. If there is none, the thread rejects nothing any more.
fn next(pools: &mut Pools) -> Option<Arc<Shared>> {
    let next = pools.as_mut().and_then(Vec::pop);
    if next.is_none() {
        *pools = None;
    }
    next
}
