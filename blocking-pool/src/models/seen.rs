//! Whoever learns that something has happened sees what was done before it. Nothing else carries that along here: what is written is
//! Relaxed. A missing Release or Acquire shows as a failed assertion.

use std::sync::Arc;

use super::job::{job, run};
use super::{check, pool, race};
use crate::control::cancel::CancelToken;
use crate::pool::account::Account;
use crate::shutdown::Shutdown;
use crate::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use crate::sync::thread;

/// Something to be done on one thread and seen on another.
#[derive(Clone)]
struct Deed(Arc<AtomicUsize>);

impl Deed {
    fn new() -> Self {
        Self(Arc::new(AtomicUsize::new(0)))
    }

    fn is_done(&self) {
        self.0.store(1, Relaxed);
    }

    fn is_seen(&self) {
        assert_eq!(self.0.load(Relaxed), 1);
    }
}

fn account() -> Arc<Account> {
    Account::new(Arc::clone(pool(1, 1).shared()))
}

/// By a look that takes nothing. It is the other thread that looks: a load and a compare-exchange of one thread hide from loom that
/// they could have come before the load of another one, so the job has to be done in the first interleaving that it tries.
#[test]
fn who_sees_a_job_finished_sees_what_it_did() {
    check(3, || {
        race();
        let deed = Deed::new();
        let does = deed.clone();
        let (entry, handle) = job(move || does.is_done());
        let looks = thread::spawn(move || {
            if handle.is_done() {
                deed.is_seen();
            }
        });
        run(entry);
        looks.join().unwrap();
    });
}

#[test]
fn who_waits_for_a_tenant_sees_what_its_job_did() {
    check(3, || {
        race();
        let (account, deed) = (account(), Deed::new());
        assert!(account.enter());
        let (theirs, does) = (Arc::clone(&account), deed.clone());
        let worker = thread::spawn(move || {
            does.is_done();
            theirs.leave();
        });
        account.wait(None);
        deed.is_seen();
        worker.join().unwrap();
    });
}

/// Those who have left are among those who have come, or there would be fewer outstanding than none.
#[test]
fn outstanding_against_jobs_that_come_and_leave() {
    check(3, || {
        race();
        let account = account();
        let theirs = Arc::clone(&account);
        let worker = thread::spawn(move || {
            assert!(theirs.enter());
            theirs.leave();
            assert!(theirs.enter());
            theirs.leave_cancelled();
        });
        assert!(account.outstanding() <= 2);
        worker.join().unwrap();
        assert_eq!(account.outstanding(), 0);
    });
}

/// A worker that has a job of an abandoned tenant in its hands.
#[test]
fn who_sees_a_tenant_abandoned_sees_what_came_before() {
    check(3, || {
        race();
        let (account, deed) = (account(), Deed::new());
        let (theirs, does) = (Arc::clone(&account), deed.clone());
        let other = thread::spawn(move || {
            does.is_done();
            theirs.abandon();
        });
        if account.is_abandoned() {
            deed.is_seen();
        }
        other.join().unwrap();
    });
}

/// The same of an abandoned pool.
#[test]
fn who_sees_a_pool_abandoned_sees_what_came_before() {
    check(3, || {
        race();
        let (pool, deed) = (pool(1, 1), Deed::new());
        let (theirs, does) = (pool.clone(), deed.clone());
        let other = thread::spawn(move || {
            does.is_done();
            theirs.shutdown(Shutdown::Abandon);
        });
        if pool.shared().is_abandoned() {
            deed.is_seen();
        }
        other.join().unwrap();
    });
}

#[test]
fn who_sees_a_cancellation_sees_what_came_before() {
    check(3, || {
        race();
        let (token, deed) = (CancelToken::new(), Deed::new());
        let (theirs, does) = (token.clone(), deed.clone());
        let canceller = thread::spawn(move || {
            does.is_done();
            theirs.cancel();
        });
        if token.is_cancelled() {
            deed.is_seen();
        }
        canceller.join().unwrap();
    });
}
