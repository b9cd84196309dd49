//! Closures with a thread of their own, for those that run as long as the program does.
//!
//! They are no jobs of the queue: the gate does not count them, no worker runs them, a shutdown does not wait for them.
//! Each has an account of its own, a desk on the list of this file while it runs, and the same cell, handle and token as
//! a job. A pool or tenant that closes cancels the tokens of its dedicated closures.

use std::panic::Location;
use std::sync::Arc;

use super::cancel::CancelToken;
use crate::job::{self, Entry, JoinHandle, Terms, Times, Work};
use crate::pool::account::Account;
use crate::pool::shared::Shared;
use crate::shutdown::Survivor;
use crate::submit::spawn_error::{SpawnError, SpawnErrorKind};
use crate::sys::fork::Inherited;
use crate::sys::lock::Mutex;
use crate::sys::refusal::Refusal;
use crate::worker::desk::{Desk, Seated};
use crate::worker::priority;

/// None of the parent's is in a child.
pub(crate) struct Dedicated(Inherited<Mutex<List>>);

#[derive(Default)]
struct List {
    threads: Vec<Thread>,
    names: u64,
}

#[derive(Clone)]
struct Thread {
    desk: Arc<Desk>,
    tenant: u64,
    token: Option<CancelToken>,
}

impl Dedicated {
    pub(crate) fn new() -> Self {
        Self(Inherited::default())
    }

    pub(crate) fn count(&self) -> usize {
        self.0.own().lock().threads.len()
    }

    fn threads_of(&self, whose: &dyn Fn(u64) -> bool) -> Vec<Thread> {
        self.0.own().lock().threads.iter().filter(|thread| whose(thread.tenant)).cloned().collect()
    }

    /// Tells those that can be told; outside the lock, as their hooks are the user's.
    pub(crate) fn cancel(&self, whose: &dyn Fn(u64) -> bool) {
        let tokens = self.threads_of(whose).into_iter().filter_map(|thread| thread.token);
        tokens.for_each(|token| _ = token.cancel());
    }

    pub(crate) fn survivors(&self, whose: &dyn Fn(u64) -> bool) -> Vec<Survivor> {
        self.threads_of(whose).iter().filter_map(|thread| Survivor::of(&thread.desk, &|_| true)).collect()
    }
}

impl Account {
    /// Starts a thread for `work` alone.
    pub(crate) fn spawn_dedicated<W: Work>(
        &self,
        work: W,
        location: &'static Location<'static>,
        terms: Option<Box<Terms>>,
    ) -> Result<JoinHandle<W::Output>, SpawnError<W>> {
        let pool = self.pool();
        if self.is_closed() || pool.gate.is_closed() {
            pool.counters.rejected();
            return Err(SpawnError::new(SpawnErrorKind::Closed, work));
        }
        if pool.is_forked() {
            pool.counters.rejected();
            return Err(SpawnError::new(SpawnErrorKind::Forked, work));
        }
        let token = terms.as_ref().and_then(|terms| terms.token.clone());
        let given = terms.as_ref().and_then(|terms| terms.name.as_ref()).map(|name| name.replace('\0', " "));
        let (entry, fresh) =
            job::new(work, location, Self::apart(Arc::clone(pool)), terms, Times::unmeasured());
        match pool.start_dedicated(entry, self.id, given, token.clone()) {
            Ok(()) => {
                if self.is_closed() || pool.gate.is_closed() {
                    // Closed meanwhile: whoever did that may not have seen it.
                    token.iter().for_each(|token| _ = token.cancel());
                }
                Ok(JoinHandle::accepted(fresh.into_handle()))
            }
            Err((why, entry)) => {
                let taken_back = fresh.take_back();
                // Only now: an entry that is dropped takes its closure along.
                drop(entry);
                match taken_back {
                    Ok(work) => {
                        pool.counters.rejected();
                        Err(SpawnError::new(SpawnErrorKind::NoThread(why.error()), work))
                    }
                    // Its token was cancelled meanwhile.
                    Err(handle) => Ok(JoinHandle::accepted(handle)),
                }
            }
        }
    }
}

impl Shared {
    /// Starts the thread, and lists it. Err: it did not start, and here is the entry.
    fn start_dedicated(
        self: &Arc<Self>,
        entry: Entry,
        tenant: u64,
        name: Option<String>,
        token: Option<CancelToken>,
    ) -> Result<(), (Refusal, Option<Entry>)> {
        let mut list = self.dedicated.0.own().lock();
        let name = name.unwrap_or_else(|| format!("{}-dedicated-{}", self.config.thread_name, list.names));
        list.names += 1;
        let desk = Arc::new(Desk::new(name));
        list.threads.push(Thread { desk: Arc::clone(&desk), tenant, token });
        // With the list locked, so that the thread cannot leave it before this has gone well.
        // The entry stays here until the thread takes it: one that does not start must not take it along.
        let entry = Arc::new(Mutex::new(Some(entry)));
        let (pool, theirs, handed_over) = (Arc::clone(self), Arc::clone(&desk), Arc::clone(&entry));
        let body = move || {
            let entry = handed_over.lock().take().expect("a thread starts once");
            pool.run_dedicated(entry, &theirs, tenant);
        };
        match self.start_thread(desk.name.clone(), Box::new(body)) {
            // The thread is detached.
            Ok(_thread) => Ok(()),
            Err(why) => {
                list.threads.pop();
                Err((why, entry.lock().take()))
            }
        }
    }

    fn run_dedicated(&self, entry: Entry, desk: &Arc<Desk>, tenant: u64) {
        priority::lower_current_thread(self.config.nice);
        let Some(job) = entry.claim() else { return self.leave_dedicated(desk) };
        if let Some(why) = job.forbid() {
            self.leave_dedicated(desk);
            return job.refuse(why);
        }
        if job.has_terms() {
            desk.set_name(job.name());
        }
        let seated = Seated::at(desk);
        desk.begin(job.id(), job.location(), tenant);
        let (_, ready) = job.run();
        desk.end();
        drop(seated);
        self.leave_dedicated(desk);
        ready.deliver_unmeasured();
    }

    fn leave_dedicated(&self, desk: &Arc<Desk>) {
        let mut list = self.dedicated.0.own().lock();
        let place = list.threads.iter().position(|thread| Arc::ptr_eq(&thread.desk, desk));
        let gone = place.map(|place| list.threads.swap_remove(place));
        drop(list);
        drop(gone);
    }
}
