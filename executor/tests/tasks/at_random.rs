//! Tasks at random: futures that wake, spawn, abort, await and drop others and themselves while they are polled and while they
//! are dropped, and panic; handles and sets that change hands; each move made here or on another thread, which is waited for. So
//! a run depends on its seed alone, and of each task it is known whether it is to be polled, and how it has ended.
//!
//! A task is polled after it was spawned and after each wake; wakes that come before its turn count as one, or as two if one was
//! the loop's own and one was not; and without a wake it is never polled. One that was aborted is polled no
//! more. A future is dropped once, on the loop's thread; and so is an output.

mod moves;

use super::for_seeds;
use fastrand::Rng;
use sideline::task::JoinSet;
use sideline::{AbortHandle, Handle, Id, JoinHandle, Report, Runtime};
use std::collections::HashMap;
use std::future::Future;
use std::mem::take;
use std::panic::resume_unwind;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::thread::{self, ThreadId};
use std::time::Duration;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum End {
    Returned,
    Panicked,
    Cancelled,
}

/// What is known of one task.
#[derive(Default)]
struct Known {
    /// Spawned or woken since it was polled last.
    woken: bool,
    /// How many polls may be to come: one for the run queue, and one for the inbox.
    due: u8,
    aborted: bool,
    end: Option<End>,
    future_dropped: bool,
    output_dropped: bool,
    /// Spawned when its runtime was ending: it is dropped wherever that was.
    late: bool,
    wakers: Vec<Waker>,
    handle: Option<JoinHandle<Output>>,
    abort: Option<AbortHandle>,
}

impl Known {
    fn is_woken(&mut self) {
        self.woken = true;
        self.due = (self.due + 1).min(2);
    }
}

#[derive(Default)]
struct World {
    known: Vec<Known>,
    tasks: HashMap<Id, usize>,
    /// And who is in them.
    sets: Vec<(JoinSet<Output>, Vec<usize>)>,
    moves_left: u32,
    /// Futures that were polled or dropped.
    steps: u32,
    is_ending: bool,
    drop_panics: usize,
}

#[derive(Clone)]
struct Shared {
    world: Arc<Mutex<World>>,
    handle: Handle,
    home: ThreadId,
}

/// The payload of each panic that is meant to be.
const MEANT: &str = "meant";

impl Shared {
    /// Never held while anything of the runtime's is called or dropped.
    fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

struct Actor {
    shared: Shared,
    number: usize,
    random: Rng,
}

impl Future for Actor {
    type Output = Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Output> {
        let (shared, number) = (self.shared.clone(), self.number);
        assert_eq!(thread::current().id(), shared.home);
        {
            let mut world = shared.world();
            world.steps += 1;
            let known = &mut world.known[number];
            known.woken = false;
            known.due = known.due.checked_sub(1).expect("polled, and nobody has woken it");
            assert!(!known.aborted && known.end.is_none() && !known.future_dropped, "task {number}");
            known.wakers.extend((self.random.u32(..3) > 0).then(|| cx.waker().clone()));
        }
        shared.moves(&mut self.random, 4, Some((number, cx.waker())));
        let end = match self.random.u32(..16) {
            0..5 => End::Returned,
            5 => End::Panicked,
            _ => return Poll::Pending,
        };
        shared.world().known[number].end = Some(end);
        if end == End::Panicked {
            resume_unwind(Box::new(MEANT));
        }
        Poll::Ready(Output { number, may_panic: true, random: self.random.fork(), shared })
    }
}

impl Drop for Actor {
    fn drop(&mut self) {
        let Actor { shared, number, random } = self;
        {
            let mut world = shared.world();
            world.steps += 1;
            let known = &mut world.known[*number];
            assert!(thread::current().id() == shared.home || known.late);
            assert!(!std::mem::replace(&mut known.future_dropped, true), "task {number} is dropped twice");
            known.end.get_or_insert(End::Cancelled);
        }
        shared.moves(random, 2, None);
        if random.u32(..8) == 0 {
            shared.world().drop_panics += 1;
            resume_unwind(Box::new(MEANT));
        }
    }
}

/// What a task returns.
struct Output {
    shared: Shared,
    number: usize,
    random: Rng,
    may_panic: bool,
}

impl Drop for Output {
    fn drop(&mut self) {
        let known = |world: &mut World| std::mem::replace(&mut world.known[self.number].output_dropped, true);
        assert!(!known(&mut self.shared.world()), "the output of task {} is dropped twice", self.number);
        self.shared.moves(&mut self.random, 2, None);
        if self.may_panic && self.random.u32(..8) == 0 {
            self.shared.world().drop_panics += 1;
            resume_unwind(Box::new(MEANT));
        }
    }
}

/// Until nothing happens any more.
fn settle(runtime: &Runtime, shared: &Shared, in_turns: bool) {
    let mut quiet = 0;
    while quiet < 3 {
        let before = shared.world().steps;
        if in_turns {
            runtime.turn(Some(Duration::ZERO)).unwrap();
        } else {
            runtime.block_on(sideline::task::yield_now());
        }
        quiet = if shared.world().steps == before { quiet + 1 } else { 0 };
    }
    for (number, known) in shared.world().known.iter().enumerate() {
        assert!(known.end.is_some() || !known.woken && !known.aborted, "task {number} has been forgotten");
        assert!(known.handle.as_ref().is_none_or(|handle| handle.is_finished() == known.end.is_some()));
        assert!(known.abort.as_ref().is_none_or(|abort| abort.is_finished() == known.end.is_some()));
        assert_eq!(known.end.is_some(), known.future_dropped);
    }
}

fn one_run(seed: u64) {
    let mut random = Rng::with_seed(seed);
    let contained = Arc::new(Mutex::new(0));
    let on_report = {
        let contained = Arc::clone(&contained);
        move |report: &Report| {
            assert!(report.to_string().ends_with(MEANT), "{report}");
            *contained.lock().unwrap() += usize::from(matches!(report, Report::ContainedPanic { .. }));
        }
    };
    let runtime = Runtime::builder().on_report(on_report).build().unwrap();
    let world = Arc::new(Mutex::new(World { moves_left: 600, ..World::default() }));
    let (handle, home) = (runtime.handle().clone(), thread::current().id());
    let shared = Shared { world: Arc::clone(&world), handle, home };
    let settles = random.bool();
    for _ in 0..random.u32(1..40) {
        shared.moves(&mut random, 9, None);
        if settles {
            settle(&runtime, &shared, seed % 4 < 2);
        } else {
            runtime.turn(Some(Duration::ZERO)).unwrap();
        }
    }
    shared.world().is_ending = true;
    drop(runtime);
    // What is left of them can be used as before.
    shared.world().moves_left = 100;
    for _ in 0..10 {
        shared.moves(&mut random, 9, None);
    }
    shared.world().moves_left = 0;
    let sets = take(&mut shared.world().sets);
    for (mut set, members) in sets {
        for _ in members {
            shared.has_ended(None, set.try_join_next().expect("all have ended"));
        }
        assert!(set.is_empty());
    }
    let handles: Vec<_> = shared.world().known.iter_mut().map(|known| known.handle.take()).collect();
    for (number, handle) in handles.into_iter().enumerate() {
        if let Some(mut handle) = handle {
            let Poll::Ready(result) = Pin::new(&mut handle).poll(&mut Context::from_waker(Waker::noop()))
            else {
                panic!("task {number} has not ended");
            };
            shared.has_ended(Some(number), result);
        }
    }
    let wakers: Vec<_> = shared.world().known.iter_mut().map(|known| take(&mut known.wakers)).collect();
    drop(wakers);
    for (number, known) in shared.world().known.iter().enumerate() {
        assert!(known.future_dropped, "task {number} is still there");
        assert_eq!(known.output_dropped, known.end == Some(End::Returned), "the output of task {number}");
    }
    assert_eq!(*contained.lock().unwrap(), shared.world().drop_panics);
    drop(shared);
    assert_eq!(Arc::strong_count(&world), 1, "something of the tasks is still there");
}

#[test]
fn each_is_polled_when_it_was_woken_and_ends_once() {
    for_seeds(100, one_run);
}
