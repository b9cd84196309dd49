//! sideline, and its pool as a guest of another loop.

use super::{KeepAlive, Loop, Offload};
use sideline::net::{TcpListener, TcpStream};
use sideline_blocking_pool::Pool;
use std::future::Future;
use std::time::Duration;

pub(crate) struct Sideline;

impl Loop for Sideline {
    super::sockets!();

    fn block_on<F: Future>(future: F) -> F::Output {
        sideline::block_on(future)
    }

    fn spawn<F>(future: F) -> impl Future<Output = F::Output> + Send + 'static
    where
        F: Future<Output: Send + 'static> + Send + 'static,
    {
        let task = sideline::spawn(future);
        async { task.await.expect("the task neither panics nor is aborted") }
    }

    fn detach<F>(future: F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        drop(sideline::spawn(future));
    }

    fn yield_now() -> impl Future<Output = ()> + Send {
        sideline::task::yield_now()
    }

    fn sleep(duration: Duration) -> impl Future<Output = ()> + Send + 'static {
        sideline::time::sleep(duration)
    }
}

impl Offload for Sideline {
    fn offload<F, T>(closure: F) -> impl Future<Output = T> + Send + 'static
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        let job = sideline::spawn_blocking(closure);
        async { job.await.expect("the closure does not panic") }
    }
}

impl KeepAlive for Sideline {
    fn block_on_with<F: Future>(keep_alive: Duration, future: F) -> F::Output {
        let pool = Pool::builder().keep_alive(keep_alive).build().expect("the keep-alive is allowed");
        let runtime = sideline::Runtime::builder().pool(pool).build().expect("sideline gives a runtime");
        runtime.block_on(future)
    }
}

/// `sideline_blocking_pool::Pool`, awaited under whatever loop is there.
pub(crate) struct SidelinePool;

impl Offload for SidelinePool {
    fn offload<F, T>(closure: F) -> impl Future<Output = T> + Send + 'static
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        let job = Pool::global().spawn(closure);
        async { job.await.expect("the closure does not panic") }
    }
}
