//! The oracle: one mutex, one condition variable, and threads that were all there from the beginning.

use std::any::Any;
use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;

use sideline_blocking_pool::Shutdown;

use crate::subject::{Classes, Closure, Outcome, Subject, Value, returned};

#[derive(Clone)]
pub(crate) struct Plain(Arc<(Mutex<State>, Condvar)>);

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

pub(crate) struct PlainHandle(Plain, Arc<Mutex<Slot>>);

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
