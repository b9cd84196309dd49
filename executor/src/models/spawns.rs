//! Spawns from other threads: through the inbox, which the loop takes, or closes.

use super::{check, runtime};
use crate::sync::atomic::{AtomicUsize, Ordering::*};
use crate::sync::thread;
use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Context, Poll};

/// Two threads push while the loop takes: nothing is lost, and the second pusher may rely on the first.
#[test]
fn pushes_against_take_lose_nothing() {
    check(3, || {
        let runtime = runtime();
        let handle = runtime.handle().clone();
        let ran = Arc::new(AtomicUsize::new(0));
        let mut threads = None;
        runtime.block_on(poll_fn(|cx: &mut Context<'_>| {
            threads.get_or_insert_with(|| {
                [0, 1].map(|_| {
                    let (handle, ran, main) = (handle.clone(), Arc::clone(&ran), cx.waker().clone());
                    thread::spawn(move || {
                        drop(handle.spawn(async move {
                            ran.fetch_add(1, Relaxed);
                            main.wake();
                        }))
                    })
                })
            });
            if ran.load(Relaxed) == 2 { Poll::Ready(()) } else { Poll::Pending }
        }));
        for thread in threads.unwrap() {
            thread.join().unwrap();
        }
    });
}

/// A spawn from another thread while the loop is dropped: the task runs or is cancelled, and its future is
/// dropped once.
#[test]
fn spawn_against_loop_drop_resolves() {
    check(3, || {
        let runtime = runtime();
        let shared = Arc::clone(runtime.handle().shared());
        let handle = runtime.handle().clone();
        let spawner = thread::spawn(move || {
            let error = crate::runtime::foreign::block_on(handle.spawn(async {})).unwrap_err();
            assert!(error.is_cancelled());
        });
        drop(runtime);
        spawner.join().unwrap();
        assert_eq!(Arc::strong_count(&shared), 1);
    });
}
