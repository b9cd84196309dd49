//! The protocols' races, one model each. Under `cfg(loom)` every interleaving (with up to three preemptions, in one of them two) runs;
//! otherwise the same bodies run a number of times on real threads and the real kernel.
//!
//! A lost wake shows as a deadlock.

mod local_timers;
mod notifier;
mod set_once;
mod sources;
mod timers;
#[cfg(loom)]
mod twins;

use crate::home::Home;
use crate::known::KnownWakers;
use crate::sync::thread;
use crate::{Clock, Reactor};
use std::future::Future;
use std::io;
use std::pin::pin;
use std::task::{Context, Poll, Wake, Waker};

fn check(body: fn()) {
    check_with(3, body);
}

#[cfg(loom)]
fn check_with(preemptions: usize, body: fn()) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(preemptions);
    builder.check(body);
}

#[cfg(not(loom))]
fn check_with(_preemptions: usize, body: fn()) {
    (0..200).for_each(|_| body());
}

/// `cargo loom` asks for `cfg(loom)`; a RUSTFLAGS in the environment would switch it off without a word.
#[test]
fn loom_is_really_on() {
    let asked_for = std::env::var_os("SIDELINE_LOOM").is_some();
    assert!(cfg!(loom) || !asked_for, "cargo loom ran without cfg(loom): unset RUSTFLAGS");
}

/// A reactor whose event queue is not open yet.
fn lazy() -> Reactor {
    Reactor::lazy(Clock::manual(), KnownWakers::default(), Home::NOWHERE).unwrap()
}

/// A source from which nothing ever comes.
struct Quiet;

impl mio::event::Source for Quiet {
    fn register(&mut self, _: &mio::Registry, _: mio::Token, _: mio::Interest) -> io::Result<()> {
        Ok(())
    }

    fn reregister(&mut self, _: &mio::Registry, _: mio::Token, _: mio::Interest) -> io::Result<()> {
        Ok(())
    }

    fn deregister(&mut self, _: &mio::Registry) -> io::Result<()> {
        Ok(())
    }
}

struct Unpark(thread::Thread);

impl Wake for Unpark {
    fn wake(self: std::sync::Arc<Self>) {
        self.0.unpark();
    }
}

/// Not inlined: what is compiled in several places may have a vtable in each, and one of them is to be known.
#[inline(never)]
fn waker_of_this_thread() -> Waker {
    std::sync::Arc::new(Unpark(thread::current())).into()
}

fn block_on<F: Future>(future: F) -> F::Output {
    let waker = waker_of_this_thread();
    let mut future = pin!(future);
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
            return output;
        }
        thread::park();
    }
}
