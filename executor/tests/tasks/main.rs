//! Tasks: spawning, waking, aborting, dropping, and who runs when.
#![cfg(not(loom))]

mod at_random;
mod awaited;
mod chains;
mod current;
mod fairness;
mod handles;
mod history;
mod hostile;
mod join_set;
mod mischief;
mod spawning;
mod wakes;

use sideline::task::JoinSet;
use sideline::{AbortHandle, Handle, JoinHandle};
use std::sync::atomic::{AtomicUsize, Ordering::*};
use std::sync::{Arc, Mutex};
use std::thread;

#[cfg(unix)]
include!("../common/descriptors.rs");
include!("../../../tests/support/seeds.rs");

/// Counts drops, and remembers on which thread the last one was.
#[derive(Clone, Default)]
struct Drops(Arc<(AtomicUsize, Mutex<Option<thread::ThreadId>>)>);

struct Dropped(Drops);

impl Drops {
    fn guard(&self) -> Dropped {
        Dropped(self.clone())
    }
    fn count(&self) -> usize {
        self.0.0.load(SeqCst)
    }
    fn thread(&self) -> Option<thread::ThreadId> {
        *self.0.1.lock().unwrap()
    }
}

impl Drop for Dropped {
    fn drop(&mut self) {
        self.0.0.0.fetch_add(1, SeqCst);
        *self.0.0.1.lock().unwrap() = Some(thread::current().id());
    }
}

#[test]
fn handles_errors_and_timers_may_go_to_other_threads() {
    fn send<T: Send>() {}
    fn sync<T: Sync>() {}
    send::<AbortHandle>();
    sync::<AbortHandle>();
    send::<JoinHandle<i32>>();
    sync::<JoinHandle<i32>>();
    send::<Handle>();
    sync::<Handle>();
    send::<sideline::JoinError>();
    sync::<sideline::JoinError>();
    send::<sideline::time::Sleep>();
    sync::<sideline::time::Sleep>();
    send::<sideline::time::Interval>();
    sync::<sideline::time::Interval>();
    send::<JoinSet<i32>>();
    send::<sideline::ToThread<i32>>();
}
