//! What has been read from standard input and not been used yet, and who waits for more of it.
//!
//! Any number of [`Stdin`](super::Stdin)s may wait at once, in several runtimes. Each is also told by its own source that
//! there is input, but that is not enough: one reads all there is, uses a part, and the others, for whom the kernel has
//! nothing any more, would sleep beside the rest. So who adds to the buffer wakes all that wait.
//!
//! The bad interleaving: a reader looks and finds nothing; another one adds to the buffer, and finds nobody to wake; the
//! first one begins to wait. So what a look has *seen* is counted, and who begins to wait says what it has seen, under
//! the lock that adding takes: if that has been overtaken, it looks again.
//!
//! One lock for the process, never held while a waker is called, cloned or dropped.
//!
//! A child of `fork` has all of this anew. What its parent has read is the parent's to use; and the parent's thread is
//! not there, but waits, as far as the condition variable can tell, which would hand it the lock.

use super::buffer::Buffer;
use parking_lot::{Condvar, Mutex};
use sideline_blocking_pool::fork::PerProcess;
use sideline_reactor::{discard, wake_all};
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, Waker};

pub(super) struct Input {
    state: Mutex<State>,
    /// The thread is wanted.
    asked: Condvar,
}

struct State {
    buffer: Buffer,
    seen: Seen,
    waiting: Vec<(u64, Waker)>,
    thread: Request,
}

/// Between readers and the thread that reads for them.
struct Request {
    started: bool,
    /// The most bytes that somebody has asked for who has not been answered yet; 0: nobody has.
    wanted: usize,
    /// Of the last read; what it read is in the buffer by now.
    outcome: Option<io::Result<Filled>>,
}

/// How often something had come of reading.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) struct Seen(u64);

/// What has come of reading.
#[derive(Debug, PartialEq)]
pub(super) enum Filled {
    More,
    End,
}

impl Input {
    fn new() -> Input {
        let buffer = Buffer::new();
        let thread = Request { started: false, wanted: 0, outcome: None };
        let state = State { buffer, seen: Seen(0), waiting: Vec::new(), thread };
        Input { state: Mutex::new(state), asked: Condvar::new() }
    }

    pub(super) fn of_this_process() -> &'static Input {
        static INPUT: PerProcess<Input> = PerProcess::new();
        INPUT.get_or_init(|_| Input::new())
    }

    /// Calls `look` with what there is.
    pub(super) fn look<T>(&self, look: impl FnOnce(&mut Buffer) -> T) -> (T, Seen) {
        let mut state = self.state.lock();
        (look(&mut state.buffer), state.seen)
    }

    /// Adds what was read, the first `n` bytes of `memory`, none at the end, and wakes those who wait. The memory may be another
    /// then.
    #[cfg(any(target_os = "linux", test))]
    pub(super) fn add(&self, memory: &mut Vec<u8>, n: usize) -> Filled {
        let mut state = self.state.lock();
        state.buffer.append(memory, n);
        let mut waiting = state.overtake();
        drop(state);
        wake_all(&mut waiting);
        if n == 0 { Filled::End } else { Filled::More }
    }

    /// What came of the thread's last read, once; if there is nothing, it is asked to read `most` bytes at most. `start`
    /// starts it.
    pub(super) fn ask_thread(
        &self,
        most: usize,
        start: impl FnOnce() -> io::Result<()>,
    ) -> io::Result<Option<Filled>> {
        let mut state = self.state.lock();
        if let Some(outcome) = state.thread.outcome.take() {
            return outcome.map(Some);
        }
        if !state.thread.started {
            start()?;
            state.thread.started = true;
        }
        state.thread.wanted = state.thread.wanted.max(most);
        self.asked.notify_one();
        Ok(None)
    }

    /// By the thread: until it is to read. Returns how much at most.
    pub(super) fn wait_until_asked(&self) -> usize {
        let mut state = self.state.lock();
        while state.thread.wanted == 0 {
            self.asked.wait(&mut state);
        }
        state.thread.wanted
    }

    /// By the thread: what it has read, as for [`add`](Self::add).
    pub(super) fn answer(&self, outcome: io::Result<usize>, memory: &mut Vec<u8>) {
        let mut state = self.state.lock();
        state.thread.wanted = 0;
        state.thread.outcome = Some(outcome.map(|n| {
            state.buffer.append(memory, n);
            if n == 0 { Filled::End } else { Filled::More }
        }));
        let mut waiting = state.overtake();
        drop(state);
        wake_all(&mut waiting);
    }
}

impl State {
    /// Something has come of reading. Returns whom to wake, outside the lock.
    #[must_use]
    fn overtake(&mut self) -> Vec<Waker> {
        self.seen.0 += 1;
        self.waiting.drain(..).map(|(_, waker)| waker).collect()
    }
}

/// One reader's, for its waker.
pub(super) struct Place {
    number: u64,
    /// It has been waiting since it last left.
    taken: bool,
}

impl Place {
    pub(super) fn new() -> Place {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        // Relaxed: it is no other's, and that is all.
        Place { number: NEXT.fetch_add(1, Ordering::Relaxed), taken: false }
    }

    /// Waits for more than was seen, in place of the last one who waited here; ready if there has been more meanwhile.
    pub(super) fn wait(&mut self, cx: &mut Context<'_>, seen: Seen) -> Poll<()> {
        self.wait_in(Input::of_this_process(), cx, seen)
    }

    fn wait_in(&mut self, input: &Input, cx: &mut Context<'_>, seen: Seen) -> Poll<()> {
        // Foreign code, as is the drop of the one it replaces.
        let mut waker = cx.waker().clone();
        let mut state = input.state.lock();
        if state.seen != seen {
            drop(state);
            discard(waker);
            return Poll::Ready(());
        }
        self.taken = true;
        match state.waiting.iter_mut().find(|(number, _)| *number == self.number) {
            Some((_, old)) => std::mem::swap(old, &mut waker),
            None => {
                state.waiting.push((self.number, waker));
                return Poll::Pending;
            }
        }
        drop(state);
        discard(waker);
        Poll::Pending
    }

    /// Nobody waits here any more.
    pub(super) fn leave(&mut self) {
        self.leave_in(Input::of_this_process());
    }

    fn leave_in(&mut self, input: &Input) {
        if std::mem::take(&mut self.taken) {
            let mut state = input.state.lock();
            let found = state.waiting.iter().position(|(number, _)| *number == self.number);
            let waker = found.map(|index| state.waiting.swap_remove(index).1);
            drop(state);
            waker.into_iter().for_each(discard);
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.leave();
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
    use std::task::Wake;

    /// Counts its wakes.
    #[derive(Default)]
    struct Woken(AtomicUsize);

    impl Wake for Woken {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Relaxed);
        }
    }

    #[test]
    fn whoever_adds_wakes_all_that_wait_and_a_look_that_was_overtaken_is_repeated() {
        let input = Input::new();
        let woken = Arc::new(Woken::default());
        let waker = Waker::from(Arc::clone(&woken));
        let cx = &mut Context::from_waker(&waker);
        let mut places: Vec<_> = (0..3).map(|number| Place { number, taken: false }).collect();
        let ((), seen) = input.look(|_| ());
        for place in &mut places {
            assert!(place.wait_in(&input, cx, seen).is_pending());
            assert!(place.wait_in(&input, cx, seen).is_pending(), "once more, in the same place");
        }
        assert_eq!(input.add(&mut b"more".to_vec(), 4), Filled::More);
        assert_eq!(woken.0.load(Relaxed), 3);
        assert!(places[0].wait_in(&input, cx, seen).is_ready(), "there is something it has not seen");
        let ((), seen) = input.look(|_| ());
        assert!(places[0].wait_in(&input, cx, seen).is_pending());
        input.answer(Ok(0), &mut Vec::new());
        assert_eq!(woken.0.load(Relaxed), 4);
        assert_eq!(input.ask_thread(1, || unreachable!()).unwrap(), Some(Filled::End));
    }

    #[test]
    fn a_reader_that_gives_up_leaves_no_waker_behind() {
        let input = Input::new();
        let woken = Arc::new(Woken::default());
        let mut place = Place { number: 7, taken: false };
        let waker = Waker::from(Arc::clone(&woken));
        let ((), seen) = input.look(|_| ());
        assert!(place.wait_in(&input, &mut Context::from_waker(&waker), seen).is_pending());
        drop(waker);
        assert_eq!(Arc::strong_count(&woken), 2);
        place.leave_in(&input);
        assert_eq!(Arc::strong_count(&woken), 1);
    }
}
