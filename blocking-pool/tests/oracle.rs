//! The pool against the simplest pool there could be: one mutex, one condition variable. The same seeded script runs on
//! both, and everything that can be observed must be the same: what each handle resolves to, what each abort says, which
//! closures ran, how many reports there were, and how a shutdown classed the jobs.
//!
//! A script is made of moves whose outcome does not depend on timing: before an abort, say, either every thread is held by
//! a job, so that the others certainly wait, or all jobs that can run have run. What happens in between (who takes
//! which job, who is asleep, who steals) is free, and differs from run to run. A lost job hangs the test; a failure
//! names the seed.

use std::any::Any;
use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{self, Sender};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::Duration;

use sideline_blocking_pool::{JoinHandle, Pool, Shutdown};

include!("common/block_on.rs");

/// What a closure returns.
enum Value {
    Number(u64),
    Bomb(Bomb),
}

/// Panics when it is dropped, without a message on stderr.
struct Bomb;

impl Drop for Bomb {
    fn drop(&mut self) {
        resume_unwind(Box::new("a bomb"));
    }
}

type Closure = Box<dyn FnOnce() -> Value + Send>;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    Returned(u64),
    Panicked,
    Cancelled,
    Rejected,
}

/// Cancelled, left running, left queued.
type Classes = (u64, u64, u64);

/// What a script is run on.
trait Subject: Clone + Send + 'static {
    type Handle: Send + 'static;
    fn new(threads: usize) -> Self;
    fn spawn(&self, closure: Closure) -> Self::Handle;
    fn abort(&self, handle: &Self::Handle) -> bool;
    fn wait(&self, handle: Self::Handle) -> Outcome;
    fn shutdown(&self, how: Shutdown) -> Classes;
    fn reports(&self) -> u64;
}

// The pool.

#[derive(Clone)]
struct Real {
    pool: Pool,
    reports: Arc<AtomicU64>,
}

impl Subject for Real {
    type Handle = JoinHandle<Value>;

    fn new(threads: usize) -> Self {
        let reports = Arc::new(AtomicU64::new(0));
        let count = Arc::clone(&reports);
        let builder = Pool::builder().core_threads(threads.div_ceil(2)).max_threads(threads);
        let builder = builder.keep_alive(Duration::from_millis(1));
        let pool = builder.on_report(move |_| _ = count.fetch_add(1, Ordering::SeqCst)).build().unwrap();
        Self { pool, reports }
    }

    fn spawn(&self, closure: Closure) -> JoinHandle<Value> {
        self.pool.spawn(closure)
    }

    fn abort(&self, handle: &JoinHandle<Value>) -> bool {
        handle.abort()
    }

    fn wait(&self, handle: JoinHandle<Value>) -> Outcome {
        match block_on(handle) {
            Ok(value) => returned(value),
            Err(error) if error.is_panic() => Outcome::Panicked,
            Err(error) if error.is_cancelled() => Outcome::Cancelled,
            Err(error) => {
                assert!(error.is_rejected(), "{error}");
                Outcome::Rejected
            }
        }
    }

    fn shutdown(&self, how: Shutdown) -> Classes {
        let report = self.pool.shutdown(how);
        let m = self.pool.metrics();
        assert_eq!(m.submitted, m.queued + m.running + m.completed + m.panicked + m.cancelled, "{m:?}");
        (report.cancelled, report.left_running.len() as u64, report.left_queued)
    }

    fn reports(&self) -> u64 {
        self.reports.load(Ordering::SeqCst)
    }
}

fn returned(value: Value) -> Outcome {
    match value {
        Value::Number(number) => Outcome::Returned(number),
        Value::Bomb(bomb) => {
            std::mem::forget(bomb);
            Outcome::Returned(u64::MAX)
        }
    }
}

// The oracle.

#[derive(Clone)]
struct Plain(Arc<(Mutex<State>, Condvar)>);

#[derive(Default)]
struct State {
    queue: VecDeque<Arc<Mutex<Slot>>>,
    closed: bool,
    running: u64,
    threads: usize,
    reports: u64,
}

enum Stage {
    Queued(Closure),
    Running,
    Done(Result<Value, Outcome>),
}

/// Its lock may be taken under that of the state, but not the other way round.
struct Slot {
    stage: Stage,
    detached: bool,
}

impl Slot {
    /// The stage, if it is one that is wanted; the job counts as running then.
    fn take(slot: &Mutex<Self>, wanted: fn(&Stage) -> bool) -> Option<Stage> {
        let stage = &mut slot.lock().unwrap().stage;
        wanted(stage).then(|| std::mem::replace(stage, Stage::Running))
    }

    fn take_closure(slot: &Mutex<Self>) -> Option<Closure> {
        match Self::take(slot, |stage| matches!(stage, Stage::Queued(_)))? {
            Stage::Queued(closure) => Some(closure),
            _ => unreachable!("it was looked at under the same lock"),
        }
    }

    fn take_outcome(slot: &Mutex<Self>) -> Option<Result<Value, Outcome>> {
        match Self::take(slot, |stage| matches!(stage, Stage::Done(_)))? {
            Stage::Done(outcome) => Some(outcome),
            _ => unreachable!("it was looked at under the same lock"),
        }
    }
}

struct PlainHandle(Plain, Arc<Mutex<Slot>>);

impl Plain {
    /// Drops something of the user's; a panic of its is one report.
    fn discard(&self, what: impl Any) {
        if catch_unwind(AssertUnwindSafe(|| drop(what))).is_err() {
            self.0.0.lock().unwrap().reports += 1;
        }
    }

    /// Ends a job; what nobody will read is dropped.
    fn finish(&self, slot: &Mutex<Slot>, outcome: Result<Value, Outcome>) {
        let mut it = slot.lock().unwrap();
        if it.detached {
            drop(it);
            self.unread(outcome);
        } else {
            it.stage = Stage::Done(outcome);
            drop(it);
        }
        // Under the lock, so that no waiter is between its look and its wait.
        let _state = self.0.0.lock().unwrap();
        self.0.1.notify_all();
    }

    fn unread(&self, outcome: Result<Value, Outcome>) {
        match outcome {
            Err(Outcome::Panicked) => self.0.0.lock().unwrap().reports += 1,
            other => self.discard(other),
        }
    }

    fn cancel(&self, slot: &Mutex<Slot>) -> bool {
        let Some(closure) = Slot::take_closure(slot) else { return false };
        self.discard(closure);
        self.finish(slot, Err(Outcome::Cancelled));
        true
    }

    fn work(&self) {
        let (state, bell) = &*self.0;
        let mut now = state.lock().unwrap();
        loop {
            if let Some(slot) = now.queue.pop_front() {
                now.running += 1;
                drop(now);
                if let Some(closure) = Slot::take_closure(&slot) {
                    // The payload may be a bomb.
                    let ran = catch_unwind(AssertUnwindSafe(closure)).map_err(std::mem::forget);
                    self.finish(&slot, ran.map_err(|()| Outcome::Panicked));
                }
                now = state.lock().unwrap();
                now.running -= 1;
                bell.notify_all();
            } else if now.closed {
                now.threads -= 1;
                return bell.notify_all();
            } else {
                now = bell.wait(now).unwrap();
            }
        }
    }
}

impl Subject for Plain {
    type Handle = PlainHandle;

    fn new(threads: usize) -> Self {
        let state = State { threads, ..State::default() };
        let plain = Self(Arc::new((Mutex::new(state), Condvar::new())));
        for _ in 0..threads {
            let worker = plain.clone();
            thread::spawn(move || worker.work());
        }
        plain
    }

    fn spawn(&self, closure: Closure) -> PlainHandle {
        let mut state = self.0.0.lock().unwrap();
        let closed = state.closed;
        let stage = if closed { Stage::Done(Err(Outcome::Rejected)) } else { Stage::Queued(closure) };
        let slot = Arc::new(Mutex::new(Slot { stage, detached: false }));
        if !closed {
            state.queue.push_back(Arc::clone(&slot));
        }
        self.0.1.notify_all();
        PlainHandle(self.clone(), slot)
    }

    fn abort(&self, handle: &PlainHandle) -> bool {
        self.cancel(&handle.1)
    }

    fn wait(&self, handle: PlainHandle) -> Outcome {
        let mut state = self.0.0.lock().unwrap();
        loop {
            if let Some(outcome) = Slot::take_outcome(&handle.1) {
                return outcome.map_or_else(|failed| failed, returned);
            }
            state = self.0.1.wait(state).unwrap();
        }
    }

    fn shutdown(&self, how: Shutdown) -> Classes {
        let (state, bell) = &*self.0;
        let mut now = state.lock().unwrap();
        now.closed = true;
        bell.notify_all();
        let mut cancelled = 0;
        match how {
            Shutdown::Drain => {
                while now.threads > 0 {
                    now = bell.wait(now).unwrap();
                }
            }
            Shutdown::Abandon => {
                let queue = std::mem::take(&mut now.queue);
                drop(now);
                cancelled = queue.iter().filter(|slot| self.cancel(slot)).count() as u64;
                now = state.lock().unwrap();
            }
            // Scripts only use deadlines that pass.
            Shutdown::Deadline(_) => {}
        }
        let waits = |slot: &&Arc<Mutex<Slot>>| matches!(slot.lock().unwrap().stage, Stage::Queued(_));
        (cancelled, now.running, now.queue.iter().filter(waits).count() as u64)
    }

    fn reports(&self) -> u64 {
        self.0.0.lock().unwrap().reports
    }
}

impl Drop for PlainHandle {
    fn drop(&mut self) {
        self.1.lock().unwrap().detached = true;
        if let Some(outcome) = Slot::take_outcome(&self.1) {
            self.0.unread(outcome);
        }
    }
}

// The script.

/// xorshift: repeatable, and no dependency.
struct Random(u64);

impl Random {
    fn below(&mut self, n: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % n
    }
}

/// The closures that have run, and a bell.
#[derive(Clone, Default)]
struct Ran(Arc<(Mutex<Vec<u64>>, Condvar)>);

impl Ran {
    fn note(&self, id: u64) {
        self.0.0.lock().unwrap().push(id);
        self.0.1.notify_all();
    }

    fn wait_for(&self, count: usize) {
        let ran = self.0.0.lock().unwrap();
        drop(self.0.1.wait_while(ran, |ran| ran.len() < count).unwrap());
    }

    fn sorted(&self) -> Vec<u64> {
        let mut ran = self.0.0.lock().unwrap().clone();
        ran.sort_unstable();
        ran
    }
}

struct Run<S: Subject> {
    subject: S,
    threads: usize,
    random: Random,
    ran: Ran,
    /// Everything observed, in order.
    seen: Vec<String>,
    ids: u64,
    /// The handles still held, the ids of their jobs, and how many closures each would run.
    handles: Vec<(u64, S::Handle, usize)>,
    /// How many closures have been submitted, or will be by those that have, and were not cancelled.
    owed: usize,
    /// Running jobs that wait for their senders to be dropped.
    held: Vec<(Sender<()>, S::Handle)>,
    /// Closures submitted, cancelled and run before all threads were held: what waits is what came since.
    settled: bool,
}

impl<S: Subject> Run<S> {
    fn new(seed: u64, threads: usize) -> Self {
        Self {
            subject: S::new(threads),
            threads,
            random: Random(seed),
            ran: Ran::default(),
            seen: Vec::new(),
            ids: 0,
            handles: Vec::new(),
            owed: 0,
            held: Vec::new(),
            settled: true,
        }
    }

    fn all_held(&self) -> bool {
        self.held.len() == self.threads
    }

    /// Waits until everything that can run has run.
    fn settle(&mut self) {
        if !self.all_held() {
            self.ran.wait_for(self.owed);
            self.settled = true;
        }
    }

    fn next_id(&mut self) -> u64 {
        self.ids += 1;
        self.ids
    }

    fn spawn(&mut self) {
        let id = self.next_id();
        let (ran, subject) = (self.ran.clone(), self.subject.clone());
        let mut closures = 1;
        let closure: Closure = match self.random.below(8) {
            0 => Box::new(move || {
                ran.note(id);
                resume_unwind(Box::new(()))
            }),
            1 => Box::new(move || {
                ran.note(id);
                Value::Bomb(Bomb)
            }),
            2 => {
                let captured = Bomb;
                Box::new(move || {
                    std::mem::forget(captured);
                    ran.note(id);
                    Value::Number(id)
                })
            }
            3 => {
                let children = self.random.below(4);
                self.ids += children;
                closures += children as usize;
                Box::new(move || {
                    for child in 1..=children {
                        let ran = ran.clone();
                        drop(subject.spawn(Box::new(move || {
                            ran.note(id + child);
                            Value::Number(id)
                        })));
                    }
                    ran.note(id);
                    Value::Number(id)
                })
            }
            _ => Box::new(move || {
                ran.note(id);
                Value::Number(id)
            }),
        };
        self.owed += closures;
        self.settled = false;
        let handle = match self.random.below(4) {
            // From another thread: it makes no difference.
            0 => {
                let subject = self.subject.clone();
                thread::spawn(move || subject.spawn(closure)).join().unwrap()
            }
            _ => self.subject.spawn(closure),
        };
        match self.random.below(3) {
            0 => drop(handle),
            _ => self.handles.push((id, handle, closures)),
        }
    }

    fn hold(&mut self) {
        if self.all_held() {
            return;
        }
        self.settle();
        let (started, has_started) = mpsc::channel();
        let (release, released) = mpsc::channel::<()>();
        let handle = self.subject.spawn(Box::new(move || {
            started.send(()).unwrap();
            _ = released.recv();
            Value::Number(0)
        }));
        has_started.recv().unwrap();
        self.held.push((release, handle));
    }

    fn release(&mut self) {
        if self.held.is_empty() {
            return;
        }
        let place = self.random.below(self.held.len() as u64) as usize;
        let (release, handle) = self.held.swap_remove(place);
        drop(release);
        assert_eq!(self.subject.wait(handle), Outcome::Returned(0));
    }

    fn pick(&mut self) -> Option<(u64, S::Handle, usize)> {
        let count = self.handles.len() as u64;
        (count > 0).then(|| self.handles.swap_remove(self.random.below(count) as usize))
    }

    fn abort(&mut self) {
        self.settle();
        let Some((id, handle, closures)) = self.pick() else { return };
        let stopped = self.subject.abort(&handle);
        self.seen.push(format!("abort {id}: {stopped}"));
        if stopped {
            self.owed -= closures;
            let outcome = self.subject.wait(handle);
            self.seen.push(format!("then {id}: {outcome:?}"));
        } else {
            self.handles.push((id, handle, closures));
        }
    }

    fn wait(&mut self) {
        if self.all_held() {
            return;
        }
        let Some((id, handle, _)) = self.pick() else { return };
        let outcome = self.subject.wait(handle);
        self.seen.push(format!("wait {id}: {outcome:?}"));
    }

    fn play(mut self, moves: u64) -> Vec<String> {
        for _ in 0..moves {
            match self.random.below(16) {
                0 => self.hold(),
                1 => self.release(),
                2 | 3 => self.abort(),
                4 => _ = self.pick(),
                5 | 6 => self.wait(),
                _ => self.spawn(),
            }
        }
        self.end()
    }

    fn end(mut self) -> Vec<String> {
        self.settle();
        let how = match self.random.below(3) {
            0 => Shutdown::Drain,
            1 => Shutdown::Deadline(Duration::from_millis(1)),
            _ => Shutdown::Abandon,
        };
        if how == Shutdown::Drain {
            // What waits runs as soon as it can; only children of that are refused by the closed pool.
            while !self.held.is_empty() {
                self.release();
            }
            self.settle();
        }
        let classes = match how {
            Shutdown::Drain => Some(self.subject.shutdown(how)),
            _ if self.all_held() => Some(self.subject.shutdown(how)),
            // A job that has run may not have quite ended: it is in some class, but not always in the same.
            _ => {
                self.subject.shutdown(how);
                None
            }
        };
        self.seen.push(format!("{how:?}: {classes:?}"));
        while !self.held.is_empty() {
            self.release();
        }
        self.subject.shutdown(Shutdown::Drain);
        let late = self.subject.spawn(Box::new(|| Value::Number(1)));
        self.seen.push(format!("late: {:?}", self.subject.wait(late)));
        for (id, handle, _) in std::mem::take(&mut self.handles) {
            let outcome = self.subject.wait(handle);
            self.seen.push(format!("at the end {id}: {outcome:?}"));
        }
        self.seen.push(format!("ran: {:?}", self.ran.sorted()));
        self.seen.push(format!("{} reports", self.subject.reports()));
        self.seen
    }
}

#[test]
fn the_same_script_has_the_same_outcome_on_the_simplest_pool() {
    for seed in 1..=60 {
        for threads in 1..=3 {
            let seed = 0x9E37_79B9_7F4A_7C15_u64.wrapping_mul(seed);
            let moves = 20 + seed % 200;
            let expected = Run::<Plain>::new(seed, threads).play(moves);
            let seen = Run::<Real>::new(seed, threads).play(moves);
            for (step, (seen, expected)) in seen.iter().zip(&expected).enumerate() {
                assert_eq!(seen, expected, "seed {seed:#x}, {threads} threads, observation {step}");
            }
            assert_eq!(seen.len(), expected.len(), "seed {seed:#x}, {threads} threads");
        }
    }
}
