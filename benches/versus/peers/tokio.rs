//! tokio's current-thread runtime, and its blocking pool as it comes.

use super::{KeepAlive, Loop, Offload};
use std::future::Future;
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

pub(crate) struct Tokio;

impl Loop for Tokio {
    super::sockets!();

    fn block_on<F: Future>(future: F) -> F::Output {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("tokio gives a runtime");
        runtime.block_on(future)
    }

    fn spawn<F>(future: F) -> impl Future<Output = F::Output> + Send + 'static
    where
        F: Future<Output: Send + 'static> + Send + 'static,
    {
        let task = tokio::spawn(future);
        async { task.await.expect("the task neither panics nor is aborted") }
    }

    fn detach<F>(future: F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        drop(tokio::spawn(future));
    }

    fn yield_now() -> impl Future<Output = ()> + Send {
        tokio::task::yield_now()
    }

    fn sleep(duration: Duration) -> impl Future<Output = ()> + Send + 'static {
        tokio::time::sleep(duration)
    }
}

impl Offload for Tokio {
    fn offload<F, T>(closure: F) -> impl Future<Output = T> + Send + 'static
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        let job = tokio::task::spawn_blocking(closure);
        async { job.await.expect("the closure does not panic") }
    }
}

impl KeepAlive for Tokio {
    fn block_on_with<F: Future>(keep_alive: Duration, future: F) -> F::Output {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .thread_keep_alive(keep_alive)
            .build()
            .expect("tokio gives a runtime");
        runtime.block_on(future)
    }
}
