//! What a process has one of, and its threads may have been making.

use super::process::{expect_success, fork, leave, succeeds};
use sideline::block_on;
use sideline::process::Command;
use sideline::signal::unix::{SignalKind, signal};
use sideline_blocking_pool::fork::{Inherited, PerProcess};
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::mpsc;
use std::thread;

/// A thread is about to make what the process has one of, and is not there in the child to finish it.
pub(super) fn first_uses() {
    static ONE: PerProcess<u32> = PerProcess::new();
    let made_before = Inherited::new(1);
    let (tell, is_inside) = mpsc::channel();
    let (release, released) = mpsc::channel::<()>();
    let first = thread::spawn(move || {
        *ONE.get_or_init(|_| {
            tell.send(()).unwrap();
            released.recv().unwrap();
            1
        })
    });
    is_inside.recv().unwrap();
    let Some(child) = fork() else {
        let is_new = ONE.nearest().is_none() && *ONE.get_or_init(|parents| parents.map_or(2, |_| 0)) == 2;
        let has_next = *made_before.here(|of_parent| of_parent + 1) == 2;
        let Some(grandchild) = fork() else {
            let inherits = ONE.get().is_none() && ONE.nearest() == Some(&2);
            let is_next = *ONE.get_or_init(|parents| parents.map_or(0, |of_parent| of_parent + 1)) == 3;
            leave(
                inherits
                    && is_next
                    && *made_before.here(|of_parent| of_parent + 1) == 3
                    && *made_before.own() == 3,
            )
        };
        leave(succeeds(grandchild) && is_new && has_next && ONE.get() == Some(&2))
    };
    expect_success(child);
    release.send(()).unwrap();
    assert_eq!((first.join().unwrap(), ONE.get(), *made_before.own()), (1, Some(&1), 1));
}

/// Threads listen to signals and leave children of theirs behind, for which the process has a lock each, while others are forked.
pub(super) fn statics() {
    let over = AtomicBool::new(false);
    let leave_one_behind = || drop(Command::new("sleep").arg("0.01").spawn().unwrap());
    thread::scope(|scope| {
        scope.spawn(|| {
            block_on(async {
                while !over.load(SeqCst) {
                    signal(SignalKind::user_defined1()).unwrap();
                }
            });
        });
        scope.spawn(|| {
            block_on(async {
                while !over.load(SeqCst) {
                    // Each has a descriptor until it has ended, and so have the forked: not more than these at a time.
                    (0..16).for_each(|_| leave_one_behind());
                    Command::new("sleep").arg("0.01").status().await.unwrap();
                }
            });
        });
        let all_succeed = (0..100).all(|_| {
            let Some(child) = fork() else {
                block_on(async {
                    leave_one_behind();
                    let mut heard = signal(SignalKind::user_defined2()).unwrap();
                    // SAFETY: there is a handler.
                    unsafe { libc::raise(SignalKind::user_defined2().as_raw()) };
                    heard.recv().await.unwrap();
                });
                leave(true)
            };
            succeeds(child)
        });
        over.store(true, SeqCst);
        assert!(all_succeed, "a child hangs");
    });
}
