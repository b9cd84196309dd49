//! Sets of tasks and jobs.

use crate::Drops;
use sideline::task::{JoinSet, yield_now};
use sideline::{AbortHandle, Handle, block_on, spawn, spawn_blocking};
use std::cell::{Cell, RefCell};
use std::collections::HashSet;
use std::future::{pending, poll_fn};
use std::rc::Rc;

#[test]
fn a_join_set_holds_tasks_and_jobs() {
    block_on(async {
        let mut set = JoinSet::new();
        for number in 0..50 {
            set.spawn(async move { number });
            set.spawn_blocking(move || 50 + number);
        }
        assert_eq!(set.len(), 100);
        let mut seen = HashSet::new();
        while let Some(result) = set.join_next().await {
            assert!(seen.insert(result.unwrap()));
        }
        assert_eq!(seen, (0..100).collect());
        assert!(set.is_empty() && set.try_join_next().is_none());
    });
}

#[test]
fn a_join_set_made_of_futures_says_where() {
    block_on(async {
        let line = line!() + 1;
        let mut set: JoinSet<()> = JoinSet::from_iter([async { panic!("meant to be") }]);
        let failed = set.join_next().await.unwrap().unwrap_err();
        assert_eq!((failed.location().file(), failed.location().line()), (file!(), line));
    });
}

/// The job is still queued when it is detached, and runs.
#[test]
fn what_is_detached_is_not_aborted() {
    block_on(async {
        let (task, job) = (spawn(async { 1 }).abort_on_drop(), spawn_blocking(|| 2).abort_on_drop());
        let (task, job) = (task.detach(), job.detach());
        assert_eq!((task.await.unwrap(), job.await.unwrap()), (1, 2));
    });
}

#[test]
fn a_join_set_extended_by_futures_says_where() {
    block_on(async {
        let mut set = JoinSet::new();
        set.extend((0..3).map(|number| async move { assert_ne!(number, 1) }));
        let line = line!() - 1;
        let failed = loop {
            if let Err(error) = set.join_next().await.expect("one of three fails") {
                break error;
            }
        };
        assert_eq!((failed.location().file(), failed.location().line()), (file!(), line));
    });
}

#[test]
fn one_of_a_set_is_aborted_and_told_from_the_others_by_what_spawning_it_returns() {
    block_on(async {
        let mut set = JoinSet::new();
        let far = Handle::current();
        let aborted = [set.spawn(pending()), set.spawn_on(pending(), &far)];
        let [task, job] = [set.spawn(async { 1 }), set.spawn_blocking(|| 2)];
        aborted.iter().for_each(AbortHandle::abort);
        let mut sum = 0;
        while let Some(result) = set.join_next_with_id().await {
            match result {
                Ok((id, number)) => {
                    assert_eq!(id, if number == 1 { task.id() } else { job.id() });
                    sum += number;
                }
                Err(error) => {
                    assert!(error.is_cancelled() && aborted.iter().any(|one| one.id() == error.id()));
                }
            }
        }
        assert_eq!(sum, 3);
        assert!(task.id() != job.id() && task.is_finished() && job.is_finished());
        assert!(aborted.iter().all(AbortHandle::is_finished));
    });
}

#[test]
fn what_is_there_already_is_taken_with_its_id() {
    block_on(async {
        let mut set = JoinSet::new();
        let task = set.spawn(async { 5 });
        assert!(set.try_join_next_with_id().is_none());
        yield_now().await;
        assert_eq!(set.try_join_next_with_id().unwrap().unwrap(), (task.id(), 5));
        let job = set.spawn_blocking_on(|| 6, &Handle::current());
        let next = poll_fn(|cx| set.poll_join_next_with_id(cx)).await;
        assert_eq!(next.unwrap().unwrap(), (job.id(), 6));
        assert!(set.try_join_next_with_id().is_none() && set.is_empty());
    });
}

#[test]
fn all_at_once_comes_in_the_order_of_the_ends() {
    block_on(async {
        let mut set = JoinSet::new();
        set.spawn(async {
            yield_now().await;
            "second"
        });
        set.spawn(async { "first" });
        assert_eq!(set.join_all().await, ["first", "second"]);
    });
}

#[test]
fn all_at_once_panics_with_the_first_panic_and_aborts_the_rest() {
    block_on(async {
        let drops = Drops::default();
        let mut set = JoinSet::new();
        let guard = drops.guard();
        set.spawn(async move {
            let _guard = guard;
            pending::<()>().await;
        });
        set.spawn_blocking(|| std::panic::panic_any(7));
        let error = sideline::spawn(set.join_all()).await.unwrap_err();
        assert_eq!(*error.into_panic().downcast::<i32>().unwrap(), 7);
        while drops.count() == 0 {
            yield_now().await;
        }
    });
}

#[test]
fn all_at_once_says_who_was_cancelled() {
    block_on(async {
        let mut set = JoinSet::<()>::new();
        set.spawn(pending());
        set.abort_all();
        let error = sideline::spawn(set.join_all()).await.unwrap_err();
        let message = *error.into_panic().downcast::<String>().unwrap();
        assert!(message.contains("join_all: task") && message.contains("was cancelled"), "{message}");
    });
}

/// Who has a set in common with others. It was not woken, and waited for ever.
#[test]
fn who_waits_for_a_set_that_is_emptied_learns_of_it() {
    block_on(async {
        let set = Rc::new(RefCell::new(JoinSet::<()>::new()));
        set.borrow_mut().spawn(pending());
        let theirs = Rc::clone(&set);
        let waiter = spawn(poll_fn(move |cx| theirs.borrow_mut().poll_join_next(cx)));
        yield_now().await;
        set.borrow_mut().detach_all();
        yield_now().await;
        assert!(waiter.is_finished() && waiter.await.unwrap().is_none());
    });
}

#[test]
fn dropping_a_join_set_aborts_and_detaching_does_not() {
    block_on(async {
        let drops = Drops::default();
        let mut set = JoinSet::new();
        for _ in 0..3 {
            let guard = drops.guard();
            set.spawn(async move {
                let _guard = guard;
                pending::<()>().await;
            });
        }
        assert!(set.try_join_next().is_none());
        drop(set);
        yield_now().await;
        assert_eq!(drops.count(), 3);

        let ran = Rc::new(Cell::new(0));
        let mut set = JoinSet::new();
        for _ in 0..3 {
            let ran = Rc::clone(&ran);
            set.spawn(async move { ran.set(ran.get() + 1) });
        }
        set.detach_all();
        drop(set);
        yield_now().await;
        assert_eq!(ran.get(), 3);

        let mut set = JoinSet::new();
        set.spawn(pending::<()>());
        set.shutdown().await;
        assert!(set.is_empty());
    });
}
