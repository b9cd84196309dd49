//! smol's parts on one thread: a `LocalExecutor` under `smol::block_on`, and `smol::unblock`.
//!
//! `smol::spawn` would run tasks on a thread of its own, which is another kind of runtime.

use super::{Loop, Offload};
use smol::LocalExecutor;
use smol::io::{AsyncReadExt as _, AsyncWriteExt as _};
use smol::net::{TcpListener, TcpStream};
use std::future::Future;
use std::time::Duration;

pub(crate) struct Smol;

thread_local! {
    // Leaked, because tasks are spawned from within it and outlive every borrow.
    static EXECUTOR: &'static LocalExecutor<'static> = Box::leak(Box::new(LocalExecutor::new()));
}

fn executor() -> &'static LocalExecutor<'static> {
    EXECUTOR.with(|executor| *executor)
}

impl Loop for Smol {
    super::sockets!();

    fn block_on<F: Future>(future: F) -> F::Output {
        smol::block_on(executor().run(future))
    }

    fn spawn<F>(future: F) -> impl Future<Output = F::Output> + Send + 'static
    where
        F: Future<Output: Send + 'static> + Send + 'static,
    {
        executor().spawn(future)
    }

    fn detach<F>(future: F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        executor().spawn(future).detach();
    }

    fn yield_now() -> impl Future<Output = ()> + Send {
        smol::future::yield_now()
    }

    fn sleep(duration: Duration) -> impl Future<Output = ()> + Send + 'static {
        // The clock is read here, not at the first poll, as in the others.
        let timer = smol::Timer::after(duration);
        async {
            timer.await;
        }
    }
}

impl Offload for Smol {
    fn offload<F, T>(closure: F) -> impl Future<Output = T> + Send + 'static
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        smol::unblock(closure)
    }
}
