//! Tasks at random: futures that wake, spawn, abort, await and drop others and themselves while they are polled and while they
//! are dropped, and panic; handles and sets that change hands; each move made here or on another thread, which is waited for. So
//! a run depends on its seed alone, and of each task it is known whether it is to be polled, and how it has ended.
//!
//! A task is polled after it was spawned and after each wake; wakes that come before its turn count as one, or as two if one was
//! the loop's own and one was not; and without a wake it is never polled. One that was aborted is polled no
//! more. A future is dropped once, on the loop's thread; and so is an output.

use super::for_seeds;
use fastrand::Rng;
use sideline::task::JoinSet;
use sideline::{AbortHandle, Handle, Id, JoinError, JoinHandle, Report, Runtime};
use std::collections::HashMap;
use std::future::Future;
use std::mem::take;
use std::panic::resume_unwind;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Wake, Waker};
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

    /// Does up to `most` moves, some of them on another thread.
    fn moves(&self, random: &mut Rng, most: u32, context: Option<(usize, &Waker)>) {
        for _ in 0..random.u32(..=most) {
            if take_one(&mut self.world().moves_left).is_none() {
                return;
            }
            let mut again = random.fork();
            if random.u32(..4) == 0 {
                thread::scope(|scope| scope.spawn(|| self.one_move(&mut again, context)).join().unwrap());
            } else {
                self.one_move(&mut again, context);
            }
        }
    }

    fn one_move(&self, random: &mut Rng, context: Option<(usize, &Waker)>) {
        let count = self.world().known.len();
        if count == 0 {
            return self.spawn(random);
        }
        // Rather one of the last.
        let among = if random.bool() { 6 } else { 60 };
        let one = count - 1 - random.usize(..count.min(among));
        match random.u32(..16) {
            0..3 => self.spawn(random),
            3..6 => self.wake(one, random),
            6 => self.abort(one, random),
            7 => drop({
                let mut world = self.world();
                (take(&mut world.known[one].wakers), world.known[one].handle.take_if(|_| random.bool()))
            }),
            8..12 => self.poll_handle(one, random, context),
            _ => self.with_set(random, context),
        }
    }

    fn spawn(&self, random: &mut Rng) {
        let number = {
            let mut world = self.world();
            let late = world.is_ending;
            world.known.push(Known { woken: true, due: 1, late, ..Known::default() });
            world.known.len() - 1
        };
        let handle = self.handle.spawn(Actor { shared: self.clone(), number, random: random.fork() });
        let mut world = self.world();
        world.tasks.insert(handle.id(), number);
        world.known[number].abort = Some(handle.abort_handle());
        world.known[number].handle = Some(handle);
    }

    fn wake(&self, one: usize, random: &mut Rng) {
        let waker = {
            let known = &mut self.world().known[one];
            let count = known.wakers.len();
            if count == 0 {
                return;
            }
            known.is_woken();
            match random.bool() {
                true => known.wakers.swap_remove(random.usize(..count)),
                false => known.wakers[random.usize(..count)].clone(),
            }
        };
        if random.bool() { waker.wake() } else { waker.wake_by_ref() }
    }

    fn abort(&self, one: usize, random: &mut Rng) {
        let (handle, abort) = {
            let known = &mut self.world().known[one];
            let Some(abort) = known.abort.clone() else { return };
            known.aborted = true;
            (known.handle.take_if(|_| random.u32(..3) == 0), abort)
        };
        match handle {
            Some(handle) if random.bool() => drop(handle.abort_on_drop()),
            Some(handle) => {
                handle.abort();
                self.world().known[one].handle = Some(handle);
            }
            None => abort.abort(),
        }
    }

    /// The waker of the one who polls, by which it is known that he has been woken; or one that is nobody's.
    fn waker(&self, context: Option<(usize, &Waker)>) -> Waker {
        match context {
            Some((number, waker)) => {
                Waker::from(Arc::new(Noting { shared: self.clone(), number, waker: waker.clone() }))
            }
            None => Waker::noop().clone(),
        }
    }

    fn poll_handle(&self, one: usize, random: &mut Rng, context: Option<(usize, &Waker)>) {
        let Some(mut handle) = self.world().known[one].handle.take() else { return };
        let waker = self.waker(context.filter(|_| random.u32(..4) > 0));
        let was_finished = handle.is_finished();
        match Pin::new(&mut handle).poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(result) => _ = self.has_ended(Some(one), result),
            Poll::Pending => {
                assert!(!was_finished, "task {one} has ended");
                self.world().known[one].handle = Some(handle);
            }
        }
    }

    fn with_set(&self, random: &mut Rng, context: Option<(usize, &Waker)>) {
        let (mut set, mut members) = {
            let mut world = self.world();
            let count = world.sets.len();
            if count == 0 { Default::default() } else { world.sets.swap_remove(random.usize(..count)) }
        };
        match random.u32(..12) {
            0..4 => {
                let mut world = self.world();
                let count = world.known.len();
                let one = count - 1 - random.usize(..count.min(9));
                let handle = world.known[one].handle.take();
                drop(world);
                if let Some(handle) = handle {
                    set.insert(handle);
                    members.push(one);
                }
            }
            4..8 => {
                let waker = self.waker(context);
                match set.poll_join_next(&mut Context::from_waker(&waker)) {
                    Poll::Ready(Some(result)) => {
                        let one = self.has_ended(None, result);
                        members.swap_remove(members.iter().position(|&member| member == one).unwrap());
                    }
                    Poll::Ready(None) => assert!(set.is_empty()),
                    Poll::Pending => assert!(!set.is_empty()),
                }
            }
            8 => {
                set.detach_all();
                members.clear();
            }
            end @ 9..11 => {
                {
                    let mut world = self.world();
                    members.iter().for_each(|&member| world.known[member].aborted = true);
                }
                if end == 10 {
                    return drop(set);
                }
                set.abort_all();
            }
            _ => {}
        }
        assert_eq!(set.len(), members.len());
        self.world().sets.push((set, members));
    }

    fn has_ended(&self, one: Option<usize>, result: Result<Output, JoinError>) -> usize {
        let (number, end) = match result {
            Ok(mut output) => {
                // A panic in its drop would be ours.
                output.may_panic = false;
                (output.number, End::Returned)
            }
            Err(error) => {
                let number = self.world().tasks.get(&error.id()).copied();
                let end = if error.is_panic() { End::Panicked } else { End::Cancelled };
                assert!(error.is_panic() || error.is_cancelled(), "{error}");
                // Not there yet if its spawner is still in `spawn`; but then nobody has the handle.
                (number.expect("a task that is known"), end)
            }
        };
        assert!(one.is_none_or(|one| one == number));
        let known = &self.world().known[number];
        assert_eq!((known.end, known.future_dropped), (Some(end), true), "task {number}");
        number
    }
}

fn take_one(left: &mut u32) -> Option<()> {
    *left = left.checked_sub(1)?;
    Some(())
}

/// Notes that it has been woken, and wakes.
struct Noting {
    shared: Shared,
    number: usize,
    waker: Waker,
}

impl Wake for Noting {
    fn wake(self: Arc<Self>) {
        self.shared.world().known[self.number].is_woken();
        self.waker.wake_by_ref();
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
