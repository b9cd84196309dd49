//! What has broken in other pools, replayed here.
//!
//! | where | what happened | tests |
//! |---|---|---|
//! | tokio#8056 | a lock-free pool hung: wake an idle worker, or start one? | model `submit_against_going_idle`; `one_thread_goes_idle_while_jobs_come` |
//! | tokio#7922, #7910 | sleeper and notifier both changed the idle count | model `submit_against_shutdown`; `counters_are_even_after_a_shutdown` |
//! | tokio#1560 | a thread that had timed out still counted | model `keep_alive_against_call`; `a_pool_opens_up_again_after_its_keep_alive` |
//! | rayon#992 | the last look before sleep left out a source | models `submit_against_going_idle`, `last_searcher_hands_over`, `workers_leave_a_closed_pool` |
//! | smol#167 | only the first waker was kept | `jobs::the_second_waker_is_woken_and_the_first_forgotten` |
//! | a lost last event | the worker ended right after completing | `a_worker_ends_right_after_its_job` |
//! | rayon#740, #934, tokio#2096 | the cell was used after completion had freed it | models of `job.rs`; the bits in `job/state.rs` |
//! | RUSTSEC-2020-0062, -0070 | auto traits | `jobs::handles_and_errors_cross_threads` |
//! | glommio#37 | a panicking closure killed the pool | `jobs::a_panic_in_the_closure_reaches_the_awaiter` |
//! | tokio#4430, #3967 | the result's own drop panicked | `jobs::a_result_that_panics_on_drop_is_contained_on_either_side` |
//! | rust#86027 | the panic's payload panicked on drop | `jobs::a_payload_that_panics_on_drop_is_contained` |
//! | tokio#3689, #4069 | a waker panicked, and the state was stuck | `jobs::wakers_that_panic_stop_nothing` |
//! | tokio#3157, #3662, #3964 | an abort was lost | `jobs::abort_before_during_and_after`, the scripts of `oracle` |
//! | tokio#2082, #3870, #1972 | user code dropped under a lock | `drops_that_use_the_pool_deadlock_nobody` |
//! | cpython#111358 | exit blocked; a worker joined itself | `shutdown::the_last_handle_may_be_dropped_on_a_worker`, `shutdown::shutdown_from_a_job_does_not_wait_for_itself`, `shutdown::deadline_returns_and_names_who_is_left` |
//! | tokio#5429, compio#937 | a waker called back | `wakers_that_use_the_pool_deadlock_nobody` |
//! | tokio#4973, #6148 | thread-locals read while a thread ends | `thread_locals_that_use_the_pool_on_their_way_out` |
//! | blocking#24, #79, tokio#2286, #2309, #8406 | threads that cannot be started | models `failed_start_against_submit`, tests of `models/starts.rs`, `tests/tests/faults.rs` |
//! | crossbeam#726 | a steal that raced with growing handed an entry out twice | models `steal_against_a_push_that_comes_round`, `pop_against_two_thieves`, `batch_against_thief` |
//! | crossbeam#1187 | the end of a channel met a send: a block was freed twice | models `submit_against_abandon`, `take_against_take_against_push`; `entries_are_dropped_with_their_queues` |
//! | compio#489, tokio#3477 | what was made is never freed | `pools_leave_no_thread_behind` |

use std::cell::RefCell;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Barrier, Mutex, mpsc};
use std::task::{Context, Poll, Wake, Waker};
use std::thread;
use std::time::Duration;

use sideline_blocking_pool::{JoinHandle, Pool, Shutdown};

include!("common/all_meet.rs");
include!("common/block_on.rs");
include!("common/occupy.rs");
include!("common/threads.rs");

fn one_thread() -> Pool {
    Pool::builder().core_threads(1).max_threads(1).on_report(|_| ()).build().unwrap()
}

#[test]
fn one_thread_goes_idle_while_jobs_come() {
    let pool = one_thread();
    let submitters: Vec<_> = (0..2)
        .map(|_| {
            let pool = pool.clone();
            thread::spawn(move || {
                (0..5_000).for_each(|i| assert_eq!(block_on(pool.spawn(move || i)).unwrap(), i))
            })
        })
        .collect();
    submitters.into_iter().for_each(|submitter| submitter.join().unwrap());
    let m = pool.metrics();
    assert_eq!((m.completed, m.threads), (10_000, 1));
    pool.shutdown(Shutdown::Drain);
}

#[test]
fn counters_are_even_after_a_shutdown() {
    for round in 0..100 {
        let pool = Pool::builder().core_threads(2).max_threads(3).build().unwrap();
        let jobs: Vec<_> = (0..round % 9).map(|_| pool.spawn(|| ())).collect();
        let report = pool.shutdown(Shutdown::Drain);
        assert_eq!((report.left_running.len(), report.left_queued, report.cancelled), (0, 0, 0));
        let m = pool.metrics();
        assert_eq!((m.threads, m.idle, m.queued, m.running), (0, 0, 0, 0), "round {round}");
        assert_eq!(m.submitted, m.completed);
        assert!(jobs.iter().all(JoinHandle::is_finished));
    }
}

#[test]
fn a_pool_opens_up_again_after_its_keep_alive() {
    let keep_alive = Duration::from_millis(1);
    let pool = Pool::builder().core_threads(1).max_threads(4).keep_alive(keep_alive).build().unwrap();
    for _ in 0..20 {
        all_meet(&pool, 4);
        while pool.metrics().threads > 1 {
            thread::yield_now();
        }
    }
    pool.shutdown(Shutdown::Drain);
}

/// All but one of the workers leave as soon as they are idle, which is before their results are delivered.
#[test]
fn a_worker_ends_right_after_its_job() {
    let keep_alive = Duration::from_nanos(1);
    let pool = Pool::builder().core_threads(1).max_threads(3).keep_alive(keep_alive).build().unwrap();
    for round in 0..100 {
        let meet = Arc::new(Barrier::new(3));
        let jobs = [(); 3].map(|()| {
            let meet = Arc::clone(&meet);
            pool.spawn(move || {
                meet.wait();
                round
            })
        });
        jobs.into_iter().for_each(|job| assert_eq!(block_on(job).unwrap(), round));
    }
    pool.shutdown(Shutdown::Drain);
}

/// Uses the pool in every way there is when it is dropped.
struct Busybody {
    pool: Pool,
    other: Option<JoinHandle<()>>,
    dropped: Arc<AtomicUsize>,
}

impl Drop for Busybody {
    fn drop(&mut self) {
        drop(self.pool.spawn(|| ()));
        _ = self.pool.try_spawn(|| ()).map(|job| job.abort());
        _ = self.other.take().map(|other| other.abort());
        assert!(self.pool.metrics().submitted > 0);
        self.dropped.fetch_add(1, Ordering::SeqCst);
    }
}

#[test]
fn drops_that_use_the_pool_deadlock_nobody() {
    let pool = one_thread();
    let dropped = Arc::new(AtomicUsize::new(0));
    let busybody =
        || Busybody { pool: pool.clone(), other: Some(pool.spawn(|| ())), dropped: Arc::clone(&dropped) };
    // With the closure that has run, with a result that is read, and with one that is not.
    let captured = busybody();
    block_on(pool.spawn(move || drop(captured))).unwrap();
    let result = busybody();
    drop(block_on(pool.spawn(move || result)).unwrap());
    let unread = busybody();
    drop(pool.spawn(move || unread));
    // With a closure that never runs: aborted, and cancelled by a shutdown.
    let (blocked, release) = occupy(pool.job());
    let (aborted, cancelled) = (busybody(), busybody());
    assert!(pool.spawn(move || drop(aborted)).abort());
    let cancelled = pool.spawn(move || drop(cancelled));
    pool.shutdown(Shutdown::Abandon);
    assert!(block_on(cancelled).unwrap_err().is_cancelled());
    // And with a closure that a closed pool does not take.
    let late = busybody();
    assert!(block_on(pool.spawn(move || drop(late))).unwrap_err().is_rejected());
    drop(release);
    block_on(blocked).unwrap();
    pool.shutdown(Shutdown::Drain);
    assert_eq!(dropped.load(Ordering::SeqCst), 6);
}

/// A waker that uses the pool when it is woken and when it is dropped, and drops the handle it was registered with.
struct CallsBack {
    pool: Pool,
    handle: Mutex<Option<JoinHandle<()>>>,
    woken: mpsc::Sender<()>,
}

impl Wake for CallsBack {
    fn wake(self: Arc<Self>) {
        drop(self.handle.lock().unwrap().take());
        drop(self.pool.spawn(|| ()));
        self.woken.send(()).unwrap();
    }
}

impl Drop for CallsBack {
    fn drop(&mut self) {
        drop(self.pool.spawn(|| ()));
        self.pool.metrics();
    }
}

#[test]
fn wakers_that_use_the_pool_deadlock_nobody() {
    let pool = one_thread();
    let tenant = pool.tenant_of_loop();
    let (woken, was_woken) = mpsc::channel();
    for _ in 0..100 {
        let (release, released) = mpsc::channel::<()>();
        let mut job = tenant.spawn(move || _ = released.recv());
        let calls_back =
            Arc::new(CallsBack { pool: pool.clone(), handle: Mutex::new(None), woken: woken.clone() });
        let waker = Waker::from(Arc::clone(&calls_back));
        let poll = std::pin::Pin::new(&mut job).poll(&mut Context::from_waker(&waker));
        assert!(matches!(poll, Poll::Pending));
        *calls_back.handle.lock().unwrap() = Some(job);
        drop((waker, calls_back, release));
        was_woken.recv().unwrap();
    }
    pool.shutdown(Shutdown::Drain);
}

struct OnTheWayOut(Option<(Pool, mpsc::Sender<bool>)>);

impl Drop for OnTheWayOut {
    fn drop(&mut self) {
        let Some((pool, outcome)) = self.0.take() else { return };
        _ = outcome.send(block_on(pool.spawn(|| ())).is_ok());
    }
}

thread_local! {
    static LAST: RefCell<OnTheWayOut> = const { RefCell::new(OnTheWayOut(None)) };
}

#[test]
fn thread_locals_that_use_the_pool_on_their_way_out() {
    let pool = one_thread();
    let (outcome, outcomes) = mpsc::channel();
    let leave_behind = |pool: &Pool| {
        let (pool, outcome) = (pool.clone(), outcome.clone());
        move || LAST.with_borrow_mut(|last| last.0 = Some((pool, outcome)))
    };
    thread::spawn(leave_behind(&pool)).join().unwrap();
    assert!(outcomes.recv().unwrap(), "the pool is open");
    // On a worker, which ends when its pool is closed: then it is too late for a job, and nothing worse.
    block_on(pool.spawn(leave_behind(&pool))).unwrap();
    pool.shutdown(Shutdown::Drain);
    assert!(!outcomes.recv().unwrap(), "the pool is closed");
}

#[test]
#[cfg(target_os = "linux")]
fn pools_leave_no_thread_behind() {
    for round in 0..300 {
        let pool = Pool::builder().core_threads(2).thread_name("come-and-go").build().unwrap();
        let job = pool.spawn(|| ());
        match round % 3 {
            0 => _ = pool.shutdown(Shutdown::Drain),
            1 => _ = pool.shutdown(Shutdown::Abandon),
            _ => drop(pool),
        }
        drop(job);
    }
    threads_end("come-and-go");
}
