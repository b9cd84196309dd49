//! Which task or job is asking.

use sideline::task::{id, try_id, yield_now};
use sideline::{Handle, Id, JoinHandle, Runtime, block_on, spawn, spawn_blocking};
use std::future::pending;
use std::panic::catch_unwind;
use std::sync::mpsc;
use std::thread;

/// Tells who it is when it is dropped.
struct Tells(mpsc::Sender<Option<Id>>);

impl Drop for Tells {
    fn drop(&mut self) {
        self.0.send(try_id()).unwrap();
    }
}

#[test]
fn a_task_knows_which_it_is_to_its_end() {
    let (tell, told) = mpsc::channel();
    block_on(async {
        let [awaited, aborted] = [1, 2].map(|_| {
            let tells = Tells(tell.clone());
            spawn(async move {
                let _tells = tells;
                let before = id();
                yield_now().await;
                assert_eq!(before, id());
            })
        });
        let (first, second) = (awaited.id(), aborted.id());
        aborted.abort();
        awaited.await.unwrap();
        assert!(aborted.await.unwrap_err().is_cancelled());
        let mut ended = [told.recv().unwrap(), told.recv().unwrap()];
        ended.sort();
        assert_eq!(ended, [Some(first), Some(second)]);
        assert_eq!(try_id(), None, "of the main future");
    });
}

sideline::task_local! {
    static NUMBER: u32;
}

/// Sends its id and what is in scope when it is dropped.
struct TellsAll(mpsc::Sender<(Option<Id>, Option<u32>)>);

impl Drop for TellsAll {
    fn drop(&mut self) {
        self.0.send((try_id(), NUMBER.try_with(|number| *number).ok())).unwrap();
    }
}

/// Whatever ends a task, its future is dropped as that task, with its task-locals in scope.
#[test]
fn a_future_is_dropped_as_its_task_whatever_ends_it() {
    let (tell, told) = mpsc::channel();
    let runtime = Runtime::new().unwrap();
    let waits = |number| {
        let tells = TellsAll(tell.clone());
        NUMBER.scope(number, async move {
            let _tells = tells;
            pending::<()>().await
        })
    };
    // Spawned here and elsewhere.
    let tasks = [runtime.spawn(waits(0)), runtime.handle().spawn(waits(1))];
    runtime.block_on(yield_now());
    let new_ones = [runtime.spawn(waits(2)), runtime.handle().spawn(waits(3))];
    let mut all: Vec<_> = tasks.into_iter().chain(new_ones).collect();
    let check = |task: JoinHandle<()>| {
        let (id, number) = told.recv().unwrap();
        assert_eq!(id, Some(task.id()));
        assert!(number.is_some());
        assert!(runtime.block_on(task).unwrap_err().is_cancelled());
    };
    let (here, elsewhere) = (all.remove(0), all.remove(0));
    here.abort();
    runtime.block_on(yield_now());
    check(here);
    thread::scope(|scope| _ = scope.spawn(|| elsewhere.abort()));
    runtime.block_on(yield_now());
    check(elsewhere);
    // The others end with the runtime; one of them before any loop has seen it.
    all.push(runtime.handle().spawn(waits(4)));
    let mut expected: Vec<_> = all.iter().map(|task| Some(task.id())).zip([2, 3, 4].map(Some)).collect();
    drop(runtime);
    let mut dropped: Vec<_> = told.try_iter().collect();
    expected.sort();
    dropped.sort();
    assert_eq!(dropped, expected);
}

/// It does not become the task of whoever ends the runtime: neither the job nor the task that is in the middle of it.
#[test]
fn a_future_that_ends_with_its_runtime_is_not_taken_for_who_ends_it() {
    let (tell, told) = mpsc::channel();
    let ends_one = move |tell: mpsc::Sender<_>| {
        let before = id();
        let other = Runtime::new().unwrap();
        let tells = Tells(tell);
        let task = other.spawn(async move {
            let _tells = tells;
            pending::<()>().await;
        });
        drop(other);
        assert_eq!(id(), before);
        task.id()
    };
    block_on(async {
        let ends = tell.clone();
        let task = spawn(async move { ends_one(ends) }).await.unwrap();
        assert_eq!(told.recv().unwrap(), Some(task));
        let task = spawn_blocking(move || ends_one(tell)).await.unwrap();
        assert_eq!(told.recv().unwrap(), Some(task));
    });
}

#[test]
fn a_job_knows_which_it_is_and_so_does_what_it_blocks_on() {
    block_on(async {
        let handle = Handle::current();
        let job = spawn_blocking(move || {
            let here = id();
            assert_eq!(handle.block_on(async { try_id() }), Some(here));
            // A loop of its own: the main future is the job's, a task is itself.
            block_on(async {
                assert_eq!(try_id(), Some(here));
                let task = spawn(async { id() });
                let own = task.id();
                assert_eq!(task.await.unwrap(), own);
            });
            here
        });
        let known = job.id();
        assert_eq!(job.await.unwrap(), known);
    });
}

#[test]
fn a_dedicated_closure_knows_which_it_is() {
    let runtime = Runtime::new().unwrap();
    let feed = runtime.handle().job().spawn_dedicated(id).unwrap();
    let known = feed.id();
    assert_eq!(runtime.block_on(feed).unwrap(), known);
}

#[test]
fn whoever_is_neither_is_told() {
    assert_eq!(try_id(), None);
    assert!(catch_unwind(id).is_err());
    let runtime = Runtime::new().unwrap();
    let handle = runtime.handle().clone();
    thread::spawn(move || assert_eq!(handle.block_on(async { try_id() }), None)).join().unwrap();
    // It never was a task: no runtime has taken it.
    let handle = runtime.handle().clone();
    drop(runtime);
    let (tell, told) = mpsc::channel();
    let tells = Tells(tell);
    drop(handle.spawn(async move { drop(tells) }));
    assert_eq!(told.recv().unwrap(), None);
}
