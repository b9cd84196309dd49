//! Everything that a pool's users can do, at random: by several threads, by the jobs themselves, and by the destructors of closures
//! and results; and in the middle of it somebody shuts down a tenant or the pool, in each way.
//!
//! Whatever was submitted runs or does not, once, and its closure is dropped once; each handle resolves, to what has happened;
//! no limiter lets more jobs run than it may; who is cancelled before it starts does not start; and the numbers add up.

use fastrand::Rng;
use sideline_blocking_pool::{
    AbortHandle, CancelToken, JoinError, JoinHandle, Limiter, Pool, Shutdown, Tenant,
};
use std::future::{Future, poll_fn};
use std::panic::resume_unwind;
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU32, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex, mpsc};
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::{Duration, Instant};

include!("common/block_on.rs");
include!("../../tests/support/seeds.rs");

/// What has become of one closure.
#[derive(Default)]
struct Fate {
    ran: AtomicU32,
    panicked: AtomicBool,
    dropped: AtomicU32,
    dedicated: AtomicBool,
    /// It was cancelled before it was submitted.
    is_not_to_run: AtomicBool,
}

type Handle = (Arc<Fate>, JoinHandle<Value>);

struct World {
    pool: Pool,
    tenants: Vec<Tenant>,
    /// And how many of its jobs are running.
    limiters: Vec<(Limiter, Arc<AtomicUsize>, usize)>,
    fates: Mutex<Vec<Arc<Fate>>>,
    tokens: Mutex<Vec<CancelToken>>,
    handles: Mutex<Vec<Handle>>,
    aborts: Mutex<Vec<AbortHandle>>,
    moves_left: AtomicI64,
}

type Shared = Arc<World>;

/// What a closure has captured; its drop is an occasion for more.
struct Captured {
    world: Shared,
    fate: Arc<Fate>,
    random: Rng,
}

/// What a closure returns.
struct Value {
    world: Shared,
    random: Rng,
    may_panic: bool,
}

impl Drop for Captured {
    fn drop(&mut self) {
        if self.random.u32(..8) == 0 {
            moves(&self.world, &mut self.random, 2);
        }
        self.fate.dropped.fetch_add(1, SeqCst);
    }
}

impl Drop for Value {
    fn drop(&mut self) {
        if self.random.u32(..8) == 0 {
            moves(&self.world, &mut self.random, 2);
        }
        if self.may_panic && self.random.u32(..20) == 0 {
            resume_unwind(Box::new("meant"));
        }
    }
}

impl Captured {
    fn run(mut self, token: Option<&CancelToken>, running: Option<(Arc<AtomicUsize>, usize)>) -> Value {
        let fate = Arc::clone(&self.fate);
        assert_eq!(fate.ran.fetch_add(1, SeqCst), 0, "it runs twice");
        assert!(!fate.is_not_to_run.load(SeqCst), "it was cancelled before");
        let guard = Running::begin(running);
        let over = Arc::new(AtomicBool::new(false));
        let hook = token.map(|token| {
            let over = Arc::clone(&over);
            token.on_cancel(move || assert!(!over.load(SeqCst), "a hook runs after its guard"))
        });
        match self.random.u32(..8) {
            0 => thread::sleep(Duration::from_micros(self.random.u64(..200))),
            1..4 => moves(&self.world, &mut self.random, 3),
            4 => thread::yield_now(),
            _ => {}
        }
        drop(hook);
        over.store(true, SeqCst);
        drop(guard);
        if self.random.u32(..16) == 0 {
            fate.panicked.store(true, SeqCst);
            resume_unwind(Box::new("meant"));
        }
        Value { world: Arc::clone(&self.world), random: self.random.fork(), may_panic: true }
    }
}

/// One of the jobs that a limiter lets run.
struct Running(Option<Arc<AtomicUsize>>);

impl Running {
    fn begin(running: Option<(Arc<AtomicUsize>, usize)>) -> Running {
        if let Some((count, limit)) = &running {
            assert!(count.fetch_add(1, SeqCst) < *limit, "too many run");
        }
        Running(running.map(|(count, _)| count))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.0.iter().for_each(|count| _ = count.fetch_sub(1, SeqCst));
    }
}

fn moves(world: &Shared, random: &mut Rng, most: u32) {
    for _ in 0..random.u32(..=most) {
        if world.moves_left.fetch_sub(1, SeqCst) <= 0 {
            return;
        }
        one_move(world, random);
    }
}

fn one_move(world: &Shared, random: &mut Rng) {
    match random.u32(..16) {
        0..7 => submit(world, random),
        7 => drop(pick(&world.handles, random)),
        8 => {
            let Some((fate, handle)) = pick(&world.handles, random) else { return };
            let has_ended = handle.is_finished();
            if handle.abort() {
                assert!(!has_ended);
                assert_eq!(fate.ran.load(SeqCst), 0);
            }
            keep(&world.handles, (fate, handle), random);
        }
        9 => _ = pick(&world.aborts, random).map(|abort| abort.abort()),
        10 => {
            // A look. Whoever has looked may leave it at that.
            let Some((fate, mut handle)) = pick(&world.handles, random) else { return };
            match Pin::new(&mut handle).poll(&mut Context::from_waker(Waker::noop())) {
                Poll::Ready(outcome) => check(&fate, outcome),
                Poll::Pending => keep(&world.handles, (fate, handle), random),
            }
        }
        11..13 => tokens(world, random),
        13 => {
            let m = world.pool.metrics();
            assert_eq!(m.submitted, m.queued + m.running + m.completed + m.panicked + m.cancelled, "{m:?}");
        }
        14 => {
            let waits = world.tenants[random.usize(..world.tenants.len())].clone();
            waits.wait(Some(Instant::now() + Duration::from_micros(random.u64(..100))));
        }
        _ => thread::yield_now(),
    }
}

fn pick<T>(from: &Mutex<Vec<T>>, random: &mut Rng) -> Option<T> {
    let mut from = from.lock().unwrap();
    let count = from.len();
    (count > 0).then(|| from.swap_remove(random.usize(..count)))
}

/// Not too many: what is there no room for is dropped, without the lock.
fn keep<T>(with: &Mutex<Vec<T>>, one: T, random: &mut Rng) {
    let too_many = {
        let mut with = with.lock().unwrap();
        with.push(one);
        let count = with.len();
        (count > 100).then(|| with.swap_remove(random.usize(..count)))
    };
    drop(too_many);
}

fn tokens(world: &Shared, random: &mut Rng) {
    let one = pick(&world.tokens, random).unwrap_or_default();
    match random.u32(..6) {
        0 => keep(&world.tokens, one.child(), random),
        1 => {
            let deadline = Instant::now() + Duration::from_micros(random.u64(..300));
            keep(&world.tokens, one.child_with_deadline(deadline), random);
        }
        2 => {
            one.cancel();
            assert!(one.is_cancelled());
            return;
        }
        3 => _ = pin!(one.cancelled()).poll(&mut Context::from_waker(Waker::noop())),
        4 => keep(&world.tokens, CancelToken::new(), random),
        _ => return,
    }
    keep(&world.tokens, one, random);
}

fn submit(world: &Shared, random: &mut Rng) {
    let fate = Arc::new(Fate::default());
    world.fates.lock().unwrap().push(Arc::clone(&fate));
    let captured = Captured { world: Arc::clone(world), fate: Arc::clone(&fate), random: random.fork() };
    let tenant = &world.tenants[random.usize(..world.tenants.len())];
    let mut job = if random.bool() { tenant.job() } else { world.pool.job() };
    let mut running = None;
    if random.u32(..3) == 0 {
        let (limiter, count, limit) = &world.limiters[random.usize(..world.limiters.len())];
        job = job.limiter(limiter);
        running = Some((Arc::clone(count), *limit));
    }
    if random.u32(..3) == 0 {
        let token = world.tokens.lock().unwrap().first().cloned().unwrap_or_default();
        fate.is_not_to_run.store(token.is_cancelled(), SeqCst);
        job = job.cancel_with(&token);
    }
    if random.u32(..8) == 0 {
        job = job.deadline(Instant::now() + Duration::from_micros(random.u64(..500)));
    }
    let with_token = random.u32(..3) == 0;
    let plain = (!with_token).then(|| job.clone());
    let lent = job.cancellable();
    let handle = match (random.u32(..8), plain) {
        (0, Some(job)) => {
            fate.dedicated.store(true, SeqCst);
            // Not limited.
            job.spawn_dedicated(move || captured.run(None, None)).ok()
        }
        (0..3, Some(job)) => job.try_spawn(move || captured.run(None, running)).ok(),
        (0..3, None) => lent.try_spawn(move |token| captured.run(Some(token), running)).ok(),
        (3, Some(job)) => when_room(job.spawn_when_room(move || captured.run(None, running)), random),
        (3, None) => when_room(lent.spawn_when_room(move |token| captured.run(Some(token), running)), random),
        (_, Some(job)) => Some(job.spawn(move || captured.run(None, running))),
        (_, None) => Some(lent.spawn(move |token| captured.run(Some(token), running))),
    };
    let Some(handle) = handle else { return };
    if random.u32(..8) == 0 {
        keep(&world.aborts, handle.abort_handle(), random);
    }
    keep(&world.handles, (fate, handle), random);
}

/// Waits for room, but not for long: the jobs that would make it may be waiting for us.
fn when_room<E>(
    waiting: impl Future<Output = Result<JoinHandle<Value>, E>>,
    random: &mut Rng,
) -> Option<JoinHandle<Value>> {
    let mut waiting = pin!(waiting);
    let mut polls = random.u32(..20);
    block_on(poll_fn(|cx| {
        let polled = waiting.as_mut().poll(cx).map(Result::ok);
        if polled.is_pending() && polls > 0 {
            polls -= 1;
            thread::yield_now();
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        Poll::Ready(if let Poll::Ready(handle) = polled { handle } else { None })
    }))
}

fn check(fate: &Fate, outcome: Result<Value, JoinError>) {
    let (ran, panicked) = (fate.ran.load(SeqCst), fate.panicked.load(SeqCst));
    match outcome {
        Ok(mut value) => {
            // A panic in its drop would be ours.
            value.may_panic = false;
            assert_eq!((ran, panicked), (1, false));
        }
        Err(error) if error.is_panic() => assert_eq!((ran, panicked), (1, true), "{error}"),
        Err(error) => {
            assert!(error.is_cancelled() || error.is_rejected(), "{error}");
            assert_eq!(ran, 0, "{error}");
        }
    }
    assert_eq!(fate.dropped.load(SeqCst), 1, "the outcome is there, and so is the closure");
}

fn one_run(seed: u64) {
    let mut random = Rng::with_seed(seed);
    let mut pool = Pool::builder()
        .core_threads(random.usize(1..3))
        .max_threads(random.usize(3..6))
        .keep_alive(Duration::from_micros(random.u64(100..5_000)))
        .on_report(|report| assert!(report.to_string().ends_with("meant"), "{report}"));
    if random.bool() {
        pool = pool.queue_limit(random.usize(1..30));
    }
    let pool = pool.build().unwrap();
    let limiters = [1, 2, 3].map(|limit| (Limiter::new(limit), Arc::new(AtomicUsize::new(0)), limit));
    let world = Arc::new(World {
        tenants: vec![pool.tenant(), pool.tenant_of_loop()],
        pool: pool.clone(),
        limiters: limiters.into(),
        fates: Mutex::default(),
        tokens: Mutex::default(),
        handles: Mutex::default(),
        aborts: Mutex::default(),
        moves_left: AtomicI64::new(random.i64(100..4_000)),
    });
    let submitters: Vec<_> = (0..3)
        .map(|_| {
            let (world, mut random) = (Arc::clone(&world), random.fork());
            thread::spawn(move || {
                while world.moves_left.load(SeqCst) > 0 {
                    moves(&world, &mut random, 20);
                    if let Some((fate, handle)) = pick(&world.handles, &mut random) {
                        check(&fate, block_on(handle));
                    }
                }
            })
        })
        .collect();
    let left = random.i64(..2_000);
    while world.moves_left.load(SeqCst) > left && !submitters.iter().any(thread::JoinHandle::is_finished) {
        thread::yield_now();
    }
    let how = match random.u32(..3) {
        0 => Shutdown::Drain,
        1 => Shutdown::Deadline(Duration::from_micros(random.u64(..500))),
        _ => Shutdown::Abandon,
    };
    let report = match random.usize(..4) {
        0 => world.pool.shutdown(how),
        1 => Default::default(),
        tenant => world.tenants[tenant - 2].shutdown(how),
    };
    assert!(how != Shutdown::Drain || report.left_queued == 0 && report.left_running.is_empty());
    submitters.into_iter().for_each(|submitter| submitter.join().unwrap());
    // From now on nothing begins any more, but for what has been submitted.
    world.moves_left.store(0, SeqCst);
    pool.shutdown(Shutdown::Drain);
    let handles = std::mem::take(&mut *world.handles.lock().unwrap());
    handles.into_iter().for_each(|(fate, handle)| check(&fate, block_on(handle)));
    let fates = std::mem::take(&mut *world.fates.lock().unwrap());
    // Dedicated ones are not waited for by a shutdown.
    while fates.iter().any(|fate| fate.dropped.load(SeqCst) == 0) {
        thread::yield_now();
    }
    let (mut completed, mut panicked, mut others) = (0, 0, 0);
    for fate in &fates {
        assert_eq!(fate.dropped.load(SeqCst), 1);
        match (fate.ran.load(SeqCst), fate.panicked.load(SeqCst)) {
            _ if fate.dedicated.load(SeqCst) => {}
            (1, true) => panicked += 1,
            (1, false) => completed += 1,
            _ => others += 1,
        }
    }
    let m = pool.metrics();
    assert_eq!((m.completed, m.panicked, m.queued, m.running), (completed, panicked, 0, 0), "{m:?}");
    assert_eq!(m.submitted, m.completed + m.panicked + m.cancelled, "{m:?}");
    assert!(m.cancelled <= others);
    assert_eq!((m.threads, m.undelivered, m.oldest_queued), (0, 0, None), "{m:?}");
    assert!(world.limiters.iter().all(|(limiter, _, _)| limiter.metrics().running == 0));
    assert!(world.limiters.iter().all(|(limiter, _, _)| limiter.metrics().waiting == 0));
}

#[test]
fn whatever_is_done_each_job_runs_once_or_never_and_all_adds_up() {
    for_seeds(80, |seed| {
        let (over, is_over) = mpsc::channel();
        let run = thread::spawn(move || {
            one_run(seed);
            drop(over);
        });
        let hangs = is_over.recv_timeout(Duration::from_secs(60));
        assert_eq!(hangs, Err::<(), _>(mpsc::RecvTimeoutError::Disconnected), "seed {seed} hangs");
        run.join().unwrap();
    });
}
