//! Which task or job is asking.

use sideline::task::{id, try_id, yield_now};
use sideline::{Handle, Id, Runtime, block_on, spawn, spawn_blocking};
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
    let (tell, told) = mpsc::channel();
    let tells = Tells(tell);
    drop(runtime.spawn(async move {
        let _tells = tells;
        pending::<()>().await;
    }));
    let handle = runtime.handle().clone();
    thread::spawn(move || assert_eq!(handle.block_on(async { try_id() }), None)).join().unwrap();
    // It is not run any more.
    drop(runtime);
    assert_eq!(told.recv().unwrap(), None);
}
