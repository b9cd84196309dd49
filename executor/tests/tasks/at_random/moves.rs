//! What the actors do, and whoever is none of them: each move is chosen by the seed, and noted before it is made.

use super::{Actor, End, Known, Output, Shared};
use fastrand::Rng;
use sideline::JoinError;
use std::mem::take;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread;

impl Shared {
    /// Does up to `most` moves, some of them on another thread.
    pub(super) fn moves(&self, random: &mut Rng, most: u32, context: Option<(usize, &Waker)>) {
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

    pub(super) fn has_ended(&self, one: Option<usize>, result: Result<Output, JoinError>) -> usize {
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
