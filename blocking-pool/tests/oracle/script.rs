//! The script: seeded moves, and all that is seen of what comes of them.

use std::panic::resume_unwind;
use std::sync::mpsc::{self, Sender};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::Duration;

use sideline_blocking_pool::Shutdown;

use crate::subject::{Bomb, Closure, Outcome, Subject, Value};
use fastrand::Rng;

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

pub(crate) struct Run<S: Subject> {
    subject: S,
    threads: usize,
    random: Rng,
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
    pub(crate) fn new(seed: u64, threads: usize) -> Self {
        Self {
            subject: S::new(threads),
            threads,
            random: Rng::with_seed(seed),
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
        let closure: Closure = match self.random.u64(..8) {
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
                let children = self.random.u64(..4);
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
        let handle = match self.random.u64(..4) {
            // From another thread: it makes no difference.
            0 => {
                let subject = self.subject.clone();
                thread::spawn(move || subject.spawn(closure)).join().unwrap()
            }
            _ => self.subject.spawn(closure),
        };
        match self.random.u64(..3) {
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
        let place = self.random.usize(..self.held.len());
        let (release, handle) = self.held.swap_remove(place);
        drop(release);
        assert_eq!(self.subject.wait(handle), Outcome::Returned(0));
    }

    fn pick(&mut self) -> Option<(u64, S::Handle, usize)> {
        let count = self.handles.len();
        (count > 0).then(|| self.handles.swap_remove(self.random.usize(..count)))
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

    pub(crate) fn play(mut self, moves: u64) -> Vec<String> {
        for _ in 0..moves {
            match self.random.u64(..16) {
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
        let how = match self.random.u64(..3) {
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
