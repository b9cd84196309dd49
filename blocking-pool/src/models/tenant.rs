//! A tenant's count: whoever waits for it is told.

use std::panic::Location;
use std::sync::Arc;

use super::{block_on, check, make_busy, pool, race, settled};
use crate::job::Plain;
use crate::pool::account::Account;
use crate::shutdown::Shutdown;
use crate::sync::atomic::{AtomicUsize, Ordering};
use crate::sync::thread;
use crate::threads::park::Parker;

/// The last job leaves while somebody begins to wait. A lost bell is a deadlock.
#[test]
fn tenant_wait_against_leave() {
    check(3, || {
        let pool = pool(1, 1);
        let tenant = pool.tenant();
        let job = tenant.spawn(|| {
            race();
            7
        });
        assert!(tenant.wait(None));
        settled();
        assert!(job.is_finished());
        assert_eq!(block_on(job).unwrap(), 7);
        pool.shutdown(Shutdown::Drain);
    });
}

/// What a job runs waits for the others of its tenant while somebody outside waits for all of them. He waits for that
/// job, too. By the account alone: with workers around it there would be too many interleavings for two forced switches.
#[test]
fn outside_wait_against_wait_inside() {
    check(3, || {
        race();
        let pool = pool(1, 1);
        let account = Account::new(Arc::clone(pool.shared()));
        assert!(account.enter() && account.enter());
        let is_over = Arc::new(AtomicUsize::new(0));
        let (inside, mark) = (Arc::clone(&account), Arc::clone(&is_over));
        let waits = thread::spawn(move || {
            inside.delivering(|| inside.wait(None));
            mark.store(1, Ordering::Release);
            inside.leave();
        });
        let other = Arc::clone(&account);
        let leaves = thread::spawn(move || other.leave());
        account.wait(None);
        assert_eq!(is_over.load(Ordering::Acquire), 1, "it was not waited for");
        waits.join().unwrap();
        leaves.join().unwrap();
    });
}

/// The tenant is abandoned while its job is taken up: it runs or is cancelled, and the others' jobs run.
#[test]
fn tenant_abandon_against_run() {
    check(2, || {
        let pool = pool(1, 1);
        let tenant = pool.tenant();
        block_on(pool.spawn(|| ())).unwrap();
        race();
        let theirs = tenant.spawn(|| ());
        let mine = pool.spawn(|| 7);
        let report = tenant.shutdown(Shutdown::Abandon);
        settled();
        assert!(report.cancelled <= 1 && report.left_queued == 0, "{report}");
        assert_eq!(block_on(theirs).is_err(), report.cancelled == 1);
        assert_eq!(block_on(mine).unwrap(), 7);
        pool.shutdown(Shutdown::Drain);
    });
}

/// A job is submitted while its tenant is abandoned, and the only worker is busy for good. Whoever abandons looks once: the job is
/// cancelled by him or by its submitter. One that is overlooked is a deadlock.
#[test]
fn submit_against_abandon_behind_a_job_that_does_not_end() {
    check(2, || {
        let pool = pool(1, 1);
        let account = Account::new(Arc::clone(pool.shared()));
        let busy = make_busy(&pool);
        let theirs = Arc::clone(&account);
        race();
        let submitter = thread::spawn(move || {
            let job = theirs.spawn(Plain(|| ()), Location::caller(), None);
            assert!(block_on(job).is_err());
        });
        account.abandon();
        submitter.join().unwrap();
        settled();
        busy.end();
        pool.shutdown(Shutdown::Drain);
    });
}

/// A worker takes two jobs in one go, another's to run and the tenant's into its deque, while the tenant is abandoned. The
/// other one's blocks; the tenant's has to be cancelled all the same.
#[test]
fn abandon_against_a_batch() {
    check(2, || {
        let pool = pool(1, 1);
        let tenant = pool.tenant();
        block_on(pool.spawn(|| ())).unwrap();
        let gate = Arc::new(Parker::new());
        let theirs = Arc::clone(&gate);
        let blocks = pool.spawn(move || theirs.park());
        let waits = tenant.spawn(|| ());
        // A batch is half of what waits.
        let third = pool.spawn(|| ());
        race();
        let report = tenant.shutdown(Shutdown::Abandon);
        settled();
        assert_eq!(report.left_queued, 0, "{report}");
        gate.unpark();
        block_on(blocks).unwrap();
        block_on(third).unwrap();
        assert_eq!(block_on(waits).is_err(), report.cancelled == 1);
        pool.shutdown(Shutdown::Drain);
    });
}
