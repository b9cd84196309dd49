//! A whole runtime in one file: results, tasks, timers, sockets, blocking jobs, and the loop that drives them.
//!
//! Read it from the top; each part uses only what stands above it. It does what it says, and nothing in it is clever.
//! What it costs and where it breaks is in `docs/src/miniature.md`, beside the files in which sideline does better.

use mio::event::Source;
use mio::{Events, Interest, Poll as Selector, Registry, Token};
use slab::Slab;
use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};
use std::future::{Future, poll_fn};
use std::io;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::{Arc, Mutex, mpsc};
use std::task::{Context, Poll, Wake, Waker};
use std::thread;
use std::time::{Duration, Instant};

// 1. Results: one place for the value of a task or of a job, and for the waker of who awaits it.

struct Outcome<T> {
    value: Option<T>,
    awaiter: Option<Waker>,
}

/// Resolves to what the task or the job has returned.
pub(crate) struct JoinHandle<T>(Arc<Mutex<Outcome<T>>>);

impl<T> JoinHandle<T> {
    fn new() -> Self {
        Self(Arc::new(Mutex::new(Outcome { value: None, awaiter: None })))
    }

    fn other_side(&self) -> Self {
        Self(Arc::clone(&self.0))
    }

    fn deliver(self, value: T) {
        let mut outcome = self.0.lock().unwrap();
        outcome.value = Some(value);
        let awaiter = outcome.awaiter.take();
        // A waker is foreign code. It may lock what we have locked.
        drop(outcome);
        if let Some(awaiter) = awaiter {
            awaiter.wake();
        }
    }
}

impl<T> Future for JoinHandle<T> {
    type Output = T;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<T> {
        let mut outcome = self.0.lock().unwrap();
        // Looking and leaving the waker are one step, under the lock: a value delivered in between would wake nobody.
        match outcome.value.take() {
            Some(value) => Poll::Ready(value),
            None => {
                outcome.awaiter = Some(cx.waker().clone());
                Poll::Pending
            }
        }
    }
}

// 2. Wakers: a task is a number. To wake it is to put the number on a list and to get the loop out of the kernel.

struct Ready {
    tasks: Mutex<VecDeque<usize>>,
    /// An eventfd, or a pipe, that the loop waits for together with all sockets.
    notifier: mio::Waker,
}

impl Ready {
    fn push(&self, task: usize) {
        self.tasks.lock().unwrap().push_back(task);
    }

    fn pop(&self) -> Option<usize> {
        self.tasks.lock().unwrap().pop_front()
    }

    fn len(&self) -> usize {
        self.tasks.lock().unwrap().len()
    }
}

struct TaskWaker {
    task: usize,
    ready: Arc<Ready>,
}

impl Wake for TaskWaker {
    fn wake(self: Arc<Self>) {
        // In this order: the loop looks at the list after it was notified.
        self.ready.push(self.task);
        self.ready.notifier.wake().expect("the loop's eventfd can be written to");
    }
}

// 3. The runtime: what spawn, sleep, sockets and jobs find when they are called inside of `block_on`.

type Task = Pin<Box<dyn Future<Output = ()>>>;
type Job = Box<dyn FnOnce() + Send>;

struct Runtime {
    ready: Arc<Ready>,
    /// `None` while the task is being polled.
    tasks: RefCell<Slab<Option<Task>>>,
    timers: RefCell<BTreeMap<Instant, Vec<Waker>>>,
    /// By a socket's token: who waits for it.
    sockets: RefCell<Slab<Vec<Waker>>>,
    registry: Registry,
    jobs: mpsc::Sender<Job>,
}

thread_local! {
    static CURRENT: RefCell<Option<Rc<Runtime>>> = const { RefCell::new(None) };
}

fn current() -> Rc<Runtime> {
    CURRENT.with_borrow(Option::clone).expect("this is to be called inside of block_on")
}

// 4. Tasks.

/// Runs the future beside the one of `block_on`, until that has ended.
pub(crate) fn spawn<F: Future + 'static>(future: F) -> JoinHandle<F::Output> {
    let handle = JoinHandle::new();
    let result = handle.other_side();
    let runtime = current();
    let task: Task = Box::pin(async move { result.deliver(future.await) });
    let number = runtime.tasks.borrow_mut().insert(Some(task));
    runtime.ready.push(number);
    handle
}

impl Runtime {
    fn waker(&self, task: usize) -> Waker {
        Waker::from(Arc::new(TaskWaker { task, ready: Arc::clone(&self.ready) }))
    }

    fn poll_task(&self, number: usize) {
        // Out of the table meanwhile, which the task itself may want for a spawn. Not there: a waker was called late.
        let task = self.tasks.borrow_mut().get_mut(number).and_then(Option::take);
        let Some(mut task) = task else { return };
        let waker = self.waker(number);
        match task.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Pending => self.tasks.borrow_mut()[number] = Some(task),
            Poll::Ready(()) => drop(self.tasks.borrow_mut().remove(number)),
        }
    }
}

// 5. Timers: who waits, in the order of deadlines.

/// Resolves when so much time has passed.
pub(crate) fn sleep(duration: Duration) -> impl Future<Output = ()> + Send {
    let deadline = Instant::now() + duration;
    poll_fn(move |cx| {
        if Instant::now() >= deadline {
            return Poll::Ready(());
        }
        current().timers.borrow_mut().entry(deadline).or_default().push(cx.waker().clone());
        Poll::Pending
    })
}

impl Runtime {
    fn fire_timers(&self) {
        let now = Instant::now();
        let mut due = Vec::new();
        let mut timers = self.timers.borrow_mut();
        while let Some(first) = timers.first_entry() {
            if *first.key() > now {
                break;
            }
            due.extend(first.remove());
        }
        drop(timers);
        due.into_iter().for_each(Waker::wake);
    }

    fn next_deadline(&self) -> Option<Instant> {
        self.timers.borrow().first_key_value().map(|(deadline, _)| *deadline)
    }
}

// 6. Sockets: try first; if the kernel says "not now", leave a waker for the event that will come.

/// A socket of mio's that can be awaited.
pub(crate) struct Socket<S> {
    inner: S,
    token: usize,
}

impl<S: Source> Socket<S> {
    pub(crate) fn new(mut inner: S) -> io::Result<Self> {
        let runtime = current();
        let token = runtime.sockets.borrow_mut().insert(Vec::new());
        runtime.registry.register(&mut inner, Token(token), Interest::READABLE | Interest::WRITABLE)?;
        Ok(Self { inner, token })
    }

    /// Does `io` again after each event of this socket, until it does not say `WouldBlock` any more.
    pub(crate) async fn when_ready<T>(&self, mut io: impl FnMut(&S) -> io::Result<T>) -> io::Result<T> {
        poll_fn(|cx| match io(&self.inner) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                current().sockets.borrow_mut()[self.token].push(cx.waker().clone());
                Poll::Pending
            }
            done => Poll::Ready(done),
        })
        .await
    }
}

impl<S> Drop for Socket<S> {
    fn drop(&mut self) {
        // The kernel forgets a socket that is closed.
        if let Some(runtime) = CURRENT.with_borrow(Option::clone) {
            runtime.sockets.borrow_mut().remove(self.token);
        }
    }
}

impl Runtime {
    fn wake_socket(&self, token: usize) {
        // Not there: it was dropped after the kernel had told us.
        let waiting = self.sockets.borrow_mut().get_mut(token).map(std::mem::take);
        waiting.into_iter().flatten().for_each(Waker::wake);
    }
}

// 7. Blocking jobs: a channel of closures, and threads that run them.

const WORKERS: usize = 4;

/// Runs the closure on another thread.
pub(crate) fn to_thread<T: Send + 'static>(job: impl FnOnce() -> T + Send + 'static) -> JoinHandle<T> {
    let handle = JoinHandle::new();
    let result = handle.other_side();
    let job = Box::new(move || result.deliver(job()));
    current().jobs.send(job).expect("the workers live as long as the runtime");
    handle
}

fn start_workers() -> mpsc::Sender<Job> {
    let (sender, jobs) = mpsc::channel::<Job>();
    let jobs = Arc::new(Mutex::new(jobs));
    for _ in 0..WORKERS {
        let jobs = Arc::clone(&jobs);
        thread::spawn(move || {
            loop {
                // One of them waits in the channel, the others for the lock.
                let next = jobs.lock().unwrap().recv();
                let Ok(job) = next else { return };
                job();
            }
        });
    }
    sender
}

// 8. The loop.

/// The numbers of `main`, which is no entry of the table, and of the notifier, which is no socket.
const MAIN: usize = usize::MAX;
const NOTIFIER: Token = Token(usize::MAX);

/// Runs the future on this thread, and all that it spawns.
pub(crate) fn block_on<F: Future>(main: F) -> io::Result<F::Output> {
    let mut selector = Selector::new()?;
    let notifier = mio::Waker::new(selector.registry(), NOTIFIER)?;
    let runtime = Rc::new(Runtime {
        ready: Arc::new(Ready { tasks: Mutex::default(), notifier }),
        tasks: RefCell::default(),
        timers: RefCell::default(),
        sockets: RefCell::default(),
        registry: selector.registry().try_clone()?,
        jobs: start_workers(),
    });
    CURRENT.set(Some(Rc::clone(&runtime)));
    let output = runtime.run(main, &mut selector);
    CURRENT.set(None);
    output
}

impl Runtime {
    fn run<F: Future>(&self, main: F, selector: &mut Selector) -> io::Result<F::Output> {
        let mut main = pin!(main);
        let main_waker = self.waker(MAIN);
        let mut events = Events::with_capacity(1024);
        self.ready.push(MAIN);
        loop {
            // Those that are ready now. Whom they wake comes next time: sockets and timers have their turn before.
            for _ in 0..self.ready.len() {
                match self.ready.pop() {
                    Some(MAIN) => {
                        if let Poll::Ready(output) = main.as_mut().poll(&mut Context::from_waker(&main_waker))
                        {
                            return Ok(output);
                        }
                    }
                    Some(task) => self.poll_task(task),
                    None => break,
                }
            }
            self.fire_timers();
            // A wake from here on does not get lost: it has written to the notifier, so the kernel returns at once.
            let patience = if self.ready.len() > 0 {
                Some(Duration::ZERO)
            } else {
                self.next_deadline().map(|deadline| deadline.saturating_duration_since(Instant::now()))
            };
            match selector.poll(&mut events, patience) {
                Err(error) if error.kind() != io::ErrorKind::Interrupted => return Err(error),
                _ => events.iter().for_each(|event| self.wake_socket(event.token().0)),
            }
        }
    }
}
