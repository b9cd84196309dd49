//! sideline's pool as a guest of another loop, configured: what `AfterBurst` asks for.

use super::{KeepAlive, Loop, Offload};
use sideline_blocking_pool::Pool;
use std::cell::RefCell;
use std::future::Future;
use std::marker::PhantomData;
use std::time::Duration;

/// On the loop `L`.
pub(crate) struct Guest<L>(PhantomData<L>);

thread_local! {
    // The loop knows nothing of the pool that its thread offloads to.
    static POOL: RefCell<Option<Pool>> = const { RefCell::new(None) };
}

impl<L: Loop> KeepAlive for Guest<L> {
    fn block_on_with<F: Future>(keep_alive: Duration, future: F) -> F::Output {
        let pool = Pool::builder().keep_alive(keep_alive).build().expect("the keep-alive is allowed");
        POOL.set(Some(pool));
        let output = L::block_on(future);
        POOL.set(None);
        output
    }
}

impl<L: Loop> Offload for Guest<L> {
    fn offload<F, T>(closure: F) -> impl Future<Output = T> + Send + 'static
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        let job = POOL.with_borrow(|pool| pool.as_ref().expect("inside `block_on_with`").spawn(closure));
        async { job.await.expect("the closure does not panic") }
    }
}
