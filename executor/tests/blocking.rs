//! Blocking jobs from a user's point of view: named, limited, cancelled, dedicated, and what goes along with them.

use sideline::blocking::{self, Limiter, Rejection, SpawnErrorKind};
use sideline::time::timeout;
use sideline::{CancelToken, Handle, Pool, Runtime, Shutdown, block_on, spawn, spawn_blocking, to_thread};
use std::cell::Cell;
use std::future::{Future, pending};
use std::io;
use std::panic::catch_unwind;
use std::pin::{Pin, pin};
use std::sync::mpsc;
use std::task::{Context, Waker};
use std::time::{Duration, Instant};

fn one_thread() -> Runtime {
    let pool = Pool::builder().core_threads(1).max_threads(1).queue_limit(1).build().unwrap();
    Runtime::builder().pool(pool).build().unwrap()
}

#[test]
fn a_join_error_is_in_the_io_error_that_is_made_of_it() {
    let (expired, panicked) = one_thread().block_on(async {
        let late = blocking::job().deadline(Instant::now()).spawn(|| ()).await;
        let panicked = sideline::spawn(async { panic!("no luck") }).await;
        (io::Error::from(late.unwrap_err()), io::Error::from(panicked.unwrap_err()))
    });
    assert_eq!((expired.kind(), panicked.kind()), (io::ErrorKind::TimedOut, io::ErrorKind::Other));
    assert!(panicked.to_string().ends_with("panicked: no luck"), "{panicked}");
    assert!(panicked.downcast::<sideline::JoinError>().unwrap().is_panic());
}

#[test]
fn names_and_expiry_are_in_the_error() {
    let runtime = one_thread();
    runtime.block_on(async {
        let (release, released) = mpsc::channel::<()>();
        let (start, started) = mpsc::channel();
        let busy = blocking::job().name("busy").spawn(move || {
            start.send(()).unwrap();
            _ = released.recv();
        });
        assert_eq!(busy.name(), Some("busy"));
        started.recv().unwrap();
        let late = blocking::job().name("late").deadline(Instant::now()).spawn(|| ());
        let error = late.await.unwrap_err();
        assert!(error.is_expired() && error.is_cancelled(), "{error}");
        assert_eq!(error.name(), Some("late"));
        assert!(error.to_string().contains("\"late\" (spawned at "), "{error}");
        drop(release);
        busy.await.unwrap();
    });
}

#[test]
fn a_full_queue_gives_the_closure_back_or_is_waited_for_while_the_loop_goes_on() {
    let runtime = one_thread();
    runtime.block_on(async {
        let (release, released) = mpsc::channel::<()>();
        let (start, started) = mpsc::channel();
        let busy = spawn_blocking(move || {
            start.send(()).unwrap();
            _ = released.recv();
        });
        started.recv().unwrap();
        let queued = blocking::job().try_spawn(|| 1).unwrap();
        let error = blocking::job().try_spawn(|| 2).unwrap_err();
        assert!(matches!(error.kind(), SpawnErrorKind::Full { limit: 1, oldest: Some(_), .. }));
        assert_eq!(error.into_closure()(), 2);
        let error = spawn_blocking(|| 2).await.unwrap_err();
        assert!(matches!(error.rejection(), Some(Rejection::Full { limit: 1, oldest: Some(_), .. })));
        let waiting = blocking::job().spawn_when_room(|| 3);
        let releaser = spawn(async move { drop(release) });
        assert_eq!(waiting.await.unwrap().await.unwrap(), 3);
        releaser.await.unwrap();
        busy.await.unwrap();
        assert_eq!(queued.await.unwrap(), 1);
    });
}

#[test]
fn a_timeout_around_an_abort_on_drop_interrupts_a_running_closure() {
    block_on(async {
        let (done, is_done) = mpsc::channel();
        let (start, started) = mpsc::channel();
        let job = blocking::job().cancellable().spawn(move |token| {
            let (interrupt, interrupted) = mpsc::channel();
            let _hook = token.on_cancel(move || interrupt.send(()).unwrap());
            start.send(()).unwrap();
            interrupted.recv().unwrap();
            done.send(token.is_cancelled()).unwrap();
        });
        started.recv().unwrap();
        assert!(timeout(Duration::from_millis(1), job.abort_on_drop()).await.is_err());
        assert!(is_done.recv().unwrap());
    });
}

#[test]
fn a_limiter_and_a_token_work_through_a_handle_from_another_thread() {
    block_on(async {
        let (handle, limiter, token) = (Handle::current(), Limiter::new(1), CancelToken::new());
        let (line, all) = (limiter.clone(), token.clone());
        let jobs = std::thread::spawn(move || {
            let like = handle.job().limiter(&line).cancel_with(&all);
            (0..10).map(|i| like.clone().spawn(move || i)).collect::<Vec<_>>()
        });
        for (i, job) in jobs.join().unwrap().into_iter().enumerate() {
            assert_eq!(job.await.unwrap(), i);
        }
        token.cancel();
        let late = blocking::job().cancel_with(&token).spawn(|| panic!("it has run"));
        assert!(late.await.unwrap_err().is_cancelled());
    });
}

#[test]
fn a_dedicated_thread_is_in_the_runtime_and_is_told_when_that_ends() {
    let pool = Pool::builder().core_threads(1).build().unwrap();
    let runtime = Runtime::builder().pool(pool).build().unwrap();
    let (start, started) = mpsc::channel();
    let (end, ended) = mpsc::channel();
    let job = runtime.handle().job().name("feed").cancellable().spawn_dedicated(move |token| {
        let (stop, stopped) = mpsc::channel();
        let _hook = token.on_cancel(move || stop.send(()).unwrap());
        start.send(Handle::try_current().is_ok()).unwrap();
        stopped.recv().unwrap();
        end.send(()).unwrap();
    });
    job.unwrap().detach();
    assert!(started.recv().unwrap());
    runtime.shutdown(Shutdown::Drain);
    ended.recv().unwrap();
}

sideline::task_local! {
    carried static REQUEST: String;
    static PRIVATE: u32;
    static UNUSED: Cell<u32>
}

#[test]
fn carried_task_locals_go_along_and_others_stay() {
    block_on(REQUEST.scope("outer".to_owned(), async {
        let inner = REQUEST.scope(
            "inner".to_owned(),
            PRIVATE.scope(7, async {
                assert_eq!(PRIVATE.get(), 7);
                // Twice nested on the pool: it goes along from there, too.
                to_thread(|| {
                    assert!(PRIVATE.try_with(|_| ()).is_err(), "this one was not marked");
                    let seen = REQUEST.with(String::clone);
                    let next = Handle::current().block_on(to_thread(|| REQUEST.with(String::clone)));
                    (seen, next)
                })
                .await
            }),
        );
        assert_eq!(inner.await, ("inner".to_owned(), "inner".to_owned()));
        assert_eq!(to_thread(|| REQUEST.with(String::clone)).await, "outer");
        // Tasks do not inherit.
        assert!(spawn(async { REQUEST.try_with(|_| ()).is_err() }).await.unwrap());
    }));
    // Nor do the workers keep anything, whatever ran on them.
    block_on(async {
        for _ in 0..50 {
            assert!(to_thread(|| REQUEST.try_with(|_| ()).is_err()).await);
        }
    });
    assert!(UNUSED.try_with(|_| ()).is_err());
}

#[test]
fn a_value_is_in_scope_only_while_its_future_is_polled_or_dropped() {
    struct OnDrop(mpsc::Sender<Option<u32>>);
    impl Drop for OnDrop {
        fn drop(&mut self) {
            self.0.send(PRIVATE.try_with(|value| *value).ok()).unwrap();
        }
    }
    block_on(async {
        let (sender, receiver) = mpsc::channel();
        let on_drop = OnDrop(sender);
        let task = spawn(PRIVATE.scope(3, async move {
            let _on_drop = on_drop;
            pending::<()>().await;
        }));
        sideline::task::yield_now().await;
        assert!(PRIVATE.try_with(|_| ()).is_err());
        task.abort();
        let _ = task.await;
        assert_eq!(receiver.recv().unwrap(), Some(3));
    });
    assert_eq!(PRIVATE.sync_scope(5, || PRIVATE.get()), 5);
    // One that was never polled has something to drop, too.
    let (sender, receiver) = mpsc::channel();
    let on_drop = OnDrop(sender);
    drop(PRIVATE.scope(4, async move { drop(on_drop) }));
    assert_eq!(receiver.recv().unwrap(), Some(4));
}

/// The scope's own drop panicked, too, while the panic unwound: that was the end of the process.
#[test]
fn a_scope_inside_with_of_its_key_panics_and_no_more_than_that() {
    let poll = |future: Pin<&mut dyn Future<Output = ()>>| {
        assert!(future.poll(&mut Context::from_waker(Waker::noop())).is_pending());
    };
    PRIVATE.sync_scope(1, || {
        let caught = catch_unwind(|| PRIVATE.with(|_| poll(pin!(PRIVATE.scope(2, pending())))));
        assert!(caught.unwrap_err().downcast_ref::<&str>().unwrap().contains("inside `with`"));
        assert!(catch_unwind(|| PRIVATE.with(|_| PRIVATE.sync_scope(2, || ()))).is_err());
        let mut scope = Box::pin(PRIVATE.scope(2, pending()));
        poll(scope.as_mut());
        PRIVATE.with(|_| drop(scope));
        assert_eq!(PRIVATE.get(), 1);
    });
    assert!(PRIVATE.try_with(|_| ()).is_err());
}

#[cfg(feature = "tracing")]
mod spans {
    use std::cell::RefCell;
    use std::collections::HashMap;
    use std::sync::Mutex;
    use tracing::span::{Attributes, Id, Record};
    use tracing::{Event, Metadata, Subscriber};
    use tracing_core::span::Current;

    std::thread_local!(static INSIDE: RefCell<Vec<u64>> = const { RefCell::new(Vec::new()) });

    /// Knows nothing but which spans a thread is in.
    #[derive(Default)]
    struct Spans(Mutex<HashMap<u64, &'static Metadata<'static>>>);

    impl Subscriber for Spans {
        fn enabled(&self, _: &Metadata<'_>) -> bool {
            true
        }
        fn new_span(&self, span: &Attributes<'_>) -> Id {
            let mut spans = self.0.lock().unwrap();
            let id = spans.len() as u64 + 1;
            spans.insert(id, span.metadata());
            Id::from_u64(id)
        }
        fn record(&self, _: &Id, _: &Record<'_>) {}
        fn record_follows_from(&self, _: &Id, _: &Id) {}
        fn event(&self, _: &Event<'_>) {}
        fn enter(&self, span: &Id) {
            INSIDE.with(|inside| inside.borrow_mut().push(span.into_u64()));
        }
        fn exit(&self, _: &Id) {
            INSIDE.with(|inside| _ = inside.borrow_mut().pop());
        }
        fn current_span(&self) -> Current {
            let Some(id) = INSIDE.with(|inside| inside.borrow().last().copied()) else {
                return Current::none();
            };
            Current::new(Id::from_u64(id), self.0.lock().unwrap()[&id])
        }
    }

    #[test]
    fn a_job_runs_inside_the_span_it_was_spawned_in() {
        tracing::subscriber::set_global_default(Spans::default()).unwrap();
        sideline::block_on(async {
            let name = || tracing::Span::current().metadata().map(|span| span.name());
            let job = tracing::info_span!("request").in_scope(|| sideline::spawn_blocking(name));
            assert_eq!(job.await.unwrap(), Some("request"));
            assert_eq!(sideline::to_thread(name).await, None);
        });
    }
}
